package tx

import (
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
)

// Routes of one key form a list: the kernel takes the first that works, and a new
// one can only be put behind the others or before them. Ops with append = True
// say what that list shall be.

// A list is what shall be of one key.
type list struct {
	last   *builtins.Op
	object *wire.Object
	want   []*wire.Set
}

// member plans the next of several objects with one key.
func (p *planner) member(op *builtins.Op, want *wire.Set) error {
	o, key := op.Object, state.KeyOf(op.Object, want)
	err := p.contradicts(op, o.Name+"\x00"+key, func(first *builtins.Op) bool { return first.Flags&builtins.Appended != 0 && !first.Absent })
	if err != nil {
		return err
	}
	if p.lists == nil {
		p.lists = map[string]*list{}
	}
	l := p.lists[key]
	if l == nil {
		l = &list{object: o}
		p.lists[key] = l
	}
	same := func(s *wire.Set) bool { return len(state.Diff(o, want, s, state.Whole)) == 0 }
	if slices.ContainsFunc(l.want, same) {
		return fmt.Errorf("%s is given twice in this commit", Title(op))
	}
	at := len(l.want)
	l.last, l.want = op, append(l.want, want)
	have := slices.Clone(p.st.Find(o, key))
	for i := at; i < len(have); i++ {
		if same(have[i].Set()) {
			return p.surplus(op, have[at:i], func() { p.same(op, want) })
		}
	}
	var c *Change
	if err := p.surplus(op, have[min(at, len(have)):], nil); err != nil {
		return err
	}
	c = p.change(&Change{Action: Create, Op: op, Object: o, set: want})
	p.notes(c, want)
	p.st.Add(o, want)
	p.plan.touch.key(o, key)
	flags := addFlags(o, want)
	if at > 0 {
		flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND
	}
	return p.make(op, want, flags)
}

// surplus removes objects that are not in their place of a list.
func (p *planner) surplus(op *builtins.Op, gone []*state.Entry, then func()) error {
	for _, e := range gone {
		if e.Foreign() {
			return fmt.Errorf("%s belongs to the kernel or a daemon (%s) and is not removed; use a verb if you must", titleOf(e.Object, e.Set(), p.st.Names), ownerOf(e))
		}
		c := p.change(&Change{Action: Remove, Op: op, Object: e.Object, set: e.Set()})
		if err := p.remove(op, e, c); err != nil {
			return err
		}
	}
	if then != nil {
		then()
	}
	return nil
}

// end removes what lists have too much, when all of their members are known.
func (p *planner) end() error {
	for _, key := range slices.Sorted(maps.Keys(p.lists)) {
		l := p.lists[key]
		have := slices.Clone(p.st.Find(l.object, key))
		if err := p.surplus(l.last, have[min(len(l.want), len(have)):], nil); err != nil {
			return opError(l.last, err)
		}
		p.expect(&expect{op: l.last, object: l.object, key: key, list: l.want, mode: state.Whole})
	}
	p.madeAgain()
	if err := p.remembers(); err != nil {
		return err
	}
	if err := p.strays(); err != nil {
		return err
	}
	return p.absentAll()
}

// holdsList reports whether the objects of a key are those of a list.
func (p *Plan) holdsList(x *expect, now *state.State) error {
	key := state.KeyOf(x.object, p.reindex(now, x.list[0]))
	have := now.Find(x.object, key)
	for i, want := range x.list {
		if i >= len(have) {
			return fmt.Errorf("the kernel took it, but it is not there")
		}
		if d := state.Diff(x.object, p.reindex(now, want), have[i].Set(), state.Whole); len(d) > 0 {
			return notKept(d[0], now)
		}
	}
	if len(have) > len(x.list) {
		return fmt.Errorf("another with this key is there")
	}
	return nil
}

// wants reports whether an object is as the plan wants it.
func (x *expect) wants(e *state.Entry) bool {
	if x.set != nil {
		return len(state.Diff(x.object, x.set, e.Set(), x.mode)) == 0
	}
	return slices.ContainsFunc(x.list, func(s *wire.Set) bool { return len(state.Diff(x.object, s, e.Set(), x.mode)) == 0 })
}
