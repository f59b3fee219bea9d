package tx

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// What is announced of VLANs bears nobody's mark. The value tells: what was there
// before, or what the plan leaves there on its way, is ours or does no harm; any
// other is another program's.

// aboutVLANs reports whether an announcement is of the group of VLANs.
func aboutVLANs(m wire.Message) bool { return m.Type == unix.RTM_NEWVLAN || m.Type == unix.RTM_DELVLAN }

// A news is what an announcement tells of one object.
type news struct {
	e    *state.Entry
	gone bool
}

// heedVLANs takes an announcement about VLANs into account, as heed does. judged
// says that it is another program's, as was found when it came. began says that an
// undo has begun: it makes links again, and what is on their VLANs comes by itself.
func (p *Plan) heedVLANs(m wire.Message, judged, began bool) (taken bool, conflict *ConflictError) {
	if !judged && !p.planned {
		return false, nil // it is not known what the plan wants
	}
	judged = judged || p.unsent()
	for _, n := range p.newsOf(m) {
		left := !began && p.abandons(n) // heeded in any case: it remembers
		if began && p.cascades(n.e) || !judged && !left && !p.foreignVLAN(n) {
			continue
		}
		if n.e.Object == rtnl.VLAN && !n.gone && n.e.Set().Uint("pvid") != 0 {
			if t, c := p.pvidTaken(n.e); t {
				taken, conflict = true, first(conflict, c)
			}
		}
		if p.touch.has(n.e) {
			taken, conflict = true, first(conflict, p.interferes(n))
		}
	}
	return taken, conflict
}

func first(a, b *ConflictError) *ConflictError {
	if a != nil {
		return a
	}
	return b
}

// unsent reports whether nothing was sent yet: what is announced is others'.
func (p *Plan) unsent() bool {
	if p.top != nil {
		p = p.top
	}
	return p.fates == nil
}

// newsOf divides an announcement: a VLAN comes with its options.
func (p *Plan) newsOf(m wire.Message) (l []news) {
	vlans, options := rtnl.AnnouncedVLANs(m.Bytes, p.isBridge)
	gone := m.Type == unix.RTM_DELVLAN
	for _, s := range vlans {
		l = append(l, news{state.EntryOf(rtnl.VLAN, s), gone})
	}
	for _, s := range options {
		o := rtnl.VLANOptions
		if s.Table == rtnl.VLANGlobal.Table {
			o = rtnl.VLANGlobal
		}
		if o == rtnl.VLANOptions && p.st.Instances(uint32(s.Uint("dev"))) {
			s.Del("state")
		}
		l = append(l, news{state.EntryOf(o, s), gone})
	}
	return l
}

// isBridge reports whether a device is a bridge, whose own VLANs are others than
// those of a port. A journal may know no more of it than the VLANs that are touched.
func (p *Plan) isBridge(index uint32, vid uint64) bool {
	if p.st.LinkByIndex(index) != nil {
		return kindOf(p.st, index) == "bridge"
	}
	return p.touch.keys[rtnl.VLAN][state.KeyOf(rtnl.VLAN, rtnl.FirstVLAN(index, true, vid))]
}

// foreignVLAN reports whether an announcement tells of what neither was nor is
// wanted. What comes and goes with a bridge or a port has values on its way that
// nobody wants: a new bridge tells of its VLAN before that is the pvid.
func (p *Plan) foreignVLAN(n news) bool {
	if p.cascades(n.e) {
		return false
	}
	held, passed := p.st.Held(n.e.Object, n.e.Key), p.passed[orderKey{n.e.Object, n.e.Key}]
	if n.gone {
		return len(held) > 0 && len(p.st.Find(n.e.Object, n.e.Key)) > 0 && !slices.Contains(passed, nil)
	}
	var known []*wire.Set
	for _, e := range held {
		known = append(known, e.Set())
	}
	options := n.e.Object.Table.Options
	if len(held) == 0 && options {
		known = append(known, n.e.Set().Beginning())
	}
	known = append(known, passed...)
	if options {
		return len(strange(n.e.Set(), known).Ents) > 0
	}
	return !slices.ContainsFunc(known, func(s *wire.Set) bool {
		return s != nil && len(state.Diff(n.e.Object, s, n.e.Set(), state.Exact)) == 0
	})
}

