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

// noteMove notes that a link that was there before the commit moves.
func (p *Plan) noteMove(m move) {
	p.moves = append(p.moves, m)
	if m.to.arrived == nil {
		m.to.arrived = map[string]bool{}
	}
	m.to.arrived[m.name] = true
	if m.from.gone == nil {
		m.from.gone = map[uint32]bool{}
	}
	m.from.gone[m.index] = true
}

// noteEnds notes which of the links that move the commit deletes then, wherever they have
// come to; one of another kind may have taken the place.
func (p *Plan) noteEnds() {
	for i := range p.moves {
		m := &p.moves[i]
		m.ends = m.from.st.LinkByIndex(m.index) == nil && !slices.ContainsFunc(p.moves, func(x move) bool {
			e := x.to.st.Known(x.name)
			return x.from == m.from && x.index == m.index && e != nil && m.is(e)
		})
	}
}

// is reports whether a link may be the one that moves: it is of that kind.
func (m move) is(e *state.Entry) bool {
	return !slices.ContainsFunc(m.from.st.Before(rtnl.Link), func(was *state.Entry) bool { return was.Index() == m.index && !sameKind(was, e.Set()) })
}

// moveBack brings the links that moved back to where they were, with the index
// they had, and counts them. What it does not bring is told of by undo.
func (p *Plan) moveBack(ctx context.Context, k Kernel) (n int) {
	for i := len(p.moves) - 1; i >= 0; i-- {
		m := p.moves[i]
		from, err := k.at(m.from)
		if err != nil {
			continue
		}
		to, err := k.at(m.to)
		if err != nil || k.Spaces == nil {
			continue
		}
		home, err := k.Spaces.Open(m.from.Place, false)
		if err != nil || slices.ContainsFunc(p.moves, func(x move) bool {
			if x.from != m.from || x.index != m.index {
				return false
			}
			e := linkNamed(from.Conn, x.name)
			return e != nil && e.Index() == m.index
		}) {
			continue
		}
		e := linkNamed(to.Conn, m.name)
		if m.ends && (e == nil || !m.is(e)) {
			delete(m.from.gone, m.index) // it is not there any more: it is made again
			delete(m.to.arrived, m.name)
			continue
		}
		if e == nil {
			continue
		}
		index := e.Index()
		m.lowers(ctx, from.Conn, to.Conn, index)
		s := wire.NewSet(rtnl.Link.Table)
		s.PutName("index", wire.IntVal(uint64(index)))
		s.PutName("netns_fd", wire.IntVal(uint64(home.FD())))
		s.PutName("new_ifindex", wire.IntVal(uint64(m.index)))
		took := sendBack(to.Conn, s)
		if !took {
			s.Del("new_ifindex") // its index was taken meanwhile
			took = sendBack(to.Conn, s)
		}
		if took {
			n++
		}
	}
	return n
}

// home reports whether a link is where it was, however it came there.
func (u *undoer) home(e *state.Entry) bool {
	was := u.plan.before(e)
	if was == nil {
		return false
	}
	name, _ := was.Get("name")
	return name.S == e.Name()
}

// sendBack sends a link back. Where another one has the name it has now it comes with
// any that is free, until it gets its own.
func sendBack(c *nlconn.Conn, s *wire.Set) bool {
	if sendOne(c, rtnl.Link, rtnl.Link.New, s) {
		return true
	}
	s = s.Clone()
	s.PutName("newname", wire.StrVal("link%d"))
	return sendOne(c, rtnl.Link, rtnl.Link.New, s)
}

// linkNamed is the link that has a name, nil when there is none.
func linkNamed(c *nlconn.Conn, name string) *state.Entry {
	var b wire.Builder
	s := wire.NewSet(rtnl.Link.Table)
	s.PutName("name", wire.StrVal(name))
	if rtnl.Link.Append(&b, unix.RTM_GETLINK, unix.NLM_F_REQUEST, s) != nil {
		return nil
	}
	req, _, err := b.Last()
	if err != nil {
		return nil
	}
	msg, err := c.Get(req)
	if err != nil {
		return nil
	}
	return state.NewEntry(rtnl.Link, msg, nil)
}

// sendOne sends one message about an object, typ being New or Del, and reports whether
// it took. Of a link New changes what is there.
func sendOne(c *nlconn.Conn, o *wire.Object, typ uint16, s *wire.Set) bool {
	flags := uint16(unix.NLM_F_REQUEST | unix.NLM_F_ACK)
	if typ == o.New && o != rtnl.Link {
		flags |= unix.NLM_F_CREATE
	}
	var b wire.Builder
	if o.Append(&b, typ, flags, s) != nil {
		return false
	}
	msg, _, err := b.Last()
	if err != nil {
		return false
	}
	ok := true
	err = c.Transact([][]byte{msg}, func(_ int, r wire.Reply) { ok = ok && r.Errno == 0 })
	return ok && err == nil
}
