package tx

import (
	"slices"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// One message may be about several objects, as a range of VLANs is. It is sent
// whole; each object is compared, verified and undone by itself.

// each plans an op of an object that has Each and Join.
func (p *planner) each(op *builtins.Op, set *wire.Set) error {
	parts := op.Object.Each(canon(op.Object, set))
	switch {
	case op.Object.Table.Options:
		return p.options(op, set, parts)
	case op.Verb != nil:
		return p.verbOnEach(op, set, parts)
	case op.Absent:
		return p.absentEach(op, set, parts)
	}
	return p.ensureEach(op, parts)
}

// parts are the objects that a set is about, in canonical form.
func (p *planner) parts(o *wire.Object, set *wire.Set) []*wire.Set {
	if o.Each == nil {
		return []*wire.Set{p.canon(o, set)}
	}
	parts := o.Each(canon(o, set))
	for i, s := range parts {
		parts[i] = p.canon(o, s)
	}
	return parts
}

// apart plans an op about several objects as one for each.
func (p *planner) apart(op *builtins.Op, parts []*wire.Set) error {
	for _, set := range parts {
		one, err := p.opFor(op, op.Object, set)
		if err != nil {
			return err
		}
		one.Flags, one.Absent = one.Flags|op.Flags, op.Absent
		if err := p.op(one); err != nil {
			return err
		}
	}
	return nil
}

// ensureEach sends the op when one of its objects is not as it wants it.
func (p *planner) ensureEach(op *builtins.Op, parts []*wire.Set) error {
	o, begin := op.Object, len(p.plan.Changes)
	var differ []*state.Entry
	old := false
	for _, want := range parts {
		key := state.KeyOf(o, want)
		if err := p.contradicts(op, o.Name+"\x00"+key, func(first *builtins.Op) bool { return !first.Absent && p.wants(first, want) }); err != nil {
			return err
		}
		p.expect(&expect{op: op, object: o, key: key, set: want, mode: state.Whole})
		c := &Change{Action: Create, Op: op, Object: o, set: want}
		for _, e := range p.st.Find(o, key) {
			c.Action, c.Deltas = Modify, state.Diff(o, want, e.Set(), state.Whole)
			if len(c.Deltas) == 0 {
				c.Action = Same
			}
		}
		if c.Action != Same {
			old = old || c.Action == Modify
			differ = append(differ, state.EntryOf(o, want))
			if err := p.makeOne(c, want); err != nil {
				return err
			}
		}
		p.tell(begin, c)
	}
	switch {
	case len(differ) == 0:
		return nil
	case o.Replace != nil || !old && len(differ) == len(parts):
		return p.sendFlags(op, addFlags(o, parts[0]), false)
	}
	return p.makeRuns(op, differ, old)
}

// makeRuns makes those objects of an op that are not there, of a kind that New
// does not change; old says that some are and have to go first.
func (p *planner) makeRuns(op *builtins.Op, differ []*state.Entry, old bool) error {
	o := op.Object
	sets, _ := runs(o, differ)
	for _, typ := range []uint16{o.Del, o.New} {
		if typ == o.Del && !old {
			continue
		}
		for _, set := range sets {
			s, flags := Writable(set), addFlags(o, set)
			if typ == o.Del {
				s, flags = deletionSet(state.EntryOf(o, set)), 0
			}
			msg, rel, err := p.build(o, typ, flags, s)
			if err != nil {
				return err
			}
			p.step(Step{Op: op, Object: o, Msg: msg, Rel: rel, Fence: typ == o.Del && p.mild})
			p.mild = typ == o.New
		}
	}
	return nil
}

// wants reports whether an op wants an object to be so.
func (p *planner) wants(op *builtins.Op, want *wire.Set) bool {
	s := wire.NewSet(op.Object.Table)
	if op.Set(s) != nil || p.resolvedThen(s) != nil {
		return false
	}
	s = p.canon(op.Object, s)
	if op.Object.Each == nil {
		return s.Equal(want)
	}
	return slices.ContainsFunc(op.Object.Each(s), want.Equal)
}

// resolvedThen is Resolve for what an op before says, which may know a link by a name that
// it had then and nothing has now.
func (p *planner) resolvedThen(s *wire.Set) error {
	s.Devices(func(v *wire.Value) error {
		if index, had := p.had[v.S]; had && v.Type == wire.Name && p.st.Known(v.S) == nil {
			*v = wire.IntVal(uint64(index))
		}
		return nil
	})
	return p.st.Resolve(s)
}

// makeOne makes one object what is wanted, in the state.
func (p *planner) makeOne(c *Change, want *wire.Set) error {
	key := state.KeyOf(c.Object, want)
	p.plan.touch.key(c.Object, key)
	p.plan.passes(c.Object, key, want)
	if have := p.st.Find(c.Object, key); len(have) > 0 {
		p.st.Change(have[0], want)
	} else {
		p.st.Add(c.Object, want)
	}
	return p.takesPVID(c, want)
}

// absentEach deletes the objects of an op that are there.
func (p *planner) absentEach(op *builtins.Op, set *wire.Set, parts []*wire.Set) error {
	o := op.Object
	var there []*state.Entry
	for _, want := range parts {
		key := state.KeyOf(o, want)
		if err := p.contradicts(op, o.Name+"\x00"+key, func(first *builtins.Op) bool { return first.Absent }); err != nil {
			return err
		}
		p.expect(&expect{op: op, object: o, key: key, mode: state.Whole})
		there = append(there, p.st.Find(o, key)...)
	}
	if len(there) == 0 {
		p.same(op, set)
		return nil
	}
	return p.removeEach(op, set, there)
}

// removeEach deletes objects by one message, which set describes.
func (p *planner) removeEach(op *builtins.Op, set *wire.Set, there []*state.Entry) error {
	o, begin := op.Object, len(p.plan.Changes)
	for _, e := range there {
		c := &Change{Action: Remove, Op: op, Object: o, set: e.Set()}
		if err := p.removeOne(c, e); err != nil {
			return err
		}
		p.tell(begin, c)
	}
	msg, rel, err := p.build(o, o.Del, 0, deletionSet(state.EntryOf(o, set)))
	if err != nil {
		return err
	}
	p.step(Step{Op: op, Object: o, Msg: msg, Rel: rel, Fence: p.mild})
	p.mild = false
	return nil
}

// removeOne takes one object, and what goes with it, out of the state.
func (p *planner) removeOne(c *Change, e *state.Entry) error {
	p.plan.touch.key(e.Object, e.Key)
	p.plan.passes(e.Object, e.Key, nil)
	if e.Object == rtnl.VLAN {
		if err := p.loadVLANs(); err != nil {
			return err
		}
		gone := p.goWith([]*state.Entry{e})
		if err := p.loses(nil, gone...); err != nil {
			return err
		}
		p.remark(c)
		for _, x := range gone {
			p.st.Remove(x)
			c.With = append(c.With, x)
		}
	}
	p.st.Remove(e)
	return nil
}

// verbOnEach sends a verb, and takes it that it does what it says.
func (p *planner) verbOnEach(op *builtins.Op, set *wire.Set, parts []*wire.Set) error {
	o := op.Object
	c := p.change(&Change{Action: Send, Op: op, Object: o, set: set})
	for _, want := range parts {
		key := state.KeyOf(o, want)
		p.plan.touch.key(o, key)
		switch op.Verb.Type {
		case o.Del:
			for _, e := range slices.Clone(p.st.Find(o, key)) {
				if err := p.removeOne(c, e); err != nil {
					return err
				}
			}
		case o.New:
			if err := p.makeOne(c, want); err != nil {
				return err
			}
		}
	}
	return p.send(op, op.Verb.Type == o.Del && p.mild)
}

// tell adds a change, or makes it part of the last of those from begin on when
// one message could say both.
func (p *planner) tell(begin int, c *Change) {
	n := len(p.plan.Changes)
	if n > begin {
		last := p.plan.Changes[n-1]
		if both := c.Object.Join(last.set, c.set); both != nil && last.Action == c.Action && sameDeltas(last.Deltas, c.Deltas) {
			last.set = both
			last.Notes, last.With = append(last.Notes, c.Notes...), append(last.With, c.With...)
			return
		}
	}
	p.change(c)
}

func sameDeltas(a, b []state.Delta) bool {
	return slices.EqualFunc(a, b, func(x, y state.Delta) bool {
		return x.Path == y.Path && x.Before.Equal(y.Before) && x.After.Equal(y.After)
	})
}

// runs are sets of as few messages as can say what the entries are, and which
// entries each is about.
func runs(o *wire.Object, l []*state.Entry) (sets []*wire.Set, of [][]*state.Entry) {
	for _, e := range l {
		if n := len(sets) - 1; n >= 0 {
			if both := o.Join(sets[n], e.Set()); both != nil {
				sets[n], of[n] = both, append(of[n], e)
				continue
			}
		}
		sets, of = append(sets, e.Set()), append(of, []*state.Entry{e})
	}
	return sets, of
}

// removeRuns removes what is in the scope of an exact op and not among its ops.
func (p *planner) removeRuns(op *builtins.Op, rest []*state.Entry) error {
	slices.SortStableFunc(rest, byVLAN)
	sets, of := runs(op.Object, rest)
	for i, set := range sets {
		gone, err := p.opFor(op, op.Object, Writable(set))
		if err != nil {
			return err
		}
		gone.Absent = true
		for _, e := range of[i] {
			if err := p.notWanted(gone, e); err != nil {
				return err
			}
			p.expect(&expect{op: gone, object: e.Object, key: e.Key, mode: state.Whole})
		}
		if err := p.removeEach(gone, set, of[i]); err != nil {
			return err
		}
	}
	return nil
}

// A Taken is what goes with a change: an object, or several that one message
// could be about.
type Taken struct {
	Object *wire.Object
	Title  string
	Back   bool // it is put back
}

// Taken is what goes with a change and somebody asked for.
func (c *Change) Taken() []Taken { return c.told(c.With) }

// Restored is what of that is put back, in that order.
func (c *Change) Restored() []Taken { return c.told(c.Back) }

// Links are the titles of those that a verb on a group changes.
func (c *Change) Links() []string {
	var l []string
	for _, name := range c.links {
		l = append(l, rtnl.Link.Name+" "+name)
	}
	return l
}

func (c *Change) told(with []*state.Entry) []Taken {
	var l []Taken
	var last *wire.Set
	for _, e := range with {
		if e.Unasked() {
			continue
		}
		t := Taken{e.Object, "", slices.Contains(c.Back, e)}
		set := e.Set()
		if n := len(l) - 1; n >= 0 && e.Object.Join != nil && l[n].Object == e.Object && l[n].Back == t.Back {
			if both := e.Object.Join(last, set); both != nil {
				l, set = l[:n], both
			}
		}
		t.Title = titleOf(e.Object, set, c.names())
		l, last = append(l, t), set
	}
	return l
}
