package tx

import (
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
)

// A claim is what is known of a key that another program was heard to write
// while a commit or its undo ran.
type claim struct {
	restored []*wire.Set // what the undo put there since
}

// claimed notes that another program was heard to write the object.
func (p *Plan) claimed(e *state.Entry) {
	k := orderKey{e.Object, e.Key}
	if p.claims == nil {
		p.claims = map[orderKey]*claim{}
	}
	if p.claims[k] == nil {
		p.claims[k] = &claim{}
	}
}

// restores notes what an undo is about to put in the place of what is there.
func (u *undoer) restores() {
	for _, l := range u.left {
		if u.plan.deaf && l.was != nil {
			u.plan.claimed(l.was)
		}
		if c := u.plan.claims[l.about()]; c != nil && l.was != nil {
			c.restored = append(c.restored, l.was.Set())
		}
	}
}

// theirs reports whether what is there now was written by another program, which
// was heard to do so or may have been missed, and not by us: it may be newer than
// what was heard of it last, and stands. What nobody can tell from ours is not
// theirs.
func (u *undoer) theirs(o *wire.Object, d pair) bool {
	c := u.plan.claims[d.key(o)]
	if c == nil && u.plan.deaf {
		c = &claim{}
	}
	if c == nil || o.Patch || len(d.is) == 0 {
		return false
	}
	known := false
	for _, x := range u.plan.want {
		if x.object != o || x.key != d.key(o).key || x.set == nil {
			continue
		}
		known = true
		if slices.ContainsFunc(d.is, func(e *state.Entry) bool { return len(state.Diff(o, x.set, e.Set(), x.mode)) == 0 }) {
			return false
		}
	}
	return known && !slices.ContainsFunc(d.is, func(e *state.Entry) bool {
		return slices.ContainsFunc(c.restored, func(s *wire.Set) bool { return len(state.Diff(o, s, e.Set(), state.Exact)) == 0 })
	})
}

// notOurs reports whether what is there now, and was not, is to stay: another
// program made it, or it cannot be told who did, which is told as residue.
func (u *undoer) notOurs(o *wire.Object, d pair) bool {
	if len(d.was) > 0 || len(d.is) == 0 {
		return false
	}
	h := u.plan.whose(d.is[0])
	if h == byNobody {
		u.left = append(u.left, leftover{object: o, is: d.is[0], unsure: true})
	}
	return h != byUs
}
