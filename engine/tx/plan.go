package tx

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// An Action says what a change does to an object.
type Action byte

const (
	Create Action = '+'
	Modify Action = '~'
	Bounce Action = '!' // down and up again, to change what needs it
	Remove Action = '-'
	Send   Action = '>' // a verb: sent as it is, not compared
	Await  Action = ':' // sends nothing: what follows waits for it
	Cut    Action = '*' // the changes to a table take effect at one instant
	Same   Action = '=' // nothing to do
)

// A Change is what one op comes to.
type Change struct {
	Action Action
	Op     *builtins.Op
	Object *wire.Object   // nil: a sysctl
	Deltas []state.Delta  // Modify, Bounce
	With   []*state.Entry // objects that go with it
	Back   []*state.Entry // of these, the ones put back afterwards
	Notes  []string
	Losses []Loss          // what undo could not bring back
	Place  *builtins.Place // namespace; nil: the one the run works in

	set  *wire.Set // the object: as wanted, or for Remove as it was; nil: Op says
	st   *state.State
	then int    // renamings of links before: names are told as they were
	Old  string // sysctl: the value before
	name string // link that changes, when it is another than the op's subject

	links  []string     // that a verb on a group changes
	before *state.Entry // of an object that is replaced
	text   string       // Cut: how
}

// A Step is one message, or one sysctl, in the order they take effect.
type Step struct {
	Op     *builtins.Op
	Object *wire.Object
	Msg    []byte // devices linked
	Rel    []wire.Reloc
	Fence  bool           // what was sent before must be known to have worked
	Index  string         // the message creates this link with an index assigned by us
	Source netip.Addr     // the route prefers this source, and is the first to
	Wait   *builtins.Wait // sends nothing, but holds back what follows
	Sysctl *builtins.Sysctl
	NetNS  *Space // it gets its name

	refused bool // by the kernel, or /proc/sys

	part *Plan // of a commit over several namespaces; nil: the plan itself
}

// A Plan is what a batch of ops comes to.
type Plan struct {
	Changes []*Change
	Steps   []Step

	st       *state.State
	touch    *touch
	want     []*expect
	only     []only          // scopes of exact ops
	stirred  map[string]bool // links that go and come again, or lose their master and get it again
	ensured  []ensuredSysctl
	sysctls  []sysctlImage
	settings []sysctlImage       // of devices that go, or lose a family
	Place    *builtins.Place     // namespace; nil: the one the run works in
	parts    []*Plan             // of a commit over several namespaces: what it comes to in each, which has the fields above
	moves    []move              // links that change between them
	arrived  map[string]bool     // links that came from another one: they go back, none is removed
	far      map[uint32]farEnd   // of an undo: other ends of veths, by index
	gone     map[uint32]bool     // and those that left
	space    *Space              // it is in, unless it is the only one
	made     bool                // the commit makes the namespace
	undoing  bool                // steps of its undo were sent: names are on their way, and links come and go
	planned  bool                // st is what it leaves; a journal knows only what was before
	lost     []*state.Entry      // links that it changes and that others have removed
	untabled []untabled          // what may go and has no table
	handed   int                 // steps that were sent, the refused ones among them
	cuts     []*cut              // tables that are cut over
	byKey    map[string]*expect  // the last of want for each object; made when needed
	took     map[string]bool     // routes by key that messages took effect on; nil: not known
	taken    time.Duration       // when the state before was read (CLOCK_BOOTTIME); 0 not known
	claims   map[orderKey]*claim // what others were heard to write
	deaf     bool                // announcements were lost: anything may have been written by others
	stale    bool                // others changed what it touches before it was sent
	fates    []fate              // of the steps, when they were sent
	hands    map[orderKey]hand   // whose the objects are that steps were to make; see whose
	top      *Plan               // of a part: what it is part of, which has the steps
	log      *Journal            // that the plan is noted in; nil: none

	// Of VLANs and their options: what the plan gives them, on the way as well, nil when
	// they are gone; and which had what it wants. Of links: what verbs write.
	passed  map[orderKey][]*wire.Set
	reached map[orderKey]bool
}

// State is the state that the plan expects to leave.
func (p *Plan) State() *state.State { return p.st }