// abandons reports whether what the plan wants was there, and is not any more: whoever
// came back to the value before came behind us. What the plan changes more than once
// may have left it by itself.
func (p *Plan) abandons(n news) bool {
	k := orderKey{n.e.Object, n.e.Key}
	if len(p.passed[k]) != 1 || p.passed[k][0] == nil || p.cascades(n.e) {
		return false
	}
	is := false
	if !n.gone {
		is = len(strange(n.e.Set(), p.passed[k]).Ents) == 0
		if !n.e.Object.Table.Options {
			is = len(state.Diff(n.e.Object, p.passed[k][0], n.e.Set(), state.Exact)) == 0
		}
	}
	if is && p.reached == nil {
		p.reached = map[orderKey]bool{}
	}
	if is {
		p.reached[k] = true
	}
	return !is && p.reached[k]
}

// strange is what of options, as far as they are told, has a value that none of the
// known ones has: each is set for itself.
func strange(s *wire.Set, known []*wire.Set) *wire.Set {
	out := wire.NewSet(s.Table)
	for _, e := range s.Ents {
		if v := e.V; e.F.Default != "" && !slices.ContainsFunc(known, func(k *wire.Set) bool {
			if k == nil {
				return false
			}
			w, ok := k.At(e.F)
			return !ok || w.Equal(v) || e.F.Ticks && v.N+1 == w.N
		}) {
			out.Put(e.F, e.V)
		}
	}
	return out
}

// cascades reports whether VLANs of a device come and go with what the plan does to
// it, or to its bridge.
func (p *Plan) cascades(e *state.Entry) bool {
	dev := uint32(e.Set().Uint("dev"))
	l := p.st.LinkByIndex(dev)
	return p.touch.indexes[dev] || l != nil && (p.touch.links[l.Name()] || p.stirred[l.Name()] || l.Set().Uint("master") != 0 && p.touch.links[p.st.Names(uint32(l.Set().Uint("master")))])
}

// interferes takes what another program did into the state before. What of it the
// plan writes is a conflict.
func (p *Plan) interferes(n news) *ConflictError {
	p.claimed(n.e)
	wanted, ours := p.wanted(n.e)
	c := &ConflictError{Title: titleOf(n.e.Object, n.e.Set(), p.st.Names)}
	if wanted != nil {
		c.Op = wanted.op
		if wanted.set != nil {
			c.Ours = thereText(n.e.Object, wanted.set, p.st.Names)
		}
	}
	switch {
	case n.gone:
		p.st.SetBefore(n.e, false)
	case n.e.Object.Table.Options:
		before := n.e.Set().Beginning()
		for _, e := range p.st.Held(n.e.Object, n.e.Key) {
			before = e.Set()
		}
		theirs := strange(n.e.Set(), append(slices.Clone(p.passed[orderKey{n.e.Object, n.e.Key}]), before))
		if len(theirs.Ents) == 0 { // they came back to it
			theirs = strange(n.e.Set(), p.passed[orderKey{n.e.Object, n.e.Key}])
		}
		p.st.SetBefore(state.EntryOf(n.e.Object, merged(before, theirs)), true)
		c.Theirs = thereText(n.e.Object, theirs, p.st.Names)
		if wanted != nil && wanted.set != nil && !slices.ContainsFunc(theirs.Ents, func(e wire.Entry) bool { _, writes := wanted.set.At(e.F); return writes }) {
			return nil // beside ours
		}
	default:
		p.st.SetBefore(n.e, true)
		c.Theirs = thereText(n.e.Object, Writable(n.e.Set()), p.st.Names)
	}
	if !ours || !n.gone && wanted != nil && wanted.wants(n.e) || n.gone && wanted != nil && wanted.set == nil && wanted.list == nil {
		return nil
	}
	return c
}

// pvidTaken is what a VLAN that another program makes the pvid of a device takes
// from one of ours, which is not announced.
func (p *Plan) pvidTaken(e *state.Entry) (taken bool, conflict *ConflictError) {
	for _, x := range p.st.All(rtnl.VLAN) {
		if x.Key == e.Key || x.Set().Uint("dev") != e.Set().Uint("dev") || x.Set().Uint("pvid") == 0 || !p.touch.has(x) {
			continue
		}
		s := x.Set().Clone()
		s.Del("pvid")
		taken, conflict = true, first(conflict, p.interferes(news{e: state.EntryOf(rtnl.VLAN, s)}))
	}
	return taken, conflict
}

// passes notes a value that the plan gives a VLAN, or options of one, or a link by a
// verb, for a while or for good; nil: it is gone.
func (p *Plan) passes(o *wire.Object, key string, s *wire.Set) {
	if p.passed == nil {
		p.passed = map[orderKey][]*wire.Set{}
	}
	k := orderKey{o, key}
	p.passed[k] = append(p.passed[k], s)
}
