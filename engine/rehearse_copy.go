package engine

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
)

// A double is the copy of a namespace, or one that holds the other ends of veths
// until it becomes a copy: when the script works in the namespace where the
// originals of these are.
type double struct {
	ns    namespace
	conn  *nlconn.Conn
	of    *namespace // what it is a copy of; nil: not known yet, or
	given *request   // what another process has read of it
	id    string     // identity of that
	seen  []sight    // by which others have it
	space *space     // opened by the script; nil for the one the run works in
}

// A sight is what a namespace calls another one.
type sight struct {
	from *double
	nsid uint64
}

// double makes an empty namespace.
func (r *rehearsal) double() (*double, error) {
	d := &double{}
	if err := d.ns.fresh(); err != nil {
		return nil, err
	}
	r.open = append(r.open, &d.ns)
	var err error
	if d.conn, err = d.ns.dial(); err != nil {
		return nil, err
	}
	r.copies = append(r.copies, d)
	return d, nil
}

func (n *namespace) dial() (conn *nlconn.Conn, err error) {
	err = n.do(func() (err error) {
		conn, err = nlconn.Dial(nlconn.Config{Strict: true})
		return err
	})
	return conn, err
}

// duplicate returns an engine in a copy of the namespace, which ends with r.
func (e *Engine) duplicate(ctx context.Context, named func(*state.Entry) bool, r *rehearsal) (*Engine, error) {
	d, err := r.double()
	if err != nil {
		return nil, err
	}
	if d.id, err = identity(e.NetNS()); err != nil {
		return nil, err
	}
	d.of = &e.ns
	if _, err := r.fill(ctx, d, named); err != nil {
		return nil, err
	}
	return e.rehearsing(d, r, procSys{&e.ns}), nil
}

// rehearsing is the engine that works in a copy.
func (e *Engine) rehearsing(d *double, r *rehearsal, real tx.Sysctls) *Engine {
	return &Engine{ns: d.ns, fs: e.fs, predeclared: e.predeclared, limits: e.limits, log: slog.New(&said{}), rehearsal: r,
		sys: &rehearsedSys{own: procSys{&d.ns}, real: real, written: map[string]string{}, r: r}}
}

// fill makes a copy of what it is to be a copy of.
func (r *rehearsal) fill(ctx context.Context, d *double, named func(*state.Entry) bool) (*tx.Clone, error) {
	wires := &namespace{}
	if err := wires.fresh(); err != nil {
		return nil, err
	}
	r.open = append(r.open, wires) // no device keeps it alive
	c := &tx.Clone{To: d.conn, WiresFD: wires.fd(), Most: copiedRoutes, Named: named}
	var from *nlconn.Conn
	var err error
	if d.given != nil {
		c.From, c.Most = &replay{d.given.Dumps}, 0
	} else {
		if from, err = d.of.dial(); err != nil {
			return nil, err
		}
		defer from.Close()
		c.From = tx.Source{Conn: from}
	}
	if c.Wires, err = wires.dial(); err != nil {
		return nil, err
	}
	defer c.Wires.Close()
	c.Beyond = func(nsid uint64) (*nlconn.Conn, int, error) {
		far, err := r.beyond(d, from, nsid)
		if err != nil {
			return nil, 0, err
		}
		return far.conn, far.ns.fd(), nil
	}
	// Nothing answers on the wires, so nothing is to be waited for either.
	wires.write([]setting{{"net/ipv6/conf/default/disable_ipv6", "1"}})
	d.ns.write([]setting{{"net/ipv6/conf/all/accept_dad", "0"}, {"net/ipv6/conf/default/accept_dad", "0"}, {"net/ipv6/conf/all/disable_ipv6", "0"}})
	c.Settings = func(devices []string) []string {
		paths := commonSettings()
		if devices != nil {
			paths = deviceSettings(devices)
		}
		if d.given != nil {
			return d.ns.write(d.given.read(paths))
		}
		return d.ns.write(d.of.read(paths))
	}
	err = c.Make(ctx)
	r.Links += c.Links
	where := ""
	if d.space != nil {
		where = d.space.Place.String()
	}
	for _, s := range c.StandIns {
		if where != "" {
			s.Name = where + "/" + s.Name
		}
		r.standing = append(r.standing, s)
	}
	// What was a stand-in is the other end of a veth that is in a copy as well.
	for _, index := range c.Paired {
		r.standing = slices.DeleteFunc(r.standing, func(s tx.Standing) bool { return s.FD == d.ns.fd() && s.Far == index })
	}
	r.StandIns = nil
	for _, s := range r.standing {
		r.StandIns = append(r.StandIns, s.Name)
	}
	for _, n := range c.Notes {
		if where != "" {
			n = "netns " + where + ": " + n
		}
		r.Notes = append(r.Notes, n)
	}
	return c, err
}

