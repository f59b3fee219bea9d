package rtnl

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// canonRoute makes of a message what the kernel keeps and reports
// (fib_dump_info, rt6_fill_node, mpls_dump_route).
func canonRoute(s *wire.Set) {
	family := s.Uint("family")
	canonDst(s)
	s.Default("table", wire.IntVal(unix.RT_TABLE_MAIN))
	canonMetrics(s)
	if s.Has("nhid") { // the object says it, and may have changed since
		for _, name := range []string{"via", "dev", "nexthops", "encap", "onlink", "pervasive"} {
			s.Del(name)
		}
		if s.Uint("type") == unix.RTN_BLACKHOLE {
			s.PutName("type", wire.IntVal(unix.RTN_UNICAST))
		}
	}
	canonSingleHop(s)
	canonHops(s, family)
	drop(s, "notify", "equalize", "lookup_table", "fibmatch", "mark", "uid", "ipproto", "sport", "dport")
	if family != unix.AF_MPLS {
		drop(s, "as_", "ttl_propagate")
	}
	if s.Uint("pref") != 1 && s.Uint("pref") != 3 {
		s.Del("pref")
	}
	switch family {
	case unix.AF_INET:
		drop(s, "from_", "pref", "expires")
		delZero(s, "metric", "realms")
	case unix.AF_INET6:
		canonRoute6(s)
	}
}

func canonRoute6(s *wire.Set) {
	drop(s, "scope", "realms", "pervasive")
	if s.Uint("metric") == 0 {
		s.PutName("metric", wire.IntVal(1024)) // IP6_RT_PRIO_USER
	}
	if s.Uint("protocol") == unix.RTPROT_UNSPEC {
		s.PutName("protocol", wire.IntVal(unix.RTPROT_BOOT))
	}
	s.Default("type", wire.IntVal(unix.RTN_UNICAST))
	switch s.Uint("type") {
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_THROW:
		drop(s, "dev", "via", "encap", "onlink") // the kernel says lo (fib6_nh_init)
	}
	// What is left of a lifetime is in cacheinfo, in units of 10 ms.
	if c, ok := s.Get("cacheinfo"); ok && c.Sub != nil && !s.Has("expires") {
		if left := int64(c.Sub.Uint("expires")); left > 0 {
			s.PutName("expires", wire.IntVal(uint64((left+99)/100)))
		}
	}
}

// canonDst masks the prefixes; the default route has none.
func canonDst(s *wire.Set) {
	for _, name := range []string{"dst", "from_"} {
		v, ok := s.Get(name)
		if _, label := isLabel(v); label {
			continue
		}
		switch {
		case name == "from_" && (v.Type != wire.Net || v.N == 0):
			s.Del(name)
		case !ok || v.Type != wire.Net || v.N == 0:
			s.PutName(name, wire.Value{Type: wire.AnyNet})
		default:
			s.PutName(name, wire.NetVal(netip.PrefixFrom(v.A, int(v.N)).Masked()))
		}
	}
}

// canonSingleHop makes a plain route of one with a single next hop: that is how
// the kernel keeps it.
func canonSingleHop(s *wire.Set) {
	hops, ok := s.Get("nexthops")
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
	canonVia(s, routeVia, family)
	canonEncap(s)
	hops, ok := s.Get("nexthops")
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
		canonVia(hop, hopVia, family)
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

func drop(s *wire.Set, names ...string) {
	for _, n := range names {
		s.Del(n)
	}
}

func delZero(s *wire.Set, names ...string) {
	for _, n := range names {
		if s.Uint(n) == 0 {
			s.Del(n)
		}
	}
}
