package tx

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Residue is an object that undo could not make as it was.
type Residue struct {
	Object *wire.Object
	Title  string
	Text   string // was ..., is ...
	Before *wire.Set
	Now    *wire.Set
}

// rounds bounds undo: what comes back with a round (link-local addresses,
// connected routes) or had to wait for it is left to the next.
const rounds = 6

// undo makes everything in the touch set as it was, by the difference between
// the state now and the state before, and verifies by reading again. undone
// counts messages that took effect.
func (p *Plan) undo(ctx context.Context, k Kernel) (undone int, left []Residue, err error) {
	undone, left = p.undoSysctls(k.Sys)
	for range rounds {
		now, err := p.st.Again(ctx)
		if err != nil {
			return undone, left, err
		}
		u := undoer{plan: p, now: now}
		u.diff()
		if len(u.steps) == 0 {
			break
		}
		progress := false
		for _, s := range u.steps {
			// One at a time: the next may need this one, and a refusal is no end.
			if err := k.Conn.Transact([][]byte{s}, func(_ int, r wire.Reply) {
				if r.Errno == 0 {
					undone++
					progress = true
				}
			}); err != nil {
				return undone, left, err
			}
		}
		if !progress {
			break
		}
	}
	now, err := p.st.Again(ctx)
	if err != nil {
		return undone, left, err
	}
	u := undoer{plan: p, now: now}
	u.diff()
	return undone, append(left, u.left...), nil
}

// undoer collects the messages that lead from now to before, by rank.
type undoer struct {
	plan  *Plan
	now   *state.State
	arena wire.Builder
	steps [][]byte
	left  []Residue
}

// objects in the order in which they can be made.
func byRank() []*wire.Object {
	l := slices.Clone(rtnl.Objects)
	slices.SortStableFunc(l, func(a, b *wire.Object) int { return a.Rank - b.Rank })
	return l
}

func (u *undoer) diff() {
	objs := byRank()
	type pair struct{ was, is []*state.Entry }
	diffs := make([]map[string]pair, len(objs))
	keys := make([][]string, len(objs))
	for i, o := range objs {
		diffs[i] = map[string]pair{}
		add := func(e *state.Entry, was bool) {
			if !u.plan.touch.has(e) || e.Foreign() {
				return
			}
			d, seen := diffs[i][e.Key]
			if !seen {
				keys[i] = append(keys[i], e.Key)
			}
			if was {
				d.was = append(d.was, e)
			} else {
				d.is = append(d.is, e)
			}
			diffs[i][e.Key] = d
		}
		for _, e := range u.plan.st.Before(o) {
			add(e, true)
		}
		for _, e := range u.now.All(o) {
			add(e, false)
		}
	}
	// What is too much goes, the highest rank first; then what is missing or
	// different comes, the lowest first.
	for i := len(objs) - 1; i >= 0; i-- {
		for _, k := range keys[i] {
			d := diffs[i][k]
			if objs[i].Patch && len(d.was) > 0 {
				continue
			}
			if sameList(objs[i], d.was, d.is) {
				continue
			}
			for _, e := range slices.Backward(d.is) {
				if keep(objs[i], d.was, d.is) {
					continue
				}
				u.residue(objs[i], nil, e)
				u.message(objs[i], objs[i].Del, 0, deletionSet(e))
			}
		}
	}
	for i, o := range objs {
		for _, k := range keys[i] {
			d := diffs[i][k]
			switch {
			case sameList(o, d.was, d.is):
			case o.Patch && len(d.is) > 0 && len(d.was) > 0:
				u.patch(o, d.was[0], d.is[0])
			default:
				for j, e := range d.was {
					flags := uint16(unix.NLM_F_CREATE | unix.NLM_F_EXCL)
					if j > 0 {
						flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND
					}
					if keep(o, d.was, d.is) {
						flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
					}
					u.create(o, e, flags, d.is)
				}
			}
		}
	}
}

