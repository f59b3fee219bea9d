package tx

import (
	"context"
	"errors"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Space is a network namespace that a commit works in, opened.
type Space struct {
	ID      string          // the same for all places that are this namespace
	Number  int             // tells those of a run apart; 0: the one it works in
	Place   *builtins.Place // nil: that
	Kernel  Kernel          // without Conn: nothing is sent
	State   func() *state.State
	FD      func() int
	Cookie  uint64       // 0 not known
	Missing bool         // it has no name yet: the commit that uses it first gives it one
	Bind    func() error // gives it the name
	Unbind  func() error // closes it and takes its name away, if it has one
}

// Spaces opens network namespaces for the commits of a run.
type Spaces interface {
	// Open opens a place, nil the one the run works in. With create one that is
	// not there is made, without a name.
	Open(p *builtins.Place, create bool) (*Space, error)
	// Beyond finds the namespace that another one calls by a number; nil when it
	// cannot be reached.
	Beyond(from *Space, nsid uint64) (*Space, error)
	// Find finds a namespace by its cookie; nil as above.
	Find(cookie uint64) (*Space, error)
	// Clear removes the file on which a name was about to be mounted.
	Clear(p *builtins.Place)
}

// joint plans the ops of a commit over several namespaces: a planner for each,
// fed in the order written. What they come to is one list of steps.
type joint struct {
	ctx    context.Context
	spaces Spaces
	arena  *wire.Builder
	first  uint32
	whole  bool
	top    *Plan
	list   []*planner
	byID   map[string]*planner
	going  map[*state.Entry]bool // ends of veths that go with the others
}

// Several reports whether ops are for more than the namespace the run works in.
func Several(ops []*builtins.Op) bool {
	for _, op := range ops {
		if op.Place != nil || moves(op) {
			return true
		}
	}
	return false
}

// moves reports whether an op may say in which namespace a link shall be.
func moves(op *builtins.Op) bool {
	if op.Object != rtnl.Link || op.Exact != nil || op.Cutover != nil || op.Absent {
		return false
	}
	set := wire.NewSet(op.Object.Table)
	if op.Set(set) != nil {
		return false
	}
	e, _ := whereOf(set)
	if peer, _ := splitPeer(set); peer != nil && e == nil {
		e, _ = whereOf(peer)
	}
	return e != nil
}

// MakeIn plans ops, each in its namespace; see Make.
func MakeIn(ctx context.Context, spaces Spaces, whole bool, arena *wire.Builder, ops []*builtins.Op, first uint32) (*Plan, error) {
	j := &joint{ctx: ctx, spaces: spaces, arena: arena, first: first, whole: whole, top: &Plan{touch: newTouch()}, byID: map[string]*planner{}, going: map[*state.Entry]bool{}}
	if !Several(ops) {
		return j.one(ops)
	}
	if err := j.begin(ops); err != nil {
		return nil, err
	}
	for i, op := range ops {
		if i&1023 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		p, err := j.at(op.Place, false)
		if err == nil {
			err = p.op(op)
		}
		if err != nil {
			return nil, opError(op, err)
		}
		j.flush(p)
		for _, p := range j.list {
			j.told(p)
		}
	}
	for _, p := range j.list {
		if err := p.end(); err != nil {
			return nil, err
		}
		j.told(p)
	}
	j.top.noteEnds()
	return j.top, nil
}

// told takes over what a planner has added.
func (j *joint) told(p *planner) {
	j.flush(p)
	j.top.Changes = append(j.top.Changes, p.plan.Changes[p.changes:]...)
	p.changes = len(p.plan.Changes)
}

// one plans ops that are all for the namespace the run works in. Others take part
// when what goes there takes something in them along.
func (j *joint) one(ops []*builtins.Op) (*Plan, error) {
	home, err := j.spaces.Open(nil, false)
	if err != nil {
		return nil, err
	}
	st := home.State()
	st.Whole = j.whole
	p := newPlanner(j.ctx, st, home.Kernel.Sys, j.arena, j.first)
	p.alone = j
	if err := p.all(ops); err != nil {
		return nil, err
	}
	if p.joint == nil {
		return p.plan, nil
	}
	j.flush(p)
	j.top.Changes = p.plan.Changes
	return j.top, nil
}

// join makes a planner that was alone the first of the plan.
func (j *joint) join(p *planner, sp *Space) {
	p.joint, p.alone = j, nil
	p.plan.Place, p.plan.space, p.plan.made = sp.Place, sp, sp.Missing
	if sp.Place == nil {
		j.top.st = p.st
	}
	j.byID[sp.ID] = p
	j.list = append(j.list, p)
	j.top.parts = append(j.top.parts, p.plan)
}

// begin opens all namespaces, those that are not there first of all, and notes
// what refers to which link.
func (j *joint) begin(ops []*builtins.Op) error {
	if _, err := j.at(nil, false); err != nil {
		return err
	}
	of := map[*planner][]*builtins.Op{}
	for _, op := range ops {
		p, err := j.at(op.Place, true)
		if err != nil {
			return opError(op, err)
		}
		if of[p] = append(of[p], op); p.plan.made && len(of[p]) == 1 {
			j.create(p, op)
		}
	}
	for _, op := range ops { // where a link shall be, when nothing else is there
		for _, r := range op.Rel {
			if name := rtnl.NetNS(r.Name); name != "" {
				if _, err := j.at(builtins.PlaceOf(name), false); err != nil {
					return opError(op, wire.At("netns", err))
				}
			}
		}
		if err := j.there(op); err != nil {
			return opError(op, err)
		}
	}
	for _, p := range j.list {
		if err := p.begin(of[p]); err != nil {
			return err
		}
	}
	return nil
}

// there notes the links of which an op needs to know the index in another namespace than
// it is in: a master of a link, or of the end of a veth, and one that is renamed. Others
// there may call it by its alternative names.
func (j *joint) there(op *builtins.Op) error {
	if !moves(op) {
		return nil
	}
	p, err := j.at(op.Place, false)
	if err != nil {
		return err
	}
	set := wire.NewSet(op.Object.Table)
	if err := op.Set(set); err != nil {
		return err
	}
	peer, _ := splitPeer(set)
	for _, s := range []*wire.Set{set, peer} {
		if s == nil {
			continue
		}
		to, err := p.elsewhere(s)
		if err != nil {
			return err
		}
		if to == nil {
			continue
		}
		if v, ok := s.Get("master"); ok && v.Type == wire.Name {
			to.refs[v.S] = true
		}
		name, _ := s.Get("name")
		if as := secondName(s); as != "" {
			to.refs[name.S] = true // it may be there already, made by an op before
			name.S = as
		}
		to.alsoCalled(name.S, s)
	}
	return nil
}

// at returns the planner of a place.
func (j *joint) at(place *builtins.Place, create bool) (*planner, error) {
	sp, err := j.spaces.Open(place, create)
	if err != nil {
		return nil, err
	}
	if p := j.byID[sp.ID]; p != nil {
		return p, nil
	}
	if sp.Kernel.Mon != nil {
		if err := sp.Kernel.Mon.forget(); err != nil {
			return nil, err
		}
	}
	st := sp.State()
	st.Whole = j.whole
	p := newPlanner(j.ctx, st, sp.Kernel.Sys, j.arena, j.first)
	j.join(p, sp)
	return p, nil
}

// create plans the namespace itself.
func (j *joint) create(p *planner, first *builtins.Op) {
	op := &builtins.Op{Place: p.plan.Place, NetNS: true, Site: first.Site}
	c := p.change(&Change{Action: Create, Op: op})
	j.top.Changes = append(j.top.Changes, c)
	p.changes = len(p.plan.Changes)
	j.top.Steps = append(j.top.Steps, Step{Op: op, NetNS: p.plan.space, Fence: true, part: p.plan})
}

// netnsOp plans that a namespace shall be there: it is, or the commit makes it
// before all else.
func (p *planner) netnsOp(op *builtins.Op) error {
	if !p.plan.made {
		p.change(&Change{Action: Same, Op: op})
	}
	return nil
}

// flush puts the steps of a planner behind those of the commit so far.
func (j *joint) flush(p *planner) {
	for _, s := range p.plan.Steps[p.flushed:] {
		s.part = p.plan
		j.top.Steps = append(j.top.Steps, s)
	}
	p.flushed = len(p.plan.Steps)
}

// Title names what a step is about, wherever that is.
func (s *Step) Title() string { return titleHere(s.Op) }

// Place is the namespace that a step is sent in; nil: the one the run works in.
func (s *Step) Place() *builtins.Place {
	if s.part == nil {
		return nil
	}
	return s.part.Place
}

// Made lists the namespaces that the commit makes.
func (p *Plan) Made() []*Space {
	var l []*Space
	for _, q := range p.parts {
		if q.made {
			l = append(l, q.space)
		}
	}
	return l
}

// at is the kernel of a part's namespace.
func (k Kernel) at(part *Plan) (Kernel, error) {
	if part == nil || k.Spaces == nil {
		return k, nil
	}
	return k.in(part.Place)
}

// in is the kernel of a namespace, nil the one the run works in.
func (k Kernel) in(p *builtins.Place) (Kernel, error) {
	if k.Spaces == nil {
		if p != nil {
			return k, errSpaces
		}
		return k, nil
	}
	sp, err := k.Spaces.Open(p, false)
	if err != nil {
		return k, err
	}
	in := sp.Kernel
	in.Spaces = k.Spaces
	return in, nil
}

// errSpaces says that ops name namespaces where only one is known.
var errSpaces = errors.New("other network namespaces cannot be reached here")
