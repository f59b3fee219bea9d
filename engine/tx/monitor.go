package tx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Monitor hears what others change while a commit runs. Our own messages are
// filtered out in the kernel where it marks them with our port; those of links
// and of what cascades it marks with nobody's, and there the value decides: what
// was there before, or what we want, is no conflict (KERNEL.md D).
type Monitor struct {
	conn *nlconn.Conn
	lost bool // some were: only reading back tells

	earlier []*Plan // of the run, that hold: they may have to be undone yet
}

// announced are the groups in which the kernel announces the objects of package rtnl.
var announced = []uint32{unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH, unix.RTNLGRP_TC, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE,
	unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE, unix.RTNLGRP_NEXTHOP, unix.RTNLGRP_BRVLAN}

// NewMonitor joins the groups on a socket of its own, in the namespace of the
// calling thread, and leaves out what the socket of port sends.
func NewMonitor(port uint32, recvBuf int) (*Monitor, error) {
	c, err := nlconn.Dial(nlconn.Config{Groups: announced, RecvBuf: recvBuf})
	if err != nil {
		return nil, err
	}
	if err := c.IgnorePort(port); err != nil {
		c.Close()
		return nil, err
	}
	return &Monitor{conn: c}, nil
}

// Share calls f with the socket's descriptor, which is valid during the call.
func (m *Monitor) Share(f func(fd int) error) error { return m.conn.Share(f) }

// Keep leaves announcements in the socket until they are noted in the journal.
func (m *Monitor) Keep() { m.conn.Keep = true }

// Close leaves the groups.
func (m *Monitor) Close() error { return m.conn.Close() }

// Received is how much the monitor has read.
func (m *Monitor) Received() (datagrams, bytes int) { return m.conn.Received() }

// forget drops what was announced so far: a snapshot that begins now has it.
func (m *Monitor) forget() error {
	m.lost = false
	var unnoted error
	err := m.drain(func(msg wire.Message) {
		if pass(m.earlier, msg) {
			unnoted = errors.Join(unnoted, m.earlier[0].log.heard(m.earlier[0], msg))
		}
	})
	return errors.Join(err, unnoted)
}

func (m *Monitor) drain(each func(wire.Message)) error {
	err := m.conn.Drain(each)
	if errors.Is(err, nlconn.ErrOverflow) {
		m.lost = true
		for _, p := range m.earlier {
			p.deaf = true
		}
		return nil
	}
	return err
}

// remember lets a plan that holds hear what others do from here on.
func (m *Monitor) remember(p *Plan) { m.earlier = append(m.earlier, p) }

// release ends that: it hears for itself, or is undone.
func (m *Monitor) release(p *Plan) {
	m.earlier = slices.DeleteFunc(m.earlier, func(q *Plan) bool { return q == p })
}

// tell tells a plan what another program did, and those before it unless it may be
// the plan's own doing.
func tell(p *Plan, earlier []*Plan, msg wire.Message, heed func(wire.Message) (bool, *ConflictError)) (taken bool, c *ConflictError) {
	taken, c = heed(msg)
	if taken || msg.PID != 0 || !p.about(msg) {
		taken = pass(earlier, msg) || taken
	}
	return taken, c
}

// pass tells plans that hold, the last first, and says whether one took it in. VLANs
// are told of by value alone, and that is of the last plan.
func pass(earlier []*Plan, msg wire.Message) (taken bool) {
	if aboutVLANs(msg) {
		return false
	}
	for _, p := range slices.Backward(earlier) {
		t, _ := p.heed(msg)
		taken = taken || t
		if !t && msg.PID == 0 && p.about(msg) {
			break
		}
	}
	return taken
}

// A ConflictError says that another program changed what a commit writes, while
// it ran.
type ConflictError struct {
	Op     *builtins.Op // ours; nil when several
	Title  string
	Ours   string
	Theirs string // "" when they removed it
	Port   uint32 // netlink port of the other program; 0 not told
	Added  bool   // they made it, in the scope of an exact op
}

func (e *ConflictError) Error() string {
	s := e.Title + ": " + e.What() + " by another program"
	if e.Port != 0 {
		s += fmt.Sprintf(" (netlink port %d)", e.Port)
	}
	return s + " while this ran"
}

// What they did.
func (e *ConflictError) What() string {
	if e.Added {
		return "added"
	}
	return "changed"
}

