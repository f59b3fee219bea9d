package engine

import "net/netip"

// Affects reports whether the plan changes the link dev, an address or a route
// of it, or a route that packets to an address could take: whether who comes in
// that way may lose touch.
func (p *Plan) Affects(dev string, to netip.Addr) bool {
	for _, b := range p.commits {
		if b.plan.Affects(dev, to.Unmap()) {
			return true
		}
	}
	return false
}
