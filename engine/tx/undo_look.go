package tx

import (
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Undo looks routes up where the plan did. A look-up passes over routes whose
// next hop does not answer, and over those behind the first of a key, so it
// counts only when it shows what was there before, or what the commit has made of
// that, or nothing where nothing can be. Otherwise the table is read.

// accepted notes that a message took effect, or may have.
func (p *Plan) accepted(s *Step) {
	if s.part != nil {
		p = s.part
	}
	if s.Object == rtnl.Route && s.Msg != nil && p.probed() {
		p.took[state.NewEntry(rtnl.Route, s.Msg, p.st.Names).Key] = true
	}
}

// begins notes that from here on it is known what took effect.
func (p *Plan) begins() {
	p.took = map[string]bool{}
	for _, q := range p.parts {
		q.begins()
	}
}

// untouched reports whether the kernel is known to have accepted nothing that is
// about a route. Of a journal that is not known.
func (p *Plan) untouched(key string) bool { return p.took != nil && !p.took[key] }

// deleted are the keys of routes that the kernel has removed in an undo.
type deleted map[string]bool

// note takes in what a round did.
func (d deleted) note(steps []undoStep, refused map[orderKey]string) {
	for i := range steps {
		s := &steps[i]
		if s.about.object == rtnl.Route {
			d[s.about.key] = refused[s.about] == "" && s.del
		}
	}
}

// tellsUndo is what Again asks when a look-up of an undo has found a route, or
// none.
func (p *Plan) tellsUndo(gone deleted) func(state.Scope, []*state.Entry) bool {
	return func(sc state.Scope, found []*state.Entry) bool {
		key := sc.Key()
		was, want := p.st.Held(rtnl.Route, key), p.wish(rtnl.Route.Name+"\x00"+key)
		switch {
		case len(was) > 1:
			return false
		case len(found) == 0 && len(was) == 0:
			return gone[key] || p.untouched(key)
		case len(found) == 0:
			// The commit removed it, and nothing else of its key is left.
			there, err := p.st.Exists(sc)
			return want != nil && want.removed() && err == nil && !there
		}
		return len(was) == 1 && same(was[0].Set(), found[0]) || want != nil && want.set != nil && len(state.Diff(rtnl.Route, want.set, found[0].Set(), want.mode)) == 0
	}
}

func same(s *wire.Set, e *state.Entry) bool {
	return len(state.Diff(e.Object, s, e.Set(), state.Exact)) == 0
}

// behind reports whether what is there stood behind the only one of the key that
// was looked up, which the commit has removed.
func (u *undoer) behind(d pair) bool {
	w := u.plan.wish(rtnl.Route.Name + "\x00" + d.was[0].Key)
	return w != nil && w.removed() && !slices.ContainsFunc(d.is, func(e *state.Entry) bool { return same(d.was[0].Set(), e) })
}

// removed reports whether nothing shall have the key.
func (x *expect) removed() bool { return x.set == nil && x.list == nil }
