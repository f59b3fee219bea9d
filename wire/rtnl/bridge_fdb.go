package rtnl

import (
	"encoding/binary"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// FDB is an entry of a forwarding database: of a bridge (master), or of a
// device itself (self), such as a vxlan.
var FDB = &wire.Object{
	Name:    "bridge.fdb",
	Doc:     "An entry of the forwarding database of a bridge or a vxlan: bridge fdb.",
	Table:   fdbTable,
	Subject: "lladdr",
	New:     unix.RTM_NEWNEIGH, Del: unix.RTM_DELNEIGH, Get: unix.RTM_GETNEIGH,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_NEWNEIGH, Flags: flagsAdd, Doc: "add the entry; an error when it exists"},
		{Name: "append", Type: unix.RTM_NEWNEIGH, Flags: unix.NLM_F_CREATE | unix.NLM_F_APPEND, Doc: "add a further destination to the entry"},
		{Name: "replace", Type: unix.RTM_NEWNEIGH, Flags: flagsReplace, Doc: "add the entry or change the one that is there"},
		{Name: "delete", Type: unix.RTM_DELNEIGH, Doc: "remove the entry"},
		{Name: "flush", Type: unix.RTM_DELNEIGH, Flags: unix.NLM_F_BULK, Doc: "remove all entries of dev that match: via is brport, use is added_by_user"},
	},
	Finish:  finishFDB,
	Dumps:   []map[string]uint64{{"family": unix.AF_BRIDGE}},
	Key:     []string{"dev", "lladdr", "vlan", "src_vni", "master"},
	KeyOf:   keyFDB,
	Delete:  []string{"family", "dev", "state", "lladdr", "vlan", "src_vni", "master", "self", "dst", "port", "vni", "via"},
	Rank:    rankNeigh,
	Canon:   canonFDB,
	Learned: true,
	Foreign: foreignFDB,
	Within:  []string{"dev", "vlan", "src_vni", "master", "self"},
	Replace: func(*wire.Field) bool { return true },
	Clash:   clashFDB,
	Shares:  shared,
	Each:    eachFDB,
}

const (
	nfeaActivityNotify = 1
	nfeaDontRefresh    = 2

	// States as bridge fdb sends them. The kernel reports each by one bit.
	fdbPermanent = unix.NUD_NOARP | unix.NUD_PERMANENT
	fdbStatic    = unix.NUD_NOARP | unix.NUD_REACHABLE
	fdbDynamic   = unix.NUD_REACHABLE
)

var (
	fdbStates = wire.Words{{Name: "permanent", N: fdbPermanent}, {Name: "local", N: fdbPermanent},
		{Name: "static", N: fdbStatic}, {Name: "dynamic", N: fdbDynamic}, {Name: "stale", N: unix.NUD_STALE}}
	fdbStateBits = wire.Words{{Name: "permanent", N: unix.NUD_PERMANENT}, {Name: "noarp", N: unix.NUD_NOARP}}
	fdbFlagBits  = wire.Words{{Name: "use", N: unix.NTF_USE}, {Name: "added_by_user", N: unix.NTF_USE},
		{Name: "extern_learn", N: unix.NTF_EXT_LEARNED}, {Name: "sticky", N: ntfSticky}, {Name: "offloaded", N: unix.NTF_OFFLOADED}}
)

var fdbExtTable = &wire.Table{
	Name: "fdb_ext_attrs", Doc: "Activity of an entry.",
	Fields: []wire.Field{
		{Name: "activity_notify", Type: nfeaActivityNotify, Kind: wire.U8, Bits: true, Words: wire.Words{{Name: "notify", N: 1}, {Name: "inactive", N: 2}},
			Doc: "tell when the entry becomes inactive or active; inactive: it is now"},
		{Name: "norefresh", Type: nfeaDontRefresh, Kind: wire.Flag, WO: true, Doc: "do not make the entry young when its flags change"},
	},
}

