package tx

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// What goes when a link changes: goes down, gets another master, loses its carrier.

// ownEntry notes the forwarding entries that a bridge gives up for its own of the
// address that it, or a port, gets (fdb_add_local).
func (p *planner) ownEntry(e *state.Entry, pick *wire.Set) {
	mac, _ := e.Set().Get("address")
	if pick.Has("address") {
		mac, _ = pick.Get("address")
	} else if !pick.Has("master") {
		return
	}
	for _, x := range p.st.All(rtnl.FDB) {
		if v, _ := x.Set().Get("lladdr"); v.S == mac.S {
			p.plan.touch.key(x.Object, x.Key)
		}
	}
}

// disturbs notes what a link's change reaches, and returns what it takes away.
func (p *planner) disturbs(e *state.Entry, pick *wire.Set, deltas []state.Delta) ([]*state.Entry, error) {
	if err := p.defaultPVID(e, pick); err != nil {
		return nil, err
	}
	forgotten, err := p.forgets(e, pick)
	if err != nil {
		return nil, err
	}
	tunnels, err := p.forgetsTunnels(e, pick)
	if err != nil {
		return nil, err
	}
	gone := appendNew(forgotten, tunnels)
	if !disturbing(pick) {
		return gone, nil
	}
	moves := pick.Has("master") && pick.Uint("master") != e.Set().Uint("master")
	if moves {
		p.backsNone(e)
	}
	if p.virtual[e.Index()] {
		if moves {
			gone = appendNew(gone, p.leavesBridge(e))
		}
		return gone, nil
	}
	p.plan.touch.link(e.Index())
	above := p.above(e)
	if m := p.st.LinkByIndex(uint32(pick.Uint("master"))); m != nil {
		above = append(append(above, m), p.above(m)...)
	}
	for _, l := range above {
		p.plan.touch.link(l.Index())
	}
	if moves || pick.Has("address") {
		if err := p.mayForget(above...); err != nil {
			return nil, err
		}
	}
	if err := p.shrinks(e, above, pick); err != nil {
		return nil, err
	}
	if err := p.loadLinkObjects(e); err != nil {
		return nil, err
	}
	p.ownEntry(e, pick)
	if moves {
		gone = appendNew(gone, p.leavesBridge(e))
	}
	if moves && p.cycles(e, uint32(e.Set().Uint("master")), uint32(pick.Uint("master"))) {
		l, err := p.nexthopsOn(e.Index())
		if err != nil {
			return nil, err
		}
		gone = appendNew(gone, l)
	}
	if v, ok := pick.Get("mtu"); ok {
		gone = appendNew(gone, p.lostToMTU(e, v.N))
	}
	if off(pick, "carrier") || pick.Has("protodown") && !off(pick, "protodown") {
		l, err := p.nexthopsOn(e.Index())
		if err != nil {
			return nil, err
		}
		p.fade(l)
		more, err := p.lostWithCarrier(e)
		if err != nil {
			return nil, err
		}
		gone = appendNew(appendNew(gone, l), more)
	}
	if off(pick, "up") {
		vlans := p.followers(e, true)
		lost, err := p.lostOnDown(e, vlans)
		p.turn(vlans, false)
		return appendNew(gone, lost), err
	}
	return gone, nil
}

// off reports whether a change turns something off.
func off(pick *wire.Set, row string) bool { return pick.Has(row) && pick.Uint(row) == 0 }

// followers are the VLANs on a link, and on those, that go down with it, or come up
// with it: all that do not stand by themselves (vlan_device_event).
func (p *planner) followers(e *state.Entry, down bool) (l []*state.Entry) {
	for _, x := range p.st.All(rtnl.Link) {
		kind, _ := x.Set().Get("kind")
		if lower(x) != e.Index() || kind.Sub == nil || kind.Sub.Table.Name != "vlan" || kind.Sub.Uint("loose_binding") != 0 || (x.Set().Uint("up") != 0) != down {
			continue
		}
		l = append(append(l, x), p.followers(x, down)...)
	}
	return l
}

// turn notes that links have gone up or down.
func (p *planner) turn(l []*state.Entry, up bool) {
	for _, e := range l {
		p.plan.touch.link(e.Index())
		s := e.Set().Clone()
		s.PutName("up", wire.BoolVal(up))
		p.st.Change(e, s)
	}
}

