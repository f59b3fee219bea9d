package tx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Clone makes what one network namespace holds once more in a fresh one, with
// the same names and indexes. That is an undo: the difference between what is
// there, nothing, and what was there elsewhere. What cannot be made has a veth
// standing in for it, whose other end is in a third namespace, so that no device
// is in the copy that the original does not have.
type Clone struct {
	From      state.Source
	To, Wires *nlconn.Conn
	WiresFD   int // the namespace of Wires

	// Beyond is where the other end of a veth is made that the original has in
	// another namespace, which it calls by a number; nil: with the wires.
	Beyond func(nsid uint64) (*nlconn.Conn, int, error)

	// Settings copies sysctls: first, for no devices, those that all follow; then,
	// when they are there, those of devices.
	Settings func(devices []string) []string

	Most  int                     // routes of a table that are copied; 0: all
	Named func(*state.Entry) bool // of a larger table these are among them

	// What came of it.
	Links    int // without lo
	StandIns []Standing
	Paired   []uint32 // indexes of those that were there, as other ends
	Notes    []string // what the copy does not have, or has otherwise

	src   *state.State
	index map[uint32]uint32 // of the original: in the copy, where it is another
	stand map[uint32]bool   // the copy's indexes of stand-ins
}

// Make makes the copy.
func (c *Clone) Make(ctx context.Context) error {
	c.index, c.stand = map[uint32]uint32{}, map[uint32]bool{}
	c.src = state.New(c.From)
	scopes, err := ReadAll(ctx, c.src)
	if err != nil {
		return err
	}
	c.large()
	c.Notes = append(c.Notes, c.Settings(nil)...)
	now, err := c.links(ctx)
	if err != nil {
		return err
	}
	c.paired(now)
	c.place(now)
	var physical []*state.Entry
	for _, e := range c.src.All(rtnl.Link) {
		if e.Index() != loopback && now.Known(e.Name()) == nil {
			c.Links++
			if !virtual(e.Set()) && !c.stand[e.Index()] {
				physical = append(physical, e)
			}
		}
	}
	if err := c.standIns(ctx, physical); err != nil {
		return err
	}
	left, err := c.pass(ctx, []state.Scope{{Object: rtnl.Link}})
	if err != nil {
		return err
	}
	missing, err := c.missing(ctx, left)
	if err != nil {
		return err
	}
	if err := c.standIns(ctx, missing); err != nil {
		return err
	}
	var names []string
	for _, e := range c.src.All(rtnl.Link) {
		names = append(names, e.Name())
	}
	c.Notes = append(c.Notes, c.Settings(names)...)
	if left, err = c.pass(ctx, scopes); err != nil {
		return err
	}
	if err := c.learned(ctx); err != nil {
		return err
	}
	for _, r := range left {
		c.Notes = append(c.Notes, c.lacks(r))
	}
	return nil
}

// A Standing is a stand-in.
type Standing struct {
	Name string
	FD   int    // where its other end is
	Far  uint32 // with this index
}

const loopback = 1 // index of lo

// ReadAll reads all that a namespace holds.
func ReadAll(ctx context.Context, st *state.State) ([]state.Scope, error) {
	var scopes []state.Scope
	for _, o := range byRank() {
		if o != rtnl.Class {
			scopes = append(scopes, state.Scope{Object: o})
		}
	}
	if err := st.Load(ctx, scopes...); err != nil {
		return nil, err
	}
	var classes []state.Scope
	seen := map[uint32]bool{}
	for _, e := range st.All(rtnl.Qdisc) {
		if dev := uint32(e.Set().Uint(rtnl.Qdisc.Subject)); !e.Foreign() && !seen[dev] {
			seen[dev] = true
			classes = append(classes, state.Scope{Object: rtnl.Class, Dev: dev})
		}
	}
	return append(scopes, classes...), st.Load(ctx, classes...)
}

