package tx

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A link that moves to another namespace goes down and loses all that lives on
// it; its own fields, and links above it, stay (KERNEL.md C). It keeps its index
// when that is free there.

// A move is a link that a commit takes from one namespace to another.
type move struct {
	from, to *Plan
	name     string
	index    uint32 // in from
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
	rest := set.Clone()
	noWhere(rest)
	e, there := p.st.Known(name), to.st.Known(name)
	if e == nil && there == nil && !set.Has("kind") {
		e = p.st.Link(name) // there may be a stand-in
	}
	switch {
	case e != nil && there != nil:
		return wire.At("netns", fmt.Errorf("there is a %s there, and one here", name))
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
	if err := p.depart(op, e, to, where, uint32(set.Uint("new_ifindex"))); err != nil {
		return err
	}
	there = to.st.Known(name)
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
	if to.refs[name] && !given {
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

// named is the relocation of a link's index in another namespace.
func (p *planner) named(to *planner, name string, index uint32) wire.Value {
	if p.abroad == nil {
		p.abroad = map[string]uint32{}
	}
	id := to.plan.Place.String() + "/" + name
	p.abroad[id] = index
	return wire.NameVal(wire.Referring("link", id))
}

// depart plans that a link moves: one message, and what goes with it.
// It gets the index that is given or, when others refer to it, one that is certain:
// its own, or another when that is taken or the kernel may give it to somebody else.
func (p *planner) depart(op *builtins.Op, e *state.Entry, to *planner, where *wire.Entry, given uint32) error {
	name := e.Name()
	c := p.change(&Change{Action: Modify, Op: op, Object: op.Object, name: name, Deltas: []state.Delta{{Path: where.F.Name, Row: where.F, After: where.V}}})
	gone, err := p.leaves(e)
	if err != nil {
		return err
	}
	s := wire.NewSet(op.Object.Table)
	s.PutName(where.F.Name, where.V)
	if err := p.loses(gone...); err != nil {
		return err
	}
	p.losesPlace(e, s)
	p.remark(c)
	c.With = append(c.With, gone...)
	index := e.Index()
	switch {
	case given != 0:
		index = given
		s.PutName("new_ifindex", wire.IntVal(uint64(index)))
	case !to.refs[name]:
		index = to.take(name) // it keeps its own if that is free, and is addressed by name
	case p.virtual[index] || to.st.LinkByIndex(index) != nil || to.picks():
		index = to.take(name)
		s.PutName("new_ifindex", p.named(to, name, index))
	default:
		s.PutName("new_ifindex", wire.IntVal(uint64(index)))
	}
	if err := p.linkStep(op, linkPart{typ: op.Object.New, set: s, fence: true}, e); err != nil {
		return err
	}
	p.arrive(e, to, index)
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
	if err := p.loses(gone...); err != nil {
		return err
	}
	p.losesPlace(e, want)
	p.remark(c)
	c.With = appendNew(c.With, gone)
	index, name := e.Index(), e.Name()
	switch {
	case want.Has("new_ifindex"):
		index = uint32(want.Uint("new_ifindex"))
	case !to.refs[name]:
		index = to.take(name)
	case p.virtual[index] || to.st.LinkByIndex(index) != nil || to.picks():
		return fmt.Errorf("the index it gets in network namespace %s is not known beforehand: give new_ifindex, or write link(%q, netns = ...)", to.plan.Place, name)
	}
	p.arrive(e, to, index)
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
	to.plan.touch.links[name] = true
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
	if given || !to.refs[name] {
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

// leaves takes what goes with a link that moves away out of the state.
func (p *planner) leaves(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(e); err != nil {
		return nil, err
	}
	idx := e.Index()
	p.plan.touch.key(e.Object, e.Key)
	p.plan.touch.link(idx)
	p.plan.touch.link(uint32(e.Set().Uint("master")))
	var gone []*state.Entry
	for _, o := range append([]*wire.Object{rtnl.Class}, linkObjects...) {
		for _, x := range p.st.All(o) {
			if !uses(x, idx) {
				continue
			}
			gone = appendNew(gone, []*state.Entry{x})
			if o == rtnl.Nexthop {
				more, err := p.nexthopGone(x)
				if err != nil {
					return nil, err
				}
				gone = appendNew(gone, more)
			}
		}
	}
	for _, g := range gone {
		p.st.Remove(g)
	}
	return gone, nil
}

// arrive puts a link that moves into the state of the other namespace. Links above
// it, and the other end of a veth, follow what it is called there.
func (p *planner) arrive(e *state.Entry, to *planner, index uint32) {
	name, old := e.Name(), e.Index()
	made := e.Set().Clone()
	made.PutName("index", wire.IntVal(uint64(index)))
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
		to.plan.touch.links[name] = true
		return
	}
	p.joint.top.noteMove(move{p.plan, to.plan, name, old})
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

// noteMove notes that a link that was there before the commit moves.
func (p *Plan) noteMove(m move) {
	p.moves = append(p.moves, m)
	if m.to.arrived == nil {
		m.to.arrived = map[string]bool{}
	}
	m.to.arrived[m.name] = true
	if m.from.gone == nil {
		m.from.gone = map[uint32]bool{}
	}
	m.from.gone[m.index] = true
}

// moveBack brings the links that moved back to where they were, with the index
// they had, and counts them. What it does not bring is told of by undo.
func (p *Plan) moveBack(k Kernel) (n int) {
	for i := len(p.moves) - 1; i >= 0; i-- {
		m := p.moves[i]
		from, err := k.at(m.from)
		if err != nil {
			continue
		}
		to, err := k.at(m.to)
		if err != nil || k.Spaces == nil {
			continue
		}
		home, err := k.Spaces.Open(m.from.Place, false)
		if err != nil || !linked(to.Conn, m.name) || linked(from.Conn, m.name) {
			continue
		}
		s := wire.NewSet(rtnl.Link.Table)
		s.PutName("name", wire.StrVal(m.name))
		s.PutName("netns_fd", wire.IntVal(uint64(home.FD())))
		s.PutName("new_ifindex", wire.IntVal(uint64(m.index)))
		if sendOne(to.Conn, s) {
			n++
			continue
		}
		s.Del("new_ifindex") // its index was taken meanwhile
		if sendOne(to.Conn, s) {
			n++
		}
	}
	return n
}

// linked reports whether a link is there.
func linked(c *nlconn.Conn, name string) bool {
	var b wire.Builder
	s := wire.NewSet(rtnl.Link.Table)
	s.PutName("name", wire.StrVal(name))
	if rtnl.Link.Append(&b, unix.RTM_GETLINK, unix.NLM_F_REQUEST, s) != nil {
		return false
	}
	req, _, err := b.Last()
	if err != nil {
		return false
	}
	_, err = c.Get(req)
	return err == nil
}

// sendOne sends a change of a link, and reports whether it took.
func sendOne(c *nlconn.Conn, s *wire.Set) bool {
	var b wire.Builder
	if rtnl.Link.Append(&b, unix.RTM_NEWLINK, unix.NLM_F_REQUEST|unix.NLM_F_ACK, s) != nil {
		return false
	}
	msg, _, err := b.Last()
	if err != nil {
		return false
	}
	ok := true
	err = c.Transact([][]byte{msg}, func(_ int, r wire.Reply) { ok = ok && r.Errno == 0 })
	return ok && err == nil
}
