package tx

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A bridge gives a port that joins the lowest number that is free (find_portno). Ports
// have theirs again when they join in that order, all links being there: not with the
// message that makes them.

// A portJoin is what makes a link the port of a bridge again that it was.
type portJoin struct {
	was   *state.Entry
	about orderKey
	set   *wire.Set
	have  *wire.Set
}

// joinsLater takes out of s, which is to make a link that is as have what it was, that
// it is a port of a bridge.
func (u *undoer) joinsLater(s, have *wire.Set, was *state.Entry) {
	if !s.Has("master") || portNo(was) == 0 {
		return
	}
	join := wire.NewSet(s.Table)
	for _, row := range []string{"master", "port"} {
		if v, ok := s.Get(row); ok && s.Has(row) {
			join.PutName(row, v)
			s.Del(row)
		}
	}
	u.joins = append(u.joins, portJoin{was, u.left[len(u.left)-1].about(), join, have})
}

// joinPorts makes links the ports of bridges again.
func (u *undoer) joinPorts() {
	slices.SortStableFunc(u.joins, func(a, b portJoin) int { return cmp.Compare(portNo(a.was), portNo(b.was)) })
	for _, j := range u.joins {
		n := len(u.steps)
		u.parts(j.set, j.have, j.was.Index())
		for i := range u.steps[n:] {
			u.steps[n+i].about = j.about
		}
	}
	u.joins = nil
}

// That does not do where others have joined before: the undo of a later commit has given
// them the numbers of those that were not there then. When all is as it was but for that,
// the ports that have another's number leave, and join again in order. One that has its own
// is left alone, though a gap below it lets others come before it: that is told.

// A standing is a port of a bridge, as it was and as it is.
type standing struct{ was, is *state.Entry }

// standsBy reports whether a link is a port of a bridge that the commit touches: its number
// is compared.
func (p *Plan) standsBy(e *state.Entry) bool {
	return e.Object == rtnl.Link && portNo(e) != 0 && p.touch.indexes[uint32(e.Set().Uint("master"))]
}

// standings are the ports whose numbers are compared, by bridge.
func (u *undoer) standings() map[uint32][]standing {
	bridges := map[uint32][]standing{}
	if len(u.plan.touch.indexes) == 0 {
		return bridges
	}
	for _, was := range u.plan.st.Before(rtnl.Link) {
		if !u.plan.standsBy(was) {
			continue
		}
		bridge, is := was.Set().Uint("master"), u.now.LinkByIndex(was.Index())
		if is != nil && portNo(is) != 0 && is.Set().Uint("master") == bridge {
			bridges[uint32(bridge)] = append(bridges[uint32(bridge)], standing{was, is})
		}
	}
	return bridges
}

// swapped are the ports that have another number than before, and stand on the other side
// of another port of their bridge.
func swapped(l []standing) []standing {
	return slices.DeleteFunc(slices.Clone(l), func(a standing) bool {
		return portNo(a.is) == portNo(a.was) || !slices.ContainsFunc(l, func(b standing) bool {
			return a != b && (portNo(a.was) < portNo(b.was)) != (portNo(a.is) < portNo(b.is))
		})
	})
}

// rejoined is how the ports of a bridge would stand when some have left and joined again.
func (u *undoer) rejoined(bridge uint32, l, leave []standing) []standing {
	taken := map[uint64]bool{}
	for _, e := range u.now.All(rtnl.Link) {
		if e.Set().Uint("master") == uint64(bridge) {
			taken[portNo(e)] = true
		}
	}
	for _, x := range leave {
		delete(taken, portNo(x.is))
	}
	l = slices.DeleteFunc(slices.Clone(l), func(x standing) bool { return slices.Contains(leave, x) })
	leave = slices.SortedFunc(slices.Values(leave), func(a, b standing) int { return cmp.Compare(portNo(a.was), portNo(b.was)) })
	for _, x := range leave {
		no := uint64(1)
		for taken[no] {
			no++
		}
		taken[no] = true
		l = append(l, standing{x.was, numbered(x.is, no)})
	}
	return l
}

// numbered is a port with another number.
func numbered(e *state.Entry, no uint64) *state.Entry {
	s := e.Set().Clone()
	port, _ := s.Get("port")
	port.Sub = port.Sub.Clone()
	port.Sub.PutName("port_no", wire.IntVal(no))
	s.PutName("port", port)
	return state.EntryOf(e.Object, s)
}

// misplaced are the ports that have to leave their bridges, and join them again, to stand as
// before, or more like that.
func (u *undoer) misplaced() (leave []standing) {
	bridges := u.standings()
	for _, bridge := range slices.Sorted(maps.Keys(bridges)) {
		l := bridges[bridge]
		if some := swapped(l); len(swapped(u.rejoined(bridge, l, some))) < len(some) {
			leave = append(leave, some...)
		}
	}
	return leave
}

// portsInOrder puts ports whose numbers are swapped in order, as the undo of a commit that
// they left with does: all that they have is read before, and is there again. ok counts
// what took effect.
func (u *undoer) portsInOrder(ctx context.Context, k Kernel) (ok int, left []Residue, err error) {
	leave := u.misplaced()
	if len(leave) == 0 {
		return 0, nil, nil
	}
	var ops []*builtins.Op
	for _, x := range leave {
		s := wire.NewSet(rtnl.Link.Table)
		s.PutName("name", wire.StrVal(x.is.Name()))
		s.PutName("master", wire.IntVal(0))
		for _, msg := range u.encode(rtnl.Link, rtnl.Link.New, 0, s) {
			ops = append(ops, &builtins.Op{Object: rtnl.Link, Msg: msg})
		}
	}
	p, err := Make(ctx, state.New(Source{k.Conn}), k.Sys, &u.arena, ops, 0)
	if err != nil {
		return 0, nil, nil // they stay as they are, and are told of
	}
	p.stamp()
	for _, x := range leave {
		for _, e := range p.st.Held(rtnl.Link, x.is.Key) {
			p.st.SetBefore(numbered(e, portNo(x.was)), true)
		}
	}
	for i := range p.Steps {
		err := k.Conn.Transact([][]byte{p.Steps[i].Msg}, func(_ int, r wire.Reply) {
			if r.Errno == 0 {
				ok++
			}
		})
		if err != nil {
			return ok, nil, err
		}
	}
	k.Mon = nil // the caller listens
	n, left, err := p.undo(ctx, k)
	return ok + n, u.plan.Unjudged(left), err
}

// unordered tells of the ports whose numbers are swapped.
func (u *undoer) unordered() (l []Residue) {
	bridges := u.standings()
	for _, bridge := range slices.Sorted(maps.Keys(bridges)) {
		for _, x := range swapped(bridges[bridge]) {
			l = append(l, Residue{Object: rtnl.Link, Before: x.was.Set(), Now: x.is.Set(), Swapped: true,
				Title: titleOf(rtnl.Link, x.was.Set(), u.now.Names), Text: fmt.Sprintf("port.port_no was %d, is %d", portNo(x.was), portNo(x.is))})
		}
	}
	return l
}
