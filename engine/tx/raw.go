package tx

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// raw plans a message(): one of an object that is known like a verb of it, so
// that it is undone too; any other is sent, and nothing is known of what it does.
func (p *planner) raw(op *builtins.Op) error {
	typ, flags := wire.TypeFlags(op.Msg)
	if o := rtnl.ByType(typ, op.Msg[min(wire.HeaderLen, len(op.Msg)):]); o != nil {
		known := *op
		known.Object = o
		known.Verb = &wire.Verb{Name: "message", Type: typ, Flags: flags &^ (unix.NLM_F_REQUEST | unix.NLM_F_ACK)}
		return p.op(&known)
	}
	c := p.change(&Change{Action: Send, Op: op, Object: op.Object})
	c.Notes = append(c.Notes, "nothing is known of what this does: it is not undone")
	return p.send(op, true)
}

// described reports whether an op is of an object that a table describes.
func described(op *builtins.Op) bool {
	return op.Object != nil && slices.Contains(rtnl.Objects, op.Object)
}
