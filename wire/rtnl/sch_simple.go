package rtnl

import "github.com/nlscript/nlscript/wire"

// Queueing disciplines without options, and the plain queues.

var (
	schIngress   = &wire.Table{Name: "ingress", Doc: "a place for filters on what comes in"}
	schClsact    = &wire.Table{Name: "clsact", Doc: "a place for filters on what comes in and on what goes out"}
	schNoqueue   = &wire.Table{Name: "noqueue", Doc: "no queue: for devices that need none"}
	schMQ        = &wire.Table{Name: "mq", Doc: "a qdisc for each hardware queue, in classes by their number"}
	schPfifo     = fifo("pfifo", false, "a queue, limited in packets")
	schBfifo     = fifo("bfifo", true, "a queue, limited in bytes")
	schPfifoFast = &wire.Table{Name: "pfifo_fast", Doc: "three queues by priority, the default of many devices", Fixed: 20, Head: "tc_prio_qopt", Fields: []wire.Field{
		{Name: "bands", Kind: wire.S32, At: tcPrioQopt, Off: 0, RO: true, Volatile: true, Doc: "queues"},
		{Name: "priomap", Kind: wire.Bytes, At: tcPrioQopt, Off: 4, RO: true, Volatile: true, Doc: "queue of each priority"},
	}}
	schPfifoHeadDrop = fifo("pfifo_head_drop", false, "a queue, limited in packets, that drops the oldest")
)

var (
	tcFifoQopt = &wire.Place{}
	tcPrioQopt = &wire.Place{}
)

// fifo: the options are struct tc_fifo_qopt and no attributes.
func fifo(name string, bytes bool, doc string) *wire.Table {
	unit := "packets"
	if bytes {
		unit = "bytes"
	}
	return &wire.Table{
		Name: name, Doc: doc, Fixed: 4, Head: "tc_fifo_qopt",
		Fields: []wire.Field{
			{Name: "limit", Kind: wire.U32, At: tcFifoQopt, Size: bytes, Loose: true, Doc: "length of the queue in " + unit + "; follows the device's by default"},
		},
	}
}
