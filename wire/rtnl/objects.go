package rtnl

import "github.com/nlscript/nlscript/wire"

// Objects are all objects of the family, in the order documentation shows them.
var Objects = []*wire.Object{
	Link, Addr, Neigh, FDB, VLAN, TunnelInfo, VLANOptions, VLANGlobal, Nexthop, Route, Rule, Qdisc, Class,
}

// Unions are all choices of tables that the objects have: namespaces of scripts.
// Those of one name are one namespace.
var Unions = []*wire.OneOf{Kinds, Ports, Encaps, nexthopEncaps, Qdiscs, Classes}