// beyond is the copy, or room for one, of the namespace that one calls by a number.
func (r *rehearsal) beyond(from *double, conn *nlconn.Conn, nsid uint64) (*double, error) {
	s := sight{from, nsid}
	for _, d := range r.copies {
		if slices.Contains(d.seen, s) {
			return d, nil
		}
		if d.of != nil {
			if id, ok := tx.NSID(conn, d.of.fd()); ok && id == nsid {
				d.seen = append(d.seen, s)
				return d, nil
			}
		}
	}
	d, err := r.double()
	if err != nil {
		return nil, err
	}
	d.ns.write([]setting{{"net/ipv6/conf/default/disable_ipv6", "1"}, {"net/ipv6/conf/all/disable_ipv6", "1"}})
	d.seen = []sight{s}
	return d, nil
}

// roomFor finds the namespace in which other ends of veths wait for it to be the
// copy of another; nil: there is none.
func (r *rehearsal) roomFor(of *namespace) (*double, error) {
	for _, d := range r.copies {
		if d.of == nil && d.given == nil {
			is, err := d.isOf(of)
			if is || err != nil {
				return d, err
			}
		}
	}
	return nil, nil
}

// isOf reports whether the originals of the other ends are in a namespace.
func (d *double) isOf(of *namespace) (bool, error) {
	for _, s := range d.seen {
		if s.from.of == nil {
			continue // another process has seen it
		}
		conn, err := s.from.of.dial()
		if err != nil {
			return false, err
		}
		id, ok := tx.NSID(conn, of.fd())
		conn.Close()
		if ok && id == s.nsid {
			return true, nil
		}
	}
	return false, nil
}

// beyondCopy is Beyond in a rehearsal: of the namespace where the original of the
// other end is a copy is made, if it can be found.
func (l *spaces) beyondCopy(from *tx.Space, nsid uint64) (*tx.Space, error) {
	is := func(fd int) bool {
		id, ok := tx.NSID(from.Kernel.Conn, fd)
		return ok && id == nsid
	}
	for _, sp := range l.list {
		if sp.ns.f != nil && is(sp.FD()) {
			return &sp.Space, nil
		}
	}
	for _, d := range l.s.e.rehearsal.copies {
		switch {
		case !is(d.ns.fd()):
		case d.of != nil || d.given != nil:
			return l.own() // others have a space
		default:
			return l.fillRoom(d)
		}
	}
	return nil, nil
}

// fillRoom looks for the original of a namespace in which other ends wait; nil:
// it is not to be found.
func (l *spaces) fillRoom(d *double) (*tx.Space, error) {
	for _, p := range candidates() {
		f, err := openSpace(p, p.File())
		if err != nil {
			continue
		}
		if is, err := d.isOf(&namespace{f}); !is || err != nil {
			f.Close()
			continue
		}
		sp, err := l.copied(p, p.File(), f)
		if err != nil {
			err = fmt.Errorf("the other end of a veth: %w", err)
		}
		return sp, err
	}
	return nil, nil
}
