package tx

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// What goes with an address.

// preferring are the routes that go with addresses that are lost, as they prefer one
// of them as source. Those of IPv6 stay, without it.
func (p *planner) preferring(lost []*state.Entry) (gone []*state.Entry) {
	sources := localsOf(lost)
	if len(sources) == 0 {
		return nil
	}
	for _, r := range p.st.All(rtnl.Route) {
		switch src, _ := r.Set().Get("src"); {
		case src.Type != wire.Addr || !sources[src.A]:
		case src.A.Is4():
			gone = append(gone, r)
		default:
			p.plan.touch.key(r.Object, r.Key)
		}
	}
	return gone
}

// localsOf are the local addresses among objects.
func localsOf(l []*state.Entry) map[netip.Addr]bool {
	locals := map[netip.Addr]bool{}
	for _, e := range l {
		if e.Object == rtnl.Addr {
			local, _ := e.Set().Get("local")
			locals[local.A] = true
		}
	}
	return locals
}

// madeAgain notes the routes that prefer an address which an undo may make again, for its
// place or its label: they go with it for a moment, whatever they are by.
func (p *planner) madeAgain() {
	touched := slices.DeleteFunc(p.st.Before(rtnl.Addr), func(e *state.Entry) bool { return !p.plan.touch.has(e) })
	if len(touched) == 0 {
		return
	}
	locals := localsOf(touched)
	for _, r := range p.st.Before(rtnl.Route) {
		if src, _ := r.Set().Get("src"); src.Type == wire.Addr && locals[src.A] {
			p.plan.touch.key(r.Object, r.Key)
		}
	}
}

// addrGone is what goes with an address: its secondaries, routes that prefer one
// of them as source, and
// with the last IPv4 one every IPv4 route and neighbour of the link (fib_disable_ip).
func (p *planner) addrGone(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(); err != nil {
		return nil, err
	}
	dev := uint32(e.Set().Uint("dev"))
	p.plan.touch.link(dev)
	local, _ := e.Set().Get("local")
	gone, had := p.secondaries(e), p.onDevice(dev)
	last := local.A.Is4()
	for _, x := range p.st.All(rtnl.Addr) {
		l, _ := x.Set().Get("local")
		if x != e && !slices.Contains(gone, x) && l.A.Is4() && uint32(x.Set().Uint("dev")) == dev {
			last = false
		}
	}
	gone = append(gone, p.preferring(append([]*state.Entry{e}, gone...))...)
	if !last {
		return gone, nil
	}
	var all []*state.Entry
	for _, o := range []*wire.Object{rtnl.Neigh, rtnl.Route} {
		for _, x := range p.st.All(o) {
			if isIPv4(x) && through(x, dev, had) {
				all = append(all, x)
			}
		}
	}
	return appendNew(gone, all), nil
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