// links reads the devices of the copy.
func (c *Clone) links(ctx context.Context) (*state.State, error) {
	st := state.New(Source{c.To})
	return st, st.Load(ctx)
}

// paired notes the veths that are there, as other ends of some in the copy of
// another namespace.
func (c *Clone) paired(now *state.State) {
	for _, e := range c.src.All(rtnl.Link) {
		if n := now.LinkByIndex(e.Index()); n != nil && isVeth(e) && isVeth(n) && n.Set().Uint("link") == e.Set().Uint("link") {
			c.stand[e.Index()] = true
			c.Paired = append(c.Paired, e.Index())
		}
	}
}

// place decides which indexes are others in the copy: those of devices that are
// in every namespace once their module is there, and those that these have.
func (c *Clone) place(now *state.State) {
	next := uint32(FirstIndex - 1)
	for _, e := range c.src.All(rtnl.Link) {
		index, own := e.Index(), now.Known(e.Name())
		switch {
		case own != nil && own.Index() != index:
			c.index[index] = own.Index()
		case c.stand[index]:
		case own == nil && now.LinkByIndex(index) != nil:
			for c.src.LinkByIndex(next) != nil {
				next--
			}
			c.index[index] = next
			c.Notes = append(c.Notes, fmt.Sprintf("%s has index %d in the copy, where %s has %d", e.Name(), next, now.Names(index), index))
			next--
		}
	}
}

// here is an index in the copy.
func (c *Clone) here(index uint32) uint32 {
	if i, ok := c.index[index]; ok {
		return i
	}
	return index
}

// moved is an object of the original as it is in the copy.
func (c *Clone) moved(s *wire.Set) *wire.Set {
	s = s.Clone()
	if len(c.index) > 0 {
		s.Devices(func(v *wire.Value) error {
			if v.Type == wire.Int {
				v.N = uint64(c.here(uint32(v.N)))
			}
			return nil
		})
	}
	return s
}

// message writes one message that is asked to be answered.
func message(o *wire.Object, typ, flags uint16, s *wire.Set) ([]byte, error) {
	var b wire.Builder
	if err := o.Append(&b, typ, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags, s); err != nil {
		return nil, err
	}
	msg, _, err := b.Last()
	return msg, err
}

// A refusedError is what the kernel said, without what it was about.
type refusedError struct{ k KernelError }

func (e *refusedError) Error() string { return e.k.Text() }
func (e *refusedError) Unwrap() error { return e.k.Errno }

// ask sends one message; the error is the kernel's.
func ask(conn *nlconn.Conn, msg []byte) error {
	var refused error
	err := conn.Transact([][]byte{msg}, func(_ int, r wire.Reply) {
		if r.Errno != 0 {
			refused = &refusedError{KernelError{Errno: r.Errno, Message: r.Message}}
		}
	})
	if err != nil {
		return err
	}
	return refused
}

// pass makes what is missing in scopes of the copy, or different, and returns what
// stays so.
func (c *Clone) pass(ctx context.Context, scopes []state.Scope) ([]Residue, error) {
	now, err := c.links(ctx)
	if err != nil {
		return nil, err
	}
	p := &Plan{st: c.wanted(now, scopes), touch: newTouch()}
	p.touch.all = true
	for _, sc := range scopes {
		sc.Dev = c.here(sc.Dev)
		p.st.Expect(sc)
	}
	_, left, err := p.undo(ctx, Kernel{Conn: c.To})
	return left, err
}

// wanted is what the copy shall hold in scopes.
func (c *Clone) wanted(now *state.State, scopes []state.Scope) *state.State {
	st := state.New(Source{c.To})
	for _, o := range byRank() {
		if !slices.ContainsFunc(scopes, func(sc state.Scope) bool { return sc.Object == o }) {
			continue
		}
		pick := c.pick(o)
		for _, e := range c.src.All(o) {
			switch {
			case o == rtnl.Link && e.Foreign() && now.Known(e.Name()) == nil:
			case e.Foreign() && !o.Patch && o != rtnl.Rule, !pick(e): // of rules there is what is there at first
			case o == rtnl.Link:
				st.Hold(o, c.link(e, now))
			default:
				st.Hold(o, c.moved(e.Set()))
			}
		}
	}
	return st
}

