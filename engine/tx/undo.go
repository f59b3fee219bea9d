package tx

import (
	"context"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// rounds bounds undo: what comes back with a round (link-local addresses,
// connected routes) or had to wait for it is left to the next.
const rounds = 6

// undo makes everything in the touch set as it was, by the difference between
// the state now and the state before, and verifies by reading again. undone
// counts messages that took effect.
func (p *Plan) undo(ctx context.Context, k Kernel) (undone int, left []Residue, err error) {
	p.st.From(Source{k.Conn})
	if k.Mon != nil {
		k.Mon.release(p)
	}
	undone, unwritten, err := p.undoSysctls(ctx, k)
	if err != nil {
		return undone, left, err
	}
	if err := p.shadow(ctx, k); err != nil {
		return undone, left, err
	}
	refused, gone := map[orderKey]string{}, deleted{}
	end := rounds
	wait := func(u undoer) (again bool, err error) {
		devs := u.carriers()
		if len(devs) == 0 || end > rounds {
			return false, nil
		}
		end += 2 // rounds with carrier, once
		return true, waitCarrier(ctx, k, devs)
	}
	ordered, disordered := false, []Residue(nil)
	goesOn := func(u undoer, round int) (again bool, err error) {
		if again, err = wait(u); again || err != nil || ordered {
			return again, err
		}
		ordered, end = true, round+rounds // once
		n, l, err := u.portsInOrder(ctx, k)
		undone, disordered = undone+n, l
		return n > 0, err
	}
	for round := 0; ; round++ {
		n, unset, err := p.undoSettings(ctx, k, unwritten)
		if undone, left = undone+n, unset; err != nil {
			return undone, left, err
		}
		now, err := p.st.Again(ctx, p.tellsUndo(gone))
		if err == nil && k.Mon != nil {
			// Also what was written over by the last round: it comes with this one.
			err = k.Mon.keep(p, round > 0)
		}
		if err != nil {
			return undone, left, err
		}
		if round == 0 {
			p.concede(now)
			undone += p.statesBack(k, now)
		}
		u := undoer{plan: p, now: now, refused: refused}
		u.diff()
		if len(u.steps) == 0 || round >= end {
			switch again, err := goesOn(u, round); {
			case err != nil:
				return undone, left, err
			case again:
				continue
			}
			left = append(append(left, u.residues()...), disordered...)
			if k.sweep == 1 {
				left = append(left, u.unsettled()...)
			}
			more, err := u.missing(ctx, left)
			return undone, append(left, more...), err
		}
		if round > 0 || k.sweep > 1 { // the addresses are there again
			for src := range u.sources {
				if err := waitDAD(ctx, k, src); err != nil {
					return undone, left, err
				}
			}
		}
		u.restores()
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
		gone.note(u.steps, refused)
		if !progress {
			u = undoer{plan: p, now: now, refused: refused}
			u.diff() // with what the kernel said
			switch again, err := goesOn(u, round); {
			case err != nil:
				return undone, left, err
			case again:
				continue
			}
			if n, err := u.byWays(ctx, k); n > 0 || err != nil {
				if undone += n; err != nil {
					return undone, left, err
				}
				continue
			}
			left = append(append(left, u.residues()...), disordered...)
			more, err := u.missing(ctx, left)
			return undone, append(left, more...), err
		}
	}
}

// An undoStep is one message of an undo, and what to try when it is refused:
// the same in smaller pieces.
type undoStep struct {
	about orderKey
	msg   []byte
	alt   [][]byte
	del   bool // it deletes
	alone bool // the next may need it
	late  bool // nothing comes behind it but its like

	// Of objects that one message may make several of: what this one says.
	object *wire.Object
	typ    uint16
	set    *wire.Set
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
func sendUndo(k Kernel, steps []undoStep, refused map[orderKey]string) (ok int, err error) {
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
		if about := steps[i].about; refused[about] == "" { // what comes after follows from it
			refused[about] = (&KernelError{Errno: r.Errno, Message: r.Message}).Text()
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
	left  []leftover

	refused map[orderKey]string // what the kernel said to earlier rounds
	made    map[uint32]bool     // links that come with another: peers of veths
	named   map[uint32]bool     // links that get their name back
	joins   []portJoin          // that are still to be sent
	sources map[netip.Addr]bool // that routes to be made prefer
	moved   map[orderKey]bool   // not in the touch set; they only make way
}

// objects in the order in which they can be made.
func byRank() []*wire.Object {
	l := slices.Clone(rtnl.Objects)
	slices.SortStableFunc(l, func(a, b *wire.Object) int { return a.Rank - b.Rank })
	return l
}

func (u *undoer) diff() {
	objs, age := byRank(), u.plan.age()
	strangers := u.strangers()
	again := u.outOfOrder(strangers)
	u.classesInTheWay(again)
	u.moved = map[orderKey]bool{}
	diffs := make([]map[string]pair, len(objs))
	keys := make([][]string, len(objs))
	collect := func(i int, o *wire.Object) {
		diffs[i], keys[i] = map[string]pair{}, nil
		add := func(e *state.Entry, was bool) {
			if !u.plan.touch.has(e) && !again[orderKey{o, e.Key}] {
				return
			}
			id := state.ID(e)
			if u.passesOver(e, was, len(diffs[i][id].was) > 0) {
				return
			}
			if !was && o == rtnl.Link && u.plan.arrived[e.Name()] && !u.home(e) {
				return // it belongs elsewhere, and could not be brought back
			}
			if !was && !u.plan.st.Covers(e) {
				return // it is not known what was there before
			}
			d, seen := diffs[i][id]
			if !seen {
				keys[i] = append(keys[i], id)
			}
			if was {
				d.was = append(d.was, e)
			} else {
				d.is = append(d.is, e)
			}
			diffs[i][id] = d
		}
		for _, e := range u.plan.st.Before(o) {
			if e = e.Aged(age); e != nil {
				add(e, true)
			}
		}
		for _, e := range u.now.All(o) {
			add(e, false)
		}
		if o.Table.Options {
			u.options(o, diffs[i])
		}
		u.onlyFirst(o, diffs[i])
		for k, d := range diffs[i] {
			if u.theirs(o, d) || u.notOurs(o, d) || u.moved[d.key(o)] {
				diffs[i][k] = pair{d.is, d.is}
			}
		}
	}
	for i, o := range objs {
		collect(i, o)
		for o.Hits != nil && u.inTheWay(o, diffs[i], again) {
			collect(i, o)
		}
	}
	// What is too much goes, the highest rank first; then what is missing or
	// different comes, the lowest first.
	for i := len(objs) - 1; i >= 0; i-- {
		var goes []*state.Entry
		for _, k := range u.leaving(objs[i], keys[i]) {
			d := diffs[i][k]
			if objs[i].Table.Options || objs[i].Patch && len(d.was) > 0 && !u.another(d) {
				continue
			}
			l := slices.Clone(gone(objs[i], d, again))
			slices.Reverse(l)
			goes = append(goes, l...)
		}
		if objs[i].Hits != nil {
			goes = u.inOrderNow(objs[i], goes)
		}
		for _, e := range goes {
			u.residue(objs[i], nil, e)
			u.message(objs[i], objs[i].Del, 0, deletionSet(e))
			u.dropNetwork(e)
			u.keeps(e, strangers)
		}
	}
	for i, o := range objs {
		var comes []*state.Entry
		for _, k := range u.inOrder(o, keys[i]) {
			d := diffs[i][k]
			redo := again[d.key(o)]
			switch {
			case sameList(o, d.was, d.is) && !redo:
			case u.another(d): // goes first, comes with the next round
			case o.Table.Options:
				u.setOptions(o, d.was[0], d.is[0])
			case o.Patch && len(d.is) > 0 && len(d.was) > 0:
				u.patch(o, d.was[0], d.is[0])
			case len(d.was) < len(d.is) && len(surplus(o, d.was, d.is)) == len(d.is)-len(d.was) && !redo:
				// Deleting the surplus is all there is to do.
			case o.Hits != nil:
				comes = append(comes, d.was...)
			default:
				for j, e := range d.was {
					flags := addFlags(o, e.Set())
					if o.Learned && flags&unix.NLM_F_APPEND == 0 {
						// One may be there that was learned, and counts as none.
						flags = o.AddFlags(unix.NLM_F_CREATE | unix.NLM_F_REPLACE)
					}
					if j > 0 {
						flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND
					}
					if keep(o, d.was, d.is) && !redo {
						flags = o.AddFlags(unix.NLM_F_CREATE | unix.NLM_F_REPLACE)
					}
					u.create(o, e, flags, d.is)
				}
			}
		}
		if len(comes) > 0 {
			u.makeInOrder(o, comes, diffs[i])
		}
		if o == rtnl.Link {
			u.joinPorts()
		}
	}
	u.join()
	if isLate := func(s undoStep) bool { return s.late }; slices.ContainsFunc(u.steps, isLate) {
		slices.SortStableFunc(u.steps, func(a, b undoStep) int { return place(b.late) - place(a.late) })
	}
}

// passesOver reports whether an object that was there, or is, is the kernel's or a daemon's
// and no business of the undo's; beside says that there was one like it before.
func (u *undoer) passesOver(e *state.Entry, was, beside bool) bool {
	switch {
	case !e.Foreign(), u.moved[orderKey{e.Object, e.Key}], was && u.ousted(e), !was && u.unbidden(e):
		return false
	case !u.plan.touch.ours(e):
		return true
	}
	return !was && !beside && !(e.Object == rtnl.Rule && u.plan.touch.keys[rtnl.Rule][e.Key]) // no kernel makes a rule that was named
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

// gone is what of a key has to go: all of it where the order is to be made again.
func gone(o *wire.Object, d pair, again map[orderKey]bool) []*state.Entry {
	switch {
	case again[d.key(o)]:
		return d.is
	case sameList(o, d.was, d.is), keep(o, d.was, d.is):
		return nil
	}
	return surplus(o, d.was, d.is)
}

// surplus is what of is has to go so that was is left; all of it when their
// order differs too.
func surplus(o *wire.Object, was, is []*state.Entry) []*state.Entry {
	var extra []*state.Entry
	i := 0
	for _, e := range is {
		if i < len(was) && unchanged(o, was[i], e) {
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
		replaceable(o, was[0].Set(), is[0].Set(), state.Diff(o, was[0].Set(), is[0].Set(), state.Exact))
}

// sameList reports whether the objects of one key are as they were, in order.
func sameList(o *wire.Object, was, is []*state.Entry) bool {
	return slices.EqualFunc(was, is, func(a, b *state.Entry) bool {
		return unchanged(o, a, b)
	})
}

// unchanged reports whether an object is as it was, which has aged as it should.
func unchanged(o *wire.Object, was, is *state.Entry) bool {
	return len(state.Diff(o, was.Set(), is.Set(), state.Exact)) == 0 && !state.Cut(was.Set(), is.Set())
}

func (u *undoer) create(o *wire.Object, e *state.Entry, flags uint16, is []*state.Entry) {
	var now *state.Entry
	if len(is) > 0 {
		now = is[0]
	}
	u.residue(o, e, now)
	if o == rtnl.Link && u.plan.gone[e.Index()] {
		return // it is in another namespace
	}
	s := Writable(e.Set())
	if src, ok := sourceOf(o, s); ok {
		if u.sources == nil {
			u.sources = map[netip.Addr]bool{}
		}
		u.sources[src] = true
	}
	if o != rtnl.Link {
		u.message(o, o.New, flags, s)
		if o.Learned && flags&unix.NLM_F_REPLACE != 0 && len(u.steps) > 0 { // which not all devices take (macvlan_fdb_add)
			last := &u.steps[len(u.steps)-1]
			last.alt = append(last.alt, u.encode(o, o.New, addFlags(o, s), s)...)
		}
		return
	}
	u.plan.stir(e.Name())
	u.joinsLater(s, wire.NewSet(s.Table), e)
	if u.made[e.Index()] {
		u.complete(e)
		return
	}
	unbond(s, e)
	if s = u.withPeer(s); s == nil {
		return // half of a veth cannot be made
	}
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

// message adds a step.
func (u *undoer) message(o *wire.Object, typ, flags uint16, s *wire.Set) {
	for _, msg := range u.encode(o, typ, flags, s) {
		step := undoStep{about: u.left[len(u.left)-1].about(), msg: msg, del: typ == o.Del, alone: o.Rank <= rtnl.Nexthop.Rank, late: beside(o, s)}
		if o.Join != nil {
			step.object, step.typ, step.set = o, typ, s
		}
		u.steps = append(u.steps, step)
	}
}

// encode writes a message; what cannot be written is told as residue.
func (u *undoer) encode(o *wire.Object, typ, flags uint16, s *wire.Set) [][]byte {
	u.arena.Chunk = 1 << 16
	if o == rtnl.Link && o.Finish(s, o.Verb("change")) != nil { // words that go along with others
		return nil
	}
	if o.Append(&u.arena, typ, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags, s) != nil {
		return nil
	}
	msg, _, err := u.arena.Last()
	if err != nil {
		return nil
	}
	return [][]byte{msg}
}
