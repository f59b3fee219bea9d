package tx

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// whole makes an object exactly what is written.
func (p *planner) whole(op *builtins.Op, want *wire.Set) error {
	o := op.Object
	key := state.KeyOf(o, want)
	err := p.contradicts(op, o.Name+"\x00"+key, func(first *builtins.Op) bool {
		return first.Absent == op.Absent && (first.Flags^op.Flags)&builtins.Appended == 0 && p.wants(first, want)
	})
	if err != nil && !looseKey(o) {
		return err
	}
	p.expect(&expect{op: op, object: o, key: key, set: want, mode: state.Whole})
	have, best, deltas := p.closest(o, key, want)
	if best >= 0 && len(deltas) > 0 && p.st.Ahead {
		// The kernel would refuse: one like it is behind the one that is seen.
		if hidden, err := p.hidden(have[best], want); err != nil {
			return err
		} else if hidden {
			have, best, deltas = p.closest(o, key, want)
		}
	}
	switch {
	case best < 0:
		c := p.change(&Change{Action: Create, Op: op, Object: o, set: want})
		p.notes(c, want)
		if err := p.firstOn(o, want); err != nil {
			return err
		}
		if err := p.makesWay(op, want, c); err != nil {
			return err
		}
		flags := p.addFlags(o, want)
		if p.takesOver(o, want, c) {
			flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
		}
		p.st.Add(o, want)
		p.plan.touch.key(o, key)
		return p.make(op, want, flags)
	case len(deltas) == 0 && (len(have) == 1 || looseKey(o)):
		c := p.same(op, want)
		c.Notes = append(c.Notes, state.Aged(want, have[best].Set())...)
		return nil
	}
	old := have[best]
	if old.Foreign() && !o.Learned {
		return fmt.Errorf("%s belongs to the kernel or a daemon (%s) and is not replaced; use a verb if you must", Title(op), ownerOf(old))
	}
	fixed := stuck(want, old.Set(), deltas)
	if fixed != "" && op.Flags&builtins.Recreate == 0 {
		return unchangeable(o, fixed, deltas, p.st)
	}
	p.plan.touch.key(o, key)
	c := p.change(&Change{Action: Modify, Op: op, Object: o, Deltas: deltas, set: want, before: old})
	if len(deltas) > 0 {
		c.Deltas = append(slices.Clone(deltas), state.Dropped(want, old.Set())...)
	}
	if fixed != "" {
		return p.remake(op, want, old, c)
	}
	if len(have) > 1 && !looseKey(o) {
		// Aliases of one key collapse into the one that is wanted.
		for i, e := range have {
			if i != best {
				c.Notes = append(c.Notes, "another with this key goes: "+e.Set().Text(p.st.Names))
				if err := p.remove(op, e, c); err != nil {
					return err
				}
			}
		}
		if len(deltas) == 0 {
			return nil
		}
	}
	if replaceable(o, want, old.Set(), deltas) {
		if err := p.replaces(old, want, c); err != nil {
			return err
		}
		p.st.Change(old, want)
		return p.replace(op, want, deltas)
	}
	if err := p.remove(op, old, c); err != nil {
		return err
	}
	flags := p.addFlags(o, want)
	p.st.Add(o, want)
	if err := p.make(op, want, flags); err != nil {
		return err
	}
	if c.With != nil && o.Unlisted != nil && !sameObject(want, old.Set()) {
		return nil // it is in no place any more
	}
	return p.putBack(op, c)
}

// closest returns the objects with a key, and which of them differs least from what
// is wanted; -1 when there is none.
func (p *planner) closest(o *wire.Object, key string, want *wire.Set) (have []*state.Entry, best int, deltas []state.Delta) {
	best = -1
	for _, e := range p.st.Find(o, key) {
		if !state.Matches(want, e) || byDefault(e) {
			continue
		}
		have = append(have, e)
		d := state.Diff(o, want, e.Set(), state.Whole)
		if best < 0 || len(d) < len(deltas) {
			best, deltas = len(have)-1, d
		}
	}
	return have, best, deltas
}

// make sends the op's message that makes an object.
func (p *planner) make(op *builtins.Op, want *wire.Set, flags uint16) error {
	err := p.sendFlags(op, flags, false)
	if err == nil {
		p.await(op.Object, want)
	}
	return err
}

// replace sends the op's message in the place of an object. Where what the op does
// not mention would stay as it is, the message says what it shall be.
func (p *planner) replace(op *builtins.Op, want *wire.Set, deltas []state.Delta) error {
	const flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	own := wire.NewSet(want.Table)
	if err := op.Set(own); err != nil {
		return err
	}
	if !slices.ContainsFunc(deltas, func(d state.Delta) bool { return d.Row.Default != "" && !own.Has(d.Row.Name) && want.Has(d.Row.Name) }) {
		return p.make(op, want, flags)
	}
	msg, rel, err := p.build(op.Object, op.Object.New, flags, want)
	if err == nil {
		p.step(Step{Op: op, Object: op.Object, Msg: msg, Rel: rel})
		p.mild = true
	}
	return err
}

