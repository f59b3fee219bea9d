package tx

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Affects reports whether the plan changes the link dev, an address or a route
// of it, or a route that packets to an address could take.
func (p *Plan) Affects(dev string, to netip.Addr) bool {
	for _, c := range p.Changes {
		if c.Action == Same || c.Object == nil {
			continue
		}
		if c.name == dev || affects(c.Object, c.contents(), dev, to, p.st.Names) {
			return true
		}
		for _, e := range c.With {
			if !e.Foreign() && affects(e.Object, e.Set(), dev, to, p.st.Names) {
				return true
			}
		}
	}
	return false
}

func affects(o *wire.Object, s *wire.Set, dev string, to netip.Addr, names wire.Names) bool {
	switch o {
	case rtnl.Link:
		name, _ := s.Get("name")
		index, ok := s.Get("index")
		return name.S == dev || ok && index.S == dev || ok && index.Type == wire.Int && names(uint32(index.N)) == dev
	case rtnl.Route:
		if covers(s, to) {
			return true
		}
	case rtnl.Addr:
	default:
		return false
	}
	found := false
	s.Devices(func(v *wire.Value) error {
		found = found || v.Type == wire.Name && v.S == dev || v.Type == wire.Int && names(uint32(v.N)) == dev
		return nil
	})
	return found
}

// covers reports whether the destination of a route holds an address.
func covers(s *wire.Set, to netip.Addr) bool {
	family := uint64(unix.AF_INET)
	if to.Is6() {
		family = unix.AF_INET6
	}
	dst, ok := s.Get(rtnl.Route.Subject)
	if !ok || dst.Type != wire.Net {
		return !s.Has("family") || s.Uint("family") == family
	}
	return dst.Prefix().Contains(to)
}
