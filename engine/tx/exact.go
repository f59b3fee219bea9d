package tx

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A scope is the part of the objects of a kind that an exact op is about,
// devices by index.
type scope struct {
	object *wire.Object
	rows   *wire.Set
	bounds []builtins.Bounds
}

// scopeOf resolves the scope of an exact op.
func (p *planner) scopeOf(op *builtins.Op) (scope, error) {
	sc := scope{op.Object, op.Exact.Scope.Clone(), op.Exact.Bounds}
	return sc, p.st.Resolve(sc.rows)
}

// loadExact reads the scope of an exact op, before its ops are compared one by
// one. What is on a device that the batch makes is read when it is made.
func (p *planner) loadExact(op *builtins.Op) error {
	sc, err := p.scopeOf(op)
	if u := new(state.UnknownDevice); errors.As(err, &u) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.st.Load(p.ctx, sc.scopes()...)
}

// scopes are what has to be read.
func (sc *scope) scopes() []state.Scope {
	switch sc.object {
	case rtnl.Link:
		return nil
	case rtnl.Addr, rtnl.Neigh, rtnl.FDB:
		return []state.Scope{{Object: sc.object, Dev: uint32(sc.rows.Uint("dev"))}}
	case rtnl.Route:
		var l []state.Scope
		for _, f := range sc.families() {
			l = append(l, state.Scope{Object: sc.object, Family: uint8(f), Table: uint32(sc.rows.Uint("table"))})
		}
		return l
	}
	return []state.Scope{{Object: sc.object}}
}

// families are those of a scope of routes: IPv4 and IPv6, unless one is named.
// Labels are in a table of their own, which has the number of main.
func (sc *scope) families() []uint64 {
	if sc.rows.Has("family") {
		return []uint64{sc.rows.Uint("family")}
	}
	return []uint64{unix.AF_INET, unix.AF_INET6}
}

// outside says what of an object is not as the scope wants it, "" when it lies
// inside. Of what is there a number that is not reported is 0; in an op a key row
// that is not written can be any.
func (sc *scope) outside(s *wire.Set, there bool, names wire.Names) string {
	if sc.object == rtnl.Route && !slices.Contains(sc.families(), s.Uint("family")) {
		return "its family is another"
	}
	for _, e := range sc.rows.Ents {
		if v, _ := s.At(e.F); !v.Equal(e.V) && !(v.Type == wire.None && e.V.Type == wire.Int && e.V.N == 0) {
			return fmt.Sprintf("its %s is %s, not %s", e.F.Label(), valueNamed(e.F, v, names), valueNamed(e.F, e.V, names))
		}
	}
	for _, b := range sc.bounds {
		v, ok := s.At(b.Row)
		switch {
		case !ok && !there && b.Row.Loose:
			return "it has no " + b.Row.Label()
		case v.N < b.Low || v.N > b.High:
			return fmt.Sprintf("its %s is %d, not %d to %d", b.Row.Label(), v.N, b.Low, b.High)
		}
	}
	return ""
}

// exact removes what is in the scope of the op and not among the ops before it.
func (p *planner) exact(op *builtins.Op) error {
	sc, err := p.scopeOf(op)
	if u := new(state.UnknownDevice); errors.As(err, &u) && len(op.Exact.Ops) == 0 {
		return nil // a device that is not there has nothing on it
	}
	if err != nil {
		return err
	}
	if err := p.st.Load(p.ctx, sc.scopes()...); err != nil {
		return err
	}
	p.plan.only = append(p.plan.only, only{op, sc})
	keep := map[string][]*wire.Set{}
	for _, m := range op.Exact.Ops {
		set := wire.NewSet(m.Object.Table)
		if err := m.Set(set); err != nil {
			return err
		}
		if err := p.st.Resolve(set); err != nil {
			return err
		}
		want := p.canon(m.Object, set)
		if why := sc.outside(want, false, p.st.Names); why != "" {
			return fmt.Errorf("%s is outside: %s", Title(m), why)
		}
		for _, want := range p.parts(m.Object, set) {
			key := p.memberKey(m.Object, want)
			keep[key] = append(keep[key], want)
		}
	}
	kept := func(e *state.Entry) bool {
		key := e.Key
		if e.Object == rtnl.Link {
			key = e.Name()
		}
		if len(keep[withoutVLAN(e)]) > 0 {
			return true
		}
		return slices.ContainsFunc(keep[key], func(want *wire.Set) bool { return state.Matches(want, e) })
	}
	surplus := func(e *state.Entry) bool { return sc.holds(e, p.st) && !kept(e) }
	p.rosters = append(p.rosters, roster{op, sc.object, surplus})
	var rest []*state.Entry
	for _, e := range p.st.All(sc.object) {
		if surplus(e) {
			rest = append(rest, e)
		}
	}
	return p.removeRest(op, rest)
}

// A roster is an op that names all there is of a part of the objects of a kind.
type roster struct {
	op      *builtins.Op
	object  *wire.Object
	surplus func(e *state.Entry) bool // lies in that part, and is not named
}

// strays refuses an op of the commit that wants what another one does not name among all
// there is.
func (p *planner) strays() error {
	for _, r := range p.rosters {
		for _, e := range p.st.All(r.object) {
			by := p.wantedBy(e)
			if e.Object == rtnl.Link { // by its name, as a port
				by = p.seen["link\x00"+e.Name()+"\x00master"]
			}
			if by != nil && !looseKey(e.Object) && r.surplus(e) {
				return opError(by, fmt.Errorf("%s at %s names all that shall be there, and not this", Title(r.op), where(r.op)))
			}
		}
	}
	return nil
}