// Empty reports whether there is nothing to send.
func (p *Plan) Empty() bool { return !acts(p.Steps) }

// An expect is an object that shall be there, or not, after the commit.
type expect struct {
	op     *builtins.Op
	object *wire.Object
	key    string
	name   string      // links made in the batch: their index is known later
	set    *wire.Set   // nil: shall not be there
	list   []*wire.Set // several with the key, in this order
	gone   *wire.Set   // of several with the key only this one shall not be there
	match  *wire.Set   // what shall not be there has the loose keys of this
	sel    *selection  // and is what this is about
	mode   state.Mode
}

// FirstIndex is where assigned indexes begin: the kernel's own counter does not
// get there (KERNEL.md A1).
const FirstIndex = 1 << 30

// unknownIndex is where indexes begin that a plan gives links whose index the
// kernel picks. They are never sent.
const unknownIndex = 3 << 29

// Sysctls reads and writes /proc/sys in the namespace of a commit.
type Sysctls interface {
	Read(path string) (string, error)
	Write(path, value string) error
}

// planner turns ops into steps against a state that changes as it goes.
type planner struct {
	ctx     context.Context
	st      *state.State
	sys     Sysctls // nil: values are not known
	plan    *Plan
	arena   *wire.Builder
	refs    map[string]bool         // names of devices that ops refer to
	also    map[string][]string     // alternative names, which they may do it by, of links that they make or bring
	becomes map[string]string       // names by those that ops give another one
	had     map[string]uint32       // indexes of links by names that they had before
	follow  map[uint32]int          // links that may get another address with one below: when, see mayForget
	virtual map[uint32]bool         // indexes of links in the state for which the kernel picks one
	next    uint32                  // to assign
	unknown uint32                  // to stand for what the kernel picks
	seen    map[string]*builtins.Op // ensured keys, for contradictions
	rosters []roster                // ops that name all there is of something
	sources map[netip.Addr]bool     // that routes of the batch wait for
	ops     int
	single  bool                    // routes are read one by one
	joint   *joint                  // of a commit over several namespaces
	alone   *joint                  // that it becomes part of when it takes more than one; nil: it cannot
	remarks []string                // for the change that is being planned
	losses  []Loss                  // of it
	onLink  map[netip.Prefix]uint32 // networks by the device that they are on; made when needed
	flushed int                     // steps that joint has
	changes int                     // and changes
	lists   map[string]*list        // by key: several objects
	freed   []*state.Entry          // links, as they were, whose master or backup port went
	shrunk  []*state.Entry          // groups, as they were, that lost next hops
	fading  map[orderKey]bool       // what goes with a carrier, a moment after the message that takes that: it may be there still
	abroad  map[string]uint32       // indexes of links made in other namespaces: "NETNS/NAME"
	mild    bool                    // the last steps destroy nothing: a destructive one is fenced
}

// Make plans ops against st, which is changed to what the plan expects to
// leave. Messages go into arena; those of the ops are used where they lie.
// first is where assigned indexes begin.
func Make(ctx context.Context, st *state.State, sys Sysctls, arena *wire.Builder, ops []*builtins.Op, first uint32) (*Plan, error) {
	p := newPlanner(ctx, st, sys, arena, first)
	if err := p.all(ops); err != nil {
		return nil, err
	}
	return p.plan, nil
}

// all plans ops one by one.
func (p *planner) all(ops []*builtins.Op) error {
	if err := p.begin(ops); err != nil {
		return err
	}
	for i, op := range ops {
		if i&1023 == 0 && p.ctx.Err() != nil {
			return context.Cause(p.ctx)
		}
		if err := p.op(op); err != nil {
			return opError(op, err)
		}
	}
	return p.end()
}

func newPlanner(ctx context.Context, st *state.State, sys Sysctls, arena *wire.Builder, first uint32) *planner {
	return &planner{ctx: ctx, st: st, sys: sys, arena: arena, next: max(first, FirstIndex), unknown: unknownIndex,
		plan: &Plan{st: st, touch: newTouch(), planned: true}, refs: map[string]bool{}, also: map[string][]string{}, becomes: map[string]string{}, had: map[string]uint32{},
		follow: map[uint32]int{}, virtual: map[uint32]bool{}, seen: map[string]*builtins.Op{}, sources: map[netip.Addr]bool{}}
}

