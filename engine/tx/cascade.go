package tx

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// What goes with what, mostly without a message (KERNEL.md C).

// linkObjects live on a link and go with it.
var linkObjects = []*wire.Object{rtnl.Addr, rtnl.Route, rtnl.Neigh, rtnl.Nexthop, rtnl.VLAN, rtnl.TunnelInfo, rtnl.VLANGlobal, rtnl.VLANOptions, rtnl.FDB, rtnl.Qdisc}

// loadLinkObjects reads all that may go with a link.
func (p *planner) loadLinkObjects(links ...*state.Entry) error {
	var sc []state.Scope
	for _, o := range linkObjects {
		if !o.Table.Options {
			sc = append(sc, state.Scope{Object: o})
		}
	}
	for _, l := range links {
		sc = append(sc, state.Scope{Object: rtnl.Class, Dev: l.Index()})
		if p.bridged(l) {
			sc = append(sc, state.Scope{Object: rtnl.VLANGlobal}, state.Scope{Object: rtnl.VLANOptions})
		}
	}
	return p.st.Load(p.ctx, sc...)
}

// bridged reports whether a link is a bridge, or a port of one: it may have options of
// VLANs, which are many.
func (p *planner) bridged(l *state.Entry) bool {
	return p.kindOf(l.Index()) == "bridge" || p.kindOf(uint32(l.Set().Uint("master"))) == "bridge"
}

// uses reports whether an object refers to the link.
func uses(e *state.Entry, index uint32) bool {
	return usesOne(e, func(i uint32) bool { return i == index })
}

// usesOne reports whether an object refers to one of the links.
func usesOne(e *state.Entry, of func(index uint32) bool) bool {
	found := false
	e.Set().Devices(func(v *wire.Value) error {
		found = found || v.Type == wire.Int && of(uint32(v.N))
		return nil
	})
	return found
}

// cascade returns what goes when e is deleted, in the order of ranks.
func (p *planner) cascade(e *state.Entry) ([]*state.Entry, error) {
	switch e.Object {
	case rtnl.Link:
		return p.linkGone(e)
	case rtnl.Addr:
		return p.addrGone(e)
	case rtnl.Nexthop:
		return p.nexthopGone(e)
	case rtnl.Qdisc, rtnl.Class:
		return p.treeGone(e)
	}
	return nil, nil
}

// linkGone is what goes with a link: all that lives on it, links above it, the
// peer of a veth. Its ports are released.
func (p *planner) linkGone(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(e); err != nil {
		return nil, err
	}
	var gone []*state.Entry
	links := []*state.Entry{e}
	for i := 0; i < len(links); i++ {
		idx := links[i].Index()
		p.plan.touch.link(idx)
		p.touchAbove(links[i])
		if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Class, Dev: idx}); err != nil {
			return nil, err
		}
		if p.bridged(links[i]) {
			if err := p.loadVLANs(); err != nil {
				return nil, err
			}
		}
		if err := p.keepSettings(links[i], 0); err != nil {
			return nil, err
		}
		if err := p.farGone(links[i]); err != nil {
			return nil, err
		}
		for _, l := range p.st.All(rtnl.Link) {
			if l == links[i] || slices.Contains(links, l) {
				continue
			}
			switch m, _ := l.Set().Get("master"); {
			case lower(l) == idx:
				links = append(links, l)
			case uint32(m.N) == idx && m.Type == wire.Int:
				p.plan.touch.link(l.Index())
				p.freed = append(p.freed, l)
				gone = appendNew(gone, p.leavesBridge(l))
				if p.cycles(l, idx) {
					more, err := p.nexthopsOn(l.Index())
					if err != nil {
						return nil, err
					}
					gone = appendNew(gone, more)
				}
				freed := l.Set().Clone()
				freed.Del("master")
				freed.Del("port")
				if p.kindOf(idx) == "bond" && l.Set().Uint("up") != 0 {
					vlans := p.followers(l, true)
					lost, err := p.lostOnDown(l, vlans)
					if err != nil {
						return nil, err
					}
					gone = appendNew(gone, lost)
					p.turn(vlans, false)
					freed.PutName("up", wire.BoolVal(false))
					unbond(freed, l)
				}
				p.st.Change(l, freed)
			}
		}
		for _, o := range append(slices.Clone(linkObjects), rtnl.Class) {
			for _, x := range p.st.All(o) {
				if uses(x, idx) && !slices.Contains(gone, x) {
					gone = append(gone, x)
					if o == rtnl.Nexthop {
						more, err := p.nexthopGone(x)
						if err != nil {
							return nil, err
						}
						gone = appendNew(gone, more)
					}
				}
			}
		}
	}
	p.backsNone(links...)
	gone = appendNew(gone, p.preferring(gone))
	return appendNew(links[1:], appendNew(gone, p.goWith(gone))), nil
}

