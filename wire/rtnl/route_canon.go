package rtnl

import (
	"cmp"
	"slices"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// The rows canonRoute asks for on every route, found once; see routeFamily.
var (
	routeEncap     = lazyRow{table: routeTable, name: "encap"}
	routePref      = lazyRow{table: routeTable, name: "pref"}
	routeMetric    = lazyRow{table: routeTable, name: "metric"}
	routeNotKept   = rowSet{table: routeTable, names: []string{"notify", "equalize", "lookup_table", "fibmatch", "mark", "uid", "ipproto", "sport", "dport", "flowlabel"}}
	routeOfNexthop = rowSet{table: routeTable, names: []string{"via", "dev", "nexthops", "encap", "onlink", "pervasive"}} // what a nexthop object says
	routeOfMPLS    = rowSet{table: routeTable, names: []string{"as_", "ttl_propagate"}}
	routeNot4      = rowSet{table: routeTable, names: []string{"from_", "pref", "expires"}}
	routeZero4     = rowSet{table: routeTable, names: []string{"metric", "realms"}}
	routeNot6      = rowSet{table: routeTable, names: []string{"scope", "realms", "pervasive"}}
)

// canonRoute makes of a message what the kernel keeps and reports
// (fib_dump_info, rt6_fill_node, mpls_dump_route).
func canonRoute(s *wire.Set) {
	f, _ := s.At(routeFamily.f())
	family := f.N
	canonDst(s)
	setDefault(s, routeTableID.f(), unix.RT_TABLE_MAIN)
	canonMetrics(s)
	if _, ok := s.At(routeNHID.f()); ok { // the object may have changed since
		routeOfNexthop.drop(s)
		if s.Uint("type") == unix.RTN_BLACKHOLE {
			s.PutName("type", wire.IntVal(unix.RTN_UNICAST))
		}
	}
	canonSingleHop(s)
	canonHops(s, family)
	routeNotKept.drop(s)
	if family != unix.AF_MPLS {
		routeOfMPLS.drop(s)
	}
	if v, ok := s.At(routePref.f()); ok && v.N != 1 && v.N != 3 {
		s.Del("pref")
	}
	switch family {
	case unix.AF_INET:
		routeNot4.drop(s)
		routeZero4.dropZero(s)
	case unix.AF_INET6:
		canonRoute6(s)
	}
}

func canonRoute6(s *wire.Set) {
	routeNot6.drop(s)
	if v, _ := s.At(routeMetric.f()); v.N == 0 {
		s.Put(routeMetric.f(), wire.IntVal(1024)) // IP6_RT_PRIO_USER
	}
	if v, _ := s.At(routeProto.f()); v.N == unix.RTPROT_UNSPEC {
		s.Put(routeProto.f(), wire.IntVal(unix.RTPROT_BOOT))
	}
	setDefault(s, routeType.f(), unix.RTN_UNICAST)
	switch v, _ := s.At(routeType.f()); v.N {
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_THROW:
		drop(s, "dev", "via", "encap", "onlink") // the kernel says lo (fib6_nh_init)
	}
	// What is left of a lifetime is in cacheinfo, in units of 10 ms; less than none until
	// the route is collected (rtnl_put_cacheinfo).
	if c, ok := s.Get("cacheinfo"); ok && c.Sub != nil && !s.Has("expires") {
		if left := int64(c.Sub.Uint("expires")); left != 0 {
			s.PutName("expires", wire.IntVal(uint64((max(left, 0)+99)/100)))
		}
	}
	if s.Uint("expires") == forever {
		s.Del("expires")
	}
}

// canonDst masks the prefixes; the default route has none.
func canonDst(s *wire.Set) {
	for _, row := range []*wire.Field{routeDst.f(), routeFrom.f()} {
		v, ok := s.At(row)
		if _, label := isLabel(v); label || !ok && row == routeFrom.f() {
			continue
		}
		switch {
		case row == routeFrom.f() && (v.Type != wire.Net || v.N == 0):
			s.Del("from_")
		case !ok || v.Type != wire.Net || v.N == 0:
			s.Put(row, wire.Value{Type: wire.AnyNet})
		default:
			s.Put(row, wire.NetVal(v.Prefix().Masked()))
		}
	}
}

// canonSingleHop makes a plain route of one with a single next hop: that is how
// the kernel keeps it.
func canonSingleHop(s *wire.Set) {
	hops, ok := s.At(routeNexthops.f())
	if !ok || len(hops.L) != 1 || hops.L[0].Sub == nil {
		return
	}
	s.Del("nexthops")
	for _, e := range hops.L[0].Sub.Ents {
		if f := s.Table.Row(e.F.Name); f != nil {
			s.Put(f, e.V)
		}
	}
}

// canonHops marks gateways as the kernel reports them, puts away what next hops
// have by default and, in IPv6, where their order says nothing, sorts them.
func canonHops(s *wire.Set, family uint64) {
	canonVia(s, routeVia.f(), family)
	if _, ok := s.At(routeEncap.f()); ok {
		canonEncap(s)
	}
	hops, ok := s.At(routeNexthops.f())
	if !ok {
		return
	}
	l := make([]wire.Value, 0, len(hops.L))
	for _, h := range hops.L {
		if h.Sub == nil {
			l = append(l, h)
			continue
		}
		hop := h.Sub.Clone()
		canonVia(hop, hopVia.f(), family)
		canonEncap(hop)
		drop(hop, "dead", "linkdown", "offload", "trap", "unresolved")
		delZero(hop, "realms")
		if hop.Uint("weight") == 1 {
			hop.Del("weight")
		}
		l = append(l, wire.SubVal(hop))
	}
	if family == unix.AF_INET6 {
		slices.SortStableFunc(l, compareHops)
	}
	s.PutName("nexthops", wire.ListOf(l...))
}

func compareHops(a, b wire.Value) int {
	if a.Sub == nil || b.Sub == nil {
		return 0
	}
	va, _ := a.Sub.Get("via")
	vb, _ := b.Sub.Get("via")
	return cmp.Or(va.A.Compare(vb.A), cmp.Compare(a.Sub.Uint("dev"), b.Sub.Uint("dev")))
}

// canonVia cannot fail: what was decoded is an address already.
func canonVia(s *wire.Set, row *wire.Field, family uint64) {
	v, ok := s.At(row)
	if !ok || v.Type != wire.Addr {
		return
	}
	v.N = 0
	if uint64(addrFamily(v.A)) != family {
		v.N = inVia
	}
	s.Put(row, v)
}
