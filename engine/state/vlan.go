package state

import (
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// DefaultPVID is the VLAN that a bridge and its new ports begin with, 0 none. A
// kernel that knows no VLANs of bridges does not report it.
func DefaultPVID(br *Entry) uint64 {
	kind, _ := br.Set().Get("kind")
	switch {
	case kind.Sub == nil || kind.Sub.Table != rtnl.Kinds.Table("bridge"):
		return 0
	case kind.Sub.Has("vlan_default_pvid"):
		return kind.Sub.Uint("vlan_default_pvid")
	case kind.Sub.Has("forward_delay") && kind.Sub.Has("root_id"):
		return 0
	}
	return 1 // it is planned, and nobody said otherwise
}

// NoVLANs reports whether a bridge there was shows that the kernel knows no VLANs
// of bridges.
func (st *State) NoVLANs() bool {
	for _, e := range st.Before(rtnl.Link) {
		if kind, _ := e.Set().Get("kind"); kind.Sub != nil && kind.Sub.Table == rtnl.Kinds.Table("bridge") && kind.Sub.Has("root_id") {
			return !kind.Sub.Has("vlan_default_pvid")
		}
	}
	return false
}

// Unasked reports what nobody asked for: what is Foreign, and what the kernel
// gives each new device of a kind, which may be changed like any other.
func (e *Entry) Unasked() bool { return e.first || e.Foreign() }

// AddFirst is Add for what the kernel gives a new device.
func (st *State) AddFirst(o *wire.Object, s *wire.Set) *Entry {
	e := st.Add(o, s)
	e.first = true
	return e
}

// markFirst marks the VLANs that bridges and ports have as they began.
func (st *State) markFirst() {
	for _, es := range st.entries[rtnl.VLAN] {
		for _, e := range es {
			br := st.index[uint32(e.Set().Uint("dev"))]
			self := e.Set().Uint("self") != 0
			if br != nil && !self {
				br = st.index[uint32(br.Set().Uint("master"))]
			}
			if br == nil {
				continue
			}
			if vid := DefaultPVID(br); vid != 0 {
				e.first = rtnl.FirstVLAN(uint32(e.Set().Uint("dev")), self, vid).Equal(e.Set())
			}
		}
	}
}
