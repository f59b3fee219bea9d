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
// namespace, and notes that for the plan's reader.
func (p *planner) farGone(e *state.Entry) error {
	if !isVeth(e) {
		return nil
	}
	if p.joint != nil {
		for _, q := range p.joint.list {
			for _, x := range q.st.All(rtnl.Link) {
				if q == p || !isVeth(x) || !ends(e, x) {
					continue
				}
				if _, err := q.leaves(x); err != nil {
					return err
				}
				q.st.Remove(x)
				p.remarks = append(p.remarks, "its other end, link "+x.Name()+in(q.plan.Place)+", goes with it")
				return nil
			}
		}
	}
	p.lose(e, "its other end, in a network namespace that this commit does not name")
	return nil
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
	for _, q := range p.parts {
		for _, r := range p.parts {
			sp, err := k.Spaces.Open(r.Place, false)
			if err != nil || q == r {
				continue
			}
			for _, e := range q.st.Before(rtnl.Link) {
				for _, x := range r.st.Before(rtnl.Link) {
					if isVeth(e) && isVeth(x) && ends(e, x) {
						if q.far == nil {
							q.far = map[uint32]farEnd{}
						}
						q.far[e.Index()] = farEnd{x.Set(), sp.FD()}
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
	peer := wire.NewSet(row.Of)
	for _, name := range []string{"name", "index", "address"} {
		if v, ok := far.set.Get(name); ok {
			peer.PutName(name, v)
		}
	}
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
	kind, _ := first.Get("kind")
	given, _ := kind.Sub.Get("peer")
	made := canon(rtnl.Link, linkSet(given.Sub))
	noWhere(made)
	made.Del("master") // its index would be of this namespace
	if made.Uint("index") == 0 {
		made.PutName("index", wire.IntVal(uint64(to.take(name.S))))
	}
	made.PutName("link", wire.IntVal(uint64(veth)))
	if to != own {
		made.PutName("link_netnsid", elsewhereID())
	}
	to.plan.touch.links[name.S] = true
	e := to.st.Add(rtnl.Link, made)
	if !to.virtual[e.Index()] && given.Sub.Uint("index") == 0 {
		first = first.Clone()
		kind, _ = first.Get("kind")
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
			if err := p.depart(op, here, to, where, uint32(peer.Uint("new_ifindex"))); err != nil {
				return err
			}
			p.joint.flush(p)
			there = to.st.Known(name)
		}
	}
	if there == nil || e.Set().Has("link") && uint32(e.Set().Uint("link")) != there.Index() {
		return wire.At("kind.veth.peer", fmt.Errorf("the other end is not %s%s", name, in(to.plan.Place)))
	}
	return to.quietly(func() error { return to.patchLink(op, rest, there) })
}
