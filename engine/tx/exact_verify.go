package tx

import (
	"context"
	"slices"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// An only is the scope of an exact op in a plan: what the plan expects to be in
// it is all that shall be there.
type only struct {
	op    *builtins.Op
	scope scope
}

// alone verifies that nothing is in the scopes of exact ops but what the plan
// expects there. What else there is came from another program.
func (p *Plan) alone(ctx context.Context, now *state.State) error {
	for i := range p.only {
		x := only{p.only[i].op, p.only[i].scope}
		x.scope.rows = p.reindex(now, x.scope.rows)
		if err := now.Load(ctx, x.scope.scopes()...); err != nil {
			return err
		}
		left := map[string]int{}
		for _, e := range p.st.All(x.scope.object) {
			if e = p.reindexed(now, e); x.scope.holds(e, now) {
				left[soleKey(e)]++
			}
		}
		for _, e := range now.All(x.scope.object) {
			if !x.scope.holds(e, now) || left[withoutVLAN(e)] > 0 {
				continue
			}
			if left[soleKey(e)]--; left[soleKey(e)] < 0 {
				return p.intruder(x.op, e, 0)
			}
		}
	}
	return nil
}

// holds reports whether an object that somebody made lies in the scope.
func (sc *scope) holds(e *state.Entry, st *state.State) bool {
	return !e.ByKernel() && sc.outside(e.Set(), true, st.Names) == ""
}

// soleKey is what tells objects of a scope apart: links by name, as the index of
// a new one is not known before.
func soleKey(e *state.Entry) string {
	if e.Object == rtnl.Link {
		return e.Name()
	}
	return e.Key
}

// reindexed is an expected object with the indexes that devices got.
func (p *Plan) reindexed(now *state.State, e *state.Entry) *state.Entry {
	if s := p.reindex(now, e.Set()); s != e.Set() {
		return state.EntryOf(e.Object, s)
	}
	return e
}

// intrudes returns the conflict when an announcement tells of an object that was
// neither there nor expected in the scope of an exact op. One that bears nobody's
// mark may be about what the plan's own messages take with them, when some were sent:
// reading back tells.
func (p *Plan) intrudes(e *state.Entry, m wire.Message) *ConflictError {
	if m.Type != e.Object.New || m.PID == 0 && !p.unsent() {
		return nil
	}
	for i := range p.only {
		x := &p.only[i]
		if x.scope.object != e.Object || !x.scope.holds(e, p.st) {
			continue
		}
		known := append(slices.Clone(p.st.Held(e.Object, e.Key)), p.st.Find(e.Object, e.Key)...)
		if !slices.ContainsFunc(known, func(k *state.Entry) bool { return x.scope.holds(k, p.st) }) {
			return p.intruder(x.op, e, m.PID)
		}
	}
	return nil
}

// intruder is the conflict about an object that another program added, which an
// undo leaves there.
func (p *Plan) intruder(op *builtins.Op, e *state.Entry, port uint32) *ConflictError {
	if len(p.st.Held(e.Object, e.Key)) == 0 {
		p.st.SetBefore(e, true)
	}
	return &ConflictError{Op: op, Title: titleOf(e.Object, e.Set(), p.st.Names), Added: true,
		Ours: "nothing else in " + Title(op), Theirs: thereText(e.Object, Writable(e.Set()), p.st.Names), Port: port}
}
