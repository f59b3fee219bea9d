package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

var vrfPort = &wire.Table{
	Name: "vrf", Doc: "link in a VRF",
	Fields: []wire.Field{
		{Name: "table", Type: unix.IFLA_VRF_PORT_TABLE, Kind: wire.U32, Words: routeTables, RO: true, Volatile: true, Doc: "routing table of the VRF"},
	},
}