// byDefault reports whether an object is there because no other is: the default
// queueing discipline of a device.
func byDefault(e *state.Entry) bool { return e.Object == rtnl.Qdisc && e.Foreign() }

func ownerOf(e *state.Entry) string {
	if f := e.Object.Table.Row("protocol"); f != nil {
		if v, ok := e.Set().At(f); ok {
			return "protocol " + f.Text(v, nil)
		}
	}
	return "not configured"
}

func looseKey(o *wire.Object) bool {
	for _, k := range o.Key {
		if f := o.Table.Row(k); f != nil && f.Loose {
			return true
		}
	}
	return false
}

// addFlags are the flags that make an object that is not there.
func addFlags(o *wire.Object, s *wire.Set) uint16 {
	if o.Shares != nil && o.Shares(s) {
		return unix.NLM_F_CREATE | unix.NLM_F_APPEND
	}
	return o.AddFlags(unix.NLM_F_CREATE | unix.NLM_F_EXCL)
}

// replaceable reports whether NLM_F_REPLACE does all that differs.
func replaceable(o *wire.Object, want, have *wire.Set, deltas []state.Delta) bool {
	if o.Replace == nil || o.Shares != nil && o.Shares(want) || o.Clash != nil && o.Clash(want, have) || stuck(want, have, deltas) != "" {
		return false
	}
	for _, d := range deltas {
		if !o.Replace(topRow(o, d)) {
			return false
		}
	}
	return true
}

// stuck names the first difference that no message makes go away: one in a row that
// cannot be changed, or any in an object of a kind that has no change.
func stuck(want, have *wire.Set, deltas []state.Delta) string {
	if !sameObject(want, have) {
		return ""
	}
	whole := false
	if kind := want.Table.Row("kind"); kind != nil {
		v, _ := want.At(kind)
		whole = v.Sub.Table.Immutable
	}
	for _, d := range deltas {
		if whole || d.Row.Fixed(d.Before, d.After) {
			return d.Path
		}
	}
	return ""
}

// replaces plans what goes when an object is replaced in its place: with one of
// another kind or number all that it holds, as if it were deleted.
func (p *planner) replaces(old *state.Entry, want *wire.Set, c *Change) error {
	gone := []*state.Entry{}
	if old.Object.Unlisted != nil {
		if sameObject(want, old.Set()) {
			return nil
		}
		var err error
		if gone, err = p.cascade(old); err != nil {
			return err
		}
	}
	if err := p.loses(old, gone...); err != nil {
		return err
	}
	p.remark(c)
	c.With = append(c.With, gone...)
	for _, g := range gone {
		p.st.Remove(g)
	}
	return nil
}

// sameObject reports whether an object stays the one it is when it is replaced, which
// changes its options: a queueing discipline keeps its kind and its number.
func sameObject(want, have *wire.Set) bool {
	kind, number := want.Table.Row("kind"), want.Table.Row("handle")
	if kind == nil {
		return true
	}
	w, _ := want.At(kind)
	h, _ := have.At(kind)
	if w.Sub == nil || h.Sub == nil || w.Sub.Table != h.Sub.Table {
		return false
	}
	if number == nil { // the key of a class has it
		return true
	}
	n, ok := want.At(number)
	return !ok || n.N == have.Uint("handle")
}

// topRow is the row of the object's own table that a delta lies in.
func topRow(o *wire.Object, d state.Delta) *wire.Field {
	for _, f := range o.Table.Rows() {
		l := f.Label()
		if d.Path == l || len(d.Path) > len(l) && d.Path[:len(l)] == l && d.Path[len(l)] == '.' {
			return f
		}
	}
	return d.Row
}

// notes tells what often surprises: a route of another metric stays.
func (p *planner) notes(c *Change, want *wire.Set) {
	if c.Object != rtnl.Route || p.ops > fewOps {
		return
	}
	all := p.st.All(rtnl.Route)
	if len(all) > fewOps*fewOps {
		return
	}
	for _, e := range all {
		if !e.Reported() || e.Set().Uint("metric") == want.Uint("metric") {
			continue
		}
		s := want.Clone()
		s.PutName("metric", wire.IntVal(e.Set().Uint("metric")))
		if state.KeyOf(c.Object, s) == e.Key {
			c.Notes = append(c.Notes, fmt.Sprintf("%s metric %d exists and stays; metric is part of a route's key", strings.TrimPrefix(c.title(), c.Object.Name+" "), e.Set().Uint("metric")))
		}
	}
}

// fewOps is up to where a plan looks around for what may surprise.
const fewOps = 200
