package tx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// verify reads the state again and compares what the ops wanted with what is
// there. The last op on a key counts.
func (p *Plan) verify(ctx context.Context, k Kernel) error {
	if p.parts != nil {
		return p.inParts(k, func(p *Plan, k Kernel) error { return p.verify(ctx, k) })
	}
	if err := p.verifySysctls(k.Sys); err != nil {
		return err
	}
	if len(p.want) == 0 && len(p.only) == 0 {
		return nil
	}
	now, err := p.st.Again(ctx, p.tells)
	if err != nil {
		return err
	}
	if err = p.verifyAll(now); err == nil {
		return p.alone(ctx, now)
	}
	if !p.probed() {
		return err
	}
	// A look-up may not show what is there.
	if now, err = p.st.AgainWhole(ctx); err != nil {
		return err
	}
	if err = p.verifyAll(now); err != nil {
		return err
	}
	return p.alone(ctx, now)
}

var errStays = errors.New("is still there")

// tells reports whether what a look-up found after the commit is enough: where a
// route was removed, others of its key may be left that it passes over.
func (p *Plan) tells(sc state.Scope, found []*state.Entry) bool {
	if len(found) > 0 || len(p.st.Held(sc.Object, sc.Key())) == 0 {
		return true
	}
	there, err := p.st.Exists(sc)
	return err == nil && !there
}

func (p *Plan) verifyAll(now *state.State) error {
	last := make(map[string]*expect, len(p.want))
	for _, x := range p.want {
		if x.mode == state.Whole && x.gone == nil && x.sel == nil {
			last[x.object.Name+"\x00"+x.key+"\x00"+x.name] = x
		}
	}
	for _, x := range p.want {
		if x.mode == state.Whole && x.gone == nil && x.sel == nil && last[x.object.Name+"\x00"+x.key+"\x00"+x.name] != x {
			continue
		}
		if err := p.verifyOne(now, x); err != nil {
			return opError(x.op, err)
		}
	}
	return nil
}

func (p *Plan) verifyOne(now *state.State, x *expect) error {
	if x.object == rtnl.Link {
		return p.verifyLink(now, x)
	}
	if x.list != nil {
		return p.holdsList(x, now)
	}
	if x.sel != nil {
		if slices.ContainsFunc(x.sel.in(now), func(e *state.Entry) bool { return !x.sel.stays(e) }) {
			return errStays
		}
		return nil
	}
	found, closest := false, []state.Delta(nil)
	key := p.rekey(now, x)
	for _, e := range now.Find(x.object, key) {
		if x.set != nil && !state.Matches(x.set, e) {
			continue
		}
		if x.set == nil && (byDefault(e) || x.match != nil && !state.Matches(x.match, e)) {
			continue
		}
		if x.gone != nil && len(state.Diff(x.object, x.gone, e.Set(), state.Exact)) > 0 {
			continue
		}
		if x.set == nil {
			return errStays
		}
		d := state.Diff(x.object, p.reindex(now, x.set), e.Set(), x.mode)
		if len(d) == 0 {
			return nil
		}
		if !found || len(d) < len(closest) {
			found, closest = true, d
		}
	}
	if x.set != nil && x.object.Table.Options && !found {
		want := p.reindex(now, x.set)
		if closest = state.Diff(x.object, want, want.Beginning(), x.mode); len(now.VLANsOf(x.object, want)) > 0 {
			found = true
			if len(closest) == 0 {
				return nil
			}
		}
	}
	switch {
	case x.set == nil:
		return nil
	case !found:
		return fmt.Errorf("the kernel took it, but it is not there")
	}
	return notKept(closest[0], now)
}

func notKept(d state.Delta, st *state.State) error {
	return wire.At(d.Path, fmt.Errorf("the kernel took %s, but holds %s", valueText(d.Row, d.After, st), valueText(d.Row, d.Before, st)))
}

func (p *Plan) verifyLink(now *state.State, x *expect) error {
	planned := p.lastOf(x)
	e := now.Link(x.name)
	if v, ok := newName(x); ok {
		e = now.Link(v)
	}
	if planned != nil {
		e = now.Link(planned.Name()) // it may have got other names since
	}
	switch {
	case x.set == nil && e != nil && planned == nil:
		return errStays
	case x.set == nil:
		return nil // or another got its name
	case e == nil:
		if v, _ := x.set.Get("netns_pid"); v.N != 0 || x.set.Has("netns_fd") || x.set.Has("netns") {
			return nil // moved away
		}
		if planned == nil {
			return nil // a later op of the batch removed or renamed it
		}
		return fmt.Errorf("the kernel took it, but it is not there")
	}
	if p.superseded(x, planned) {
		return nil
	}
	for _, d := range state.Diff(x.object, permanentAddress(p.reindex(now, x.set), e.Set()), e.Set(), state.Patch) {
		if d.Row.WO || d.Row.Name == "newname" || d.Row.Name == "name" {
			continue
		}
		return notKept(d, now)
	}
	return nil
}

func newName(x *expect) (string, bool) {
	if x.set == nil {
		return "", false
	}
	v, ok := x.set.Get("newname")
	return v.S, ok
}

// lastOf is what the plan leaves of the link that an op is about, whatever it is called
// then, or what has its name if that is gone; nil: nothing.
func (p *Plan) lastOf(x *expect) *state.Entry {
	if x.key != "" {
		if l := p.st.Find(rtnl.Link, x.key); len(l) > 0 {
			return l[0]
		}
	}
	return p.st.Link(x.name)
}

// superseded reports whether a later op of the batch changed a link that this
// one made or changed, in the same fields: e is what it leaves of it.
func (p *Plan) superseded(x *expect, e *state.Entry) bool {
	if e == nil {
		return true
	}
	deltas := state.Diff(x.object, x.set, e.Set(), state.Patch)
	return len(deltas) > 0 && !slices.ContainsFunc(deltas, func(d state.Delta) bool { return d.Row.WO || p.slips(d, e) })
}

// slips reports whether no op wrote a difference: a port has lost options with the master
// that it had, or with the port that backed it.
func (p *Plan) slips(d state.Delta, e *state.Entry) bool {
	top, _, _ := strings.Cut(d.Path, ".")
	return top == "port" && e.Set().Uint("master") != 0 &&
		!slices.ContainsFunc(p.verbs(e), func(s *wire.Set) bool { return s.Has("master") || s.Has("port") })
}

// reindex gives devices that the plan only knew by name the index they got.
func (p *Plan) reindex(now *state.State, s *wire.Set) *wire.Set {
	changed := false
	s.Devices(func(v *wire.Value) error {
		changed = changed || v.Type == wire.Int && p.moved(now, uint32(v.N)) != uint32(v.N)
		return nil
	})
	if !changed {
		return s
	}
	c := s.Clone()
	c.Devices(func(v *wire.Value) error {
		if v.Type == wire.Int {
			v.N = uint64(p.moved(now, uint32(v.N)))
		}
		return nil
	})
	return c
}

func (p *Plan) moved(now *state.State, index uint32) uint32 {
	if index < FirstIndex {
		return index
	}
	if n := p.st.Names(index); n != "" {
		if e := now.Link(n); e != nil {
			return e.Index()
		}
	}
	return index
}

func (p *Plan) rekey(now *state.State, x *expect) string {
	if x.set == nil {
		return x.key
	}
	if s := p.reindex(now, x.set); s != x.set {
		return state.KeyOf(x.object, s)
	}
	return x.key
}
