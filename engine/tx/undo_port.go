package tx

import (
	"cmp"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
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
