package tx

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
)

// Of rules the kernel removes the first that a deletion fits, which may be another
// with more selectors, and NLM_F_EXCL refuses one for which a narrower one is
// there (KERNEL.md A18).

// inTheWay returns what of a level has to go, in this order, so that what is gone
// really goes when the rest is made again behind it: all from the first on that a
// deletion would hit instead.
func inTheWay(level []*state.Entry, gone func(*state.Entry) bool) []*state.Entry {
	first := len(level)
	leaves := func(i int) bool { return i >= first || gone(level[i]) }
	for more := true; more; {
		more = false
		for i, e := range level {
			if !leaves(i) {
				continue
			}
			deletion := deletionSet(e)
			for j, x := range level[:i] {
				if !leaves(j) && e.Object.Hits(deletion, x.Set()) {
					first, more = j, true
					break
				}
			}
		}
	}
	var l []*state.Entry
	for i, e := range level {
		if leaves(i) {
			l = append(l, e)
		}
	}
	return l
}

// removeLevels removes objects of which those of a level go together, each with the
// change that it is: what is in the way of some is made again once.
func (p *planner) removeLevels(rest []*state.Entry, change func(*state.Entry) (*Change, error)) error {
	for len(rest) > 0 {
		level := slices.Clone(p.st.Level(rest[0].Object, rest[0].Set()))
		changes := map[*state.Entry]*Change{}
		for _, e := range level {
			if !slices.Contains(rest, e) {
				continue
			}
			c, err := change(e)
			if err != nil {
				return err
			}
			changes[e] = c
		}
		rest = slices.DeleteFunc(slices.Clone(rest), func(e *state.Entry) bool { return changes[e] != nil })
		if err := p.removeAmong(level, changes); err != nil {
			return err
		}
	}
	return nil
}

// removeAmong removes the entries of a level that have a change, with others that
// are in the way, and makes these again.
func (p *planner) removeAmong(level []*state.Entry, changes map[*state.Entry]*Change) error {
	way := inTheWay(level, func(e *state.Entry) bool { return changes[e] != nil })
	var last *Change
	for _, e := range way {
		last = cmp.Or(changes[e], last)
	}
	for _, e := range way {
		c := cmp.Or(changes[e], last)
		p.plan.touch.key(e.Object, e.Key)
		msg, rel, err := p.deletion(e)
		if err != nil {
			return err
		}
		p.step(Step{Op: c.Op, Object: e.Object, Msg: msg, Rel: rel, Fence: p.mild})
		p.mild = false
		if changes[e] == nil {
			p.st.Remove(e)
			c.With = append(c.With, e)
		} else if err := p.goes(e, c); err != nil {
			return err
		}
	}
	for _, e := range way {
		if changes[e] != nil {
			continue
		}
		last.Back = append(last.Back, e)
		if err := p.objectBack(last.Op, e); err != nil {
			return err
		}
	}
	return nil
}

// firstHit is the object that a deletion removes, nil when it removes none.
func (p *planner) firstHit(o *wire.Object, deletion *wire.Set) *state.Entry {
	var first *state.Entry
	for _, e := range p.st.All(o) { // in order within a level
		if o.Hits(deletion, e.Set()) && (first == nil || e.Set().Uint("priority") < first.Set().Uint("priority")) {
			first = e
		}
	}
	return first
}

// addFlags are the flags that make an object which is not there.
func (p *planner) addFlags(o *wire.Object, s *wire.Set) uint16 {
	if p.fading[orderKey{o, state.KeyOf(o, s)}] {
		return unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	}
	return notExclusive(addFlags(o, s), o, s, p.st.Level(o, s))
}

// notExclusive takes NLM_F_EXCL away where it would refuse an object for another one.
func notExclusive(flags uint16, o *wire.Object, s *wire.Set, level []*state.Entry) uint16 {
	if len(level) > 0 && slices.ContainsFunc(level, func(e *state.Entry) bool { return o.Hits(s, e.Set()) }) {
		return flags &^ unix.NLM_F_EXCL
	}
	return flags
}

// inTheWay adds to what is made again the objects of which the kernel would remove
// one in the place of another that goes, and reports whether there are any.
func (u *undoer) inTheWay(o *wire.Object, diffs map[string]pair, again map[orderKey]bool) bool {
	goes := map[*state.Entry]bool{}
	for _, d := range diffs {
		for _, e := range gone(o, d, again) {
			goes[e] = true
		}
	}
	more := false
	for e := range goes {
		for _, x := range inTheWay(u.now.Level(o, e.Set()), func(x *state.Entry) bool { return goes[x] }) {
			if k := (orderKey{o, x.Key}); !again[k] && !goes[x] {
				again[k], more = true, true
				if !u.plan.touch.has(x) {
					u.moved[k] = true
				}
			}
		}
	}
	return more
}

// inOrderNow sorts objects as they are: so each deletion finds its own first.
func (u *undoer) inOrderNow(o *wire.Object, l []*state.Entry) []*state.Entry {
	in := make(map[*state.Entry]bool, len(l))
	for _, e := range l {
		in[e] = true
	}
	return slices.DeleteFunc(u.now.All(o), func(e *state.Entry) bool { return !in[e] })
}

// makeInOrder makes objects in the order they had, those that came meanwhile last.
func (u *undoer) makeInOrder(o *wire.Object, l []*state.Entry, diffs map[string]pair) {
	type id struct {
		key      string
		priority uint64
	}
	of := func(e *state.Entry) id { return id{e.Key, e.Set().Uint("priority")} }
	at := map[id]int{}
	for i, e := range slices.Concat(u.plan.st.Before(o), u.now.All(o)) {
		if _, seen := at[of(e)]; !seen {
			at[of(e)] = i
		}
	}
	slices.SortStableFunc(l, func(a, b *state.Entry) int { return cmp.Compare(at[of(a)], at[of(b)]) })
	made := map[group][]*state.Entry{}
	for _, e := range l {
		g := group{family: e.Set().Uint("family"), priority: e.Set().Uint("priority")}
		flags := notExclusive(addFlags(o, e.Set()), o, e.Set(), slices.Concat(u.now.Level(o, e.Set()), made[g]))
		u.create(o, e, flags, diffs[state.ID(e)].is)
		made[g] = append(made[g], e)
	}
}
