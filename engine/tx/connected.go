package tx

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// connected is the route that the kernel makes for the network of an address
// (fib_add_ifaddr, addrconf_prefix_route); nil when it makes none.
func connected(st *state.State, addr *state.Entry) *wire.Set {
	s := addr.Set()
	dev := st.LinkByIndex(uint32(s.Uint("dev")))
	if dev == nil || dev.Set().Uint("up") == 0 || dev.Index() == loopbackIndex || s.Uint("noprefixroute") != 0 {
		return nil
	}
	local, _ := s.Get("local")
	net := network(addr)
	v4 := isIPv4(addr)
	if v4 && (net.IsSingleIP() && net.Addr() == local.A || net.Addr().IsUnspecified()) {
		return nil
	}
	r := wire.NewSet(rtnl.Route.Table)
	r.PutName("family", wire.IntVal(s.Uint("family")))
	r.PutName("table", wire.IntVal(networkTable(st, dev)))
	r.PutName("protocol", wire.IntVal(unix.RTPROT_KERNEL))
	r.PutName("type", wire.IntVal(unix.RTN_UNICAST))
	r.PutName("dst", wire.NetVal(net))
	r.PutName("dev", wire.IntVal(uint64(dev.Index())))
	metric := s.Uint("metric")
	if v4 {
		r.PutName("scope", wire.IntVal(unix.RT_SCOPE_LINK))
		r.PutName("src", wire.AddrVal(local.A))
	} else if metric == 0 {
		metric = addrconfMetric
	}
	if metric != 0 {
		r.PutName("metric", wire.IntVal(metric))
	}
	return canon(rtnl.Route, r)
}

const (
	loopbackIndex  = 1   // LOOPBACK_IFINDEX
	addrconfMetric = 256 // IP6_RT_PRIO_ADDRCONF
)

// networkTable is the table that the routes of a device's networks are in: that of its
// VRF, or main.
func networkTable(st *state.State, dev *state.Entry) uint64 {
	for e := dev; e != nil; e = st.LinkByIndex(uint32(e.Set().Uint("master"))) {
		if kind, ok := e.Set().Get("kind"); ok && kind.Sub != nil && kind.Sub.Table.Name == "vrf" {
			return kind.Sub.Uint("table")
		}
		if e.Set().Uint("master") == 0 {
			break
		}
	}
	return unix.RT_TABLE_MAIN
}

// dropNetwork removes what the kernel leaves of an IPv6 address that undo deletes:
// the route to its network stays when the address had a lifetime, or when another
// address of the network is there, whatever its metric and whether or not it has a
// route (ipv6_del_addr, check_cleanup_prefix_route). It goes unless an address of
// before, or of another program, has it, too.
func (u *undoer) dropNetwork(e *state.Entry) {
	if e.Object != rtnl.Addr || isIPv4(e) {
		return
	}
	route := connected(u.now, e)
	if route == nil {
		return
	}
	dev, net, key := e.Set().Uint("dev"), network(e), state.KeyOf(rtnl.Route, route)
	beside := func(x *state.Entry) bool {
		return x.Key != e.Key && x.Set().Uint("dev") == dev && !isIPv4(x) && network(x) == net
	}
	needs := func(x *state.Entry) bool {
		r := connected(u.now, x)
		return r != nil && x.Set().Uint("dev") == dev && state.KeyOf(rtnl.Route, r) == key
	}
	theirs := func(x *state.Entry) bool { return needs(x) && u.plan.whose(x) == byOthers }
	was := func(r *state.Entry) bool { return r.Reported() && r.Set().Uint("dev") == dev }
	stays := e.Set().Uint("permanent") == 0 || slices.ContainsFunc(u.now.All(rtnl.Addr), beside)
	if stays && !slices.ContainsFunc(u.plan.st.Before(rtnl.Addr), needs) && !slices.ContainsFunc(u.now.All(rtnl.Addr), theirs) && !slices.ContainsFunc(u.plan.st.Held(rtnl.Route, key), was) {
		u.message(rtnl.Route, rtnl.Route.Del, 0, deletionSet(state.EntryOf(rtnl.Route, route)))
	}
}
