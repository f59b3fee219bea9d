package tx

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/nlconn"
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
	p.st.From(Source{k.Conn})
	undone, left = p.undoSysctls(k.Sys)
	refused := map[string]string{}
	for round := 0; ; round++ {
		now, err := p.st.AgainWhole(ctx)
		if err != nil {
			return undone, left, err
		}
		u := undoer{plan: p, now: now, refused: refused}
		u.diff()
		if len(u.steps) == 0 || round == rounds {
			return undone, append(left, u.left...), nil
		}
		if round > 0 { // the addresses are there again
			for src := range u.sources {
				if err := waitDAD(ctx, k, src); err != nil {
					return undone, left, err
				}
			}
		}
		progress := false
		clear(refused)
		for steps := u.steps; len(steps) > 0; {
			n := together(steps, k.Conn.MaxDatagram())
			ok, err := sendUndo(k, steps[:n], refused)
			if err != nil {
				return undone, left, err
			}
			undone += ok
			progress = progress || ok > 0
			steps = steps[n:]
		}
		if !progress {
			u = undoer{plan: p, now: now, refused: refused}
			u.diff() // with what the kernel said
			return undone, append(left, u.left...), nil
		}
	}
}

// Unjudged is what of the residue of later plans this one, undone after them,
// had no part in. The rest it has compared itself, with what was there before it:
// the mtu of a device may be legal again only when that of another is.
func (p *Plan) Unjudged(left []Residue) []Residue {
	return slices.DeleteFunc(left, func(r Residue) bool {
		if r.Object == nil {
			return slices.ContainsFunc(p.sysctls, func(x sysctlImage) bool { return "sysctl "+x.s.Name == r.Title })
		}
		s := r.Before
		if s == nil {
			s = r.Now
		}
		return p.touch.has(state.EntryOf(r.Object, s))
	})
}

// An undoStep is one message of an undo, and what to try when it is refused:
// the same in smaller pieces.
type undoStep struct {
	title string
	msg   []byte
	alt   [][]byte
	alone bool // the next may need it
}

// together is how many of the steps may share a datagram: those that no other
// needs an answer to.
func together(steps []undoStep, size int) int {
	n, bytes := 0, 0
	for n < len(steps) && n < nlconn.Window {
		s := &steps[n]
		bytes += len(s.msg)
		if n > 0 && (s.alone || steps[0].alone || bytes > size) {
			break
		}
		n++
	}
	return n
}

// sendUndo sends steps, one that is refused in smaller pieces: a refusal is no
// end. ok counts the messages that took effect.
func sendUndo(k Kernel, steps []undoStep, refused map[string]string) (ok int, err error) {
	batch := make([][]byte, len(steps))
	for i := range steps {
		batch[i] = steps[i].msg
	}
	ok = len(steps)
	var again [][]byte
	err = k.Conn.Transact(batch, func(i int, r wire.Reply) {
		if r.Errno == 0 {
			return
		}
		ok--
		if title := steps[i].title; refused[title] == "" { // what comes after follows from it
			refused[title] = (&KernelError{Errno: r.Errno, Message: r.Message}).Text()
		}
		again = append(again, steps[i].alt...)
	})
	for _, msg := range again {
		if err != nil {
			break
		}
		err = k.Conn.Transact([][]byte{msg}, func(_ int, r wire.Reply) {
			if r.Errno == 0 {
				ok++
			}
		})
	}
	return ok, err
}

// undoer collects the messages that lead from now to before, by rank.
type undoer struct {
	plan  *Plan
	now   *state.State
	arena wire.Builder
	steps []undoStep
	left  []Residue

	refused map[string]string   // what the kernel said to earlier rounds, by title
	made    map[uint32]bool     // links that come with another: peers of veths
	sources map[netip.Addr]bool // that routes to be made prefer
}

// objects in the order in which they can be made.
func byRank() []*wire.Object {
	l := slices.Clone(rtnl.Objects)
	slices.SortStableFunc(l, func(a, b *wire.Object) int { return a.Rank - b.Rank })
	return l
}

