package tx

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// What the kernel makes of the VLANs of a bridge by itself (net/bridge/br_vlan.c).

// vlansOf are the VLANs of a device that are known.
func (p *planner) vlansOf(index uint32) []*state.Entry {
	var l []*state.Entry
	for _, e := range p.st.All(rtnl.VLAN) {
		if uint32(e.Set().Uint("dev")) == index {
			l = append(l, e)
		}
	}
	return l
}

// byVLAN orders VLANs by their devices and numbers.
func byVLAN(a, b *state.Entry) int {
	v, _ := a.Set().Get("vid")
	w, _ := b.Set().Get("vid")
	return cmp.Or(cmp.Compare(a.Set().Uint("dev"), b.Set().Uint("dev")), cmp.Compare(v.L[0].N, w.L[0].N))
}

// loadVLANs reads the VLANs of bridges and their ports, their tunnels and options.
func (p *planner) loadVLANs() error {
	return p.st.Load(p.ctx, state.Scope{Object: rtnl.VLAN}, state.Scope{Object: rtnl.TunnelInfo},
		state.Scope{Object: rtnl.VLANOptions}, state.Scope{Object: rtnl.VLANGlobal})
}

// tunnels are the known maps of a port to tunnels, of one VLAN or of all.
func (p *planner) tunnels(index uint32, vid wire.Value) []*state.Entry {
	return slices.DeleteFunc(p.st.All(rtnl.TunnelInfo), func(e *state.Entry) bool {
		v, _ := e.Set().Get("vid")
		return uint32(e.Set().Uint("dev")) != index || vid.Type != wire.None && !v.Equal(vid)
	})
}

// forgetsTunnels is the map of a port that is not to have one any more
// (nbp_vlan_tunnel_info_flush).
func (p *planner) forgetsTunnels(e *state.Entry, pick *wire.Set) ([]*state.Entry, error) {
	port, _ := pick.Get("port")
	if port.Sub == nil || port.Sub.Table.Row("vlan_tunnel") == nil || !port.Sub.Has("vlan_tunnel") || port.Sub.Uint("vlan_tunnel") != 0 {
		return nil, nil
	}
	if err := p.loadVLANs(); err != nil {
		return nil, err
	}
	gone := p.tunnels(e.Index(), wire.Value{})
	for _, x := range gone {
		p.plan.touch.key(x.Object, x.Key)
	}
	return gone, nil
}

// takesPVID takes the PVID from the VLAN that was it.
func (p *planner) takesPVID(c *Change, want *wire.Set) error {
	if want.Table != rtnl.VLAN.Table || want.Uint("pvid") == 0 {
		return nil
	}
	key := state.KeyOf(rtnl.VLAN, want)
	for _, e := range p.vlansOf(uint32(want.Uint("dev"))) {
		if e.Key == key || e.Set().Uint("pvid") == 0 {
			continue
		}
		if first := p.wantedBy(e); first != nil && p.wants(first, e.Set()) {
			return wire.At("pvid", fmt.Errorf("%s is to be it too, at %s", titleOf(e.Object, e.Set(), p.st.Names), where(first)))
		}
		p.plan.touch.key(e.Object, e.Key)
		other := e.Set().Clone()
		other.Del("pvid")
		p.plan.passes(e.Object, e.Key, other)
		p.st.Change(e, other)
		c.Notes = append(c.Notes, titleOf(e.Object, other, p.st.Names)+" is the pvid no more")
	}
	return nil
}

// leavesBridge is what a port has in its bridge and loses when it leaves.
func (p *planner) leavesBridge(e *state.Entry) []*state.Entry {
	gone := p.vlansOf(e.Index())
	gone = appendNew(gone, p.goWith(gone))
	for _, x := range p.st.All(rtnl.FDB) {
		if uint32(x.Set().Uint("dev")) == e.Index() && x.Set().Uint("master") != 0 {
			gone = append(gone, x)
		}
	}
	return gone
}

// firstVLAN gives a new bridge, or a new port of one, the VLAN that it begins with.
// The mtu of the bridge may follow that of the port.
func (p *planner) firstVLAN(e *state.Entry) error {
	br := e
	if p.kindOf(e.Index()) != "bridge" {
		if br = p.st.LinkByIndex(uint32(e.Set().Uint("master"))); br == nil || p.kindOf(br.Index()) != "bridge" {
			return nil
		}
		p.keepMTU(br)
		if err := p.mayForget(br); err != nil {
			return err
		}
	}
	vid := state.DefaultPVID(br)
	if vid == 0 || p.st.NoVLANs() {
		return nil
	}
	if err := p.loadVLANs(); err != nil {
		return err
	}
	p.addFirst(e, br, vid)
	return nil
}