// begin notes what ops refer to, and reads what has to be there before the first.
func (p *planner) begin(ops []*builtins.Op) error {
	st := p.st
	p.ops = len(ops)
	for _, op := range ops {
		for _, r := range op.Rel {
			p.refs[r.Name] = true
		}
		p.noteNames(op)
		if op.Cutover != nil {
			for _, in := range op.Cutover.Ops() {
				for _, r := range in.Rel {
					p.refs[r.Name] = true
				}
			}
		}
		if st.StandIns && op.Object == rtnl.Link && op.Exact == nil {
			noteMade(st, op)
		}
	}
	p.single = p.fewRoutes(ops)
	if st.Brief && p.joint == nil && !slices.ContainsFunc(ops, needsLinks) {
		st.Apart()
	}
	if err := st.Load(p.ctx); err != nil {
		return err
	}
	if err := p.settle(); err != nil {
		return err
	}
	for _, op := range ops {
		if op.Exact != nil {
			if err := p.loadExact(op); err != nil {
				return opError(op, err)
			}
		}
	}
	return nil
}

// needsLinks reports whether planning an op may need to know of links more than the
// indexes of those that it names.
func needsLinks(op *builtins.Op) bool {
	return op.Object == nil || !op.Object.Apart || op.Verb != nil || op.Absent || op.Exact != nil || op.Cutover != nil || !described(op)
}

// fewRoutes reports whether it is cheaper to look routes up one by one than to
// read their tables.
func (p *planner) fewRoutes(ops []*builtins.Op) bool {
	n := 0
	for _, op := range ops {
		if op.Object == rtnl.Route && op.Exact == nil {
			n++
		}
	}
	return n <= fewProbes && !p.st.Whole
}

// fewProbes is how many look-ups are worth it: a table may have a million routes,
// or ten.
const fewProbes = 32

// noteNames notes what else a link is called, or the other end of one, that an op ensures here.
func (p *planner) noteNames(op *builtins.Op) {
	if op.Object != rtnl.Link || op.Verb != nil || op.Absent || op.Exact != nil || op.Cutover != nil {
		return
	}
	set := wire.NewSet(op.Object.Table)
	if op.Set(set) != nil {
		return
	}
	name, _ := set.Get("name")
	if as := secondName(set); as != "" {
		p.refs[name.S] = true // beside a new name only an index tells the link
		p.becomes[name.S] = as
	}
	p.alsoCalled(name.S, set)
	if peer, _ := splitPeer(set); peer != nil {
		name, _ = peer.Get("name")
		p.alsoCalled(name.S, peer)
	}
}

// alsoCalled notes the alternative names of a link.
func (p *planner) alsoCalled(name string, s *wire.Set) {
	alt, _ := s.Get("altnames")
	for _, v := range alt.L {
		p.also[name] = append(p.also[name], v.S)
	}
}

// refers reports whether ops refer to a link, by whatever name.
func (p *planner) refers(name string) bool {
	return p.refs[name] || slices.ContainsFunc(p.also[name], func(alt string) bool { return p.refs[alt] })
}

// noteMade notes the links that an op makes.
func noteMade(st *state.State, op *builtins.Op) {
	set := wire.NewSet(op.Object.Table)
	if op.Set(set) != nil || !set.Has("kind") {
		return
	}
	name, _ := set.Get("name")
	st.Made[name.S] = true
	if peer, _ := splitPeer(set); peer != nil && !peer.Has("netns") {
		name, _ := peer.Get("name")
		st.Made[name.S] = true
	}
}

