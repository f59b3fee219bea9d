package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// vrfKind: see drivers/net/vrf.c, which has no changelink. The first VRF of a
// namespace adds l3mdev rules that outlive it.
var vrfKind = &wire.Table{
	Name: "vrf", Doc: "routing domain: its ports use its routing table",
	Fields: []wire.Field{
		{Name: "table", Type: unix.IFLA_VRF_TABLE, Kind: wire.U32, Min: 1, Words: routeTables, Immutable: true, Doc: "routing table of the domain; required"},
	},
}
