package state

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// OptionsOf is what the options that s is about are, also where all is as it begins:
// a state holds those that are not.
func (st *State) OptionsOf(o *wire.Object, s *wire.Set) *wire.Set {
	for _, e := range st.Find(o, KeyOf(o, s)) {
		return e.Set()
	}
	return s.Beginning()
}

// SetOptions changes them.
func (st *State) SetOptions(o *wire.Object, s *wire.Set) {
	have := st.Find(o, KeyOf(o, s))
	switch {
	case len(have) == 0 && !s.Begun():
		st.Add(o, s)
	case len(have) > 0 && s.Begun():
		st.Remove(have[0])
	case len(have) > 0:
		st.Change(have[0], s)
	}
}

// VLANsOf are the VLANs that options of one belong to: that of a port, or of the
// bridge; of options that a bridge has once those of all its ports too.
func (st *State) VLANsOf(o *wire.Object, s *wire.Set) (l []*Entry) {
	vid, _ := s.Get("vid")
	at := func(index uint32, self bool) {
		l = append(l, st.Find(rtnl.VLAN, KeyOf(rtnl.VLAN, rtnl.FirstVLAN(index, self, vid.L[0].N)))...)
	}
	dev := uint32(s.Uint("dev"))
	at(dev, true)
	at(dev, false)
	if o == rtnl.VLANGlobal {
		for _, p := range st.index {
			if uint32(p.Set().Uint("master")) == dev {
				at(p.Index(), false)
			}
		}
	}
	return l
}

// byInstance leaves the states of VLANs out where they are those of an instance of
// the spanning tree: they cannot be set one by one (br_vlan_modify_state).
func (st *State) byInstance() error {
	for _, es := range st.entries[rtnl.VLANOptions] {
		for _, e := range es {
			if !st.Instances(uint32(e.Set().Uint("dev"))) {
				continue
			}
			s := e.Set().Clone()
			s.Del("state")
			st.b.Reset()
			if err := e.Object.Append(&st.b, unix.RTM_NEWVLAN, 0, s); err != nil {
				return err
			}
			msg, _, err := st.b.Last()
			if err != nil {
				return err
			}
			if e.set, e.msg = s.Filled(), append([]byte(nil), msg...); e.set.Begun() {
				delete(st.entries[rtnl.VLANOptions], e.Key)
			}
		}
	}
	return nil
}

// Instances reports whether a bridge, or that of a port, has several instances of
// the spanning tree.
func (st *State) Instances(index uint32) bool {
	br := BridgeOf(index, st.LinkByIndex)
	return br != nil && br.Uint("mst_enabled") != 0
}

// BridgeOf is what a device is as a bridge, or the bridge that it is a port of; nil when
// there is none among the links.
func BridgeOf(index uint32, link func(index uint32) *Entry) *wire.Set {
	br := link(index)
	if br != nil && br.Set().Uint("master") != 0 {
		br = link(uint32(br.Set().Uint("master")))
	}
	if br == nil {
		return nil
	}
	kind, _ := br.Set().Get("kind")
	if kind.Sub == nil || kind.Sub.Table != rtnl.Kinds.Table("bridge") {
		return nil
	}
	return kind.Sub
}

// KernelSTP reports whether the kernel sees to the spanning tree of a bridge: then the
// state of a VLAN cannot be set (br_vlan_modify_state).
func KernelSTP(bridge *wire.Set) bool { return bridge != nil && bridge.Uint("stp_state") == kernelSTP }

const kernelSTP = 1 // BR_KERNEL_STP
