package rtnl

import (
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Programs are loaded by others: a row takes the descriptor that this process
// has of one.
var encapBPF = &wire.Table{
	Name: "bpf",
	Doc:  "run BPF programs on packets of the route",
	TagN: unix.LWTUNNEL_ENCAP_BPF,

	Irreversible: "its BPF programs",

	Lazy: func() []wire.Field {
		return []wire.Field{
			{Name: "in_", Type: 1, Kind: wire.Nest, Of: lwtProg("in"), Inline: true, Doc: "program for packets that come in"},
			{Name: "out", Type: 2, Kind: wire.Nest, Of: lwtProg("out"), Inline: true, Doc: "program for packets sent from here"},
			{Name: "xmit", Type: 3, Kind: wire.Nest, Of: lwtProg("xmit"), Inline: true, Doc: "program for packets on their way out"},
			{Name: "headroom", Type: 4, Kind: wire.U32, Max: 256, Doc: "bytes the xmit program may put in front"},
		}
	},
}

func lwtProg(name string) *wire.Table {
	return &wire.Table{
		Name: name,
		Doc:  "a BPF program",
		Fields: []wire.Field{
			{Name: name + "_fd", Type: 1, Kind: wire.U32, WO: true, Doc: "file descriptor of the program"},
			{Name: name + "_prog", Type: 2, Kind: wire.Str, Doc: "name of the program"},
		},
	}
}
