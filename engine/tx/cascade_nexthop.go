package tx

import (
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// What goes with a next hop, and next hops with a device.

// nexthopGone is what goes with a nexthop: routes and forwarding entries that use it
// (vxlan_fdb_nh_flush), and groups that have no other member.
func (p *planner) nexthopGone(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(); err != nil {
		return nil, err
	}
	id := e.Set().Uint("id")
	var gone []*state.Entry
	for _, o := range []*wire.Object{rtnl.Route, rtnl.FDB} {
		for _, x := range p.st.All(o) {
			if x.Set().Uint("nhid") == id {
				gone = append(gone, x)
				p.plan.touch.key(x.Object, x.Key)
			}
		}
	}
	for _, g := range p.st.All(rtnl.Nexthop) {
		v, ok := g.Set().Get("group")
		if !ok {
			continue
		}
		left := 0
		member := false
		for _, m := range v.L {
			if rtnl.MemberID(m) == id {
				member = true
			} else {
				left++
			}
		}
		if !member {
			continue
		}
		p.plan.touch.key(g.Object, g.Key)
		if left > 0 {
			shrunk := g.Set().Clone()
			w, _ := shrunk.Get("group")
			w.L = slices.DeleteFunc(w.L, func(m wire.Value) bool { return rtnl.MemberID(m) == id })
			shrunk.PutName("group", w)
			p.st.Change(g, shrunk)
			p.shrunk = append(p.shrunk, g)
			continue
		}
		more, err := p.nexthopGone(g)
		if err != nil {
			return nil, err
		}
		gone = appendNew(append(gone, g), more)
	}
	return gone, nil
}

// touchNexthops notes that next hops on a device may go, and what is by them.
func (p *planner) touchNexthops(index uint32) {
	ids := map[uint64]bool{}
	for _, x := range p.st.All(rtnl.Nexthop) {
		if uses(x, index) {
			ids[x.Set().Uint("id")] = true
		}
	}
	for _, x := range p.st.All(rtnl.Nexthop) {
		v, _ := x.Set().Get("group")
		if slices.ContainsFunc(v.L, func(m wire.Value) bool { return ids[rtnl.MemberID(m)] }) {
			ids[x.Set().Uint("id")] = true
			p.plan.touch.key(x.Object, x.Key)
		}
	}
	for _, r := range p.st.All(rtnl.Route) {
		if ids[r.Set().Uint("nhid")] {
			p.plan.touch.key(r.Object, r.Key)
		}
	}
}

// nexthopsOn are the next hops on a device, with the routes by them and groups of no
// others: they go with its carrier, or when it is down for a moment.
func (p *planner) nexthopsOn(index uint32) (l []*state.Entry, err error) {
	for _, x := range p.st.All(rtnl.Nexthop) {
		if uses(x, index) {
			more, err := p.nexthopGone(x)
			if err != nil {
				return nil, err
			}
			l = appendNew(append(l, x), more)
		}
	}
	return l, nil
}
