package tx

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Which rule a cut-over needs, and where there can be none: one rule in front of
// the only one that leads to the table, which no look-up goes around.

// rules are those of the family, in the order of look-ups.
func (s *switching) rules() []*wire.Set {
	var l []*wire.Set
	for _, e := range s.p.st.All(rtnl.Rule) {
		if e.Set().Uint("family") == s.family {
			l = append(l, e.Set())
		}
	}
	if len(l) == 0 && s.p.sys == nil {
		// Facts that hold no rules mean those of a new namespace.
		l = []*wire.Set{s.lookup(0, unix.RT_TABLE_LOCAL), s.lookup(mainPriority, unix.RT_TABLE_MAIN)}
	}
	slices.SortStableFunc(l, func(a, b *wire.Set) int { return cmp.Compare(a.Uint("priority"), b.Uint("priority")) })
	return l
}

// mainPriority is that of the kernel's rule to the table main.
const mainPriority = 32766

func (s *switching) lookup(priority, table uint64) *wire.Set {
	set := wire.NewSet(rtnl.Rule.Table)
	set.PutName("family", wire.IntVal(s.family))
	set.PutName("type", wire.IntVal(unix.FR_ACT_TO_TBL))
	set.PutName("priority", wire.IntVal(priority))
	set.PutName("table", wire.IntVal(table))
	return set
}

// leadsTo reports whether a rule has a table looked up.
func leadsTo(rule *wire.Set, table uint32) bool {
	return rule.Uint("type") == unix.FR_ACT_TO_TBL && rule.Uint("l3mdev") == 0 && rule.Uint("table") == uint64(table)
}

// lead returns the rule that leads to the table, nil when none does.
func (s *switching) lead() (*wire.Set, error) {
	for _, l := range s.p.st.All(rtnl.Link) {
		kind, _ := l.Set().Get("kind")
		if kind.Sub != nil && kind.Sub.Table.Name == "vrf" && kind.Sub.Uint("table") == uint64(s.table) {
			return nil, fmt.Errorf("table %d is that of the VRF %s: its devices come to it by two ways, in and out, which cannot be switched at one instant", s.table, l.Name())
		}
	}
	var lead *wire.Set
	for _, r := range s.rules() {
		switch {
		case !leadsTo(r, s.table):
		case lead != nil:
			return nil, fmt.Errorf("several rules lead to table %s, of priority %d and %d, which cannot be switched at one instant", s.op.Cutover.TableText(), lead.Uint("priority"), r.Uint("priority"))
		default:
			lead = r
		}
	}
	return lead, nil
}

// fits reports why a rule in front of lead would not be the only way.
func (s *switching) fits(lead *wire.Set) error {
	at := lead.Uint("priority")
	if at == 0 {
		return errors.New("the rule that leads to the table is the first: none can be in front of it")
	}
	if lead.Has("suppress_prefixlength") || lead.Has("suppress_ifgroup") {
		return fmt.Errorf("the rule of priority %d that leads to the table suppresses routes: a look-up would go on from the new ones to the old ones", at)
	}
	before := true
	had, has := s.endless()
	for _, r := range s.rules() {
		priority := r.Uint("priority")
		switch {
		case r.Uint("type") == unix.FR_ACT_GOTO && r.Uint("goto") == at && priority < at:
			return fmt.Errorf("the rule of priority %d goes to that of priority %d, which leads to the table, and would pass one in front of it", priority, at)
		case r.Equal(lead):
			before = false
		case before && priority == at:
			return fmt.Errorf("another rule of priority %d comes before the one that leads to the table, and would come behind one in front of it", at)
		case !before && !(had && has):
			if more, err := s.behind(r); err != nil {
				return err
			} else if more {
				return s.goesOn(r, has)
			}
		}
	}
	return nil
}

// endless reports whether look-ups end in the table, before and after: it has a default
// route.
func (s *switching) endless() (before, after bool) {
	has := func(set *wire.Set) bool {
		dst, _ := set.Get("dst")
		return dst.Type == wire.AnyNet && !set.Has("from_") && set.Uint("tos") == 0 && set.Uint("type") != unix.RTN_THROW
	}
	for _, e := range append(slices.Clone(s.stay), s.old...) {
		before = before || has(e.Set())
	}
	for _, e := range s.stay {
		after = after || has(e.Set())
	}
	for _, n := range s.new {
		after = after || has(n.want)
	}
	return before, after
}

// goesOn refuses a rule to which a look-up that finds nothing goes on: the rule in front
// ends it. With a default route to come only an undo would have it go on.
func (s *switching) goesOn(r *wire.Set, ends bool) error {
	what := "while the table is switched; give it a default route"
	if ends {
		what = "while an undo switches it back: it has no default route now; commit one to it first, without cutover"
	}
	return fmt.Errorf("a look-up that finds nothing in table %s goes on to the rule of priority %d, and would not %s", s.op.Cutover.TableText(), r.Uint("priority"), what)
}

// behind reports whether a look-up that goes on to a rule may find something there.
func (s *switching) behind(r *wire.Set) (bool, error) {
	switch r.Uint("type") {
	case unix.FR_ACT_NOP, unix.FR_ACT_UNREACHABLE:
		return false, nil
	case unix.FR_ACT_TO_TBL:
	default:
		return true, nil
	}
	if r.Uint("l3mdev") != 0 {
		return true, nil
	}
	table := uint32(r.Uint("table"))
	if err := s.p.st.Load(s.p.ctx, state.Scope{Object: rtnl.Route, Family: uint8(s.family), Table: table}); err != nil {
		return false, err
	}
	return s.holds(table), nil
}

// holds reports whether the table has a route.
func (s *switching) holds(table uint32) bool {
	return slices.ContainsFunc(s.p.st.All(rtnl.Route), func(e *state.Entry) bool {
		return e.Set().Uint("family") == s.family && e.Set().Uint("table") == uint64(table)
	})
}

// pickTable finds a table that has no routes and that nothing leads to.
func (s *switching) pickTable() error {
	p := s.p
	for t := uint32(freshTable); t < freshTable+freshTables; t++ {
		taken := slices.ContainsFunc(p.st.All(rtnl.Rule), func(e *state.Entry) bool { return e.Set().Uint("table") == uint64(t) })
		for _, l := range p.st.All(rtnl.Link) {
			kind, _ := l.Set().Get("kind")
			taken = taken || kind.Sub != nil && kind.Sub.Table.Name == "vrf" && kind.Sub.Uint("table") == uint64(t)
		}
		if taken {
			continue
		}
		if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Route, Family: uint8(s.family), Table: t}); err != nil {
			return err
		}
		if !s.holds(t) {
			s.fresh = t
			return nil
		}
	}
	return fmt.Errorf("tables %d to %d are all in use", freshTable, freshTable+freshTables-1)
}

// front makes the rule in front of lead: it selects the same packets.
func (s *switching) front(lead *wire.Set) {
	s.rule = Writable(lead)
	s.rule.Del("protocol")
	s.rule.PutName("priority", wire.IntVal(lead.Uint("priority")-1))
	s.rule.PutName("table", wire.IntVal(uint64(s.fresh)))
}
