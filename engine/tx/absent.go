package tx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A selection is the objects that absent() is about: those with a key. Where a script
// leaves a part of it open, as ip does, also those of which all is so that it says: a
// route of whatever metric, a rule by its priority alone.
type selection struct {
	op     *builtins.Op
	object *wire.Object
	key    string
	set    *wire.Set // of the op
	want   *wire.Set // canonical
	open   bool
	keys   *wire.Set // of an open key what is written; made when needed
	rest   *wire.Set // and beside the key
}

var errSelectsAll = errors.New("says of no rule which; give a priority, a table or a selector")

// selects returns what an op is about, which set describes.
func (p *planner) selects(op *builtins.Op, set *wire.Set) (*selection, error) {
	o := op.Object
	sel := &selection{op: op, object: o, set: set, want: p.canon(o, set), open: op.Flags&builtins.Selects != 0}
	sel.key = state.KeyOf(o, sel.want)
	if o == rtnl.Rule && sel.open && !slices.ContainsFunc(sel.written().keys.Ents, func(e wire.Entry) bool { return e.F.Name != "family" }) {
		return nil, errSelectsAll
	}
	return sel, nil
}

// written tells what is written of an open key, and beside it.
func (sel *selection) written() *selection {
	if sel.keys != nil {
		return sel
	}
	o, unsaid, said := sel.object, sel.op.Flags&builtins.Unsaid != 0, sel.set
	if unsaid {
		said = sel.op.Written()
	}
	sel.keys, sel.rest = wire.NewSet(o.Table), wire.NewSet(o.Table)
	open := sel.want.Clone()
	o.Open(open)
	for _, e := range said.Ents {
		v, _ := sel.want.At(e.F)
		w, _ := open.At(e.F)
		switch {
		case slices.Contains(o.Key, e.F.Name):
			sel.keys.Put(e.F, v)
		case !state.SameValue(v, w): // in the key, not as it is: an address with its length
			sel.open = sel.open && unsaid
		case !e.F.WO && !e.F.RO:
			sel.rest.Put(e.F, v)
		}
	}
	return sel
}

// named is what is wanted without what the script did not write of the key.
func (sel *selection) named() *wire.Set {
	s := sel.want
	if sel.open && sel.object == rtnl.Rule {
		s = sel.written().keys
	}
	return s
}

// in returns the objects of a state that are meant.
func (sel *selection) in(st *state.State) (l []*state.Entry) {
	for _, e := range st.Find(sel.object, sel.key) {
		if state.Matches(sel.want, e) && !byDefault(e) {
			l = append(l, e)
		}
	}
	if !sel.open {
		return l
	}
	for _, e := range st.Akin(sel.object, sel.want) {
		if !slices.Contains(l, e) && sel.written().open && sel.has(e.Set()) && (sel.stays(e) || !e.Foreign() || e.Object == rtnl.Rule) {
			l = append(l, e)
		}
	}
	return l
}

// has reports whether all that is written is so of an object.
func (sel *selection) has(s *wire.Set) bool {
	for _, e := range sel.keys.Ents {
		if v, _ := s.At(e.F); !state.SameValue(e.V, v) {
			return false
		}
	}
	return len(state.Diff(sel.object, sel.rest, s, state.Patch)) == 0
}

// stays reports whether absent() leaves an object because it is not ours: undo does
// not make it again. What was learned comes again by itself; a rule does not, and goes
// when a script says that it is the kernel's.
func (sel *selection) stays(e *state.Entry) bool {
	return e.Foreign() && !e.Object.Learned && !(e.Object == rtnl.Rule && sel.open && sel.written().keys.Has("protocol"))
}

// absent removes the objects that an op is about.
func (p *planner) absent(op *builtins.Op, set *wire.Set) error {
	o := op.Object
	sel, err := p.selects(op, set)
	if err != nil {
		return err
	}
	if err := p.contradicts(op, o.Name+"\x00"+sel.key, func(first *builtins.Op) bool { return first.Absent }); err != nil && !looseKey(o) {
		return err
	}
	p.expect(&expect{op: op, object: o, key: sel.key, sel: sel, match: sel.want, mode: state.Whole})
	var c *Change
	var stay []string
	meant := sel.in(p.st)
	if o == rtnl.Route && slices.ContainsFunc(meant, func(e *state.Entry) bool { return sel.stays(e) && p.st.Probed(e) }) {
		if err := p.st.LoadTable(p.ctx, meant[0]); err != nil { // others may be behind it
			return err
		}
		meant = sel.in(p.st)
	}
	goes := slices.DeleteFunc(meant, func(e *state.Entry) bool {
		if sel.stays(e) {
			stay = append(stay, fmt.Sprintf("%s belongs to the kernel or a daemon (%s) and stays; a verb removes it", titleOf(o, e.Set(), p.st.Names), ownerOf(e)))
		}
		return sel.stays(e)
	})
	change := func(e *state.Entry) (*Change, error) {
		if e.Key != sel.key {
			if err := p.contradicts(op, o.Name+"\x00"+e.Key, func(first *builtins.Op) bool { return first.Absent || !p.ensures(first, e) }); err != nil {
				return nil, err
			}
		}
		c = p.change(&Change{Action: Remove, Op: op, Object: o, set: e.Set()})
		if e.Key != sel.key {
			p.expect(&expect{op: op, object: o, key: e.Key, match: e.Set(), mode: state.Whole})
		}
		return c, nil
	}
	if o.Hits != nil {
		err = p.removeLevels(goes, change)
	}
	for _, e := range goes {
		if o.Hits == nil && err == nil {
			c, err = change(e)
			switch {
			case err != nil:
			case o == rtnl.Addr && isIPv4(e):
				err = p.removeAddr(op, e, c, p.ensured)
			default:
				err = p.remove(op, e, c)
			}
		}
	}
	if err != nil {
		return err
	}
	if c == nil {
		c = p.same(op, sel.named())
	}
	c.Notes = append(c.Notes, stay...)
	return nil
}

// ensures reports whether an op of the commit is about an object, also in what of its
// key may be left out.
func (p *planner) ensures(op *builtins.Op, e *state.Entry) bool {
	s := wire.NewSet(op.Object.Table)
	return op.Set(s) == nil && p.resolvedThen(s) == nil && state.Matches(p.canon(op.Object, s), e)
}

// ensured reports whether an op before ensures an object.
func (p *planner) ensured(e *state.Entry) bool {
	first := p.wantedBy(e)
	return first != nil && p.ensures(first, e)
}

// absentAll refuses a commit that makes what it says shall not be.
func (p *planner) absentAll() error {
	for _, x := range p.plan.want {
		if x.sel == nil || !x.sel.open {
			continue
		}
		for _, e := range x.sel.in(p.st) {
			if !x.sel.stays(e) {
				return opError(x.op, fmt.Errorf("shall not be there, and this commit makes %s", titleOf(e.Object, e.Set(), p.st.Names)))
			}
		}
	}
	return nil
}
