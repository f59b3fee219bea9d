package tx

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// What goes with what, mostly without a message (KERNEL.md C).

// linkObjects live on a link and go with it.
var linkObjects = []*wire.Object{rtnl.Addr, rtnl.Route, rtnl.Neigh, rtnl.Nexthop, rtnl.VLAN, rtnl.TunnelInfo, rtnl.FDB, rtnl.Qdisc}

// loadLinkObjects reads all that may go with a link.
func (p *planner) loadLinkObjects(links ...*state.Entry) error {
	var sc []state.Scope
	for _, o := range linkObjects {
		sc = append(sc, state.Scope{Object: o})
	}
	for _, l := range links {
		sc = append(sc, state.Scope{Object: rtnl.Class, Dev: l.Index()})
	}
	return p.st.Load(p.ctx, sc...)
}

// uses reports whether an object refers to the link.
func uses(e *state.Entry, index uint32) bool {
	found := false
	e.Set().Devices(func(v *wire.Value) error {
		found = found || v.Type == wire.Int && uint32(v.N) == index
		return nil
	})
	return found
}

// cascade returns what goes when e is deleted, in the order of ranks.
func (p *planner) cascade(e *state.Entry) ([]*state.Entry, error) {
	switch e.Object {
	case rtnl.Link:
		return p.linkGone(e)
	case rtnl.Addr:
		return p.addrGone(e)
	case rtnl.Nexthop:
		return p.nexthopGone(e)
	case rtnl.Qdisc:
		return p.qdiscGone(e)
	}
	return nil, nil
}

// linkGone is what goes with a link: all that lives on it, links above it, the
// peer of a veth. Its ports are released.
func (p *planner) linkGone(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(e); err != nil {
		return nil, err
	}
	var gone []*state.Entry
	links := []*state.Entry{e}
	for i := 0; i < len(links); i++ {
		idx := links[i].Index()
		p.plan.touch.link(idx)
		if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Class, Dev: idx}); err != nil {
			return nil, err
		}
		if err := p.keepSettings(links[i], 0); err != nil {
			return nil, err
		}
		if err := p.farGone(links[i]); err != nil {
			return nil, err
		}
		for _, l := range p.st.All(rtnl.Link) {
			if l == links[i] || slices.Contains(links, l) {
				continue
			}
			switch m, _ := l.Set().Get("master"); {
			case lower(l) == idx:
				links = append(links, l)
			case uint32(m.N) == idx && m.Type == wire.Int:
				p.plan.touch.link(l.Index())
				p.freed = append(p.freed, l)
				gone = appendNew(gone, p.leavesBridge(l))
				freed := l.Set().Clone()
				freed.Del("master")
				freed.Del("port")
				p.st.Change(l, freed)
			}
		}
		for _, o := range append(slices.Clone(linkObjects), rtnl.Class) {
			for _, x := range p.st.All(o) {
				if uses(x, idx) && !slices.Contains(gone, x) {
					gone = append(gone, x)
					if o == rtnl.Nexthop {
						more, err := p.nexthopGone(x)
						if err != nil {
							return nil, err
						}
						gone = appendNew(gone, more)
					}
				}
			}
		}
	}
	return appendNew(links[1:], gone), nil
}

// lower is the link of this namespace that a link stands on and goes with, 0
// when there is none. A vxlan does not report its own as others do
// (vxlan_handle_lowerdev_unregister).
func lower(l *state.Entry) uint32 {
	s := l.Set()
	if kind, _ := s.Get("kind"); kind.Sub != nil && kind.Sub.Table.Name == "vxlan" {
		return uint32(kind.Sub.Uint("dev"))
	}
	if s.Has("link_netnsid") {
		return 0
	}
	return uint32(s.Uint("link"))
}

func appendNew(l, more []*state.Entry) []*state.Entry {
	for _, x := range more {
		if !slices.Contains(l, x) {
			l = append(l, x)
		}
	}
	return l
}

