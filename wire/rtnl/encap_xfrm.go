package rtnl

import (
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

var encapXfrm = &wire.Table{
	Name: "xfrm",
	Doc:  "metadata for an xfrm device in external mode",
	TagN: unix.LWTUNNEL_ENCAP_XFRM,
	Fields: []wire.Field{
		{Name: "if_id", Type: 1, Kind: wire.U32, Min: 1, Hex: true, Doc: "id of the xfrm policies to use"},
		{Name: "link_dev", Type: 2, Kind: wire.Dev, Doc: "device below"},
	},
}