// heed reads what was announced and takes it into the state before, so that undo
// keeps it. The error is a *ConflictError when it touches what the plan writes.
func (m *Monitor) heed(p *Plan) error {
	var conflict *ConflictError
	var unnoted error
	err := m.drain(func(msg wire.Message) {
		p.stale = p.stale || p.unsent() && p.outdates(msg)
		taken, c := tell(p, m.earlier, msg, p.heed)
		if taken {
			unnoted = errors.Join(unnoted, p.log.heard(p, msg))
		}
		if c != nil && conflict == nil {
			conflict = c
		}
	})
	p.deaf = p.deaf || m.lost
	if err == nil && conflict != nil {
		return conflict
	}
	return errors.Join(err, unnoted)
}

// keep takes what was announced into the state before, conflict or not: undo
// keeps what others do meanwhile.
// Announcements without a mark may tell of the undo's own steps, once it has
// begun: those of VLANs, and of links that nothing else depends on, still tell a
// third value.
func (m *Monitor) keep(p *Plan, began bool) error {
	p.undoing = began
	err := m.drain(func(msg wire.Message) {
		if began && msg.PID == 0 && !p.single(msg) && !aboutVLANs(msg) {
			return
		}
		heed := p.heed
		if aboutVLANs(msg) {
			heed = func(m wire.Message) (bool, *ConflictError) { return p.heedVLANs(m, false, began) }
		}
		if taken, _ := tell(p, m.earlier, msg, heed); taken {
			p.log.heard(p, msg) // undo goes on without a journal
		}
	})
	p.deaf = p.deaf || m.lost
	return err
}

// heed takes one announcement into account. taken reports whether it tells of
// something that undo has to keep.
func (p *Plan) heed(m wire.Message) (taken bool, conflict *ConflictError) {
	if len(m.Data) == 0 {
		return false, nil
	}
	if aboutVLANs(m) {
		return p.heedVLANs(m, false, false)
	}
	e := p.announced(m)
	if e == nil {
		return false, nil
	}
	o := e.Object
	if c := p.intrudes(e, m); c != nil {
		return false, c
	}
	if !p.touches(e) {
		return false, nil
	}
	deleted := m.Type == o.Del
	var third []state.Delta
	switch {
	case m.PID != 0:
		p.claimed(e)
	case o == rtnl.Addr && !deleted && p.unasked(e):
	case o == rtnl.Addr && deleted && p.heardOf(e):
	case o == rtnl.Link && deleted && p.removed(e):
	default:
		if third = p.third(e, deleted); third == nil {
			return false, nil
		}
	}
	wanted, ours := p.wanted(e)
	if deleted && ours && o == rtnl.Link {
		p.lost = append(p.lost, p.st.Held(o, e.Key)...)
	}
	switch {
	case deleted && o == rtnl.Link:
		p.st.SetBefore(e, false)
		p.wentWith(e.Index())
	case deleted:
		p.st.SetBefore(e, false)
	case third != nil:
		p.st.SetBefore(p.with(third, e), true)
	default:
		p.st.SetBefore(e, true)
	}
	if !ours || !deleted && third == nil && wanted != nil && wanted.wants(e) ||
		deleted && wanted != nil && wanted.set == nil && wanted.list == nil {
		return true, nil
	}
	c := &ConflictError{Title: titleOf(o, e.Set(), p.st.Names), Port: m.PID}
	if wanted != nil {
		c.Op = wanted.op
		if wanted.set != nil {
			c.Ours = thereText(o, wanted.set, p.st.Names)
		}
	}
	switch {
	case deleted:
	case wanted != nil && wanted.set != nil && wanted.mode == state.Patch:
		differ := state.Diff(o, wanted.set, e.Set(), state.Patch)
		if len(differ) == 0 {
			differ = third // its name
		}
		for _, d := range differ {
			c.Theirs = strings.TrimSpace(c.Theirs + " " + d.Path + " " + valueText(d.Row, d.Before, p.st))
		}
	default:
		c.Theirs = thereText(o, Writable(e.Set()), p.st.Names)
	}
	return true, c
}

// announced is the object that an announcement tells of, other than of VLANs; nil when
// it is the kernel's own, or told of elsewhere in full.
func (p *Plan) announced(m wire.Message) *state.Entry {
	if len(m.Data) == 0 {
		return nil
	}
	o := rtnl.ByType(m.Type, m.Data)
	if o == nil || m.Type != o.New && m.Type != o.Del || o.Reports != nil {
		return nil // a bridge tells of ports, of VLANs there is more in their group
	}
	if o == rtnl.Link && m.Data[0] != unix.AF_UNSPEC {
		return nil // a bridge tells only its part of a port
	}
	e := state.NewEntry(o, append([]byte(nil), m.Bytes...), p.st.Names)
	if e.Foreign() {
		return nil
	}
	return e
}

// touches reports whether the commit can change an object: what is not read again is
// not undone.
func (p *Plan) touches(e *state.Entry) bool { return p.touch.has(e) && p.st.Covers(e) }