// link is a link of the copy. A stand-in is a veth, which in all that can be
// changed is what the original is.
func (c *Clone) link(e *state.Entry, now *state.State) *wire.Set {
	s := c.moved(e.Set())
	s.PutName("index", wire.IntVal(uint64(c.here(e.Index()))))
	there := now.LinkByIndex(c.here(e.Index()))
	if there == nil || !c.stand[there.Index()] {
		return s
	}
	own := there.Set().Clone()
	for _, x := range s.Ents {
		if !unwritable(x.F) && !x.F.Immutable && x.F.Name != "kind" && x.F.Name != "vf" && x.F.Name != "map" {
			own.Put(x.F, x.V)
		}
	}
	return own
}

// learned makes what the original has from the kernel and cannot come by itself
// here: addresses and routes that routers advertise, link-local addresses of a
// MAC address that a device had before.
func (c *Clone) learned(ctx context.Context) error {
	now := state.New(Source{c.To})
	if err := now.Load(ctx, state.Scope{Object: rtnl.Addr}, state.Scope{Object: rtnl.Route}); err != nil {
		return err
	}
	had := map[string]bool{}
	for _, o := range []*wire.Object{rtnl.Addr, rtnl.Route} {
		for _, e := range c.src.All(o) {
			if !learned(o, e) {
				continue
			}
			s := c.moved(e.Set())
			key := state.KeyOf(o, s)
			had[key] = true
			if len(now.Find(o, key)) > 0 {
				continue
			}
			// Link-local addresses may come by themselves meanwhile.
			if err := c.send(o, o.New, addFlags(o, s), Writable(s)); err != nil && !errors.Is(err, unix.EEXIST) {
				c.Notes = append(c.Notes, fmt.Sprintf("%s is not in the copy (%v)", titleOf(o, e.Set(), c.src.Names), err))
			}
		}
	}
	for _, e := range now.All(rtnl.Addr) {
		if !learned(rtnl.Addr, e) || had[e.Key] {
			continue
		}
		if err := c.send(rtnl.Addr, rtnl.Addr.Del, 0, deletionSet(e)); err != nil {
			c.Notes = append(c.Notes, fmt.Sprintf("%s is in the copy only (%v)", titleOf(rtnl.Addr, e.Set(), now.Names), err))
		}
	}
	return nil
}

// learned reports whether the kernel made an object, and not because of another
// that is in the copy.
func learned(o *wire.Object, e *state.Entry) bool {
	s := e.Set()
	if o == rtnl.Addr {
		return e.Foreign() && s.Uint("dev") != loopback
	}
	p := s.Uint("protocol")
	return (p == unix.RTPROT_RA || p == unix.RTPROT_REDIRECT) && s.Uint("cloned") == 0
}

// send sends one message to the copy; the error is the kernel's.
func (c *Clone) send(o *wire.Object, typ, flags uint16, s *wire.Set) error {
	msg, err := message(o, typ, flags, s)
	if err != nil {
		return err
	}
	return ask(c.To, msg)
}

// lacks says what is not in the copy as it is in the original.
func (c *Clone) lacks(r Residue) string {
	switch {
	case r.Before == nil:
		return r.Title + " is in the copy only"
	case r.Now == nil:
		return r.Title + " is not in the copy" + reason(r)
	}
	return r.Title + " is another in the copy: " + r.Text
}

// reason is why an object is not there, as the kernel said.
func reason(r Residue) string {
	if i := strings.LastIndex(r.Text, "  ("); i >= 0 {
		return r.Text[i+1:]
	}
	return ""
}

// Names reports whether an op of the plan names the object.
func (p *Plan) Names(e *state.Entry) bool {
	return p.touch.keys[e.Object][e.Key]
}
