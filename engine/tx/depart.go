package tx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// named is the relocation of a link's index in another namespace.
func (p *planner) named(to *planner, name string, index uint32) wire.Value {
	if p.abroad == nil {
		p.abroad = map[string]uint32{}
	}
	id := to.plan.Place.String() + "/" + name
	p.abroad[id] = index
	return wire.NameVal(wire.Referring("link", id))
}

// depart plans that a link moves, and is called as there: one message, and what goes
// with it.
// It gets the index that is given or, when others refer to it, one that is certain:
// its own, or another when that is taken or the kernel may give it to somebody else.
func (p *planner) depart(op *builtins.Op, e *state.Entry, to *planner, where *wire.Entry, given uint32, as string) error {
	c := p.change(&Change{Action: Modify, Op: op, Object: op.Object, name: e.Name(), Deltas: []state.Delta{{Path: where.F.Name, Row: where.F, After: where.V}}})
	gone, err := p.leaves(e)
	if err != nil {
		return err
	}
	s := wire.NewSet(op.Object.Table)
	s.PutName(where.F.Name, where.V)
	if row := s.Table.Row("newname"); as != e.Name() {
		s.Put(row, wire.StrVal(as))
		c.Deltas = append(c.Deltas, state.Delta{Path: row.Name, Row: row, After: wire.StrVal(as)})
	}
	if err := p.loses(nil, gone...); err != nil {
		return err
	}
	if err := p.losesPlace(e, s); err != nil {
		return err
	}
	p.remark(c)
	c.With = append(c.With, gone...)
	to.alsoCalled(as, e.Set())
	index := e.Index()
	switch {
	case given != 0:
		index = given
		s.PutName("new_ifindex", wire.IntVal(uint64(index)))
	case !to.refers(as):
		index = to.take(as) // it keeps its own if that is free, and is addressed by name
	case p.virtual[index] || to.st.LinkByIndex(index) != nil || to.picks():
		index = to.take(as)
		s.PutName("new_ifindex", p.named(to, as, index))
	default:
		s.PutName("new_ifindex", wire.IntVal(uint64(index)))
	}
	if err := p.linkStep(op, linkPart{typ: op.Object.New, set: s, fence: true}, e); err != nil {
		return err
	}
	p.arrive(e, to, index, as)
	return nil
}

// picks reports whether the kernel picks the index of a link of this commit.
func (p *planner) picks() bool { return p.unknown != unknownIndex }

// departed plans what becomes of a link that a verb has moved.
func (p *planner) departed(e *state.Entry, want *wire.Set, to *planner, c *Change) error {
	if want.Uint("master") != 0 {
		return errVerbMaster
	}
	gone, err := p.leaves(e)
	if err != nil {
		return err
	}
	if err := p.loses(nil, gone...); err != nil {
		return err
	}
	if err := p.losesPlace(e, want); err != nil {
		return err
	}
	p.remark(c)
	c.With = appendNew(c.With, gone)
	index, name := e.Index(), e.Name()
	if v, ok := want.Get("newname"); ok {
		name = v.S
	}
	to.alsoCalled(name, e.Set())
	switch {
	case want.Has("new_ifindex"):
		index = uint32(want.Uint("new_ifindex"))
	case !to.refers(name):
		index = to.take(name)
	case p.virtual[index] || to.st.LinkByIndex(index) != nil || to.picks():
		return fmt.Errorf("the index it gets in network namespace %s is not known beforehand: give new_ifindex, or write link(%q, netns = ...)", to.plan.Place, e.Name())
	}
	p.arrive(e, to, index, name)
	there := to.st.Known(name)
	want = want.Clone()
	noWhere(want)
	for _, row := range []string{"new_ifindex", "link", "master"} {
		want.Del(row)
	}
	to.st.Change(there, merged(there.Set(), want))
	return nil
}

// errVerbMaster is what to do instead: the message of a verb can only hold an index
// of the namespace it is sent in, and the kernel looks it up in the other one.
var errVerbMaster = wire.At("master", errors.New("the kernel would look for it where the link goes; write link(..., netns = ..., master = ...) without a verb"))

// addThere plans link.add of a link that is made in another namespace.
func (p *planner) addThere(op *builtins.Op, set *wire.Set, to *planner, name string) error {
	own := wire.NewSet(op.Object.Table)
	if err := op.Set(own); err != nil {
		return err
	}
	if set.Uint("master") != 0 {
		return errVerbMaster
	}
	peer, _ := splitPeer(set)
	at, err := p.peerAt(peer)
	if err != nil {
		return err
	}
	p.pair(to, name, peer)
	index := uint32(set.Uint("index"))
	given := index != 0
	if !given {
		index = to.take(name)
	}
	to.plan.touch.newLink(name, index)
	if to.st.Known(name) == nil {
		made := canon(op.Object, set)
		noWhere(made)
		made.PutName("index", wire.IntVal(uint64(index)))
		to.st.Add(op.Object, made)
		if peer != nil {
			if _, own, err = p.farPeer(to, peer, own, index, at); err != nil {
				return wire.At("kind.veth.peer", err)
			}
		}
	}
	if given || !to.refers(name) {
		return p.send(op, false)
	}
	own.PutName("index", p.named(to, name, index))
	msg, rel, err := p.build(op.Object, op.Verb.Type, op.Verb.Flags, own)
	if err != nil {
		return err
	}
	p.step(Step{Op: op, Object: op.Object, Msg: msg, Rel: rel, Index: to.assigned(name)})
	p.mild = true
	return nil
}