// preferring are the routes that go with addresses that are lost, as they prefer one
// of them as source. Those of IPv6 stay, without it.
func (p *planner) preferring(lost []*state.Entry) (gone []*state.Entry) {
	sources := localsOf(lost)
	if len(sources) == 0 {
		return nil
	}
	for _, r := range p.st.All(rtnl.Route) {
		switch src, _ := r.Set().Get("src"); {
		case src.Type != wire.Addr || !sources[src.A]:
		case src.A.Is4():
			gone = append(gone, r)
		default:
			p.plan.touch.key(r.Object, r.Key)
		}
	}
	return gone
}

// localsOf are the local addresses among objects.
func localsOf(l []*state.Entry) map[netip.Addr]bool {
	locals := map[netip.Addr]bool{}
	for _, e := range l {
		if e.Object == rtnl.Addr {
			local, _ := e.Set().Get("local")
			locals[local.A] = true
		}
	}
	return locals
}

// madeAgain notes the routes that prefer an address which an undo may make again, for its
// place or its label: they go with it for a moment, whatever they are by.
func (p *planner) madeAgain() {
	touched := slices.DeleteFunc(p.st.Before(rtnl.Addr), func(e *state.Entry) bool { return !p.plan.touch.has(e) })
	if len(touched) == 0 {
		return
	}
	locals := localsOf(touched)
	for _, r := range p.st.Before(rtnl.Route) {
		if src, _ := r.Set().Get("src"); src.Type == wire.Addr && locals[src.A] {
			p.plan.touch.key(r.Object, r.Key)
		}
	}
}

// lower is the link of this namespace that a link stands on and goes with, 0
// when there is none. A vxlan does not report its own as others do
// (vxlan_handle_lowerdev_unregister).
func lower(l *state.Entry) uint32 {
	s := l.Set()
	if kind, _ := s.Get("kind"); kind.Sub != nil && kind.Sub.Table.Name == "vxlan" {
		return uint32(kind.Sub.Uint("dev"))
	}
	if s.Has("link_netnsid") {
		return 0
	}
	return uint32(s.Uint("link"))
}

func appendNew(l, more []*state.Entry) []*state.Entry {
	if len(more) < 2 {
		if len(more) == 1 && !slices.Contains(l, more[0]) {
			l = append(l, more[0])
		}
		return l
	}
	in := make(map[*state.Entry]bool, len(l)+len(more)) // there may be as many as routes
	for _, x := range l {
		in[x] = true
	}
	for _, x := range more {
		if !in[x] {
			l, in[x] = append(l, x), true
		}
	}
	return l
}

// addrGone is what goes with an address: its secondaries, routes that prefer one
// of them as source, and
// with the last IPv4 one every IPv4 route of the link.
func (p *planner) addrGone(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(); err != nil {
		return nil, err
	}
	dev := uint32(e.Set().Uint("dev"))
	p.plan.touch.link(dev)
	local, _ := e.Set().Get("local")
	gone, had := p.secondaries(e), p.onDevice(dev)
	last := local.A.Is4()
	for _, x := range p.st.All(rtnl.Addr) {
		l, _ := x.Set().Get("local")
		if x != e && !slices.Contains(gone, x) && l.A.Is4() && uint32(x.Set().Uint("dev")) == dev {
			last = false
		}
	}
	gone = append(gone, p.preferring(append([]*state.Entry{e}, gone...))...)
	if !last {
		return gone, nil
	}
	var all []*state.Entry
	for _, r := range p.st.All(rtnl.Route) {
		if r.Set().Uint("family") == e.Set().Uint("family") && through(r, dev, had) {
			all = append(all, r)
		}
	}
	return appendNew(gone, all), nil
}

