package tx

import (
	"cmp"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A link that moves to another namespace goes down and loses all that lives on
// it; its own fields, and links above it, stay (KERNEL.md C). It keeps its index
// when that is free there.

// A move is a link that a commit takes from one namespace to another. One that gets
// another name on the way, or there, is noted with each.
type move struct {
	from, to *Plan
	name     string
	index    uint32 // in from
	ends     bool   // it is deleted behind
}

// whereRows are the rows that say in which namespace a link shall be.
var whereRows = [...]string{"netns", "netns_pid", "netns_fd"}

// whereOf returns the namespace that a link shall be in, as it is written; nil
// when the set does not say.
func whereOf(set *wire.Set) (*wire.Entry, *builtins.Place) {
	for i := range set.Ents {
		e := &set.Ents[i]
		switch {
		case e.F.Name == "netns" && e.V.Type == wire.Name:
			return e, builtins.PlaceOf(rtnl.NetNS(e.V.S))
		case e.F.Name == "netns_pid" && e.V.N != 0:
			return e, &builtins.Place{PID: int(e.V.N)}
		case e.F.Name == "netns_fd":
			return e, &builtins.Place{Path: fmt.Sprintf("/proc/self/fd/%d", e.V.N)}
		}
	}
	return nil, nil
}

// noWhere takes away what says in which namespace a link shall be.
func noWhere(set *wire.Set) {
	for _, row := range whereRows {
		set.Del(row)
	}
}

// elsewhere returns the planner of the namespace where a link shall be, nil when
// the set does not say. A process or a file that is not there is the kernel's to
// complain of.
func (p *planner) elsewhere(set *wire.Set) (*planner, error) {
	e, place := whereOf(set)
	if e == nil {
		return nil, nil
	}
	if p.joint == nil {
		return nil, wire.At(e.F.Name, errSpaces)
	}
	to, err := p.joint.at(place, false)
	if err != nil && e.F.Name != "netns" {
		return nil, nil
	}
	if err != nil {
		return nil, wire.At(e.F.Name, err)
	}
	return to, nil
}

// linkTo plans a link that shall be in another namespace: it is moved, or made
// there, and what else is written is so there.
func (p *planner) linkTo(op *builtins.Op, set *wire.Set, to *planner, name string) error {
	as := secondName(set)
	rest := set.Clone()
	noWhere(rest)
	e, there := p.st.Known(name), to.st.Known(name)
	if as != "" {
		if e == nil {
			e = p.st.Known(as)
		}
		if x := to.st.Known(as); x != nil || e != nil {
			there = x // what has the old name there is another
		}
		if there != nil && there.Name() != as {
			rest.PutName("newname", wire.StrVal(as))
		}
	} else if e == nil && there == nil {
		there = to.st.Known(to.becomes[name])
	}
	if e == nil && there == nil && !set.Has("kind") {
		e = p.st.Link(name) // there may be a stand-in
	}
	switch {
	case e != nil && there != nil:
		return wire.At("netns", fmt.Errorf("there is a %s there, and one here", cmp.Or(as, name)))
	case e == nil && there == nil && !set.Has("kind"):
		return &NoLink{Name: name}
	case e == nil && there == nil:
		return p.createThere(op, set, rest, to, name)
	}
	rest.Del("link")
	rest.Del("new_ifindex")
	if e == nil {
		if err := to.patchLink(op, rest, there); err != nil {
			return err
		}
		return p.patchPeerOf(op, set, to, there)
	}
	where, _ := whereOf(set)
	if err := p.depart(op, e, to, where, uint32(set.Uint("new_ifindex")), cmp.Or(as, e.Name())); err != nil {
		return err
	}
	there = to.st.Known(cmp.Or(as, name))
	p.joint.flush(p)
	if err := to.quietly(func() error { return to.patchLink(op, rest, there) }); err != nil {
		return err
	}
	return p.patchPeerOf(op, set, to, there)
}

// patchPeerOf makes the other end of a veth that is in another namespace what is
// written.
func (p *planner) patchPeerOf(op *builtins.Op, set *wire.Set, to *planner, e *state.Entry) error {
	peer, _ := splitPeer(set)
	if peer == nil || !peer.Has("name") {
		return nil
	}
	at, err := p.peerAt(peer)
	if err != nil {
		return err
	}
	e = to.st.LinkByIndex(e.Index()) // it may have been made again
	if at == to {
		return to.patchPeerHere(op, peer, e)
	}
	name, _ := peer.Get("name")
	return to.patchFar(op, peer, e, at, name.S)
}

// createThere plans a link that is made in another namespace. Its master is given
// to it there: a creation takes one of the namespace it is sent in.
func (p *planner) createThere(op *builtins.Op, set, rest *wire.Set, to *planner, name string) error {
	peer, stripped := splitPeer(rest)
	at, err := p.peerAt(peer)
	if err != nil {
		return err
	}
	p.pair(to, name, peer)
	index := uint32(rest.Uint("index"))
	given := index != 0
	if !given {
		index = to.take(name)
	}
	first, more := splitCreate(stripped)
	first, more = masterLater(first, more)
	made := canon(op.Object, first)
	made.PutName("index", wire.IntVal(uint64(index)))
	if made.Has("link") {
		refersTo(made, to, p)
	}
	e := to.st.Add(op.Object, made)
	to.plan.touch.links[name] = true
	p.change(&Change{Action: Create, Op: op, Object: op.Object, set: canon(op.Object, set)})
	msg := first.Clone()
	var other *state.Entry
	if peer != nil {
		if other, msg, err = p.farPeer(to, peer, msg, index, at); err != nil {
			return wire.At("kind.veth.peer", err)
		}
	}
	if other != nil {
		made = made.Clone()
		made.PutName("link", wire.IntVal(uint64(other.Index())))
		refersTo(made, to, at)
		e = to.st.Change(e, made)
	}
	where, _ := whereOf(set)
	msg.Put(where.F, where.V)
	if to.refers(name) && !given {
		msg.PutName("index", p.named(to, name, index))
	}
	buf, rel, err := p.build(op.Object, op.Object.New, unix.NLM_F_CREATE|unix.NLM_F_EXCL, msg)
	if err != nil {
		return err
	}
	p.step(Step{Op: op, Object: op.Object, Msg: buf, Rel: rel, Index: to.assigned(name)})
	p.mild = true
	p.joint.flush(p)
	want := canon(op.Object, stripped)
	want.Del("link")
	if more != nil {
		for _, part := range splitChange(more, made, true) {
			if err := to.linkStep(op, part, e); err != nil {
				return err
			}
		}
		e = to.st.Change(e, merged(made, canon(op.Object, more)))
		to.plan.touch.link(uint32(more.Uint("master")))
	}
	if err := to.firstVLAN(e); err != nil {
		return err
	}
	to.expect(&expect{op: op, object: op.Object, name: name, set: want, mode: state.Patch})
	if other == nil {
		return nil
	}
	to.joint.flush(to)
	noWhere(peer)
	return at.quietly(func() error { return at.patchLink(op, peer, other) })
}

// masterLater takes the master out of the creation of a link, and what has to
// wait for it.
func masterLater(first, more *wire.Set) (*wire.Set, *wire.Set) {
	master, ok := first.Get("master")
	if !ok || !first.Has("master") {
		return first, more
	}
	first = first.Clone()
	first.Del("master")
	if more == nil {
		more = wire.NewSet(first.Table)
	}
	more.PutName("master", master)
	return first, more
}

// refersTo says of a link of own that the one it refers to is in at, nil when it is
// not known where. The kernel's nsid comes later; until then a number below zero
// tells namespaces apart.
func refersTo(s *wire.Set, own, at *planner) {
	switch {
	case at == own:
		s.Del("link_netnsid")
	case at == nil:
		s.PutName("link_netnsid", wire.IntVal(1<<64+math.MinInt32))
	default:
		s.PutName("link_netnsid", wire.IntVal(plannedNSID(at.plan.space)))
	}
}

// plannedNSID stands for the nsid of a namespace, from whichever other.
func plannedNSID(sp *Space) uint64 { return uint64(-1 - int64(sp.Number)) }

// resolve gives the devices of a link their indexes: a master is one of the
// namespace where the link, or the end of a veth, shall be.
func (p *planner) resolve(set *wire.Set, to *planner) error {
	if err := to.resolveMaster(set); err != nil {
		return err
	}
	kind, _ := set.Get("kind")
	if peer, _ := splitPeer(set); peer != nil {
		at, err := p.peerAt(peer)
		if err != nil {
			return err
		}
		v, _ := kind.Sub.Get("peer")
		if err := at.resolveMaster(v.Sub); err != nil {
			return wire.At("kind.veth.peer", err)
		}
	}
	return p.st.Resolve(set)
}

func (p *planner) resolveMaster(set *wire.Set) error {
	row := set.Table.Row("master")
	for i := range set.Ents {
		e := &set.Ents[i]
		if e.F != row || e.V.Type != wire.Name {
			continue
		}
		m := p.st.Link(e.V.S)
		if m == nil {
			return wire.At("master", fmt.Errorf("no device %q%s", e.V.S, in(p.plan.Place)))
		}
		e.V = wire.IntVal(uint64(m.Index()))
	}
	return nil
}