var fdbTable = &wire.Table{
	Name: "bridge.fdb", Doc: "An entry of a forwarding database.", Fixed: 12, Head: "ndmsg",
	Fields: []wire.Field{
		{Name: "family", Kind: wire.U8, At: ndmsg, Off: 0, Words: wire.Words{{Name: "bridge", N: unix.AF_BRIDGE}}, Closed: true, Doc: "always bridge"},
		{Name: "dev", Kind: wire.Dev, At: ndmsg, Off: 4, Doc: "port of the bridge, bridge or vxlan; flush: the bridge"},
		{Name: "state", Kind: wire.U16, At: ndmsg, Off: 8, Words: fdbStates, Hex: true,
			Doc: "permanent or local (for this host), static (forwarded to dev), dynamic (static that ages)"},
		{Name: "self", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_SELF, Doc: "the database of dev itself; so unless master is set, with it an entry in each"},
		{Name: "master", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_MASTER, Doc: "the database of the bridge that dev is a port of"},
		{Name: "router", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_ROUTER, Doc: "vxlan: the destination is a router"},
		{Name: "use", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_USE, WO: true, Doc: "as if the bridge had learned the address; flush: what a user added"},
		{Name: "extern_learn", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_EXT_LEARNED, Doc: "learned by a control plane"},
		{Name: "sticky", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: ntfSticky, Doc: "the entry does not move to another port"},
		{Name: "offloaded", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_OFFLOADED, Volatile: true, Doc: "the hardware has the entry; only flush takes it"},
		{Name: "type", Kind: wire.U8, At: ndmsg, Off: 11, Enum: routeTypes, RO: true, Volatile: true, Doc: "type of the entry, as of a route"},

		{Name: "lladdr", Type: unix.NDA_LLADDR, Kind: wire.MAC, Doc: "the address that is forwarded"},
		{Name: "dst", Type: unix.NDA_DST, Kind: wire.IP, Doc: "vxlan: address of the remote end"},
		{Name: "nhid", Type: ndaNhID, Kind: wire.U32, Doc: "vxlan: nexthop group of remote ends"},
		{Name: "vlan", Type: unix.NDA_VLAN, Kind: wire.U16, Min: 1, Max: 4094, Doc: "VLAN of the entry"},
		{Name: "port", Type: unix.NDA_PORT, Kind: wire.BE16, Doc: "vxlan: UDP port of the remote end; that of the device by default"},
		{Name: "vni", Type: unix.NDA_VNI, Kind: wire.U32, Max: 1<<24 - 1, Doc: "vxlan: VNI to send with; that of the device by default"},
		{Name: "src_vni", Type: unix.NDA_SRC_VNI, Kind: wire.U32, Max: 1<<24 - 1, Doc: "vxlan with external: VNI the entry belongs to"},
		{Name: "via", Type: unix.NDA_IFINDEX, Kind: wire.Dev, Doc: "vxlan: device towards the remote end; flush: port of the bridge"},
		{Name: "bridge", Type: unix.NDA_MASTER, Kind: wire.Dev, RO: true, Doc: "the bridge that has the entry"},
		{Name: "link_netnsid", Type: unix.NDA_LINK_NETNSID, Kind: wire.S32, RO: true, Doc: "namespace of via"},
		{Name: "protocol", Type: ndaProtocol, Kind: wire.U8, Words: routeProtocols, RO: true, Doc: "who made the entry"},
		{Name: "fdb_ext_attrs", Type: ndaFdbExt, Kind: wire.Nest, Inline: true, Of: fdbExtTable, Doc: "activity of the entry"},
		{Name: "managed", Kind: wire.Bit32, At: ndmFlagsExt, Bit: ntfExtManaged, RO: true, Volatile: true, Doc: "not used by forwarding databases"},
		{Name: "locked", Kind: wire.Bit32, At: ndmFlagsExt, Bit: ntfExtLocked, RO: true, Volatile: true, Since: "6.2", Doc: "made by a port with mab: not forwarded to until somebody authorises it"},
		{Name: "state_mask", Type: ndaStateMask, Kind: wire.U16, Bits: true, Words: fdbStateBits, WO: true, Since: "5.19",
			Doc: "flush: the states that count; follows from state, and without state it means its opposite"},
		{Name: "flags_mask", Type: ndaFlagsMask, Kind: wire.U8, Bits: true, Words: fdbFlagBits, WO: true, Since: "5.19",
			Doc: "flush: the flags that count; follows from the flags that are written, also as False"},
		{Name: "confirmed", Kind: wire.U32, At: ndaCache, Off: 0, Time: userHZ, RO: true, Volatile: true, Doc: "not used by bridges"},
		{Name: "used", Kind: wire.U32, At: ndaCache, Off: 4, Time: userHZ, RO: true, Volatile: true, Doc: "time since the entry was used"},
		{Name: "updated", Kind: wire.U32, At: ndaCache, Off: 8, Time: userHZ, RO: true, Volatile: true, Doc: "time since the entry was changed"},
		{Name: "refcnt", Kind: wire.U32, At: ndaCache, Off: 12, RO: true, Volatile: true, Doc: "users of the entry"},
	},
}

func finishFDB(s *wire.Set, v *wire.Verb) error {
	if !s.Has("dev") {
		return wire.At("dev", errMissing)
	}
	s.Default("family", wire.IntVal(unix.AF_BRIDGE))
	if s.Uint("master") == 0 {
		s.Default("self", wire.BoolVal(true))
	}
	if v != nil && v.Type == unix.RTM_DELNEIGH && v.Flags&unix.NLM_F_BULK != 0 { // NLM_F_BULK is NLM_F_EXCL elsewhere
		finishFlush(s)
		return nil
	}
	if !s.Has("lladdr") {
		return wire.At("lladdr", errMissing)
	}
	s.Default("state", wire.IntVal(fdbPermanent))
	return nil
}

