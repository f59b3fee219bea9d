package rtnl

import (
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// NSID is the number by which one network namespace calls another (rtgenmsg;
// net/core/net_namespace.c). It is asked for, not changed: it is none of Objects.
var NSID = &wire.Object{
	Name: "nsid",
	Doc:  "The number by which a network namespace calls another.",
	Table: &wire.Table{Name: "nsid", Doc: "A number of a network namespace.", Fixed: headerLens[unix.RTM_NEWNSID], Fields: []wire.Field{
		{Name: "nsid", Type: unix.NETNSA_NSID, Kind: wire.S32, Doc: "number; -1 while it has none"},
		{Name: "fd", Type: unix.NETNSA_FD, Kind: wire.U32, WO: true, Doc: "descriptor of the other namespace, of the process that asks"},
	}},
	New: unix.RTM_NEWNSID, Get: unix.RTM_GETNSID,
}