// lostWithCarrier is what goes with the carrier of a link elsewhere: next hops of the
// other end of a veth and of what stands on either, and the routes by them, without
// any message (KERNEL.md A9). Whether a master loses its own, other ports tell.
func (p *planner) lostWithCarrier(e *state.Entry) (lost []*state.Entry, err error) {
	links := p.above(e)
	if other := p.st.LinkByIndex(uint32(e.Set().Uint("link"))); other != nil && isPair(e) && !isVeth(e) {
		links = append(append(links, other), p.above(other)...)
	}
	for _, l := range links {
		p.plan.touch.link(l.Index())
		switch kindOf(p.st, l.Index()) {
		case "bridge", "bond", "vrf":
			p.touchNexthops(l.Index())
			continue
		}
		more, err := p.nexthopsOn(l.Index())
		if err != nil {
			return nil, err
		}
		lost = appendNew(lost, more)
	}
	p.fade(lost)
	return lost, nil
}

// fade notes what goes with a carrier.
func (p *planner) fade(l []*state.Entry) {
	if p.fading == nil {
		p.fading = map[orderKey]bool{}
	}
	for _, e := range l {
		p.fading[orderKey{e.Object, e.Key}] = true
	}
}

// cycles reports whether a link that is up goes down and comes up at once, because its
// master comes or goes: a VRF does that (cycle_netdev).
func (p *planner) cycles(e *state.Entry, masters ...uint32) bool {
	return e.Set().Uint("up") != 0 && slices.ContainsFunc(masters, func(m uint32) bool { return p.kindOf(m) == "vrf" })
}

// lostOnDown is what a link loses when it goes down, and with it the VLANs on it:
// IPv6 addresses, neighbours and routes of both families, nexthops.
func (p *planner) lostOnDown(e *state.Entry, vlans []*state.Entry) ([]*state.Entry, error) {
	links := append([]*state.Entry{e}, vlans...)
	if err := p.loadLinkObjects(links...); err != nil {
		return nil, err
	}
	down := map[uint32]bool{}
	for _, l := range links {
		down[l.Index()] = true
		p.plan.touch.link(l.Index())
	}
	var lost []*state.Entry
	for _, o := range []*wire.Object{rtnl.Addr, rtnl.Neigh, rtnl.Nexthop, rtnl.Route} {
		for _, x := range p.st.All(o) {
			if !usesOne(x, func(i uint32) bool { return down[i] }) && !(down[loopbackIndex] && rejects(x)) {
				continue
			}
			v4 := x.Set().Uint("family") == 2 // AF_INET
			switch o {
			case rtnl.Addr:
				if v4 || p.kept(x) {
					continue
				}
			case rtnl.Route:
				if x.Set().Uint("type") == unix.RTN_LOCAL || v4 && x.Set().Has("nexthops") {
					continue
				}
			}
			lost = append(lost, x)
			if o == rtnl.Nexthop {
				more, err := p.nexthopGone(x)
				if err != nil {
					return nil, err
				}
				lost = appendNew(lost, more)
			}
		}
	}
	lost = appendNew(lost, p.preferring(lost))
	more, err := p.lostWithCarrier(e)
	return appendNew(lost, more), err
}

// kept reports whether an IPv6 address stays when its device goes down
// (addrconf_ifdown).
func (p *planner) kept(e *state.Entry) bool {
	s := e.Set()
	local, _ := s.Get("local")
	if a := local.A; p.sys == nil || s.Uint("permanent") == 0 || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast() {
		return false
	}
	for _, name := range []string{"all", p.st.Names(uint32(s.Uint("dev")))} {
		if v, err := p.sys.Read("net/ipv6/conf/" + name + "/keep_addr_on_down"); err != nil || v != "0" {
			return err == nil && !strings.HasPrefix(v, "-")
		}
	}
	return false
}

// rejects reports whether a route of IPv6 is one by lo that does not say so: behind
// blackhole are unreachable, prohibit and throw.
func rejects(e *state.Entry) bool {
	return e.Object == rtnl.Route && e.Set().Uint("family") == afInet6 && e.Set().Uint("type") >= unix.RTN_BLACKHOLE
}
