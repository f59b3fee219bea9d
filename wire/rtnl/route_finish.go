package rtnl

import (
	"errors"
	"fmt"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Objects that routes and rules refer to come first.
const (
	rankNexthop = 40
	rankRoute   = 50
	rankRule    = 60
)

// The rows Finish asks for on every route, found once.
var (
	routeFamily    = lazyRow{table: routeTable, name: "family"}
	routeDst       = lazyRow{table: routeTable, name: "dst"}
	routeFrom      = lazyRow{table: routeTable, name: "from_"}
	routeSrc       = lazyRow{table: routeTable, name: "src"}
	routeVia       = lazyRow{table: routeTable, name: "via"}
	routeNexthops  = lazyRow{table: routeTable, name: "nexthops"}
	routeNHID      = lazyRow{table: routeTable, name: "nhid"}
	routeTableID   = lazyRow{table: routeTable, name: "table"}
	routeProto     = lazyRow{table: routeTable, name: "protocol"}
	routeScope     = lazyRow{table: routeTable, name: "scope"}
	routeType      = lazyRow{table: routeTable, name: "type"}
	routeRTOMin    = lazyRow{table: routeTable, name: "rto_min"}
	routeLock      = lazyRow{table: routeTable, name: "lock"}
	hopVia         = lazyRow{table: Hop, name: "via"}
	errMixedFamily = errors.New("is of another family than the route")
)

// finishRoute adds what ip route adds: the family, and table, protocol, scope
// and type by its rules (iproute2's defaults, QUIRKS of the oracle).
func finishRoute(s *wire.Set, v *wire.Verb) error {
	family, err := finishRouteFamily(s)
	if err != nil {
		return err
	}
	if err := finishGateways(s, family); err != nil {
		return err
	}
	del := v != nil && v.Type == unix.RTM_DELROUTE
	if !del {
		setDefault(s, routeProto.f(), unix.RTPROT_BOOT)
	}
	if !del || family == unix.AF_MPLS {
		setDefault(s, routeType.f(), unix.RTN_UNICAST)
	}
	t, _ := s.At(routeType.f())
	switch t.N {
	case unix.RTN_LOCAL, unix.RTN_BROADCAST, unix.RTN_ANYCAST, unix.RTN_NAT:
		setDefault(s, routeTableID.f(), unix.RT_TABLE_LOCAL)
	default:
		setDefault(s, routeTableID.f(), unix.RT_TABLE_MAIN)
	}
	setDefault(s, routeScope.f(), defaultScope(s, family, t.N, del))
	if m, ok := s.At(routeRTOMin.f()); ok && m.N != 0 {
		setDefault(s, routeLock.f(), rtoMinLock)
	}
	return nil
}

func setDefault(s *wire.Set, f *wire.Field, n uint64) {
	if _, ok := s.At(f); !ok {
		s.Put(f, wire.IntVal(n))
	}
}

// finishRouteFamily takes the family of the first address there is; next hops
// may be of another family than the destination, so they are asked last.
func finishRouteFamily(s *wire.Set) (uint64, error) {
	dst, _ := s.At(routeDst.f())
	_, label := isLabel(dst)
	family, given := s.At(routeFamily.f())
	if !given {
		family = wire.IntVal(guessFamily(s, dst))
		if label {
			return 0, wire.At("dst", errors.New(`a label needs family = "mpls"`))
		}
		s.Put(routeFamily.f(), family)
	}
	src, _ := s.At(routeFrom.f())
	for _, p := range []struct {
		name string
		v    wire.Value
	}{{"dst", dst}, {"from", src}} {
		if p.v.Type == wire.Net && family.N != unix.AF_MPLS && uint64(addrFamily(p.v.A)) != family.N {
			return 0, wire.At(p.name, errMixedFamily)
		}
	}
	if v, ok := s.At(routeSrc.f()); ok && v.Type == wire.Addr && uint64(addrFamily(v.A)) != family.N {
		return 0, wire.At("src", errMixedFamily)
	}
	if family.N == unix.AF_MPLS && !label && dst.Type != wire.None {
		return 0, wire.At("dst", errors.New("wants a label, such as \"100\""))
	}
	return family.N, nil
}

func guessFamily(s *wire.Set, dst wire.Value) uint64 {
	src, _ := s.At(routeFrom.f())
	for _, v := range []wire.Value{dst, src} {
		if v.Type == wire.Net {
			return uint64(addrFamily(v.A))
		}
	}
	for _, f := range []*wire.Field{routeSrc.f(), routeVia.f()} {
		if n := gatewayFamily(s, f); n != 0 {
			return n
		}
	}
	hops, _ := s.At(routeNexthops.f())
	for _, h := range hops.L {
		if h.Sub == nil {
			continue
		}
		if n := gatewayFamily(h.Sub, hopVia.f()); n != 0 {
			return n
		}
	}
	return unix.AF_INET
}

func gatewayFamily(s *wire.Set, f *wire.Field) uint64 {
	v, _ := s.At(f)
	if v.Type == wire.String {
		v, _ = parseGateway(v.S)
	}
	if v.Type != wire.Addr {
		return 0
	}
	return uint64(addrFamily(v.A))
}

// finishGateways marks every gateway for the attribute it is sent in.
func finishGateways(s *wire.Set, family uint64) error {
	if _, err := setVia(s, routeVia.f(), family, false); err != nil {
		return err
	}
	hops, ok := s.At(routeNexthops.f())
	if !ok {
		return nil
	}
	l := hops.L
	for i, h := range hops.L {
		if h.Sub == nil || h.Sub.Table != Hop {
			continue // the codec says what it wants
		}
		// A hop may be part of several routes: it is not changed but replaced.
		hop, err := setVia(h.Sub, hopVia.f(), family, true)
		if err != nil {
			return wire.At("nexthops", wire.At(fmt.Sprintf("[%d]", i), err))
		}
		if hop == h.Sub {
			continue
		}
		if &l[0] == &hops.L[0] {
			l = append([]wire.Value(nil), hops.L...)
		}
		l[i] = wire.SubVal(hop)
	}
	if len(l) > 0 && &l[0] != &hops.L[0] {
		s.Put(routeNexthops.f(), wire.ListOf(l...))
	}
	return nil
}

// defaultScope is the scope ip route sends: what is reached without a gateway
// is on the link, what is local on the host. Only IPv4 has scopes.
func defaultScope(s *wire.Set, family, typ uint64, del bool) uint64 {
	if family != unix.AF_INET {
		return unix.RT_SCOPE_UNIVERSE
	}
	switch typ {
	case unix.RTN_LOCAL, unix.RTN_NAT:
		return unix.RT_SCOPE_HOST
	case unix.RTN_BROADCAST, unix.RTN_MULTICAST, unix.RTN_ANYCAST:
		return unix.RT_SCOPE_LINK
	case unix.RTN_UNICAST, unix.RTN_UNSPEC:
		if del {
			return unix.RT_SCOPE_NOWHERE
		}
		for _, f := range []*wire.Field{routeVia.f(), routeNexthops.f(), routeNHID.f()} {
			if _, ok := s.At(f); ok {
				return unix.RT_SCOPE_UNIVERSE
			}
		}
		return unix.RT_SCOPE_LINK
	}
	if del {
		return unix.RT_SCOPE_NOWHERE
	}
	return unix.RT_SCOPE_UNIVERSE
}
