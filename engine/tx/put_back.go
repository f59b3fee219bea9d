package tx

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// putBack makes again what went with a change that did not mean to remove it.
func (p *planner) putBack(op *builtins.Op, c *Change) error {
	var run []*state.Entry // of objects that one message may make several of
	for _, e := range makingOrder(c.With) {
		if len(run) > 0 && run[0].Object != e.Object { // e may need them
			if err := p.runsBack(op, run); err != nil {
				return err
			}
			run = nil
		}
		if e.Foreign() || !p.hasPlace(e) {
			continue
		}
		c.Back = append(c.Back, e)
		var err error
		switch {
		case e.Object == rtnl.Link:
			err = p.linkBack(op, e, c.With)
		case p.begins(e):
		case e.Object.Join != nil:
			run = append(run, e)
		default:
			err = p.objectBack(op, e)
		}
		if err != nil {
			return err
		}
	}
	if err := p.runsBack(op, run); err != nil {
		return err
	}
	return p.groupsBack(op)
}

func (p *planner) objectBack(op *builtins.Op, e *state.Entry) error {
	flags := p.addFlags(e.Object, e.Set())
	if e.Object == rtnl.Route && len(p.st.Find(e.Object, e.Key)) > 0 {
		flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND // another of its key is there again
	}
	if e.Object == rtnl.FDB && len(p.st.Find(e.Object, withoutVLAN(e))) > 0 {
		flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE // it came with that
	}
	msg, rel, err := p.build(e.Object, e.Object.New, flags, Writable(e.Set()))
	if err != nil {
		return err
	}
	p.step(Step{Op: op, Object: e.Object, Msg: msg, Rel: rel})
	p.await(e.Object, e.Set())
	p.plan.touch.key(e.Object, e.Key)
	p.st.Add(e.Object, e.Set())
	return nil
}

// runsBack makes VLANs again, and the like.
func (p *planner) runsBack(op *builtins.Op, l []*state.Entry) error {
	if len(l) == 0 {
		return nil
	}
	o := l[0].Object
	slices.SortStableFunc(l, byVLAN)
	sets, of := runs(o, l)
	for i, set := range sets {
		msg, rel, err := p.build(o, o.New, addFlags(o, set), Writable(set))
		if err != nil {
			return err
		}
		p.step(Step{Op: op, Object: o, Msg: msg, Rel: rel})
		for _, e := range of[i] {
			if o.Table.Options {
				p.setOptions(o, e.Set())
				continue
			}
			if err := p.makeOne(&Change{Object: o}, e.Set()); err != nil {
				return err
			}
		}
	}
	return nil
}

// linkBack makes a link again. The ends of a veth come together.
func (p *planner) linkBack(op *builtins.Op, e *state.Entry, with []*state.Entry) error {
	if p.st.Known(e.Name()) != nil {
		return nil
	}
	all, err := p.again(e, wire.NewSet(rtnl.Link.Table), with)
	if err != nil {
		return err
	}
	return p.createLinkAgain(op, all, peerOf(e, with))
}

// groupsBack makes groups of next hops that lost members what they were.
func (p *planner) groupsBack(op *builtins.Op) error {
	var later []*state.Entry
	for _, g := range p.shrunk {
		now := p.st.Find(g.Object, g.Key)
		if len(now) == 0 || !p.membersThere(g) {
			later = append(later, g)
			continue
		}
		msg, rel, err := p.build(g.Object, g.Object.New, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, Writable(g.Set()))
		if err != nil {
			return err
		}
		p.step(Step{Op: op, Object: g.Object, Msg: msg, Rel: rel})
		p.st.Change(now[0], g.Set())
	}
	p.shrunk = later
	return nil
}

func (p *planner) membersThere(group *state.Entry) bool {
	v, _ := group.Set().Get("group")
	return !slices.ContainsFunc(v.L, func(m wire.Value) bool {
		id := wire.NewSet(group.Object.Table)
		id.PutName("id", wire.IntVal(rtnl.MemberID(m)))
		return len(p.st.Find(group.Object, state.KeyOf(group.Object, id))) == 0
	})
}

// makingOrder sorts objects so that each finds there what it needs, and so that
// those of which the order matters get the one they had: of IPv6 addresses the
// kernel reports the newest first.
func makingOrder(l []*state.Entry) []*state.Entry {
	at, rank := make(map[*state.Entry]int, len(l)), make(map[*state.Entry]int, len(l))
	tree := state.TreeOf(slices.DeleteFunc(slices.Clone(l), func(e *state.Entry) bool { return !queues(e) }))
	for i, e := range l {
		at[e], rank[e] = i, e.Object.Rank
		switch {
		case e.Object == rtnl.Addr && !isIPv4(e):
			at[e] = -i
		case queues(e):
			rank[e] = rtnl.Qdisc.Rank + tree.Depth(e) // the last there are
		}
	}
	return slices.SortedStableFunc(slices.Values(l), func(a, b *state.Entry) int {
		return cmp.Or(cmp.Compare(rank[a], rank[b]), place(!needsGateway(a))-place(!needsGateway(b)), cmp.Compare(at[a], at[b]))
	})
}

// queues reports whether an entry is a queueing discipline with a number, or a class.
func queues(e *state.Entry) bool {
	return (e.Object == rtnl.Qdisc || e.Object == rtnl.Class) && state.Handle(e) != 0
}

// needsGateway reports whether a route may need another one to reach its gateway,
// and a next hop others to be a group of.
func needsGateway(e *state.Entry) bool {
	switch e.Object {
	case rtnl.Route:
		return e.Set().Has("via") || e.Set().Has("nexthops") || e.Set().Has("nhid")
	case rtnl.Nexthop:
		return e.Set().Has("group")
	}
	return false
}