// addrGone is what goes with an address: its secondaries, routes that prefer one
// of them as source, and
// with the last IPv4 one every IPv4 route of the link.
func (p *planner) addrGone(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(); err != nil {
		return nil, err
	}
	dev := uint32(e.Set().Uint("dev"))
	p.plan.touch.link(dev)
	local, _ := e.Set().Get("local")
	gone := p.secondaries(e)
	last := local.A.Is4()
	lost := map[netip.Addr]bool{local.A: local.A.Is4()}
	for _, x := range p.st.All(rtnl.Addr) {
		l, _ := x.Set().Get("local")
		switch {
		case slices.Contains(gone, x):
			lost[l.A] = true
		case x != e && l.A.Is4() && uint32(x.Set().Uint("dev")) == dev:
			last = false
		}
	}
	for _, r := range p.st.All(rtnl.Route) {
		src, _ := r.Set().Get("src")
		switch {
		case src.Type == wire.Addr && lost[src.A]:
			gone = append(gone, r)
		case last && uses(r, dev) && r.Set().Uint("family") == e.Set().Uint("family"):
			gone = append(gone, r)
		case src.Type == wire.Addr && src.A == local.A:
			p.plan.touch.key(r.Object, r.Key)
		}
	}
	return gone, nil
}

// firstOn notes what undo takes along when it removes an address again that was the
// first of IPv4 on its device: with the last one all routes and neighbours of the
// family go (fib_disable_ip).
func (p *planner) firstOn(o *wire.Object, want *wire.Set) error {
	if o != rtnl.Addr || want.Uint("family") != unix.AF_INET {
		return nil
	}
	dev := uint32(want.Uint("dev"))
	if e := p.st.LinkByIndex(dev); e == nil || p.virtual[dev] || p.plan.touch.links[e.Name()] {
		return nil
	}
	for _, x := range p.st.All(rtnl.Addr) {
		if isIPv4(x) && uint32(x.Set().Uint("dev")) == dev {
			return nil
		}
	}
	p.plan.touch.link(dev)
	return p.st.Load(p.ctx, state.Scope{Object: rtnl.Route, Family: unix.AF_INET, Dev: dev}, state.Scope{Object: rtnl.Neigh, Dev: dev})
}

// secondaries are the IPv4 addresses that go with a primary one: the others of
// its network, unless the first of them takes its place (__inet_del_ifa).
func (p *planner) secondaries(e *state.Entry) []*state.Entry {
	if !isIPv4(e) {
		return nil
	}
	o := p.othersOf(e)
	if !o.first || len(o.network) == 0 || p.promotes(uint32(e.Set().Uint("dev"))) {
		return nil
	}
	return o.network
}

