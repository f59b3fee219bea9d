package rtnl

import (
	"slices"

	"github.com/nlscript/nlscript/wire"
)

const vethInfoPeer = 1 // VETH_INFO_PEER

// vethKind is the first of two connected links. Its peer is a link message in a
// nest: ifinfomsg and the rows of any link. The kernel refuses a peer that is
// up (it has no other end yet when it is configured) and forgets what is Late.
var vethKind = &wire.Table{
	Name: "veth", Doc: "pair of virtual Ethernet links, each the other end of a cable",
	Fields: []wire.Field{
		{Name: "peer", Type: vethInfoPeer, Kind: wire.Nest, Of: vethPeer, WO: true, Immutable: true, Doc: "the other end, made with this one: {\"name\": \"v1\", \"mtu\": 1400}"},
	},
}

var vethPeer = &wire.Table{
	Name: "peer", Doc: "the other end of a veth", Fixed: ifinfomsgLen, Head: "ifinfomsg",
	Lazy: func() []wire.Field {
		return slices.DeleteFunc(linkRows(), func(f wire.Field) bool { return f.RO || f.Name == "newname" })
	},
}