// wantedBy is the op that wants an object by its key, nil when there is none before.
func (p *planner) wantedBy(e *state.Entry) *builtins.Op {
	if first := p.seen[e.Object.Name+"\x00"+e.Key]; first != nil && !first.Absent {
		return first
	}
	return nil
}

// memberKey is what tells the objects of an exact op apart: links by name, the
// index of a new one is not in its op.
func (p *planner) memberKey(o *wire.Object, want *wire.Set) string {
	if o != rtnl.Link {
		return state.KeyOf(o, want)
	}
	name, _ := want.Get("name")
	if e := p.st.Known(name.S); e != nil {
		return e.Name()
	}
	return name.S
}

// removeRest removes objects, what was made last first, groups before their
// members, and addresses so that the kernel takes little with them.
func (p *planner) removeRest(op *builtins.Op, rest []*state.Entry) error {
	if op.Object.Join != nil {
		return p.removeRuns(op, rest)
	}
	if op.Object.Hits != nil {
		return p.removeLevels(rest, func(e *state.Entry) (*Change, error) { return p.surplusChange(op, e) })
	}
	slices.Reverse(rest)
	switch op.Object {
	case rtnl.Nexthop:
		slices.SortStableFunc(rest, func(a, b *state.Entry) int { return place(a.Set().Has("group")) - place(b.Set().Has("group")) })
	case rtnl.FDB:
		slices.SortStableFunc(rest, func(a, b *state.Entry) int { return place(withoutVLAN(a) == "") - place(withoutVLAN(b) == "") })
	case rtnl.Addr:
		at := p.addrPlaces(rest)
		slices.SortStableFunc(rest, func(a, b *state.Entry) int { return at[a] - at[b] })
	}
	for _, e := range rest {
		if e = p.current(e); e == nil {
			continue // it went with another
		}
		var err error
		if e.Object == rtnl.Link {
			err = p.release(op, e)
		} else {
			err = p.surplusGoes(op, e, rest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// current is what has become of an object that was found, nil when it went with another. A
// link may have changed with one: it has lost the port that backs it.
func (p *planner) current(e *state.Entry) *state.Entry {
	l := p.st.Find(e.Object, e.Key)
	switch {
	case slices.Contains(l, e):
		return e
	case e.Object == rtnl.Link && len(l) > 0:
		return l[0]
	}
	return nil
}

// place is a place in an order: what is to go first has the lower.
func place(first bool) int {
	if first {
		return 0
	}
	return 1
}

// surplusGoes removes one object of an exact op's scope.
func (p *planner) surplusGoes(op *builtins.Op, e *state.Entry, rest []*state.Entry) error {
	c, err := p.surplusChange(op, e)
	switch {
	case err != nil:
		return err
	case e.Object == rtnl.Addr && isIPv4(e):
		return p.removeAddr(c.Op, e, c, func(*state.Entry) bool { return true })
	case e.Object == rtnl.FDB && withoutVLAN(e) == "":
		return p.removeFDB(c.Op, e, c, rest)
	}
	return p.remove(c.Op, e, c)
}

// surplusChange plans that an object goes which is not among the ops of an exact.
func (p *planner) surplusChange(op *builtins.Op, e *state.Entry) (*Change, error) {
	gone, err := p.opFor(op, e.Object, Writable(e.Set()))
	if err != nil {
		return nil, err
	}
	gone.Absent = true
	if err := p.notWanted(gone, e); err != nil {
		return nil, err
	}
	p.expect(&expect{op: gone, object: e.Object, key: e.Key, gone: e.Set(), mode: state.Whole})
	return p.change(&Change{Action: Remove, Op: gone, Object: e.Object, set: e.Set()}), nil
}

// notWanted refuses that an exact op removes what another op of the commit wants.
func (p *planner) notWanted(gone *builtins.Op, e *state.Entry) error {
	if looseKey(e.Object) {
		return nil
	}
	if by := p.wantedBy(e); by != nil {
		return fmt.Errorf("%s is not among the ops, but wanted by %s", titleOf(e.Object, e.Set(), p.st.Names), where(by))
	}
	p.seen[e.Object.Name+"\x00"+e.Key] = gone
	return nil
}

// release takes a link from its master.
func (p *planner) release(op *builtins.Op, e *state.Entry) error {
	s := wire.NewSet(rtnl.Link.Table)
	s.PutName("name", wire.StrVal(e.Name()))
	s.PutName("master", wire.IntVal(0))
	free, err := p.opFor(op, rtnl.Link, s)
	if err != nil {
		return err
	}
	if err := p.agree(free, s, e.Name()); err != nil {
		return err
	}
	return p.patchLink(free, s, e)
}

// opFor is an op that an exact op comes to: for plans and errors, it is not sent.
func (p *planner) opFor(op *builtins.Op, o *wire.Object, s *wire.Set) (*builtins.Op, error) {
	msg, rel, err := p.build(o, o.New, o.AddFlags(unix.NLM_F_CREATE|unix.NLM_F_EXCL), s)
	return &builtins.Op{Object: o, Flags: builtins.Shared, Msg: msg, Rel: rel, Site: op.Site, Place: op.Place}, err
}
