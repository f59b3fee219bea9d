package rtnl

import (
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

var encapMPLS = &wire.Table{
	Name:    "mpls",
	Doc:     "push MPLS labels",
	TagN:    unix.LWTUNNEL_ENCAP_MPLS,
	Subject: "dst",
	Fields: []wire.Field{
		{Name: "dst", Type: unix.MPLS_IPTUNNEL_DST, Kind: wire.Custom, Codec: labelStack{}, Notation: labelStack{}, Doc: "labels, outermost first, as \"200/201\""},
		{Name: "ttl", Type: unix.MPLS_IPTUNNEL_TTL, Kind: wire.U8, Min: 1, Doc: "TTL of the labels; otherwise that of the packet"},
	},
}
