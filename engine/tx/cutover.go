package tx

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A cut-over gives a routing table other routes so that each look-up sees all
// old ones or all new ones (KERNEL.md F). rtnetlink changes routes one by one,
// but which table a look-up uses is one rule:
//
//	fresh table:  what the kernel has in the old one | the new routes | unreachable
//	--- a rule to it, just in front of the one that leads to the old table
//	old table:    what is too much goes, what is new comes; nobody looks it up
//	--- the rule goes
//	fresh table:  emptied
//
// The last route of the fresh table keeps look-ups that find nothing from going
// on to the old one. Families have rules of their own, and switch one after the
// other. Where only next hops behind an id change, replacing that one object is
// the instant, and no route is touched.

// freshTable is where tables for cut-overs are looked for.
const freshTable = 0x4e4c0000

// freshTables is how many are looked at.
const freshTables = 256

// lastMetric is behind all routes that are meant to be used.
const lastMetric = 1<<32 - 1

// A newRoute is a route of a cut-over.
type newRoute struct {
	op   *builtins.Op
	set  *wire.Set // as sent to the old table
	want *wire.Set // as the kernel will report it
	key  string
	old  *state.Entry // in the place of which it is put; nil: none
}

// A switching is the cut-over of one family.
type switching struct {
	p      *planner
	op     *builtins.Op
	family uint64
	table  uint32
	stay   []*state.Entry // of the kernel, or of a daemon
	old    []*state.Entry // what goes, or is to be compared
	new    []newRoute

	drop   []*state.Entry // of old
	make   []newRoute
	fresh  uint32          // the table beside
	rule   *wire.Set       // that leads to it
	used   map[string]bool // keys in it
	filled []newRoute      // what is in it, in order
}

// cutover plans a cut-over.
func (p *planner) cutover(op *builtins.Op) error {
	for _, c := range p.plan.Changes {
		if c.Action != Same && (c.Object == rtnl.Link || c.Object == rtnl.Addr) {
			return fmt.Errorf("%s changes before it in the same commit, and with it routes of the kernel; put the cutover into a commit behind", c.Title())
		}
	}
	if op.Cutover.Table == unix.RT_TABLE_LOCAL {
		return errors.New("the table local is the kernel's")
	}
	routes, err := p.newRoutes(op)
	if err != nil {
		return err
	}
	replaced, err := p.newNexthops(op)
	if err != nil {
		return err
	}
	for _, family := range []uint64{unix.AF_INET, unix.AF_INET6} {
		s := &switching{p: p, op: op, family: family, table: op.Cutover.Table, used: map[string]bool{}}
		for _, r := range routes {
			if r.want.Uint("family") == family {
				s.new = append(s.new, r)
			}
		}
		if len(s.new) == 0 {
			continue
		}
		if err := s.compare(); err != nil {
			return err
		}
		if len(s.drop)+len(s.make) == 0 {
			continue
		}
		if replaced != nil {
			return fmt.Errorf("%s changes, and routes do too, which is not one instant: give what is new an id of its own", Title(replaced))
		}
		if err := s.plan(); err != nil {
			return err
		}
	}
	return nil
}

// newRoutes reads the routes of a cut-over. Those that name no table, which is
// main, are of the one that is cut over.
func (p *planner) newRoutes(op *builtins.Op) ([]newRoute, error) {
	var l []newRoute
	for _, r := range op.Cutover.Routes {
		set := wire.NewSet(rtnl.Route.Table)
		err := r.Set(set)
		if t := uint32(set.Uint("table")); err == nil && t != unix.RT_TABLE_MAIN && t != op.Cutover.Table {
			err = wire.At("table", fmt.Errorf("the cutover is of table %s", op.Cutover.TableText()))
		}
		if f := set.Uint("family"); err == nil && f != unix.AF_INET && f != unix.AF_INET6 {
			err = wire.At("family", errors.New("only IPv4 and IPv6 have rules, by which a cutover works"))
		}
		if err == nil && set.Uint("type") == unix.RTN_THROW {
			err = wire.At("type", errors.New("throw goes on to the next rule, which is that of the old routes"))
		}
		if err == nil {
			err = p.st.Resolve(set)
		}
		if err != nil {
			return nil, opError(r, err)
		}
		set.PutName("table", wire.IntVal(uint64(op.Cutover.Table)))
		n := newRoute{op: r, set: set, want: canon(rtnl.Route, set)}
		n.key = state.KeyOf(rtnl.Route, n.want)
		twice := p.seen["route\x00"+n.key] != nil
		if err := p.contradicts(r, "route\x00"+n.key, func(*builtins.Op) bool { return false }); err != nil || twice {
			return nil, opError(r, err)
		}
		l = append(l, n)
	}
	return l, nil
}

