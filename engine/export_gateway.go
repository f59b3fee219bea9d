package engine

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// The kernel looks for the gateway of a route, or of a next hop, when the one is made
// (fib_check_nh, ip6_route_check_nh), and never again.

const noWay = "its gateway is on no network any more; the kernel would refuse it now"

// A network is what a device is on, as a table says.
type network struct {
	table uint64
	to    netip.Prefix
}

// look reads what networks devices are on, and which tables rules lead to.
func (x *exporter) look() error {
	if err := x.st.Load(x.ctx, state.Scope{Object: rtnl.Route}, state.Scope{Object: rtnl.Rule}); err != nil {
		return err
	}
	x.networks, x.led, x.needed = map[uint32][]network{}, map[uint64]bool{}, map[uint64]bool{}
	for _, e := range x.st.All(rtnl.Route) {
		s := e.Set()
		if hasGateway(s) {
			continue
		}
		n := network{table: s.Uint("table")}
		if dst, _ := s.Get("dst"); dst.Type == wire.Net {
			n.to = dst.Prefix()
		} else if s.Uint("family") == unix.AF_INET {
			n.to = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		} else {
			n.to = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		dev := uint32(s.Uint("dev"))
		x.networks[dev] = append(x.networks[dev], n)
	}
	for _, e := range x.st.All(rtnl.Rule) {
		x.led[e.Set().Uint("table")] = true
	}
	return nil
}

// finds reports whether the gateways of a route, or of a next hop, would be found now,
// and notes the tables that it takes rules to.
func (x *exporter) finds(s *wire.Set) bool {
	if !x.live {
		return true // facts need not be all there is
	}
	hops, table := wire.ListOf(wire.SubVal(s)), uint64(unix.RT_TABLE_MAIN)
	if s.Table == rtnl.Route.Table {
		table = s.Uint("table")
		if l, ok := s.Get("nexthops"); ok {
			hops = l
		}
	} else if s.Uint("fdb") != 0 {
		return true // nobody looks for it (nh_create_ipv4)
	}
	found := true
	for _, h := range hops.L {
		via, ok := h.Sub.Get("via")
		if ok && via.Type == wire.Addr && h.Sub.Uint("onlink") == 0 {
			found = x.findsGateway(via.A, uint32(h.Sub.Uint("dev")), table) && found
		}
	}
	return found
}

// findsGateway is finds of one gateway by a device, for a route of a table: that is
// searched, those of the rules that all namespaces have, and others that rules lead to.
func (x *exporter) findsGateway(via netip.Addr, dev uint32, table uint64) bool {
	if via.Is6() && via.IsLinkLocalUnicast() {
		return true // nobody looks for it (ip6_validate_gw)
	}
	byRule := uint64(0)
	for _, n := range x.networks[dev] {
		switch {
		case !n.to.Contains(via):
		case n.table == table, n.table == x.vrf(dev),
			n.table == unix.RT_TABLE_LOCAL, n.table == unix.RT_TABLE_MAIN, n.table == unix.RT_TABLE_DEFAULT:
			return true
		case x.led[n.table]:
			byRule = n.table
		}
	}
	if byRule != 0 {
		x.needed[byRule] = true
	}
	return byRule != 0
}

// vrf is the table of the VRF that a device is a port of, 0 when there is none.
func (x *exporter) vrf(dev uint32) uint64 {
	e := x.st.LinkByIndex(dev)
	if e == nil {
		return 0
	}
	if m := x.st.LinkByIndex(uint32(e.Set().Uint("master"))); m != nil && kindName(m) == "vrf" {
		kind, _ := m.Set().Get("kind")
		return kind.Sub.Uint("table")
	}
	return 0
}

// leading writes the rules that the gateways of routes and next hops are found by, and
// those of their priorities, which keep their order.
func (x *exporter) leading(l []*state.Entry) error {
	for _, e := range l {
		x.finds(e.Set())
	}
	if len(x.needed) == 0 {
		return nil
	}
	rules, err := x.ruleList()
	if err != nil {
		return err
	}
	type place struct{ family, priority uint64 }
	of := func(e *state.Entry) place { return place{e.Set().Uint("family"), e.Set().Uint("priority")} }
	early := map[place]bool{}
	for _, e := range rules {
		if x.needed[e.Set().Uint("table")] {
			early[of(e)] = true
		}
	}
	for _, e := range rules {
		if early[of(e)] {
			x.leads[e] = true
			x.lines = append(x.lines, line{object: e.Object, set: tx.Writable(e.Set())})
		}
	}
	return nil
}