// nexthopGone is what goes with a nexthop: routes that use it and groups that
// have no other member.
func (p *planner) nexthopGone(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(); err != nil {
		return nil, err
	}
	id := e.Set().Uint("id")
	var gone []*state.Entry
	for _, r := range p.st.All(rtnl.Route) {
		if r.Set().Uint("nhid") == id {
			gone = append(gone, r)
			p.plan.touch.key(r.Object, r.Key)
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
			if memberID(m) == id {
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
			w.L = slices.DeleteFunc(w.L, func(m wire.Value) bool { return memberID(m) == id })
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

func memberID(m wire.Value) uint64 {
	if m.Type == wire.ListVal && len(m.L) > 0 {
		return m.L[0].N
	}
	return m.N
}

// qdiscGone is what goes with a queueing discipline: its classes and children.
func (p *planner) qdiscGone(e *state.Entry) ([]*state.Entry, error) {
	dev := uint32(e.Set().Uint(rtnl.Qdisc.Subject))
	if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Qdisc}, state.Scope{Object: rtnl.Class, Dev: dev}); err != nil {
		return nil, err
	}
	major := e.Set().Uint("handle") >> 16
	var gone []*state.Entry
	if major == 0 {
		return nil, nil
	}
	for _, o := range []*wire.Object{rtnl.Class, rtnl.Qdisc} {
		for _, x := range p.st.All(o) {
			if x == e || uint32(x.Set().Uint(o.Subject)) != dev {
				continue
			}
			if x.Set().Uint("parent")>>16 == major || o == rtnl.Class && x.Set().Uint("classid")>>16 == major {
				gone = append(gone, x)
				p.plan.touch.key(x.Object, x.Key)
			}
		}
	}
	return gone, nil
}

// disturbs notes what a link's change reaches, and returns what it takes away.
func (p *planner) disturbs(e *state.Entry, pick *wire.Set, deltas []state.Delta) ([]*state.Entry, error) {
	if err := p.defaultPVID(e, pick); err != nil {
		return nil, err
	}
	if !disturbing(pick) {
		return p.forgetsTunnels(e, pick)
	}
	moves := pick.Has("master") && pick.Uint("master") != e.Set().Uint("master")
	if p.virtual[e.Index()] {
		if moves {
			return p.leavesBridge(e), nil
		}
		return nil, nil
	}
	p.plan.touch.link(e.Index())
	if err := p.shrinks(e, pick); err != nil {
		return nil, err
	}
	if err := p.loadLinkObjects(e); err != nil {
		return nil, err
	}
	// Links above follow flags, mtu and address, and a master those of its ports.
	p.plan.touch.link(uint32(e.Set().Uint("master")))
	all := p.st.All(rtnl.Link)
	for at := []uint32{e.Index()}; len(at) > 0; at = at[1:] {
		for _, l := range all {
			if lower(l) == at[0] && !p.plan.touch.indexes[l.Index()] {
				p.plan.touch.link(l.Index())
				at = append(at, l.Index())
			}
		}
	}
	if m, ok := pick.Get("master"); ok && pick.Has("master") {
		p.plan.touch.link(uint32(m.N))
		p.plan.touch.link(uint32(e.Set().Uint("master")))
	}
	gone, err := p.forgetsTunnels(e, pick)
	if err != nil {
		return nil, err
	}
	if moves {
		gone = appendNew(gone, p.leavesBridge(e))
	}
	if up, _ := pick.Get("up"); pick.Has("up") && !up.True() {
		lost, err := p.lostOnDown(e)
		return appendNew(gone, lost), err
	}
	return gone, nil
}

// lostWithCarrier is what the other end of a veth loses when this end goes
// down: next hops and the routes by them, without any message (KERNEL.md A9).
func (p *planner) lostWithCarrier(e *state.Entry) ([]*state.Entry, error) {
	other := p.st.LinkByIndex(uint32(e.Set().Uint("link")))
	if kindOf(p.st, e.Index()) != "veth" || other == nil {
		return nil, nil
	}
	p.plan.touch.link(other.Index())
	var lost []*state.Entry
	for _, x := range p.st.All(rtnl.Nexthop) {
		if uses(x, other.Index()) {
			more, err := p.nexthopGone(x)
			if err != nil {
				return nil, err
			}
			lost = appendNew(append(lost, x), more)
		}
	}
	return lost, nil
}

// lostOnDown is what a link loses when it goes down: IPv6 addresses and
// neighbours, routes of both families, nexthops.
func (p *planner) lostOnDown(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(e); err != nil {
		return nil, err
	}
	idx := e.Index()
	p.plan.touch.link(idx)
	var lost []*state.Entry
	for _, o := range []*wire.Object{rtnl.Addr, rtnl.Neigh, rtnl.Nexthop, rtnl.Route} {
		for _, x := range p.st.All(o) {
			if !uses(x, idx) {
				continue
			}
			v4 := x.Set().Uint("family") == 2 // AF_INET
			switch o {
			case rtnl.Addr, rtnl.Neigh:
				if v4 {
					continue
				}
			case rtnl.Route:
				if x.Set().Uint("type") == rtnLocal || v4 && x.Set().Has("nexthops") {
					continue
				}
			}
			lost = append(lost, x)
			if o == rtnl.Nexthop {
				more, err := p.nexthopGone(x)
				if err != nil {
					return nil, err
				}
				lost = appendNew(lost, more)
			}
		}
	}
	more, err := p.lostWithCarrier(e)
	return appendNew(lost, more), err
}

const rtnLocal = 2 // RTN_LOCAL: stays with its address