// keep reports whether an object that differs can be replaced in place instead
// of being deleted and added.
func keep(o *wire.Object, was, is []*state.Entry) bool {
	if len(was) != 1 || len(is) != 1 || o.Replace == nil {
		return false
	}
	for _, d := range state.Diff(o, was[0].Set(), is[0].Set(), state.Exact) {
		if !o.Replace(topRow(o, d)) {
			return false
		}
	}
	return true
}

// sameList reports whether the objects of one key are as they were, in order.
func sameList(o *wire.Object, was, is []*state.Entry) bool {
	return slices.EqualFunc(was, is, func(a, b *state.Entry) bool {
		return len(state.Diff(o, a.Set(), b.Set(), state.Exact)) == 0
	})
}

func (u *undoer) create(o *wire.Object, e *state.Entry, flags uint16, is []*state.Entry) {
	var now *state.Entry
	if len(is) > 0 {
		now = is[0]
	}
	u.residue(o, e, now)
	s := Writable(e.Set())
	if o != rtnl.Link {
		u.message(o, o.New, flags, s)
		return
	}
	s.PutName("index", wire.IntVal(uint64(e.Index())))
	first, rest := splitCreate(s)
	u.message(o, o.New, flags, first)
	if rest != nil {
		for _, part := range splitChange(rest, wire.NewSet(s.Table), true) {
			u.part(part, e.Index())
		}
	}
}

// patch makes a link as it was.
func (u *undoer) patch(o *wire.Object, was, is *state.Entry) {
	u.residue(o, was, is)
	pick := state.Pick(o, was.Set(), is.Set(), state.Exact)
	if was.Name() != is.Name() {
		s := wire.NewSet(o.Table)
		s.PutName("newname", wire.StrVal(was.Name()))
		u.part(linkPart{typ: o.New, set: s}, is.Index())
	}
	up, hadUp := pick.Get("up")
	master := pick.Has("master")
	if master && !(hadUp && pick.Has("up") && !up.True()) && kindOf(u.now, uint32(pick.Uint("master"))) == "bond" {
		down := wire.NewSet(o.Table)
		down.PutName("up", wire.BoolVal(false))
		u.part(linkPart{typ: o.New, set: down}, is.Index())
		pick.PutName("up", wire.BoolVal(was.Set().Uint("up") != 0))
	}
	for _, p := range splitChange(pick, is.Set(), true) {
		u.part(p, is.Index())
	}
}

func (u *undoer) part(p linkPart, index uint32) {
	p.set.PutName("index", wire.IntVal(uint64(index)))
	u.message(rtnl.Link, p.typ, p.flags, p.set)
}

func (u *undoer) message(o *wire.Object, typ, flags uint16, s *wire.Set) {
	u.arena.Chunk = 1 << 16
	if o.Append(&u.arena, typ, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags, s) != nil {
		return // told as residue
	}
	if msg, _, err := u.arena.Last(); err == nil {
		u.steps = append(u.steps, msg)
	}
}

// residue notes a difference, in case it stays.
func (u *undoer) residue(o *wire.Object, was, is *state.Entry) {
	r := Residue{Object: o}
	names := func(i uint32) string {
		if n := u.plan.st.Names(i); n != "" {
			return n
		}
		return u.now.Names(i)
	}
	switch {
	case was == nil:
		r.Now = is.Set()
		r.Title, r.Text = titleOf(o, is.Set(), names), "was not there; is there"
	case is == nil:
		r.Before = was.Set()
		r.Title, r.Text = titleOf(o, was.Set(), names), "was "+short(Writable(was.Set()).Text(names))+"; is gone"
	default:
		r.Before, r.Now = was.Set(), is.Set()
		var d []string
		for _, x := range state.Diff(o, was.Set(), is.Set(), state.Exact) {
			d = append(d, fmt.Sprintf("%s was %s, is %s", x.Path, valueNamed(x.Row, x.After, names), valueNamed(x.Row, x.Before, names)))
		}
		r.Title, r.Text = titleOf(o, was.Set(), names), strings.Join(d, "; ")
	}
	if len(u.left) > 0 && u.left[len(u.left)-1].Title == r.Title {
		return
	}
	u.left = append(u.left, r)
}

func short(s string) string {
	if len(s) > 120 {
		return s[:117] + "..."
	}
	return s
}
