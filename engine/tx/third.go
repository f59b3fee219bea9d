package tx

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// third returns the fields in which an announcement that bears nobody's mark tells
// of a value that is neither the one before nor one that the plan wants, of those
// that it writes.
func (p *Plan) third(e *state.Entry, deleted bool) (l []state.Delta) {
	if e.Object != rtnl.Link || deleted {
		return nil // a cascade, ours or theirs: reading back tells
	}
	x, _ := p.wanted(e)
	if x == nil || x.set == nil {
		return nil
	}
	before := p.before(e)
	if before == nil || p.stirred[x.name] {
		return nil // it is being made: fields come one by one
	}
	was := state.Diff(e.Object, x.set, before, state.Patch)
	// What a port has goes with its master, and begins with the defaults.
	moves := func() bool {
		return !before.Has("port") || slices.ContainsFunc(p.writes(x, e), func(s *wire.Set) bool { return s.Has("master") && s.Uint("master") != before.Uint("master") })
	}
	if p.misnamed(e) {
		name := e.Set().Table.Row("name")
		is, _ := e.Set().At(name)
		l = append(l, state.Delta{Path: "name", Row: name, Before: is})
	}
	for _, d := range state.Diff(e.Object, x.set, e.Set(), state.Patch) {
		top, _, _ := strings.Cut(d.Path, ".")
		switch {
		case d.Row.WO || top == "up" || top == "newname" || top == "name" || (top == "port" || top == "master" && d.Before.N == 0) && moves():
			continue // changes on the way
		case slices.ContainsFunc(was, func(w state.Delta) bool {
			return w.Path == d.Path && (w.Before.Equal(d.Before) || between(w.Before, w.After, d.Before) || top == "kind" && w.Before.Type == wire.None && d.Row.IsDefault(d.Before))
		}):
			continue // also an option that came with another: of a bond, with its mode
		case !p.passing(x, e, d) && !p.leaves(x, e, d) && !p.follows(e, d):
			l = append(l, d)
		}
	}
	return l
}

// leaves reports whether a value is neither wanted of the link nor another program's,
// because of what the plan does later: a port of a bridge that it deletes has no
// master any more.
func (p *Plan) leaves(x *expect, e *state.Entry, d state.Delta) bool {
	last := p.st.LinkByIndex(e.Index())
	return last != nil && p.planned && slices.ContainsFunc(state.Diff(e.Object, x.set, last.Set(), state.Patch), func(y state.Delta) bool {
		return y.Path == d.Path && y.Before.Equal(d.Before)
	})
}

// follows reports whether the value may come of what the plan does to another link: a
// bridge has the mtu and the address of its ports unless it was given one, a port of a
// bond those of the bond, and links above follow the one below.
func (p *Plan) follows(e *state.Entry, d state.Delta) bool {
	if d.Path != "mtu" && d.Path != "address" {
		return false
	}
	related := func(a, b *state.Entry) bool {
		return a.Set().Uint("master") == uint64(b.Index()) || lower(a) == b.Index()
	}
	links := slices.Concat(p.st.Before(rtnl.Link), p.st.All(rtnl.Link))
	return slices.ContainsFunc(links, func(l *state.Entry) bool {
		return l.Index() != e.Index() && p.touch.keys[rtnl.Link][l.Key] &&
			slices.ContainsFunc(links, func(x *state.Entry) bool {
				return x.Index() == e.Index() && (related(l, x) || related(x, l))
			})
	})
}

// before is a link as it was; nil: it was not there.
func (p *Plan) before(e *state.Entry) (s *wire.Set) {
	for _, b := range p.st.Held(e.Object, e.Key) {
		s = b.Set()
	}
	return s
}

// with is a link as it was, but for fields that another program has written.
func (p *Plan) with(third []state.Delta, e *state.Entry) *state.Entry {
	s := p.before(e).Clone()
	for _, d := range third {
		graft(s, e.Set(), d.Path)
	}
	return state.EntryOf(e.Object, s)
}

// valueAt returns what a set has at the path of a Delta.
func valueAt(s *wire.Set, path string) (wire.Value, bool) {
	for _, e := range s.Ents {
		label := e.F.Label()
		if path == label {
			return e.V, true
		}
		if rest, ok := strings.CutPrefix(path, label+"."); ok && e.V.Sub != nil {
			if e.F.Kind == wire.Union {
				rest = strings.TrimPrefix(rest, e.V.Sub.Table.Name+".")
			}
			return valueAt(e.V.Sub, rest)
		}
	}
	if f := s.Table.Row(path); f != nil {
		return s.Of(f)
	}
	return wire.Value{}, false
}

// graft puts into dst the field that src has at a path.
func graft(dst, src *wire.Set, path string) {
	for _, e := range src.Ents {
		label := e.F.Label()
		if path == label {
			dst.Put(e.F, e.V)
			return
		}
		rest, ok := strings.CutPrefix(path, label+".")
		if !ok || e.V.Sub == nil {
			continue
		}
		if e.F.Kind == wire.Union {
			rest = strings.TrimPrefix(rest, e.V.Sub.Table.Name+".")
		}
		if have, ok := dst.At(e.F); ok && have.Sub != nil && have.Sub.Table == e.V.Sub.Table {
			sub := have.Sub.Clone()
			graft(sub, e.V.Sub, rest)
			dst.Put(e.F, wire.SubVal(sub))
		}
		return
	}
}

// single reports whether an announcement is about a link that was there before,
// and with which no other changes: it has no master, ports, or links above.
func (p *Plan) single(m wire.Message) bool {
	if m.Type != rtnl.Link.New || len(m.Data) == 0 || m.Data[0] != unix.AF_UNSPEC {
		return false
	}
	e := state.NewEntry(rtnl.Link, m.Bytes, p.st.Names)
	was := p.before(e)
	if was == nil || was.Uint("master") != 0 || e.Set().Uint("master") != 0 {
		return false
	}
	return !slices.ContainsFunc(p.st.Before(rtnl.Link), func(x *state.Entry) bool {
		s := x.Set()
		return s.Uint("master") == uint64(e.Index()) || s.Uint("link") == uint64(e.Index()) && !s.Has("link_netnsid") && x.Index() != uint32(was.Uint("link"))
	})
}

// stir notes that a link is being made: what is announced of it is on the way.
func (p *Plan) stir(name string) {
	if p.stirred == nil {
		p.stirred = map[string]bool{}
	}
	p.stirred[name] = true
}