// firstOn notes what undo takes along when it removes an address again that was the
// first of IPv4 on its device: with the last one all routes and neighbours of the
// family go (fib_disable_ip).
func (p *planner) firstOn(o *wire.Object, want *wire.Set) error {
	if o != rtnl.Addr || want.Uint("family") != unix.AF_INET {
		return nil
	}
	dev := uint32(want.Uint("dev"))
	if e := p.st.LinkByIndex(dev); e == nil || p.virtual[dev] || p.plan.touch.links[e.Name()] {
		return nil
	}
	for _, x := range p.st.All(rtnl.Addr) {
		if isIPv4(x) && uint32(x.Set().Uint("dev")) == dev {
			return nil
		}
	}
	p.plan.touch.link(dev)
	return p.st.Load(p.ctx, state.Scope{Object: rtnl.Route, Family: unix.AF_INET, Dev: dev}, state.Scope{Object: rtnl.Neigh, Dev: dev})
}

// secondaries are the IPv4 addresses that go with a primary one: the others of
// its network, unless the first of them takes its place (__inet_del_ifa).
func (p *planner) secondaries(e *state.Entry) []*state.Entry {
	if !isIPv4(e) {
		return nil
	}
	o := p.othersOf(e)
	if !o.first || len(o.network) == 0 || p.promotes(uint32(e.Set().Uint("dev"))) {
		return nil
	}
	return o.network
}

// nexthopGone is what goes with a nexthop: routes and forwarding entries that use it
// (vxlan_fdb_nh_flush), and groups that have no other member.
func (p *planner) nexthopGone(e *state.Entry) ([]*state.Entry, error) {
	if err := p.loadLinkObjects(); err != nil {
		return nil, err
	}
	id := e.Set().Uint("id")
	var gone []*state.Entry
	for _, o := range []*wire.Object{rtnl.Route, rtnl.FDB} {
		for _, x := range p.st.All(o) {
			if x.Set().Uint("nhid") == id {
				gone = append(gone, x)
				p.plan.touch.key(x.Object, x.Key)
			}
		}
	}
	for _, g := range p.st.All(rtnl.Nexthop) {
		v, ok := g.Set().Get("group")
		if !ok {
			continue
		}
		left := 0
		member := false
		for _, m := range v.L {
			if rtnl.MemberID(m) == id {
				member = true
			} else {
				left++
			}
		}
		if !member {
			continue
		}
		p.plan.touch.key(g.Object, g.Key)
		if left > 0 {
			shrunk := g.Set().Clone()
			w, _ := shrunk.Get("group")
			w.L = slices.DeleteFunc(w.L, func(m wire.Value) bool { return rtnl.MemberID(m) == id })
			shrunk.PutName("group", w)
			p.st.Change(g, shrunk)
			p.shrunk = append(p.shrunk, g)
			continue
		}
		more, err := p.nexthopGone(g)
		if err != nil {
			return nil, err
		}
		gone = appendNew(append(gone, g), more)
	}
	return gone, nil
}

// treeGone is what goes with a queueing discipline or a class: all that is in it.
func (p *planner) treeGone(e *state.Entry) ([]*state.Entry, error) {
	dev := uint32(e.Set().Uint("dev"))
	if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Qdisc}, state.Scope{Object: rtnl.Class, Dev: dev}); err != nil {
		return nil, err
	}
	all := append(p.st.All(rtnl.Qdisc), p.st.All(rtnl.Class)...)
	t := state.TreeOf(slices.DeleteFunc(slices.Clone(all), func(x *state.Entry) bool { return !queues(x) }))
	var gone []*state.Entry
	for _, x := range all {
		if x != e && uint32(x.Set().Uint("dev")) == dev && t.In(x, e) {
			gone = append(gone, x)
			p.plan.touch.key(x.Object, x.Key)
		}
	}
	return makingOrder(gone), nil
}

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

// lengthensQueue notes that a device without a queue gets a length of one with its
// first queueing discipline (qdisc_create).
func (p *planner) lengthensQueue(dev uint32) {
	if e := p.st.LinkByIndex(dev); e != nil && !p.virtual[dev] && e.Set().Uint("txqueuelen") == 0 {
		p.plan.touch.key(rtnl.Link, e.Key)
	}
}

