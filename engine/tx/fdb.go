package tx

import (
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