func (p *planner) addFirst(e, br *state.Entry, vid uint64) {
	s := rtnl.FirstVLAN(e.Index(), e == br, vid)
	key := state.KeyOf(rtnl.VLAN, s)
	p.plan.touch.key(rtnl.VLAN, key)
	p.plan.passes(rtnl.VLAN, key, s)
	if len(p.st.Find(rtnl.VLAN, key)) == 0 {
		p.st.AddFirst(rtnl.VLAN, s)
	}
}

// defaultPVID follows a change of the VLAN that ports begin with: those that still
// have the old one as they got it, or none when there was none, get the new one
// instead (__br_vlan_set_default_pvid).
func (p *planner) defaultPVID(e *state.Entry, pick *wire.Set) error {
	kind, _ := pick.Get("kind")
	if kind.Sub == nil || kind.Sub.Table.Name != "bridge" || !kind.Sub.Has("vlan_default_pvid") || p.kindOf(e.Index()) != "bridge" {
		return nil
	}
	if err := p.loadVLANs(); err != nil {
		return err
	}
	was, vid := state.DefaultPVID(e), kind.Sub.Uint("vlan_default_pvid")
	for _, l := range p.st.All(rtnl.Link) {
		if l != e && uint32(l.Set().Uint("master")) != e.Index() {
			continue
		}
		for _, v := range []uint64{was, vid} { // undo may find one there that was not
			p.plan.touch.key(rtnl.VLAN, state.KeyOf(rtnl.VLAN, rtnl.FirstVLAN(l.Index(), l == e, v)))
		}
		var first, there *state.Entry
		for _, x := range p.vlansOf(l.Index()) {
			p.plan.touch.key(x.Object, x.Key)
			if rtnl.FirstVLAN(l.Index(), l == e, was).Equal(x.Set()) {
				first = x
			}
			if v, _ := x.Set().Get("vid"); v.L[0].N == vid {
				there = x
			}
		}
		if vid != 0 && (there != nil || was != 0 && first == nil) {
			continue
		}
		if first != nil {
			for _, x := range append(p.goWith([]*state.Entry{first}), first) {
				p.st.Remove(x)
			}
		}
		if vid == 0 {
			continue
		}
		for _, x := range p.vlansOf(l.Index()) {
			if x.Set().Uint("pvid") != 0 {
				other := x.Set().Clone()
				other.Del("pvid")
				p.plan.passes(x.Object, x.Key, other)
				p.st.Change(x, other)
			}
		}
		p.addFirst(l, e, vid)
	}
	return nil
}

// hasPlace reports whether an object that went can be made again: what a bridge has of
// a port, or of its own, cannot where there is no bridge, options where there is no VLAN,
// and nothing of IPv6 where the mtu has become too small.
func (p *planner) hasPlace(e *state.Entry) bool {
	switch {
	case e.Object.Table.Options:
		return len(p.st.VLANsOf(e.Object, e.Set())) > 0
	case p.cramped(e):
		return false
	case e.Object == rtnl.VLAN && e.Set().Uint("self") != 0:
		return p.kindOf(uint32(e.Set().Uint("dev"))) == "bridge"
	case e.Object == rtnl.FDB && e.Set().Uint("master") == 0:
		return true
	case e.Object != rtnl.VLAN && e.Object != rtnl.TunnelInfo && e.Object != rtnl.FDB:
		return true
	}
	l := p.st.LinkByIndex(uint32(e.Set().Uint("dev")))
	return l != nil && p.kindOf(uint32(l.Set().Uint("master"))) == "bridge"
}

// begins reports whether a VLAN that went is there again by itself.
func (p *planner) begins(e *state.Entry) bool {
	return e.Object == rtnl.VLAN && slices.ContainsFunc(p.st.Find(e.Object, e.Key), func(x *state.Entry) bool { return x.Set().Equal(e.Set()) })
}

// notBegun removes from bridges and ports that were made again the VLAN that they
// begin with, where it was not among what they had.
func (p *planner) notBegun(op *builtins.Op, had []*state.Entry) error {
	for _, e := range p.st.All(rtnl.VLAN) {
		if e.Reported() || !e.Unasked() || !p.plan.stirred[p.st.Names(uint32(e.Set().Uint("dev")))] ||
			slices.ContainsFunc(had, func(x *state.Entry) bool { return x.Object == e.Object && x.Key == e.Key }) {
			continue
		}
		msg, rel, err := p.deletion(e)
		if err != nil {
			return err
		}
		p.step(Step{Op: op, Object: e.Object, Msg: msg, Rel: rel})
		p.st.Remove(e)
	}
	return nil
}
