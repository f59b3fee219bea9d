package tx

import (
	"context"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
)

// still looks once more at what others did, before anything is sent: a conflict
// that is known now disturbs nobody. When announcements were lost, what the plan
// touches is read again and compared.
// Changes to what the plan only touches make it stale: it neither knows how to put
// back what it takes along, nor how to keep it.
func (p *Plan) still(ctx context.Context, k Kernel) error {
	return p.inParts(k, func(p *Plan, k Kernel) error {
		if k.Mon == nil {
			return nil
		}
		if err := k.Mon.heed(p); err != nil || !k.Mon.lost {
			return err
		}
		k.Mon.lost, p.deaf = false, false // what was missed is read now
		p.st.From(Source{k.Conn})
		now, err := p.st.AgainWhole(ctx)
		if err != nil {
			return err
		}
		u := undoer{plan: p, now: now, refused: map[orderKey]string{}}
		u.diff()
		if left := u.residues(); len(u.steps) > 0 && len(left) > 0 {
			return &ConflictError{Title: left[0].Title}
		}
		return nil
	})
}

// outdated reports whether the plan is stale.
func (p *Plan) outdated() bool { return p.stale || slices.ContainsFunc(p.parts, (*Plan).outdated) }

// about reports whether an announcement may tell of what the plan itself did.
func (p *Plan) about(m wire.Message) bool {
	if aboutVLANs(m) {
		return true
	}
	e := p.announced(m)
	return e != nil && p.touches(e)
}

// outdates reports whether an announcement tells of something that the plan touches
// and does not know.
func (p *Plan) outdates(m wire.Message) bool {
	if aboutVLANs(m) {
		return false
	}
	e := p.announced(m)
	if e == nil || !p.touches(e) {
		return false
	}
	was, gone := p.before(e), m.Type == e.Object.Del
	if gone || was == nil {
		return gone == (was != nil)
	}
	return len(state.Diff(e.Object, e.Set(), was, state.Patch)) > 0
}