func (u *undoer) diff() {
	objs := byRank()
	again := u.outOfOrder()
	diffs := make([]map[string]pair, len(objs))
	keys := make([][]string, len(objs))
	for i, o := range objs {
		diffs[i] = map[string]pair{}
		add := func(e *state.Entry, was bool) {
			if !u.plan.touch.has(e) && !again[orderKey{o, e.Key}] {
				return
			}
			// What is not ours is neither made nor removed. A link that is, lo,
			// can be changed all the same.
			if e.Foreign() && !(o.Patch && (was || len(diffs[i][e.Key].was) > 0)) {
				return
			}
			if !was && !u.plan.st.Covers(e) {
				return // it is not known what was there before
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
			gone := d.is
			if !again[d.key(objs[i])] {
				if sameList(objs[i], d.was, d.is) || keep(objs[i], d.was, d.is) {
					continue
				}
				gone = surplus(objs[i], d.was, d.is)
			}
			for _, e := range slices.Backward(gone) {
				u.residue(objs[i], nil, e)
				u.message(objs[i], objs[i].Del, 0, deletionSet(e))
			}
		}
	}
	for i, o := range objs {
		for _, k := range u.inOrder(o, keys[i]) {
			d := diffs[i][k]
			redo := again[d.key(o)]
			switch {
			case sameList(o, d.was, d.is) && !redo:
			case o.Patch && len(d.is) > 0 && len(d.was) > 0:
				u.patch(o, d.was[0], d.is[0])
			case len(d.was) < len(d.is) && len(surplus(o, d.was, d.is)) == len(d.is)-len(d.was) && !redo:
				// Deleting the surplus is all there is to do.
			default:
				for j, e := range d.was {
					flags := addFlags(o, e.Set())
					if j > 0 {
						flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND
					}
					if keep(o, d.was, d.is) && !redo {
						flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
					}
					u.create(o, e, flags, d.is)
				}
			}
		}
	}
}

// A pair is what a key held before, and holds now.
type pair struct{ was, is []*state.Entry }

func (d pair) key(o *wire.Object) orderKey {
	if len(d.was) > 0 {
		return orderKey{o, d.was[0].Key}
	}
	if len(d.is) > 0 {
		return orderKey{o, d.is[0].Key}
	}
	return orderKey{}
}

// surplus is what of is has to go so that was is left; all of it when their
// order differs too.
func surplus(o *wire.Object, was, is []*state.Entry) []*state.Entry {
	var extra []*state.Entry
	i := 0
	for _, e := range is {
		if i < len(was) && len(state.Diff(o, was[i].Set(), e.Set(), state.Exact)) == 0 {
			i++
			continue
		}
		extra = append(extra, e)
	}
	if i < len(was) {
		return is
	}
	return extra
}

// keep reports whether an object that differs can be replaced in place instead
// of being deleted and added.
func keep(o *wire.Object, was, is []*state.Entry) bool {
	return len(was) == 1 && len(is) == 1 &&
		replaceable(o, was[0].Set(), state.Diff(o, was[0].Set(), is[0].Set(), state.Exact))
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
	if src, ok := sourceOf(o, s); ok {
		if u.sources == nil {
			u.sources = map[netip.Addr]bool{}
		}
		u.sources[src] = true
	}
	if o != rtnl.Link {
		u.message(o, o.New, flags, s)
		return
	}
	if u.made[e.Index()] {
		return
	}
	s = u.withPeer(s)
	first, rest := splitCreate(s)
	u.message(o, o.New, flags, first)
	if len(u.steps) > 0 {
		// The next round makes the rest as it was.
		u.steps[len(u.steps)-1].alt = u.encode(o, o.New, flags, bare(s))
	}
	if rest != nil {
		u.parts(rest, wire.NewSet(s.Table), e.Index())
	}
}

// bare is what a link cannot be made without, or given later.
func bare(s *wire.Set) *wire.Set {
	b := wire.NewSet(s.Table)
	for _, e := range s.Ents {
		switch f := e.F; {
		case f.Kind == wire.Union && f.Name == "kind":
			kind := wire.NewSet(e.V.Sub.Table)
			for _, k := range e.V.Sub.Ents {
				if k.F.Immutable {
					kind.Put(k.F, k.V)
				}
			}
			b.Put(f, wire.SubVal(kind))
		case f.Immutable && !f.Late || f.Name == "name" || f.Name == "address":
			b.Put(f, e.V)
		}
	}
	return b
}

// withPeer makes a veth with its other end, when that is gone too.
func (u *undoer) withPeer(s *wire.Set) *wire.Set {
	kind, ok := s.Get("kind")
	if !ok || kind.Sub.Table.Row("peer") == nil || s.Has("link_netnsid") {
		return s
	}
	for _, e := range u.plan.st.Before(rtnl.Link) {
		if e.Index() != uint32(s.Uint("link")) || u.now.LinkByIndex(e.Index()) != nil {
			continue
		}
		if u.made == nil {
			u.made = map[uint32]bool{}
		}
		u.made[e.Index()] = true
		row := kind.Sub.Table.Row("peer")
		peer := wire.NewSet(row.Of)
		peer.PutName("name", wire.StrVal(e.Name()))
		peer.PutName("index", wire.IntVal(uint64(e.Index())))
		if v, ok := e.Set().Get("address"); ok {
			peer.PutName("address", v)
		}
		s = s.Clone()
		s.Del("link")
		made := wire.NewSet(kind.Sub.Table)
		made.Put(row, wire.SubVal(peer))
		s.PutName("kind", wire.SubVal(made))
	}
	return s
}

// patch makes a link as it was.
func (u *undoer) patch(o *wire.Object, was, is *state.Entry) {
	u.residue(o, was, is)
	pick := state.Pick(o, was.Set(), is.Set(), state.Exact)
	if was.Name() != is.Name() {
		s := wire.NewSet(o.Table)
		s.PutName("newname", wire.StrVal(was.Name()))
		u.parts(s, is.Set(), is.Index())
	}
	first, joins := wire.NewSet(o.Table), u.toBond(pick)
	if joins {
		// A bond gives a port its own address, and back the one it came with.
		pick.Del("address")
		if v := cameWith(was.Set()); v.Type != wire.None {
			first.PutName("address", v)
		}
	}
	if down := pick.Has("up") && pick.Uint("up") == 0; !down && (joins || needsDown(o, was, is)) {
		first.PutName("up", wire.BoolVal(false))
		pick.PutName("up", wire.BoolVal(was.Set().Uint("up") != 0))
	}
	if len(first.Ents) > 0 {
		u.parts(first, is.Set(), is.Index())
	}
	u.parts(pick, is.Set(), is.Index())
}

// cameWith is the address that a port of a bond had before it was one.
func cameWith(s *wire.Set) wire.Value {
	port, _ := s.Get("port")
	if port.Sub == nil || port.Sub.Table.Row("perm_hwaddr") == nil {
		return wire.Value{}
	}
	v, _ := port.Sub.Get("perm_hwaddr")
	return v
}

func (u *undoer) toBond(pick *wire.Set) bool {
	return pick.Has("master") && kindOf(u.now, uint32(pick.Uint("master"))) == "bond"
}

// needsDown reports whether something that differs can only be changed while
// the link is down.
func needsDown(o *wire.Object, was, is *state.Entry) bool {
	for _, d := range state.Diff(o, was.Set(), is.Set(), state.Exact) {
		if d.Row.Down && is.Set().Uint("up") != 0 {
			return true
		}
	}
	return false
}

// parts sends a link's change in the order that works; each message may be taken
// field by field when it is refused as a whole.
func (u *undoer) parts(pick, have *wire.Set, index uint32) {
	for _, p := range splitChange(pick, have, true) {
		p.set.PutName("index", wire.IntVal(uint64(index)))
		n := len(u.steps)
		u.message(rtnl.Link, p.typ, p.flags, p.set)
		if len(u.steps) == n || len(p.set.Ents) < 2 {
			continue
		}
		for _, one := range singles(p.set) {
			one.PutName("index", wire.IntVal(uint64(index)))
			u.steps[n].alt = append(u.steps[n].alt, u.encode(rtnl.Link, p.typ, p.flags, one)...)
		}
	}
}

// singles divides a set into sets of one field each, those of kinds and ports
// included.
func singles(s *wire.Set) []*wire.Set {
	var l []*wire.Set
	for _, e := range s.Ents {
		if e.F.Name == "index" {
			continue
		}
		if e.F.Kind == wire.Union && len(e.V.Sub.Ents) > 0 {
			for _, k := range e.V.Sub.Ents {
				sub, one := wire.NewSet(e.V.Sub.Table), wire.NewSet(s.Table)
				sub.Put(k.F, k.V)
				one.Put(e.F, wire.SubVal(sub))
				l = append(l, one)
			}
			continue
		}
		one := wire.NewSet(s.Table)
		one.Put(e.F, e.V)
		l = append(l, one)
	}
	return l
}

// message adds a step.
func (u *undoer) message(o *wire.Object, typ, flags uint16, s *wire.Set) {
	for _, msg := range u.encode(o, typ, flags, s) {
		u.steps = append(u.steps, undoStep{title: u.left[len(u.left)-1].Title, msg: msg, alone: o.Rank <= rtnl.Nexthop.Rank})
	}
}

// encode writes a message; what cannot be written is told as residue.
func (u *undoer) encode(o *wire.Object, typ, flags uint16, s *wire.Set) [][]byte {
	u.arena.Chunk = 1 << 16
	if o.Append(&u.arena, typ, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags, s) != nil {
		return nil
	}
	msg, _, err := u.arena.Last()
	if err != nil {
		return nil
	}
	return [][]byte{msg}
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
		if len(d) == 0 {
			d = append(d, "was there in another order")
		}
		r.Title, r.Text = titleOf(o, was.Set(), names), strings.Join(d, "; ")
	}
	if why := u.refused[r.Title]; why != "" {
		r.Text += "  (" + why + ")"
	}
	u.left = append(u.left, r)
}

func short(s string) string {
	if len(s) > 120 {
		return s[:117] + "..."
	}
	return s
}
