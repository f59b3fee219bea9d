package tx

import (
	"context"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Undoing a cut-over is a cut-over back: the routes of before go to the fresh
// table, the rule in front of the old one comes again, and the ordinary undo then
// finds both to be too much and removes them last (undoStep.late). Where that
// does not work out the ordinary undo does without.

// A cut is a table that a plan cuts over.
type cut struct {
	family uint64
	table  uint32
	fresh  uint32
	rule   *wire.Set
}

// beside reports whether an object is one of those that a cut-over makes for the
// time being.
func beside(o *wire.Object, s *wire.Set) bool {
	if o != rtnl.Route && o != rtnl.Rule {
		return false
	}
	t := s.Uint("table")
	return t >= freshTable && t < freshTable+freshTables
}

// in reports whether a route is in the table that is cut over.
func (c *cut) in(e *state.Entry, table uint32) bool {
	s := e.Set()
	return s.Uint("family") == c.family && s.Uint("table") == uint64(table) && s.Uint("cloned") == 0
}

// routes returns what a state says of a table.
func (c *cut) routes(all []*state.Entry, table uint32) []*state.Entry {
	return slices.DeleteFunc(all, func(e *state.Entry) bool { return !c.in(e, table) })
}

// entered reports whether the kernel took the rule in front of the table. Before that
// the routes of the table are as they were.
func (p *Plan) entered(c *cut) (did bool) {
	rule := orderKey{rtnl.Rule, state.KeyOf(rtnl.Rule, canon(rtnl.Rule, c.rule))}
	p.eachMade(func(f fate, k orderKey) { did = did || f == accepted && k == rule })
	return did
}

// shadow puts the routes of before beside each table that was cut over, and a
// rule in front, unless it is there.
func (p *Plan) shadow(ctx context.Context, k Kernel) error {
	if len(p.cuts) == 0 {
		return nil
	}
	now, err := p.st.AgainWhole(ctx)
	if err != nil {
		return err
	}
	for _, c := range p.cuts {
		before, is := c.routes(p.st.Before(rtnl.Route), c.table), c.routes(now.All(rtnl.Route), c.table)
		if c.there(now) || !p.entered(c) || sameList(rtnl.Route, ours(before), ours(is)) {
			continue
		}
		old, stay := ours(before), foreign(is)
		for _, e := range slices.Concat(old, stay) { // others may have made them since
			p.touch.key(rtnl.Route, state.KeyOf(rtnl.Route, c.copied(e)))
		}
		if _, err := c.back(k, old, stay, c.routes(now.All(rtnl.Route), c.fresh)); err != nil {
			return err
		}
	}
	return nil
}

// copied is a route in the fresh table.
func (c *cut) copied(e *state.Entry) *wire.Set {
	s := Writable(e.Set())
	s.PutName("table", wire.IntVal(uint64(c.fresh)))
	return s
}

func ours(l []*state.Entry) []*state.Entry {
	return slices.DeleteFunc(slices.Clone(l), (*state.Entry).Foreign)
}

func foreign(l []*state.Entry) []*state.Entry {
	return slices.DeleteFunc(slices.Clone(l), func(e *state.Entry) bool { return !e.Foreign() })
}

// there reports whether the rule in front is.
func (c *cut) there(now *state.State) bool {
	return len(now.Find(rtnl.Rule, state.KeyOf(rtnl.Rule, canon(rtnl.Rule, c.rule)))) > 0
}

// back makes the fresh table again, of what the kernel has now and of the routes
// of before, and then the rule. ok is false when the kernel refused something,
// which may be as it was before nobody had to look it up.
func (c *cut) back(k Kernel, old, stay, left []*state.Entry) (ok bool, err error) {
	b := wire.Builder{Chunk: 1 << 16}
	var msgs [][]byte
	add := func(o *wire.Object, typ, flags uint16, s *wire.Set) {
		if err == nil {
			err = o.Append(&b, typ, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags, s)
		}
		if err == nil {
			var msg []byte
			msg, _, err = b.Last()
			msgs = append(msgs, msg)
		}
	}
	for _, e := range slices.Backward(left) {
		add(rtnl.Route, rtnl.Route.Del, 0, deletionSet(e))
	}
	ended := false
	for i, e := range append(slices.Clone(stay), old...) {
		s := c.copied(e)
		if i < len(stay) {
			s.PutName("protocol", wire.IntVal(unix.RTPROT_STATIC))
		}
		ended = ended || endsAll(s)
		add(rtnl.Route, rtnl.Route.New, unix.NLM_F_CREATE|unix.NLM_F_APPEND, s)
	}
	if !ended {
		add(rtnl.Route, rtnl.Route.New, unix.NLM_F_CREATE|unix.NLM_F_EXCL, unreachable(c.family, c.fresh))
	}
	if err != nil {
		return false, nil // what was read cannot be written
	}
	if ok, err = sendAll(k, msgs); !ok || err != nil {
		return false, err
	}
	msgs = nil
	add(rtnl.Rule, rtnl.Rule.New, unix.NLM_F_CREATE|unix.NLM_F_EXCL, c.rule)
	if err != nil {
		return false, nil
	}
	return sendAll(k, msgs)
}

// sendAll sends messages until one is refused.
func sendAll(k Kernel, msgs [][]byte) (ok bool, err error) {
	ok = true
	for ok && len(msgs) > 0 {
		n, size := 0, 0
		for n < len(msgs) && n < nlconn.Window {
			size += (len(msgs[n]) + 3) &^ 3
			if n > 0 && size > k.Conn.MaxDatagram() {
				break
			}
			n++
		}
		err := k.Conn.Transact(msgs[:n], func(_ int, r wire.Reply) { ok = ok && r.Errno == 0 })
		if err != nil {
			return false, err
		}
		msgs = msgs[n:]
	}
	return ok, nil
}

// endsAll reports whether a route is a default one behind all others.
func endsAll(s *wire.Set) bool {
	dst, _ := s.Get("dst")
	return dst.Type == wire.AnyNet && s.Uint("metric") == lastMetric
}

// unreachable is the route that ends look-ups in a fresh table.
func unreachable(family uint64, table uint32) *wire.Set {
	s := wire.NewSet(rtnl.Route.Table)
	s.PutName("family", wire.IntVal(family))
	s.PutName("dst", wire.Value{Type: wire.AnyNet})
	s.PutName("table", wire.IntVal(uint64(table)))
	s.PutName("protocol", wire.IntVal(unix.RTPROT_STATIC))
	s.PutName("type", wire.IntVal(unix.RTN_UNREACHABLE))
	s.PutName("metric", wire.IntVal(lastMetric))
	return s
}

// An imageCut is a cut in a journal.
type imageCut struct {
	Table uint32
	Rule  []byte // its message; it has the family and the fresh table
}

func codeCut(c *coder, i *imageCut) {
	codeInt(c, &i.Table)
	codeData(c, &i.Rule)
}

func (c *cut) image() imageCut {
	var b wire.Builder
	if rtnl.Rule.Append(&b, rtnl.Rule.New, 0, c.rule) != nil {
		return imageCut{Table: c.table} // it was sent, and can be written
	}
	msg, _, _ := b.Last()
	return imageCut{c.table, msg}
}

func (i imageCut) cut() *cut {
	rule := state.NewEntry(rtnl.Rule, i.Rule, nil).Set()
	return &cut{family: rule.Uint("family"), table: i.Table, fresh: uint32(rule.Uint("table")), rule: rule}
}
