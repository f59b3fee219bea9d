package tx

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A plan of several commits is made on what the earlier ones would leave. The
// kernel adds to what it is sent: a route by a gateway gets the device, an address
// of a device that is up a route to its network. Later commits see these, and a run
// reads them.

// settle adds them for what earlier commits of the plan have changed.
func (p *planner) settle() error {
	made, gone := p.st.Changes()
	if len(made)+len(gone) == 0 {
		return nil
	}
	p.onLink = nil
	rose, moved := map[uint32]bool{}, false
	for _, e := range made {
		switch e.Object {
		case rtnl.Link:
			if p.rises(e) {
				rose[e.Index()] = true
			}
		case rtnl.Addr:
			moved = true
		}
	}
	if len(rose) > 0 {
		if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Addr}); err != nil {
			return err
		}
	}
	if moved || len(rose) > 0 || slices.ContainsFunc(gone, func(e *state.Entry) bool { return e.Object == rtnl.Addr }) {
		p.networks(rose, gone)
	}
	for _, e := range made {
		if e.Object == rtnl.Route {
			if err := p.giveDevice(e); err != nil {
				return err
			}
		}
	}
	p.st.Changes() // these are settled
	return nil
}

// networks puts in the routes to the networks of addresses that are new, or whose
// device came up, and takes out those of IPv6 addresses that are gone. (What goes
// with an IPv4 address is planned when it goes.)
func (p *planner) networks(rose map[uint32]bool, gone []*state.Entry) {
	type at struct {
		dev uint32
		net netip.Prefix
	}
	there := map[at]bool{}
	for _, e := range p.st.All(rtnl.Addr) {
		x := at{uint32(e.Set().Uint("dev")), network(e)}
		if !there[x] && (!e.Reported() || rose[x.dev]) {
			if r := connected(p.st, e); r != nil && p.find(r) == nil {
				p.st.Add(rtnl.Route, r)
			}
		}
		there[x] = true
	}
	for _, e := range gone {
		if e.Object != rtnl.Addr || isIPv4(e) || there[at{uint32(e.Set().Uint("dev")), network(e)}] {
			continue
		}
		if r := connected(p.st, e); r != nil {
			if x := p.find(r); x != nil {
				p.st.Remove(x)
			}
		}
	}
}

// find returns the route that is like one.
func (p *planner) find(r *wire.Set) *state.Entry {
	for _, e := range p.st.Find(rtnl.Route, state.KeyOf(rtnl.Route, r)) {
		if len(state.Diff(rtnl.Route, r, e.Set(), state.Exact)) == 0 {
			return e
		}
	}
	return nil
}

// giveDevice gives a route by gateways the devices that these are found by.
func (p *planner) giveDevice(e *state.Entry) error {
	s := e.Set().Clone()
	changed, err := p.deviceOf(s, s.Uint("family"))
	if hops, ok := s.Get("nexthops"); ok && err == nil {
		hops.L = slices.Clone(hops.L)
		for i, h := range hops.L {
			if h.Sub == nil {
				continue
			}
			sub := h.Sub.Clone()
			found, err := p.deviceOf(sub, s.Uint("family"))
			if err != nil {
				return err
			}
			if found {
				hops.L[i], changed = wire.SubVal(sub), true
			}
		}
		s.PutName("nexthops", hops)
	}
	if err != nil || !changed {
		return err
	}
	p.st.Change(e, canon(rtnl.Route, s))
	return nil
}

// deviceOf gives a route, or a next hop, the device of its gateway, and reports
// whether it did.
func (p *planner) deviceOf(s *wire.Set, family uint64) (bool, error) {
	via, ok := s.Get("via")
	if !ok || s.Has("dev") || !via.A.IsValid() || s.Table.Row("nhid") != nil && s.Has("nhid") {
		return false, nil
	}
	dev, err := p.gateway(via.A)
	if dev != 0 {
		s.PutName("dev", wire.IntVal(uint64(dev)))
	}
	return dev != 0, err
}

// gateway is the device that a gateway is found by, 0 when that is not known: of
// the networks and routes in the state, and of what the kernel says, the one that
// says most.
func (p *planner) gateway(a netip.Addr) (uint32, error) {
	if p.onLink == nil {
		if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Addr}); err != nil {
			return 0, err
		}
		p.onLink = map[netip.Prefix]uint32{}
		for _, e := range p.st.All(rtnl.Addr) {
			p.reach(network(e), e.Set())
		}
		for _, e := range p.st.All(rtnl.Route) {
			if s := e.Set(); s.Uint("type") == unix.RTN_UNICAST && s.Uint("table") == unix.RT_TABLE_MAIN {
				p.reachBy(s)
			}
		}
	}
	if r := p.st.RouteTo(a); r != nil {
		p.reachBy(r)
	}
	for bits := a.BitLen(); bits >= 0; bits-- {
		net, err := a.Prefix(bits)
		if dev := p.onLink[net]; err == nil && dev != 0 {
			return dev, nil
		}
	}
	return 0, nil
}

// reachBy notes what can be reached by a route without a gateway.
func (p *planner) reachBy(route *wire.Set) {
	if dst, _ := route.Get("dst"); dst.Type == wire.Net && !route.Has("via") && route.Has("dev") {
		p.reach(dst.Prefix(), route)
	}
}

// reach notes that a network is on a device, if that is up.
func (p *planner) reach(net netip.Prefix, s *wire.Set) {
	dev := uint32(s.Uint("dev"))
	if l := p.st.LinkByIndex(dev); l != nil && l.Set().Uint("up") != 0 && p.onLink[net] == 0 {
		p.onLink[net] = dev
	}
}

// hidden reads the table of a route that was looked up, if behind it is the one that
// is wanted: replacing the first would be refused (fib_table_insert).
func (p *planner) hidden(first *state.Entry, want *wire.Set) (bool, error) {
	if first.Object != rtnl.Route || first.Set().Uint("family") != unix.AF_INET {
		return false, nil
	}
	p.onLink = nil // addresses of this commit may have come
	dev := uint32(want.Uint("dev"))
	if via, ok := want.Get("via"); ok && dev == 0 && via.A.IsValid() {
		var err error
		if dev, err = p.gateway(via.A); err != nil {
			return false, err
		}
	}
	there, err := p.st.Behind(p.ctx, first, dev, func(e *state.Entry) bool {
		return len(state.Diff(rtnl.Route, want, e.Set(), state.Whole)) == 0
	})
	if err != nil || !there {
		return false, err
	}
	return true, p.st.LoadTable(p.ctx, first)
}
