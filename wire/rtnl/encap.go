package rtnl

import (
	"net/netip"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Numbers that golang.org/x/sys/unix lacks.
const (
	nhaEncapType = unix.NHA_ENCAP_TYPE
)

// encapTables are the light-weight tunnels (include/uapi/linux/lwtunnel.h).
var encapTables = []*wire.Table{
	encapMPLS, encapIP, encapIP6, encapSeg6, encapSeg6Local, encapRPL, encapIOAM6, encapBPF, encapXfrm, encapILA,
}

// Encaps are the encapsulations of a route, nexthopEncaps the same of a nexthop
// object, where the attributes have other numbers. The kernel takes no
// encapsulation from the type alone.
var (
	Encaps        = &wire.OneOf{Name: "encap", Tag: unix.RTA_ENCAP_TYPE, TagU16: true, Always: true, Tables: encapTables}
	nexthopEncaps = &wire.OneOf{Name: "encap", Tag: nhaEncapType, TagU16: true, Always: true, Tables: encapTables}
)

// canonEncap puts away what the kernel reports of every encapsulation of a type
// when nobody sent it: the zeros of ip and ip6 and the option bits that follow
// from their options, the defaults of ila.
func canonEncap(s *wire.Set) {
	v, ok := s.Get("encap")
	if !ok || v.Sub == nil {
		return
	}
	e := v.Sub.Clone()
	switch v.Sub.Table {
	case encapIP, encapIP6:
		if g, ok := e.Get("geneve_opts"); ok {
			e.PutName("geneve_opts", splitGeneve(g))
		}
		for _, x := range v.Sub.Ents {
			switch {
			case x.F.Volatile, x.V.Type == wire.Int && x.V.N == 0,
				x.V.Type == wire.Addr && (x.V.A == netip.IPv4Unspecified() || x.V.A == netip.IPv6Unspecified()):
				e.Del(x.F.Name)
			}
		}
	case encapILA:
		for name, n := range map[string]uint64{"csum_mode": ilaNoAction, "ident_type": ilaUseFormat, "hook_type": ilaHookOutput} {
			if e.Uint(name) == n {
				e.Del(name)
			}
		}
	default:
		return
	}
	s.PutName("encap", wire.SubVal(e))
}
