package engine

import (
	"net/netip"

	"github.com/nlscript/nlscript/engine/tx"
)

// Affects says what the plan changes of the way of a connection from remote to
// local, packets of which leave by dev: as the end of "comes in by eth0", such as
// ", which this changes". It looks at the device and all below it, the local
// address, and the routes and rules that packets back may take. "" is nothing.
func (p *Plan) Affects(dev string, local, remote netip.Addr) string {
	for _, b := range p.commits {
		if how := b.plan.Affects(tx.Session{Dev: dev, Local: local.Unmap(), Remote: remote.Unmap()}); how != "" {
			return how
		}
	}
	return ""
}