func (p *planner) op(op *builtins.Op) error {
	p.shrunk = nil
	switch {
	case op.NetNS:
		return p.netnsOp(op)
	case op.Sysctl != nil:
		return p.sysctlOp(op)
	case op.Wait != nil:
		return p.wait(op)
	case op.Cutover != nil:
		return p.cutover(op)
	}
	if op.Exact != nil {
		return p.exact(op)
	}
	if !described(op) {
		return p.raw(op)
	}
	set := wire.NewSet(op.Object.Table)
	if err := op.Set(set); err != nil {
		return err
	}
	if op.Object == rtnl.Link && op.Verb == nil {
		return p.link(op, set)
	}
	if err := p.st.Resolve(set); err != nil {
		if u := new(state.UnknownDevice); op.Absent && errors.As(err, &u) {
			p.same(op, set) // a device that is not there has nothing on it
			return nil
		}
		return err
	}
	if err := p.load(op, set); err != nil {
		return err
	}
	switch {
	case op.Object.Join != nil:
		return p.each(op, set)
	case op.Verb != nil:
		return p.verb(op, set)
	case op.Object.Each != nil:
		if parts := op.Object.Each(set); len(parts) > 1 {
			return p.apart(op, parts)
		}
	}
	if op.Absent {
		return p.absent(op, set)
	}
	if op.Flags&builtins.Appended != 0 {
		return p.member(op, p.canon(op.Object, set))
	}
	return p.whole(op, p.canon(op.Object, set))
}

// canon returns a copy in canonical form.
func canon(o *wire.Object, s *wire.Set) *wire.Set {
	c := s.Clone()
	if o.Canon != nil {
		o.Canon(c)
	}
	return c
}

// canon is canon with what the plan knows of devices.
func (p *planner) canon(o *wire.Object, s *wire.Set) *wire.Set {
	c := canon(o, s)
	rtnl.Unlabelled(o, c, p.st.Names)
	if o == rtnl.FDB {
		p.unreported(c)
	}
	return c
}

// load reads what an op is compared with.
func (p *planner) load(op *builtins.Op, set *wire.Set) error {
	sc := state.Scope{Object: op.Object}
	switch op.Object {
	case rtnl.Route:
		sc.Family, sc.Table = uint8(set.Uint("family")), uint32(set.Uint("table"))
		if sc.Family != unix.AF_INET && sc.Family != unix.AF_INET6 {
			sc.Family, sc.Table = 0, 0
		}
		if op.Verb == nil && p.single && op.Flags&builtins.Appended == 0 {
			// A few routes are looked up one by one, beside however many.
			if one, ok := state.RouteScope(canon(op.Object, set)); ok {
				look := true
				if op.Absent {
					// What goes may hide others of its key, which shall go too. A commit
					// that is sent finds out when it verifies.
					var err error
					look = !p.st.PassesOver(one.Family)
					if look && !p.st.Brief {
						look, err = p.st.ProvesAbsent(p.ctx, one)
					}
					if err != nil {
						return err
					}
				}
				if look {
					sc = one
				}
			}
		}
	case rtnl.FDB:
		sc = p.fdbScope(set, !op.Absent && (op.Verb == nil || op.Verb.Type == rtnl.FDB.New || op.Verb.Flags&unix.NLM_F_BULK != 0))
	case rtnl.Class, rtnl.Addr, rtnl.Neigh:
		sc.Dev = uint32(set.Uint("dev"))
	case rtnl.Qdisc:
		p.lengthensQueue(uint32(set.Uint("dev")))
	}
	return p.st.Load(p.ctx, sc)
}

func (p *planner) change(c *Change) *Change {
	c.st, c.then, c.Place = p.st, p.st.Renamings(), p.plan.Place
	p.plan.Changes = append(p.plan.Changes, c)
	return c
}

func (p *planner) same(op *builtins.Op, set *wire.Set) *Change {
	c := p.change(&Change{Action: Same, Op: op, Object: op.Object, set: set})
	if !op.Absent && op.Object != nil {
		c.Notes = state.Uncompared(op.Object, set)
	}
	return c
}

// contradicts refuses a second op for one key that wants something else.
func (p *planner) contradicts(op *builtins.Op, id string, same func(first *builtins.Op) bool) error {
	first := p.seen[id]
	if first == nil {
		p.seen[id] = op
		return nil
	}
	if same(first) {
		return nil
	}
	return fmt.Errorf("%s is given twice in this commit with different values, here and at %s", Title(op), where(first))
}

func where(op *builtins.Op) string {
	if op.Site == nil || len(op.Site.Frames) == 0 {
		return "another op"
	}
	f := op.Site.Frames[0]
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}

func (p *planner) expect(x *expect) { p.plan.want = append(p.plan.want, x) }
