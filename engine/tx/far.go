package tx

import (
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
	p.remarks = append(p.remarks, "its other end is in a network namespace that this commit does not name, and goes with it; undo could not bring it back")
	return nil
}

// remark gives a change the notes that came up while it was planned.
func (p *planner) remark(c *Change) {
	c.Notes = append(c.Notes, p.remarks...)
	p.remarks = nil
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
