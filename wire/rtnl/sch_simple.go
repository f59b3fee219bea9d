package rtnl

import "github.com/nlscript/nlscript/wire"

// Queueing disciplines without options, and the plain queues.

var (
	schIngress   = &wire.Table{Name: "ingress", Doc: "a place for filters on what comes in"}
	schClsact    = &wire.Table{Name: "clsact", Doc: "a place for filters on what comes in and on what goes out"}
	schNoqueue   = &wire.Table{Name: "noqueue", Doc: "no queue: for devices that need none"}
	schMQ        = &wire.Table{Name: "mq", Doc: "a qdisc for each hardware queue, in classes by their number"}
	schPfifo     = &wire.Table{Name: "pfifo", Doc: "a queue, limited in packets", Fixed: 4, Head: "tc_fifo_qopt", Lazy: fifoPackets}
	schBfifo     = &wire.Table{Name: "bfifo", Doc: "a queue, limited in bytes", Fixed: 4, Head: "tc_fifo_qopt", Lazy: fifoBytes}
	schPfifoFast = &wire.Table{Name: "pfifo_fast", Doc: "three queues by priority, the default of many devices", Fixed: 20, Head: "tc_prio_qopt", Fields: []wire.Field{
		{Name: "bands", Kind: wire.S32, At: tcPrioQopt, Off: 0, RO: true, Volatile: true, Doc: "queues"},
		{Name: "priomap", Kind: wire.Bytes, At: tcPrioQopt, Off: 4, RO: true, Volatile: true, Doc: "queue of each priority"},
	}}
	schPfifoHeadDrop = &wire.Table{Name: "pfifo_head_drop", Doc: "a queue, limited in packets, that drops the oldest", Fixed: 4, Head: "tc_fifo_qopt", Lazy: fifoPackets}
)

var (
	tcFifoQopt = &wire.Place{}
	tcPrioQopt = &wire.Place{}
)

// The options of a plain queue are struct tc_fifo_qopt and no attributes.

func fifoPackets() []wire.Field { return fifoRows(false, "packets") }
func fifoBytes() []wire.Field   { return fifoRows(true, "bytes") }

func fifoRows(bytes bool, unit string) []wire.Field {
	return []wire.Field{
		{Name: "limit", Kind: wire.U32, At: tcFifoQopt, Size: bytes, Loose: true, Doc: "length of the queue in " + unit + "; follows the device's by default"},
	}
}