// newNexthops plans the next hops of a cut-over and returns the one that
// changes while routes use it, nil when all are new or as they were.
func (p *planner) newNexthops(op *builtins.Op) (replaced *builtins.Op, err error) {
	for _, h := range op.Cutover.Nexthops {
		n := len(p.plan.Changes)
		if err := p.op(h); err != nil {
			return nil, opError(h, err)
		}
		for _, c := range p.plan.Changes[n:] {
			switch {
			case c.Action != Modify:
			case len(c.With) > 0:
				return nil, opError(h, errors.New("cannot be replaced where it is, and its routes would go with it: give what is new an id of its own"))
			case replaced != nil:
				return nil, opError(h, fmt.Errorf("changes, and %s does too, which is not one instant: give what is new an id of its own", Title(replaced)))
			default:
				replaced = h
			}
		}
	}
	return replaced, nil
}

// compare finds what the table has and what of it stays, goes and comes.
func (s *switching) compare() error {
	p := s.p
	if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Route, Family: uint8(s.family), Table: s.table}, state.Scope{Object: rtnl.Rule}); err != nil {
		return err
	}
	byKey := map[string][]*state.Entry{}
	for _, e := range p.st.All(rtnl.Route) {
		switch {
		case !s.has(e.Set()):
		case e.Foreign():
			s.stay = append(s.stay, e)
			byKey[e.Key] = append(byKey[e.Key], e)
		default:
			s.old = append(s.old, e)
			byKey[e.Key] = append(byKey[e.Key], e)
		}
	}
	slices.SortStableFunc(s.stay, func(a, b *state.Entry) int { return compareStaying(a.Set(), b.Set()) })
	keep := map[*state.Entry]bool{}
	for _, n := range s.new {
		p.expect(&expect{op: n.op, object: rtnl.Route, key: n.key, set: n.want, mode: state.Whole})
		have := byKey[n.key]
		var deltas []state.Delta
		for i, e := range have {
			if e.Foreign() {
				return opError(n.op, fmt.Errorf("belongs to the kernel or a daemon (%s) and is not replaced", ownerOf(e)))
			}
			if d := state.Diff(rtnl.Route, n.want, e.Set(), state.Whole); i == 0 || len(d) < len(deltas) {
				deltas = d
			}
		}
		switch {
		case len(have) == 0:
			p.change(&Change{Action: Create, Op: n.op, Object: rtnl.Route, set: n.want})
		case len(have) == 1 && len(deltas) == 0:
			keep[have[0]] = true
			p.same(n.op, n.want)
			continue
		case len(have) == 1 && replaceable(rtnl.Route, n.want, have[0].Set(), deltas):
			keep[have[0]], n.old = true, have[0]
			p.change(&Change{Action: Modify, Op: n.op, Object: rtnl.Route, Deltas: deltas, set: n.want})
		default:
			c := p.change(&Change{Action: Modify, Op: n.op, Object: rtnl.Route, Deltas: deltas, set: n.want})
			if len(have) > 1 {
				c.Notes = append(c.Notes, "others with this key go")
			}
		}
		s.make = append(s.make, n)
	}
	wanted := map[string]bool{}
	for _, n := range s.new {
		wanted[n.key] = true
	}
	p.rosters = append(p.rosters, roster{s.op, rtnl.Route, func(e *state.Entry) bool { return s.has(e.Set()) && !e.Foreign() && !wanted[e.Key] }})
	for _, e := range s.old {
		if keep[e] {
			continue
		}
		s.drop = append(s.drop, e)
		if !wanted[e.Key] {
			if by := p.wantedBy(e); by != nil {
				return fmt.Errorf("%s is not among the routes, but wanted by %s", titleOf(e.Object, e.Set(), p.st.Names), where(by))
			}
			p.change(&Change{Action: Remove, Op: s.op, Object: rtnl.Route, set: e.Set()})
			p.expect(&expect{op: s.op, object: rtnl.Route, key: e.Key, mode: state.Whole})
		}
	}
	return nil
}

