package tx

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// remove sends the deletion of an entry and takes it, and what goes with it,
// out of the state.
func (p *planner) remove(op *builtins.Op, e *state.Entry, c *Change) error {
	if level := p.st.Level(e.Object, e.Set()); len(level) > 1 {
		return p.removeAmong(level, map[*state.Entry]*Change{e: c})
	}
	p.plan.touch.key(e.Object, e.Key)
	msg, rel, err := p.deletion(e)
	if err != nil {
		return err
	}
	with := len(c.With)
	if err := p.goes(e, c); err != nil {
		return err
	}
	if err := p.empty(op, e, c.With[with:]); err != nil {
		return err
	}
	p.step(Step{Op: op, Object: e.Object, Msg: msg, Rel: rel, Fence: p.mild || len(c.With) > with || e.Object == rtnl.Link})
	p.mild = false
	return nil
}

// empty deletes the classes that go with a class: as long as there are some, it
// stays (htb_delete).
func (p *planner) empty(op *builtins.Op, e *state.Entry, with []*state.Entry) error {
	if e.Object != rtnl.Class {
		return nil
	}
	t := state.TreeOf(append(slices.Clone(with), e))
	for _, x := range slices.Backward(makingOrder(with)) {
		if x.Object != rtnl.Class || t.Above(x).Object != rtnl.Class {
			continue // it goes with its qdisc
		}
		msg, rel, err := p.deletion(x)
		if err != nil {
			return err
		}
		p.step(Step{Op: op, Object: x.Object, Msg: msg, Rel: rel, Fence: p.mild})
		p.mild = false
	}
	return nil
}

// goes takes an entry that is deleted, and what goes with it, out of the state.
func (p *planner) goes(e *state.Entry, c *Change) error {
	gone, err := p.cascade(e)
	if err != nil {
		return err
	}
	if err := p.loses(e, gone...); err != nil {
		return err
	}
	p.remark(c)
	c.With = append(c.With, gone...)
	p.st.Remove(e)
	for _, g := range gone {
		p.st.Remove(g)
	}
	return nil
}

func (p *planner) step(s Step) { p.plan.Steps = append(p.plan.Steps, s) }

// send sends the op's own message.
func (p *planner) send(op *builtins.Op, fence bool) error { return p.sendFlags(op, 0xffff, fence) }

// sendFlags sends the op's own message with other flags beside REQUEST and ACK.
func (p *planner) sendFlags(op *builtins.Op, flags uint16, fence bool) error {
	msg := op.Msg
	if op.Flags&builtins.Shared != 0 {
		msg = append([]byte(nil), msg...)
	}
	wire.Patch(msg, op.Rel, p.index)
	if flags != 0xffff {
		wire.SetFlags(msg, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	}
	p.step(Step{Op: op, Object: op.Object, Msg: msg, Rel: op.Rel, Fence: fence})
	p.mild = true
	return nil
}

// index is the index of a device that is known to be there.
func (p *planner) index(name string) uint32 {
	if what, name := wire.Referred(name); what != "" {
		return p.abroad[name] // a namespace: its descriptor is known when the message is sent
	}
	if e := p.st.Link(name); e != nil {
		return e.Index()
	}
	return 0
}

// build writes a message into the arena, with relocations where it names links.
func (p *planner) build(o *wire.Object, typ, flags uint16, s *wire.Set) ([]byte, []wire.Reloc, error) {
	s = s.Clone()
	s.Devices(func(v *wire.Value) error {
		if v.Type == wire.Int {
			if n := p.st.Names(uint32(v.N)); n != "" {
				*v = wire.NameVal(n)
			}
		}
		return nil
	})
	if err := o.Append(p.arena, typ, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags, s); err != nil {
		return nil, nil, err
	}
	msg, rel, err := p.arena.Last()
	if err != nil {
		return nil, nil, err
	}
	wire.Patch(msg, rel, p.index)
	return msg, rel, nil
}