// unasked reports whether an address is none that was there before, that the plan
// makes, or that the kernel may have made: of IPv6 addresses nobody is told who made
// them (inet6_ifa_notify), and messages of ours bring none but those along.
func (p *Plan) unasked(e *state.Entry) bool {
	_, ours := p.wanted(e)
	return !ours && p.before(e) == nil && !p.unmarked(e)
}

// removed reports whether a link that is announced to be gone was removed by another
// program: the plan leaves it where it is. That a device which no message makes is
// gone is told when it is missed.
func (p *Plan) removed(e *state.Entry) bool {
	before := p.before(e)
	return p.planned && !p.undoing && before != nil && !physical(before) && !p.stirred[e.Name()] && !p.st.Removed(e.Index())
}

// wentWith takes what was on a link that another program removed out of the state
// before.
func (p *Plan) wentWith(index uint32) {
	for _, o := range append([]*wire.Object{rtnl.Class}, linkObjects...) {
		for _, x := range p.st.Before(o) {
			if uses(x, index) {
				p.st.SetBefore(x, false)
			}
		}
	}
}

// misnamed reports whether a link has a name that it had not before, and that the plan
// gives to none.
func (p *Plan) misnamed(e *state.Entry) bool {
	if e.Object != rtnl.Link || !p.planned || p.undoing || p.touch.links[e.Name()] || p.st.Known(e.Name()) != nil {
		return false
	}
	held := p.st.Held(e.Object, e.Key)
	return len(held) > 0 && held[0].Name() != e.Name() && !slices.ContainsFunc(p.want, func(x *expect) bool {
		if x.object != rtnl.Link {
			return false
		}
		to, ok := newName(x)
		return ok && to == e.Name()
	}) && !slices.ContainsFunc(p.verbs(e), func(s *wire.Set) bool {
		to, _ := s.Get("newname")
		return to.S == e.Name()
	})
}

// heardOf reports whether an address is there before only because it was announced:
// the last word counts. It may have been one of a commit that was undone.
func (p *Plan) heardOf(e *state.Entry) bool {
	l := p.st.Held(e.Object, e.Key)
	return len(l) > 0 && !l[0].Placed()
}

// wanted returns what the plan wants of an object, and whether it writes it.
func (p *Plan) wanted(e *state.Entry) (x *expect, ours bool) {
	id := e.Object.Name + "\x00" + e.Key
	if e.Object == rtnl.Link {
		id = e.Object.Name + "\x00" + e.Name()
	}
	x = p.wish(id)
	if x == nil && p.misnamed(e) {
		x = p.wish(e.Object.Name + "\x00" + p.st.Names(e.Index()))
	}
	return x, x != nil || p.touch.keys[e.Object][e.Key]
}

// wish is the last of what the plan wants of an object, by expect.id.
func (p *Plan) wish(id string) *expect {
	if p.byKey == nil {
		p.byKey = make(map[string]*expect, len(p.want))
		for _, x := range p.want {
			p.byKey[x.id()] = x
		}
	}
	return p.byKey[id]
}

func (x *expect) id() string {
	if x.object == rtnl.Link {
		return x.object.Name + "\x00" + x.name
	}
	return x.object.Name + "\x00" + x.key
}

// between reports whether a list is on the way from one to another: alternative
// names come and go one by one.
func between(from, to, v wire.Value) bool {
	if v.Type != wire.ListVal && v.Type != wire.None || to.Type != wire.ListVal {
		return false
	}
	both := append(slices.Clone(from.L), to.L...)
	return !slices.ContainsFunc(v.L, func(x wire.Value) bool { return !slices.ContainsFunc(both, x.Equal) })
}

// passing reports whether another op of the batch gives a link the value for a while.
func (p *Plan) passing(x *expect, e *state.Entry, d state.Delta) bool {
	gives := func(s *wire.Set) bool {
		v, ok := valueAt(s, d.Path)
		return ok && (v.Equal(d.Before) || d.Before.Type == wire.None && nothing(v) || between(v, d.After, d.Before))
	}
	return slices.ContainsFunc(p.writes(x, e), gives)
}

// writes are what ops of the batch, x the last of them, and verbs write to a link.
func (p *Plan) writes(x *expect, e *state.Entry) []*wire.Set {
	l := slices.Clone(p.verbs(e))
	for _, y := range p.want {
		if y.object == rtnl.Link && (y.name == x.name || y.key == e.Key) && y.set != nil {
			l = append(l, y.set)
		}
	}
	return l
}

// verbs are what verbs of the batch write to a link.
func (p *Plan) verbs(e *state.Entry) []*wire.Set { return p.passed[orderKey{rtnl.Link, e.Key}] }
