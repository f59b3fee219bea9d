package tx

import (
	"math"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// bare is what a link cannot be made without, or given later.
func bare(s *wire.Set) *wire.Set {
	b := wire.NewSet(s.Table)
	for _, e := range s.Ents {
		switch f := e.F; {
		case f.Kind == wire.Union && f.Name == "kind":
			kind := wire.NewSet(e.V.Sub.Table)
			for _, k := range e.V.Sub.Ents {
				if k.F.Immutable {
					kind.Put(k.F, k.V)
				}
			}
			b.Put(f, wire.SubVal(kind))
		case f.Immutable && !f.Late || f.Name == "name" || f.Name == "address":
			b.Put(f, e.V)
		}
	}
	return b
}

// withPeer makes a veth with its other end, when that is gone too; nil when it
// cannot be made, as long as another link is where that was.
func (u *undoer) withPeer(s *wire.Set) *wire.Set {
	kind, ok := s.Get("kind")
	if !ok || kind.Sub.Table.Row("peer") == nil {
		return s
	}
	if s.Has("link_netnsid") {
		return u.withFarPeer(s)
	}
	for _, e := range u.plan.st.Before(rtnl.Link) {
		if e.Index() != uint32(s.Uint("link")) {
			continue
		}
		if u.now.LinkByIndex(e.Index()) != nil {
			return nil
		}
		if u.made == nil {
			u.made = map[uint32]bool{}
		}
		u.made[e.Index()] = true
		row := kind.Sub.Table.Row("peer")
		peer := madeAs(row.Of, e.Set())
		unbond(peer, e)
		s = s.Clone()
		s.Del("link")
		made := wire.NewSet(kind.Sub.Table)
		made.Put(row, wire.SubVal(peer))
		s.PutName("kind", wire.SubVal(made))
	}
	return s
}

// madeAs is what the other end of a veth is made as; the rest it gets like any link.
func madeAs(t *wire.Table, s *wire.Set) *wire.Set {
	peer := wire.NewSet(t)
	for _, name := range [...]string{"name", "index", "address", "numtxqueues", "numrxqueues"} {
		if v, ok := s.Get(name); ok {
			peer.PutName(name, v)
		}
	}
	return peer
}

// complete gives the other end of a veth that is made the rest of what it was: what lives
// on it comes behind, and some of that needs it up. Without, the kernel makes no route to
// the peer of an IPv6 address, later neither (ip6_route_add, fixup_permanent_addr).
func (u *undoer) complete(e *state.Entry) {
	s := Sparse(e)
	s.Ents = slices.DeleteFunc(s.Ents, func(x wire.Entry) bool {
		return x.F.Immutable || x.F.Name == "kind" || x.F.Name == "address"
	})
	none := wire.NewSet(s.Table)
	u.joinsLater(s, none, e)
	u.parts(s, none, e.Index())
}

// patch makes a link as it was.
func (u *undoer) patch(o *wire.Object, was, is *state.Entry) {
	u.residue(o, was, is)
	pick := state.Pick(o, was.Set(), is.Set(), state.Exact)
	if was.Name() != is.Name() {
		if other := u.now.Known(was.Name()); other != nil && other != is && other.Name() == was.Name() && u.renames(other) {
			u.rename(other, "link%d") // until it is its turn
		}
		u.rename(is, was.Name())
		if u.named == nil {
			u.named = map[uint32]bool{}
		}
		u.named[is.Index()] = true
	}
	detach(pick, is.Set())
	byPort(pick, was.Set())
	u.joinsLater(pick, is.Set(), was)
	first, joins := wire.NewSet(o.Table), u.toBond(pick)
	if joins {
		// A bond gives a port its own address, and back the one it came with.
		pick.Del("address")
		if v := cameWith(was); v.Type != wire.None {
			first.PutName("address", v)
		}
	}
	if down := pick.Has("up") && pick.Uint("up") == 0; !down && (joins || needsDown(o, was, is)) {
		first.PutName("up", wire.BoolVal(false))
		pick.PutName("up", wire.BoolVal(was.Set().Uint("up") != 0))
	}
	if len(first.Ents) > 0 {
		u.parts(first, is.Set(), is.Index())
	}
	u.parts(pick, is.Set(), is.Index())
}

// renames reports whether a link is still to get its name back.
func (u *undoer) renames(e *state.Entry) bool {
	was := u.plan.before(e)
	if was == nil || u.named[e.Index()] || !u.plan.touch.has(e) {
		return false
	}
	name, _ := was.Get("name")
	return name.S != e.Name()
}

func (u *undoer) rename(e *state.Entry, name string) {
	s := wire.NewSet(e.Object.Table)
	s.PutName("newname", wire.StrVal(name))
	u.parts(s, e.Set(), e.Index())
}

// detach makes of a program that a link shall not have, or have another, the
// message that takes away the one it has. The one it had is not known.
func detach(pick, have *wire.Set) {
	if !pick.Has("xdp") {
		return
	}
	pick.Del("xdp")
	now, ok := have.Get("xdp")
	if !ok || now.Sub.Uint("attached") == 0 {
		return
	}
	s, modes := wire.NewSet(now.Sub.Table), now.Sub.Table.Row("attached").Words
	s.PutName("fd", wire.IntVal(uint64(math.MaxUint64))) // -1
	for _, w := range s.Table.Row("flags").Words {
		if w.Name == modes.Name(now.Sub.Uint("attached")) {
			s.PutName("flags", wire.IntVal(w.N))
		}
	}
	pick.PutName("xdp", wire.SubVal(s))
}

func (u *undoer) toBond(pick *wire.Set) bool {
	return pick.Has("master") && kindOf(u.now, uint32(pick.Uint("master"))) == "bond"
}

// needsDown reports whether something that differs can only be changed while
// the link is down.
func needsDown(o *wire.Object, was, is *state.Entry) bool {
	for _, d := range state.Diff(o, was.Set(), is.Set(), state.Exact) {
		if d.Row.Down && is.Set().Uint("up") != 0 {
			return true
		}
	}
	return false
}

// parts sends a link's change in the order that works; each message may be taken
// field by field when it is refused as a whole.
func (u *undoer) parts(pick, have *wire.Set, index uint32) {
	for _, p := range splitChange(pick, have, true) {
		p.set.PutName("index", wire.IntVal(uint64(index)))
		n := len(u.steps)
		u.message(rtnl.Link, p.typ, p.flags, p.set)
		if len(u.steps) == n || len(p.set.Ents) < 2 {
			continue
		}
		for _, one := range singles(p.set) {
			one.PutName("index", wire.IntVal(uint64(index)))
			u.steps[n].alt = append(u.steps[n].alt, u.encode(rtnl.Link, p.typ, p.flags, one)...)
		}
	}
}

// singles divides a set into sets of one field each, those of kinds and ports
// included.
func singles(s *wire.Set) []*wire.Set {
	var l []*wire.Set
	for _, e := range s.Ents {
		if e.F.Name == "index" {
			continue
		}
		if e.F.Kind == wire.Union && len(e.V.Sub.Ents) > 0 {
			for _, k := range e.V.Sub.Ents {
				sub, one := wire.NewSet(e.V.Sub.Table), wire.NewSet(s.Table)
				sub.Put(k.F, k.V)
				one.Put(e.F, wire.SubVal(sub))
				l = append(l, one)
			}
			continue
		}
		one := wire.NewSet(s.Table)
		one.Put(e.F, e.V)
		l = append(l, one)
	}
	return l
}

// another reports whether the plan deleted a link and made one in its place that
// no change can make what it was.
func (u *undoer) another(d pair) bool {
	if len(d.was) == 0 || len(d.is) == 0 || d.was[0].Object != rtnl.Link || !u.plan.touch.links[d.is[0].Name()] {
		return false
	}
	was, is := d.was[0].Set(), d.is[0].Set()
	return was.Has("kind") && is.Has("kind") && immutable(rtnl.Link, was, is, state.Diff(rtnl.Link, was, is, state.Exact)) != ""
}