// finishFlush makes the words for a state the bits and the mask that the kernel
// compares, and a mask of the flags that were written.
func finishFlush(s *wire.Set) {
	if s.Has("state") && !s.Has("state_mask") {
		state, mask := s.Uint("state"), uint64(unix.NUD_NOARP|unix.NUD_PERMANENT)
		switch {
		case state&unix.NUD_PERMANENT != 0:
			state, mask = unix.NUD_PERMANENT, unix.NUD_PERMANENT
		case state&unix.NUD_NOARP != 0:
			state = unix.NUD_NOARP
		default:
			state = 0
		}
		s.PutName("state", wire.IntVal(state))
		s.PutName("state_mask", wire.IntVal(mask))
	}
	var mask uint64
	for _, w := range fdbFlagBits {
		if s.Table.Row(w.Name) != nil && s.Has(w.Name) {
			mask |= w.N
		}
	}
	if mask != 0 {
		s.Default("flags_mask", wire.IntVal(mask))
	}
}

// eachFDB divides what is said of both databases (rtnl_fdb_add, rtnl_fdb_del): a bridge
// knows of no remote ends, a device of no VLANs.
func eachFDB(s *wire.Set) []*wire.Set {
	if s.Uint("master") == 0 || s.Uint("self") == 0 {
		return []*wire.Set{s}
	}
	master, self := s.Clone(), s.Clone()
	drop(master, "self", "router", "dst", "nhid", "port", "vni", "src_vni", "via")
	drop(self, "master", "vlan")
	return []*wire.Set{master, self}
}

// keyFDB: an entry of a vxlan for all stations or a multicast group is a set of
// destinations, each an object of its own here; any other has one.
func keyFDB(s *wire.Set, key []byte) []byte {
	if !floods(s) {
		return key
	}
	dst, _ := s.Get("dst")
	key = append(key, dst.A.AsSlice()...)
	for _, name := range []string{"port", "vni", "via"} {
		v, _ := s.Get(name)
		key = append(append(binary.AppendUvarint(key, v.N), v.S...), 0)
	}
	return key
}

// clashFDB reports whether an entry is, or was, a control plane's: the bridge forgets
// that of none while there is one, and as such takes no other state
// (br_fdb_external_learn_add). Or whether it goes by next hops and did not, or the other
// way round (vxlan_fdb_update_existing).
func clashFDB(want, have *wire.Set) bool {
	return want.Uint("extern_learn") != 0 || have.Uint("extern_learn") != 0 || want.Has("nhid") != have.Has("nhid")
}

// floods reports whether this is one of the remote ends that a vxlan sends
// copies to; a unicast address has one (vxlan_fdb_update_existing).
func floods(s *wire.Set) bool { return s.Has("dst") && Floods(s) }

// shared reports whether nothing is replaced by the entry: those of a vxlan for many
// stations, also by next hops (vxlan_fdb_update_create).
func shared(s *wire.Set) bool { return Tunnelled(s) && Floods(s) }

// Tunnelled reports whether an entry is one of a vxlan to a remote end, or to next hops.
func Tunnelled(s *wire.Set) bool { return s.Has("dst") || s.Has("nhid") }

// Floods reports whether the address of an entry is that of all stations, or of many.
func Floods(s *wire.Set) bool {
	ll, _ := s.Get("lladdr")
	return isZero(ll.S) || isMulticastMAC(ll.S)
}

// canonFDB: a bridge reports itself as NDA_MASTER and no flag, and one bit of
// the state.
func canonFDB(s *wire.Set) {
	if br, ok := s.Get("bridge"); ok {
		dev, _ := s.Get("dev")
		s.PutName("master", wire.BoolVal(!dev.Equal(br)))
		s.PutName("self", wire.BoolVal(dev.Equal(br)))
		s.Del("bridge")
	}
	switch state := s.Uint("state"); {
	case state&unix.NUD_PERMANENT != 0:
		s.PutName("state", wire.IntVal(fdbPermanent))
	case state&unix.NUD_NOARP != 0:
		s.PutName("state", wire.IntVal(fdbStatic))
	case state != 0:
		s.PutName("state", wire.IntVal(fdbDynamic))
	}
	delZero(s, "self", "master", "router", "extern_learn", "sticky", "vlan")
	drop(s, "use", "norefresh")
}

// foreignFDB: learned entries, and the multicast addresses a device listens to.
func foreignFDB(s *wire.Set) bool {
	ll, _ := s.Get("lladdr")
	if s.Uint("state")&(unix.NUD_PERMANENT|unix.NUD_NOARP) == 0 {
		return s.Uint("extern_learn") == 0
	}
	return isMulticastMAC(ll.S) && s.Uint("state")&unix.NUD_PERMANENT != 0 && !Tunnelled(s)
}
