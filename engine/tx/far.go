package tx

import (
	"fmt"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A veth may have its ends in two namespaces. They go, and come again, together.

// A farEnd is the end of a veth that is in another namespace.
type farEnd struct {
	set *wire.Set // as it was
	fd  int       // of its namespace; the kernel takes no other word for it
}

// ends reports whether two links, of two states, are the ends of one veth.
func ends(a, b *state.Entry) bool {
	return uint32(a.Set().Uint("link")) == b.Index() && uint32(b.Set().Uint("link")) == a.Index()
}

// farGone takes the other end of a link that goes out of the state of its
// namespace, with what goes with that, and notes it for the plan's reader. A
// namespace that no op names becomes part of the plan.
func (p *planner) farGone(e *state.Entry) error {
	if !isVeth(e) {
		return nil
	}
	q, x, err := p.otherEnd(e)
	switch {
	case err != nil:
		return err
	case x == nil:
		p.lose(e, "its other end, in a network namespace that cannot be reached")
		return nil
	case p.joint.going[x]: // they are the two ends of one
		return nil
	}
	p.joint.going[e] = true
	q.plan.touch.key(x.Object, x.Key)
	gone, err := q.linkGone(x)
	if err != nil {
		return err
	}
	if err := q.loses(x, gone...); err != nil {
		return err
	}
	p.losses, q.losses = append(p.losses, q.losses...), nil
	q.st.Remove(x)
	for _, g := range gone {
		q.st.Remove(g)
	}
	p.remarks = append(p.remarks, "its other end, link "+x.Name()+in(q.plan.Place)+", goes with it"+with(gone))
	p.remarks, q.remarks = append(p.remarks, q.remarks...), nil
	return nil
}

// with counts what goes with something.
func with(gone []*state.Entry) string {
	n := 0
	for _, g := range gone {
		if !g.Foreign() {
			n++
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return ", and 1 object with that"
	}
	return fmt.Sprintf(", and %d objects with that", n)
}

// otherEnd finds the other end of a veth that is in another namespace: nil when
// that cannot be reached.
func (p *planner) otherEnd(e *state.Entry) (*planner, *state.Entry, error) {
	if p.joint != nil {
		for _, q := range p.joint.list {
			if x := p.endIn(e, q); x != nil {
				return q, x, nil
			}
		}
	}
	q, err := p.beyond(e)
	if q == nil || err != nil {
		return nil, nil, err
	}
	return q, p.endIn(e, q), nil
}

// endIn is the other end of a veth in another namespace; nil: it is not there.
func (p *planner) endIn(e *state.Entry, q *planner) *state.Entry {
	if q == p {
		return nil
	}
	for _, x := range q.st.All(rtnl.Link) {
		if isVeth(x) && ends(e, x) && reaches(e, p.plan.space, q.plan.space) {
			return x
		}
	}
	return nil
}

// beyond makes the namespace of the other end of a veth part of the plan; nil when
// it cannot be reached.
func (p *planner) beyond(e *state.Entry) (*planner, error) {
	j := p.joint
	if j == nil {
		if j = p.alone; j == nil {
			return nil, nil
		}
	}
	from, err := j.spaces.Open(p.plan.Place, false)
	if err != nil {
		return nil, err
	}
	sp, err := j.spaces.Beyond(from, e.Set().Uint("link_netnsid"))
	if sp == nil || err != nil {
		return nil, err
	}
	if p.joint == nil {
		j.join(p, from)
	}
	q, err := j.at(sp.Place, false)
	if err != nil {
		return nil, err
	}
	return q, q.begin(nil)
}

// remark gives a change the notes that came up while it was planned, and what is
// lost by it.
func (p *planner) remark(c *Change) {
	c.Notes, c.Losses = append(c.Notes, p.remarks...), append(c.Losses, p.losses...)
	p.remarks, p.losses = nil, nil
}

// pairUp tells the parts of a plan that is to be undone where the other ends of
// their veths were.
func (p *Plan) pairUp(k Kernel) {
	spaces := make([]*Space, len(p.parts))
	for i, q := range p.parts {
		spaces[i], _ = k.Spaces.Open(q.Place, false) // one that has gone has no ends
	}
	for i, q := range p.parts {
		for j, r := range p.parts {
			if i == j || spaces[i] == nil || spaces[j] == nil {
				continue
			}
			for _, e := range q.st.Before(rtnl.Link) {
				for _, x := range r.st.Before(rtnl.Link) {
					if isVeth(e) && isVeth(x) && ends(e, x) && reaches(e, spaces[i], spaces[j]) {
						if q.far == nil {
							q.far = map[uint32]farEnd{}
						}
						q.far[e.Index()] = farEnd{x.Set(), spaces[j].FD()}
					}
				}
			}
		}
	}
}

// isVeth reports whether a link is a veth with its other end elsewhere.
func isVeth(e *state.Entry) bool {
	kind, ok := e.Set().Get("kind")
	return ok && kind.Sub != nil && kind.Sub.Table.Row("peer") != nil && e.Set().Has("link_netnsid")
}

// withFarPeer makes a veth with its other end in another namespace; nil when it
// is not known where that was.
func (u *undoer) withFarPeer(s *wire.Set) *wire.Set {
	far, ok := u.plan.far[uint32(s.Uint("index"))]
	if !ok {
		return nil
	}
	kind, _ := s.Get("kind")
	row := kind.Sub.Table.Row("peer")
	peer := madeAs(row.Of, far.set)
	peer.PutName("netns_fd", wire.IntVal(uint64(far.fd)))
	s = s.Clone()
	s.Del("link")
	s.Del("link_netnsid")
	made := wire.NewSet(kind.Sub.Table)
	made.Put(row, wire.SubVal(peer))
	s.PutName("kind", wire.SubVal(made))
	return s
}

// peerAt returns the planner of the namespace where the peer of a veth shall be:
// this one unless the peer says where.
func (p *planner) peerAt(peer *wire.Set) (*planner, error) {
	if peer == nil {
		return p, nil
	}
	to, err := p.elsewhere(peer)
	switch {
	case err != nil:
		return nil, wire.At("kind.veth.peer", err)
	case to == nil:
		return p, nil
	}
	return to, nil
}

// farPeer puts the other end of a new veth, which is made in own, into the state of
// the namespace where it shall be, and its index into the message when it is
// referred to there.
func (p *planner) farPeer(own *planner, peer, first *wire.Set, veth uint32, to *planner) (*state.Entry, *wire.Set, error) {
	name, ok := peer.Get("name")
	if !ok {
		return nil, first, nil // the kernel picks it
	}
	if to.st.Known(name.S) != nil {
		return nil, first, fmt.Errorf("there is a %s%s already", name.S, in(to.plan.Place))
	}
	made := asPeer(first)
	noWhere(made)
	made.Del("master") // its index would be of this namespace
	given := made.Uint("index") != 0
	if !given {
		made.PutName("index", wire.IntVal(uint64(to.take(name.S))))
	}
	made.PutName("link", wire.IntVal(uint64(veth)))
	refersTo(made, to, own)
	to.plan.touch.links[name.S] = true
	e := to.st.Add(rtnl.Link, made)
	if !to.virtual[e.Index()] && !given {
		first = first.Clone()
		kind, _ := first.Get("kind")
		v, _ := kind.Sub.Get("peer")
		if index := wire.NameVal(name.S); to == p {
			v.Sub.PutName("index", index)
		} else {
			v.Sub.PutName("index", p.named(to, name.S, e.Index()))
		}
	}
	return e, first, nil
}

// patchFar makes the other end of a veth that exists, and shall be in another
// namespace, what is written.
func (p *planner) patchFar(op *builtins.Op, peer *wire.Set, e *state.Entry, to *planner, name string) error {
	rest := peer.Clone()
	noWhere(rest)
	there := to.st.Known(name)
	if here := p.st.Known(name); there == nil && here != nil && uint32(e.Set().Uint("link")) == here.Index() && !e.Set().Has("link_netnsid") {
		if where, _ := whereOf(peer); where != nil {
			if err := p.depart(op, here, to, where, uint32(peer.Uint("new_ifindex")), name); err != nil {
				return err
			}
			p.joint.flush(p)
			e, there = p.st.LinkByIndex(e.Index()), to.st.Known(name)
		}
	}
	if there == nil || e.Set().Has("link") && uint32(e.Set().Uint("link")) != there.Index() {
		return wire.At("kind.veth.peer", fmt.Errorf("the other end is not %s%s", name, in(to.plan.Place)))
	}
	return to.quietly(func() error { return to.patchLink(op, rest, there) })
}
