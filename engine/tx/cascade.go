package tx

import (
	"slices"

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
		if err := p.touchAbove(links[i]); err != nil {
			return nil, err
		}
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

// lengthensQueue notes that a device without a queue gets a length of one with its
// first queueing discipline (qdisc_create).
func (p *planner) lengthensQueue(dev uint32) {
	if e := p.st.LinkByIndex(dev); e != nil && !p.virtual[dev] && e.Set().Uint("txqueuelen") == 0 {
		p.plan.touch.key(rtnl.Link, e.Key)
	}
}

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
func (p *planner) touchAbove(e *state.Entry) error {
	above := p.above(e)
	for _, l := range above {
		p.plan.touch.link(l.Index())
	}
	return p.mayForget(above...)
}
