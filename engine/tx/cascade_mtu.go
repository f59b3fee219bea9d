package tx

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// What goes with an mtu that is too small for a family.

// lostToMTU is what a link loses that gets an mtu, and with it those above that cannot
// have more: all of a family for which it is too small.
func (p *planner) lostToMTU(e *state.Entry, mtu uint64) (lost []*state.Entry) {
	if mtu >= least[len(least)-1].mtu { // enough for all
		return nil
	}
	small := map[uint32]bool{}
	for _, l := range append(p.clamped(e, mtu), e) {
		small[l.Index()] = true
	}
	for _, o := range []*wire.Object{rtnl.Addr, rtnl.Neigh, rtnl.Route} {
		for _, x := range p.st.All(o) {
			if tooSmall(mtu, x) && (usesOne(x, func(i uint32) bool { return small[i] }) || small[loopbackIndex] && rejects(x)) &&
				(o != rtnl.Route || x.Set().Uint("type") != unix.RTN_LOCAL) {
				lost = append(lost, x)
			}
		}
	}
	return appendNew(lost, p.preferring(lost))
}

// clamped are the links above one that may not have a larger mtu (vlan_device_event,
// macvlan_device_event). Whether a bridge follows its ports is not told.
func (p *planner) clamped(e *state.Entry, mtu uint64) (l []*state.Entry) {
	for _, x := range p.st.All(rtnl.Link) {
		switch p.kindOf(x.Index()) {
		case "vlan", "macvlan", "macvtap":
			if lower(x) == e.Index() && x.Set().Uint("mtu") > mtu {
				l = append(append(l, x), p.clamped(x, mtu)...)
			}
		}
	}
	return l
}

// cramped reports whether an object is on a device that has an mtu too small for it.
func (p *planner) cramped(e *state.Entry) bool {
	return usesOne(e, func(i uint32) bool {
		l := p.st.LinkByIndex(i)
		return l != nil && l.Set().Has("mtu") && tooSmall(l.Set().Uint("mtu"), e)
	})
}
