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
			return x.from == m.from && x.index == m.index && indexOf(from.Conn, x.name) == m.index
		}) {
			continue
		}
		index := indexOf(to.Conn, m.name)
		if index == 0 {
			continue
		}
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

// indexOf is the index of a link by name, 0 when it is not there.
func indexOf(c *nlconn.Conn, name string) uint32 {
	var b wire.Builder
	s := wire.NewSet(rtnl.Link.Table)
	s.PutName("name", wire.StrVal(name))
	if rtnl.Link.Append(&b, unix.RTM_GETLINK, unix.NLM_F_REQUEST, s) != nil {
		return 0
	}
	req, _, err := b.Last()
	if err != nil {
		return 0
	}
	msg, err := c.Get(req)
	if err != nil {
		return 0
	}
	return state.NewEntry(rtnl.Link, msg, nil).Index()
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