// leaves takes what goes with a link that moves away out of the state: it goes down
// first, with all that this takes elsewhere. Its sysctls become those of the other
// namespace, and do not come back with it.
func (p *planner) leaves(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(e); err != nil {
		return nil, err
	}
	if err := p.keepSettings(e, 0); err != nil {
		return nil, err
	}
	idx := e.Index()
	p.plan.touch.key(e.Object, e.Key)
	p.plan.touch.link(idx)
	if err := p.touchAbove(e); err != nil {
		return nil, err
	}
	gone, err := p.tunnelsGone(idx)
	if err != nil {
		return nil, err
	}
	var with []*state.Entry
	if e.Set().Uint("up") != 0 {
		vlans := p.followers(e, true)
		if with, err = p.lostOnDown(e, vlans); err != nil {
			return nil, err
		}
		p.turn(vlans, false)
	}
	p.unheard(e)
	for _, o := range append([]*wire.Object{rtnl.Class}, linkObjects...) {
		for _, x := range p.st.All(o) {
			if !uses(x, idx) || slices.Contains(gone, x) {
				continue
			}
			gone = append(gone, x)
			if o == rtnl.Nexthop {
				more, err := p.nexthopGone(x)
				if err != nil {
					return nil, err
				}
				with = append(with, more...)
			}
		}
	}
	p.backsNone(e)
	gone = appendNew(gone, with)
	gone = appendNew(gone, p.preferring(gone))
	for _, g := range gone {
		p.st.Remove(g)
	}
	return gone, nil
}

// tunnelsGone are the vxlans on a link that moves away, with what goes with them: for them
// it is as if the link was deleted (vxlan_handle_lowerdev_unregister). Others on it stay.
func (p *planner) tunnelsGone(index uint32) (gone []*state.Entry, err error) {
	for _, l := range p.st.All(rtnl.Link) {
		if lower(l) != index || p.kindOf(l.Index()) != "vxlan" {
			continue
		}
		more, err := p.linkGone(l)
		if err != nil {
			return nil, err
		}
		gone = appendNew(append(gone, l), more)
	}
	return gone, nil
}

// arrive puts a link that moves into the state of the other namespace. Links above
// it, and the other end of a veth, follow what it is called there.
func (p *planner) arrive(e *state.Entry, to *planner, index uint32, as string) {
	name, old := e.Name(), e.Index()
	made := e.Set().Clone()
	made.PutName("index", wire.IntVal(uint64(index)))
	made.PutName("name", wire.StrVal(as))
	made.PutName("up", wire.BoolVal(false))
	for _, row := range []string{"master", "port"} {
		made.Del(row)
	}
	if made.Has("link") {
		refersTo(made, to, p.lowerAt(e))
	}
	noWhere(made)
	for _, q := range p.joint.list {
		for _, x := range q.st.All(rtnl.Link) {
			if x == e || uint32(x.Set().Uint("link")) != old || q.lowerAt(x) != p {
				continue
			}
			q.plan.touch.link(x.Index())
			far := x.Set().Clone()
			far.PutName("link", wire.IntVal(uint64(index)))
			refersTo(far, q, to)
			q.st.Change(x, far)
		}
	}
	p.st.Remove(e)
	to.st.Add(rtnl.Link, made)
	to.plan.touch.link(index)
	if p.plan.touch.links[name] { // made by this commit: undo removes it
		to.plan.touch.links[as] = true
		return
	}
	p.joint.top.noteMove(move{from: p.plan, to: to.plan, name: name, index: old})
	if as != name {
		p.joint.top.noteMove(move{from: p.plan, to: to.plan, name: as, index: old})
	}
}

// changeLink makes a link in the state something else. One that came from another
// namespace is found by its new name, too, to be brought back.
func (p *planner) changeLink(e *state.Entry, s *wire.Set) *state.Entry {
	old := e.Name()
	if e = p.st.Change(e, s); e.Name() == old {
		return e
	}
	p.had[old] = e.Index()
	p.renamesSysctls(old, e.Name())
	if p.joint == nil {
		return e
	}
	for _, m := range p.joint.top.moves {
		if m.to == p.plan && m.name == old {
			m.name = e.Name()
			p.joint.top.noteMove(m)
		}
	}
	return e
}

// lowerAt returns the planner of the namespace that holds the link that one refers
// to, nil when it is none of the commit's.
func (p *planner) lowerAt(e *state.Entry) *planner {
	if !e.Set().Has("link_netnsid") {
		return p
	}
	for _, q := range p.joint.list {
		if q != p && reaches(e, p.plan.space, q.plan.space) {
			return q
		}
	}
	return nil
}
