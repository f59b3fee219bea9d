package tx

import (
	"fmt"
	"slices"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A bridge has one entry of an address in a VLAN, on whichever of its ports: one that
// is made on another moves (fdb_find, fdb_add_entry).

// bridgeWith is the index of the bridge that has an entry, 0 of those of other devices.
func (p *planner) bridgeWith(s *wire.Set) uint32 {
	dev := uint32(s.Uint("dev"))
	if s.Uint("master") == 0 {
		if p.kindOf(dev) == "bridge" {
			return dev
		}
		return 0
	}
	if l := p.st.LinkByIndex(dev); l != nil {
		return uint32(l.Set().Uint("master"))
	}
	return 0
}

// takesOver notes that an entry which is to be takes the place of one on another port,
// and reports whether there is such a one.
func (p *planner) takesOver(o *wire.Object, want *wire.Set, c *Change) bool {
	if o != rtnl.FDB {
		return false
	}
	br := p.bridgeWith(want)
	if br == 0 {
		return false
	}
	for _, l := range p.st.All(rtnl.Link) {
		if l.Index() != br && uint32(l.Set().Uint("master")) != br || l.Index() == uint32(want.Uint("dev")) {
			continue
		}
		s := want.Clone()
		s.PutName("dev", wire.IntVal(uint64(l.Index())))
		if s.Del("master"); l.Index() != br {
			s.PutName("master", wire.BoolVal(true))
		}
		for _, x := range p.st.Find(o, state.KeyOf(o, s)) {
			if !x.Foreign() {
				c.With = append(c.With, x)
			}
			p.plan.touch.key(o, x.Key)
			p.st.Remove(x)
			return true
		}
	}
	return false
}

// fdbScope is what an op on a forwarding entry is compared with: what else its bridge
// has, when it makes one there or removes all, otherwise what the device has.
func (p *planner) fdbScope(set *wire.Set, wide bool) state.Scope {
	if wide && p.bridgeWith(set) != 0 {
		return state.Scope{Object: rtnl.FDB}
	}
	return state.Scope{Object: rtnl.FDB, Dev: uint32(set.Uint("dev"))}
}

// vxlan are the options of the vxlan that has an entry, nil of an entry that none has.
func (p *planner) vxlan(s *wire.Set) *wire.Set {
	l := p.st.LinkByIndex(uint32(s.Uint("dev")))
	if l == nil || s.Uint("master") != 0 {
		return nil
	}
	if kind, _ := l.Set().Get("kind"); kind.Sub != nil && kind.Sub.Table.Name == "vxlan" {
		return kind.Sub
	}
	return nil
}

// unreported takes out of an entry of a vxlan what is as the device has it (vxlan_fdb_info).
func (p *planner) unreported(s *wire.Set) {
	kind := p.vxlan(s)
	if kind == nil {
		return
	}
	for row, own := range map[string]string{"port": "dstport", "vni": "id"} {
		if v, _ := kind.Get(own); v.N == s.Uint(row) {
			s.Del(row)
		}
	}
	if kind.Uint("external") == 0 {
		s.Del("src_vni")
	}
}

// forgotten are the entries that a deletion takes. One of a vxlan takes all remote ends of
// an address, or of these the one that is as it says, and without a word takes none if
// there is none (__vxlan_fdb_delete).
func (p *planner) forgotten(want *wire.Set) []*state.Entry {
	l := p.st.Find(rtnl.FDB, state.KeyOf(rtnl.FDB, want))
	switch dst, ok := want.Get("dst"); {
	case p.vxlan(want) == nil:
		return slices.Clone(l)
	case ok && !dst.A.IsUnspecified():
		return slices.DeleteFunc(slices.Clone(l), func(e *state.Entry) bool { return !sameRemote(want, e.Set()) })
	case rtnl.Floods(want):
		l = p.st.All(rtnl.FDB)
	}
	address := addressKey(want)
	return slices.DeleteFunc(slices.Clone(l), func(e *state.Entry) bool { return addressKey(e.Set()) != address })
}

// makesWay removes what a vxlan has for many stations where that is to go by next hops, and
// did not, or the other way round: it has either. Of others that is one entry, which changes.
func (p *planner) makesWay(op *builtins.Op, want *wire.Set, c *Change) error {
	if op.Object != rtnl.FDB || p.vxlan(want) == nil || !rtnl.Floods(want) {
		return nil
	}
	all := want.Clone()
	all.Del("dst")
	for _, e := range p.forgotten(all) {
		if e.Set().Has("nhid") == want.Has("nhid") {
			continue
		}
		if first := p.wantedBy(e); first != nil {
			return fmt.Errorf("takes the place of %s, which is wanted at %s", titleOf(e.Object, e.Set(), p.st.Names), where(first))
		}
		if err := p.remove(op, e, c); err != nil {
			return err
		}
		c.With = append(c.With, e)
	}
	return nil
}

// addressKey is the key of an entry without the remote end, which is of that of some.
func addressKey(s *wire.Set) string {
	s = s.Clone()
	s.Del("dst")
	return state.KeyOf(rtnl.FDB, s)
}

func sameRemote(a, b *wire.Set) bool {
	return !slices.ContainsFunc([]string{"dst", "port", "vni", "via"}, func(row string) bool {
		v, _ := a.Get(row)
		w, _ := b.Get(row)
		return !state.SameValue(v, w)
	})
}