// has reports whether a route is in the table and of the family.
func (s *switching) has(route *wire.Set) bool {
	return route.Uint("family") == s.family && route.Uint("table") == uint64(s.table) && route.Uint("cloned") == 0
}

// compareStaying orders what stays in the table: gateways are looked for in it, so
// routes without come first. The order of a dump is not that of a plan.
func compareStaying(a, b *wire.Set) int {
	x, _ := a.Get("dst")
	y, _ := b.Get("dst")
	return cmp.Or(
		place(a.Has("via"))-place(b.Has("via")),
		x.A.Compare(y.A), cmp.Compare(x.N, y.N),
		cmp.Compare(a.Uint("metric"), b.Uint("metric")), cmp.Compare(a.Uint("dev"), b.Uint("dev")),
	)
}

// plan plans the steps of one family.
func (s *switching) plan() error {
	lead, err := s.lead()
	if err != nil {
		return err
	}
	c := s.p.change(&Change{Action: Cut, Op: s.op})
	lost := slices.Clone(s.drop)
	for _, n := range s.make {
		if n.old != nil {
			lost = append(lost, n.old)
		}
	}
	if err := s.p.loses(nil, lost...); err != nil {
		return err
	}
	s.p.remark(c)
	if lead == nil {
		c.text = fmt.Sprintf("%s, one by one: no rule leads to the table", s.familyText())
		return s.rewrite()
	}
	if err := s.fits(lead); err != nil {
		return err
	}
	if err := s.pickTable(); err != nil {
		return err
	}
	s.front(lead)
	s.p.plan.cuts = append(s.p.plan.cuts, &cut{s.family, s.table, s.fresh, s.rule})
	c.text = fmt.Sprintf("%s, at one instant; %s", s.familyText(), s.staying())
	c.Notes = append(c.Notes, fmt.Sprintf("by table %d and a rule of priority %d, which go again", s.fresh, s.rule.Uint("priority")))
	if s.family == unix.AF_INET6 && slices.ContainsFunc(s.p.st.All(rtnl.Link), s.p.rises) {
		c.Notes = append(c.Notes, "routes to the link-local addresses of devices that come up in this script are known when it runs, and stay too")
	}
	for _, f := range []func() error{s.fill, s.enter, s.rewrite, s.leave, s.empty} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// rises reports whether a link has come up in the script.
func (p *planner) rises(e *state.Entry) bool {
	was := p.st.Held(rtnl.Link, e.Key)
	return e.Set().Uint("up") != 0 && (len(was) == 0 || was[0].Set().Uint("up") == 0)
}

func (s *switching) familyText() string {
	f := rtnl.Route.Table.Row("family")
	return f.Text(wire.IntVal(s.family), nil)
}

func (s *switching) staying() string {
	if len(s.stay) == 1 {
		return "1 route of the kernel stays"
	}
	return fmt.Sprintf("%d routes of the kernel stay", len(s.stay))
}

// fill makes the fresh table: gateways are looked for in it, so the routes of
// the kernel come first.
func (s *switching) fill() error {
	first := true
	add := func(op *builtins.Op, set *wire.Set) error {
		set.PutName("table", wire.IntVal(uint64(s.fresh)))
		key := state.KeyOf(rtnl.Route, canon(rtnl.Route, set))
		flags := uint16(unix.NLM_F_CREATE | unix.NLM_F_EXCL)
		if s.used[key] { // several devices have fe80::/64
			flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND
		}
		if !s.used[key] {
			s.used[key] = true
			s.p.plan.touch.key(rtnl.Route, key)
			s.p.expect(&expect{op: s.op, object: rtnl.Route, key: key, mode: state.Whole})
		}
		err := s.message(op, rtnl.Route, rtnl.Route.New, flags, set, first && s.p.mild)
		s.p.await(rtnl.Route, set)
		s.filled = append(s.filled, newRoute{op: op, set: set})
		first = false
		return err
	}
	for _, e := range s.old { // they come to the fresh table when this is undone
		set := e.Set().Clone()
		set.PutName("table", wire.IntVal(uint64(s.fresh)))
		s.p.plan.touch.key(rtnl.Route, state.KeyOf(rtnl.Route, set))
	}
	for _, e := range s.stay {
		set := Writable(e.Set())
		set.PutName("protocol", wire.IntVal(unix.RTPROT_STATIC)) // or nobody would remove it
		if err := add(s.op, set); err != nil {
			return err
		}
	}
	for _, n := range s.new {
		if err := add(n.op, n.set.Clone()); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(s.filled, func(n newRoute) bool { return endsAll(n.set) }) {
		return nil // one of the new routes ends all look-ups
	}
	return add(s.op, unreachable(s.family, s.fresh))
}

// enter and leave are the two instants.
func (s *switching) enter() error {
	key := state.KeyOf(rtnl.Rule, canon(rtnl.Rule, s.rule))
	s.p.plan.touch.key(rtnl.Rule, key)
	s.p.expect(&expect{op: s.op, object: rtnl.Rule, key: key, mode: state.Whole})
	return s.message(s.op, rtnl.Rule, rtnl.Rule.New, unix.NLM_F_CREATE|unix.NLM_F_EXCL, s.rule, true)
}

func (s *switching) leave() error {
	return s.message(s.op, rtnl.Rule, rtnl.Rule.Del, 0, s.rule, true)
}

// rewrite makes the old table as it shall be, while nobody looks it up.
func (s *switching) rewrite() error {
	p := s.p
	fence := true
	for _, e := range s.drop {
		p.plan.touch.key(e.Object, e.Key)
		msg, rel, err := p.deletion(e)
		if err != nil {
			return err
		}
		p.step(Step{Op: s.op, Object: rtnl.Route, Msg: msg, Rel: rel, Fence: fence})
		p.st.Remove(e)
		fence = false
	}
	for _, n := range s.make {
		p.plan.touch.key(rtnl.Route, n.key)
		flags := uint16(unix.NLM_F_CREATE | unix.NLM_F_EXCL)
		if n.old != nil {
			flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
		}
		if err := s.message(n.op, rtnl.Route, rtnl.Route.New, flags, n.set, fence); err != nil {
			return err
		}
		p.await(rtnl.Route, n.want)
		if n.old != nil {
			p.st.Change(n.old, n.want)
		} else {
			p.st.Add(rtnl.Route, n.want)
		}
		fence = false
	}
	p.mild = false
	return nil
}

// empty removes what fill made.
func (s *switching) empty() error {
	fence := true
	for _, f := range slices.Backward(s.filled) {
		if err := s.message(f.op, rtnl.Route, rtnl.Route.Del, 0, f.set, fence); err != nil {
			return err
		}
		fence = false
	}
	s.p.mild = false
	return nil
}

// message adds a step.
func (s *switching) message(op *builtins.Op, o *wire.Object, typ, flags uint16, set *wire.Set, fence bool) error {
	msg, rel, err := s.p.build(o, typ, flags, set)
	if err != nil {
		return err
	}
	s.p.step(Step{Op: op, Object: o, Msg: msg, Rel: rel, Fence: fence})
	return nil
}