// disturbs notes what a link's change reaches, and returns what it takes away.
func (p *planner) disturbs(e *state.Entry, pick *wire.Set, deltas []state.Delta) ([]*state.Entry, error) {
	if err := p.defaultPVID(e, pick); err != nil {
		return nil, err
	}
	if pick.Has("arp") && !p.virtual[e.Index()] { // its neighbours go (arp_netdev_event)
		p.plan.touch.link(e.Index())
		if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Neigh, Dev: e.Index()}); err != nil {
			return nil, err
		}
	}
	if !disturbing(pick) {
		return p.forgetsTunnels(e, pick)
	}
	moves := pick.Has("master") && pick.Uint("master") != e.Set().Uint("master")
	if moves {
		p.backsNone(e)
	}
	if p.virtual[e.Index()] {
		if moves {
			return p.leavesBridge(e), nil
		}
		return nil, nil
	}
	p.plan.touch.link(e.Index())
	above := p.above(e)
	if m := p.st.LinkByIndex(uint32(pick.Uint("master"))); m != nil {
		above = append(append(above, m), p.above(m)...)
	}
	for _, l := range above {
		p.plan.touch.link(l.Index())
	}
	if err := p.shrinks(e, above, pick); err != nil {
		return nil, err
	}
	if err := p.loadLinkObjects(e); err != nil {
		return nil, err
	}
	p.ownEntry(e, pick)
	gone, err := p.forgetsTunnels(e, pick)
	if err != nil {
		return nil, err
	}
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

// above are the links that may follow a link's flags, mtu and address: those on it,
// its master, and so on.
func (p *planner) above(e *state.Entry) (l []*state.Entry) {
	all := p.st.All(rtnl.Link)
	seen := map[uint32]bool{e.Index(): true}
	for at := []*state.Entry{e}; len(at) > 0; at = at[1:] {
		index, master := at[0].Index(), uint32(at[0].Set().Uint("master"))
		for _, x := range all {
			if i := x.Index(); !seen[i] && (lower(x) == index || i == master) {
				seen[i] = true
				l, at = append(l, x), append(at, x)
			}
		}
	}
	return l
}

// touchAbove notes that links above one may get another address when it goes, and lose
// all their neighbours by that: a bridge that was given none has that of a port.
func (p *planner) touchAbove(e *state.Entry) {
	for _, l := range p.above(e) {
		p.plan.touch.link(l.Index())
	}
}

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
	if other := p.st.LinkByIndex(uint32(e.Set().Uint("link"))); other != nil && kindOf(p.st, e.Index()) == "veth" {
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
	return lost, nil
}

// touchNexthops notes that next hops on a device may go, and what is by them.
func (p *planner) touchNexthops(index uint32) {
	ids := map[uint64]bool{}
	for _, x := range p.st.All(rtnl.Nexthop) {
		if uses(x, index) {
			ids[x.Set().Uint("id")] = true
		}
	}
	for _, x := range p.st.All(rtnl.Nexthop) {
		v, _ := x.Set().Get("group")
		if slices.ContainsFunc(v.L, func(m wire.Value) bool { return ids[rtnl.MemberID(m)] }) {
			ids[x.Set().Uint("id")] = true
			p.plan.touch.key(x.Object, x.Key)
		}
	}
	for _, r := range p.st.All(rtnl.Route) {
		if ids[r.Set().Uint("nhid")] {
			p.plan.touch.key(r.Object, r.Key)
		}
	}
}

// nexthopsOn are the next hops on a device, with the routes by them and groups of no
// others: they go with its carrier, or when it is down for a moment.
func (p *planner) nexthopsOn(index uint32) (l []*state.Entry, err error) {
	for _, x := range p.st.All(rtnl.Nexthop) {
		if uses(x, index) {
			more, err := p.nexthopGone(x)
			if err != nil {
				return nil, err
			}
			l = appendNew(append(l, x), more)
		}
	}
	return l, nil
}

// cycles reports whether a link that is up goes down and comes up at once, because its
// master comes or goes: a VRF does that (cycle_netdev).
func (p *planner) cycles(e *state.Entry, masters ...uint32) bool {
	return e.Set().Uint("up") != 0 && slices.ContainsFunc(masters, func(m uint32) bool { return p.kindOf(m) == "vrf" })
}

// lostOnDown is what a link loses when it goes down, and with it the VLANs on it:
// IPv6 addresses and neighbours, routes of both families, nexthops.
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
			case rtnl.Addr, rtnl.Neigh:
				if v4 || o == rtnl.Addr && p.kept(x) {
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

// lostToMTU is what a link loses that gets an mtu, and with it those above that cannot
// have more: all of a family for which it is too small.
func (p *planner) lostToMTU(e *state.Entry, mtu uint64) (lost []*state.Entry) {
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

// rejects reports whether a route of IPv6 is one by lo that does not say so: behind
// blackhole are unreachable, prohibit and throw.
func rejects(e *state.Entry) bool {
	return e.Object == rtnl.Route && e.Set().Uint("family") == afInet6 && e.Set().Uint("type") >= unix.RTN_BLACKHOLE
}
