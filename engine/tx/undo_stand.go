package tx

import (
	"context"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A link that moves to another namespace forgets all addresses that it receives for the
// links on it (dev_uc_flush, dev_mc_flush), and those that stay up do not tell it again:
// a macvlan receives nothing then on a device with a filter. Down and up it tells of its
// own address, but of no group that it was in before (__hw_addr_unsync_one).

// stands reports whether a link is up and stays so when the one it is on goes down.
func stands(e *state.Entry) bool {
	kind, _ := e.Set().Get("kind")
	if kind.Sub == nil || e.Set().Uint("up") == 0 {
		return false
	}
	switch kind.Sub.Table.Name {
	case "macvlan", "macvtap":
		return true
	case "vlan":
		return kind.Sub.Uint("loose_binding") != 0
	}
	return false
}

// unheard notes for the plan's reader the links on one that moves away that it does not
// receive for any more.
func (p *planner) unheard(e *state.Entry) {
	for _, x := range p.st.All(rtnl.Link) {
		if lower(x) == e.Index() && stands(x) {
			p.remarks = append(p.remarks, "link "+x.Name()+" on it may receive nothing from then on, until it is made again")
		}
	}
}

// lowers sets down the links that were on one which is to come back from where it has
// the index given, and makes them forget what they have told it. It is told again when
// they come up, which undo sees to, as to what they lose by this.
func (m move) lowers(ctx context.Context, from, to *nlconn.Conn, index uint32) {
	now, there := state.New(Source{from}), state.New(Source{to})
	if now.Load(ctx) != nil || there.Load(ctx, state.Scope{Object: rtnl.FDB, Dev: index}) != nil || there.LinkByIndex(index) == nil {
		return
	}
	hears := map[string]bool{macOf(there.LinkByIndex(index), "address"): true}
	for _, e := range there.All(rtnl.FDB) {
		hears[macOf(e, "lladdr")] = true
	}
	for _, was := range m.from.st.Before(rtnl.Link) {
		is := now.LinkByIndex(was.Index())
		if lower(was) != m.index || !stands(was) || !m.from.touch.has(was) {
			continue
		}
		if is == nil || !stands(is) || !is.Set().Has("link_netnsid") || uint32(is.Set().Uint("link")) != index {
			continue // it is not on that, or is not up
		}
		s := wire.NewSet(rtnl.Link.Table)
		s.PutName("index", wire.IntVal(uint64(is.Index())))
		s.PutName("up", wire.BoolVal(false))
		if !sendOne(from, rtnl.Link, rtnl.Link.New, s) {
			continue
		}
		knows := hears
		if !hears[macOf(is, "address")] {
			knows = nil // of what both listen to, either may be meant
		}
		unsync(ctx, from, is.Index(), knows)
	}
}

func macOf(e *state.Entry, row string) string {
	v, _ := e.Set().Get(row)
	return v.S
}

// unsync makes a link that is down forget the addresses that it takes the one below to
// receive, other than those that that did. That it takes this counts as a user of the
// address; somebody who gave it the link is another, and stays.
func unsync(ctx context.Context, c *nlconn.Conn, index uint32, known map[string]bool) {
	st := state.New(Source{c})
	if st.Load(ctx, state.Scope{Object: rtnl.FDB, Dev: index}) != nil {
		return
	}
	for _, e := range st.All(rtnl.FDB) {
		s := deletionSet(e)
		if uint32(s.Uint("dev")) != index || s.Uint("master") != 0 || known[macOf(e, "lladdr")] {
			continue
		}
		users := 0
		for users < 2 && sendOne(c, rtnl.FDB, rtnl.FDB.Del, s) {
			users++
		}
		if users == 2 {
			sendOne(c, rtnl.FDB, rtnl.FDB.New, Writable(e.Set()))
		}
	}
}
