package rtnl

import (
	"net"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Neigh is an entry of the neighbour tables: ARP and neighbour discovery.
var Neigh = &wire.Object{
	Name:    "neigh",
	Doc:     "A neighbour: the link-layer address of an IP address on a device, or with proxy an address to answer for: ip neighbour.",
	Table:   neighTable,
	Subject: "to",
	New:     unix.RTM_NEWNEIGH, Del: unix.RTM_DELNEIGH, Get: unix.RTM_GETNEIGH,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_NEWNEIGH, Flags: flagsAdd, Doc: "add the entry; an error when it exists"},
		{Name: "replace", Type: unix.RTM_NEWNEIGH, Flags: flagsReplace, Doc: "add the entry or change the one that is there"},
		{Name: "change", Type: unix.RTM_NEWNEIGH, Flags: unix.NLM_F_REPLACE, Doc: "change the entry; an error when it does not exist"},
		{Name: "delete", Type: unix.RTM_DELNEIGH, Doc: "remove the entry"},
	},
	Finish:  finishNeigh,
	Dumps:   []map[string]uint64{nil, {"proxy": 1}},
	Key:     []string{"dev", "to", "proxy"},
	Delete:  []string{"family", "dev", "to", "proxy"},
	Rank:    rankNeigh,
	Hashed:  true,
	Canon:   canonNeigh,
	Foreign: foreignNeigh,
	Learned: true,
	Within:  []string{"dev", "family", "proxy"},
	Apart:   true,
	Alone:   true,
	Replace: func(*wire.Field) bool { return true },
}

// Attributes, flags and states that golang.org/x/sys/unix lacks.
const (
	ndaProtocol  = 12
	ndaNhID      = 13
	ndaFdbExt    = 14
	ndaFlagsExt  = 15
	ndaStateMask = 16
	ndaFlagsMask = 17

	ntfSticky       = 0x40
	ntfExtManaged   = 0x01
	ntfExtLocked    = 0x02
	ntfExtValidated = 0x04 // NTF_EXT_EXT_VALIDATED
)

var (
	ndmsg       = &wire.Place{}
	ndmFlagsExt = &wire.Place{Type: ndaFlagsExt, Len: 4}
	ndaCache    = &wire.Place{Type: unix.NDA_CACHEINFO, Len: 16}

	nudWords = wire.Words{{Name: "permanent", N: unix.NUD_PERMANENT}, {Name: "noarp", N: unix.NUD_NOARP},
		{Name: "reachable", N: unix.NUD_REACHABLE}, {Name: "stale", N: unix.NUD_STALE}, {Name: "none", N: unix.NUD_NONE},
		{Name: "incomplete", N: unix.NUD_INCOMPLETE}, {Name: "delay", N: unix.NUD_DELAY}, {Name: "probe", N: unix.NUD_PROBE},
		{Name: "failed", N: unix.NUD_FAILED}}
)

// neighTable: without a protocol a message leaves the one that there is (neigh_add).
var neighTable = &wire.Table{
	Name: "neigh", Doc: "A neighbour.", Fixed: 12, Head: "ndmsg",
	Fields: []wire.Field{
		{Name: "family", Kind: wire.U8, At: ndmsg, Off: 0, Words: ipFamilies, Doc: "address family; follows from the address"},
		{Name: "dev", Kind: wire.Dev, At: ndmsg, Off: 4, Doc: "device the neighbour is on"},
		{Name: "nud", Kind: wire.U16, At: ndmsg, Off: 8, Words: nudWords, Hex: true, Loose: true, Doc: "state of the entry; permanent unless it is managed"},
		{Name: "proxy", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_PROXY, Doc: "answer for this address on the device instead of reaching it"},
		{Name: "router", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_ROUTER, Doc: "IPv6: the neighbour is a router"},
		{Name: "use", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_USE, WO: true, Doc: "resolve the address now, as if it had been used"},
		{Name: "extern_learn", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_EXT_LEARNED, Doc: "learned by a control plane: not removed by garbage collection"},
		{Name: "offloaded", Kind: wire.Bit8, At: ndmsg, Off: 10, Bit: unix.NTF_OFFLOADED, RO: true, Volatile: true, Doc: "the hardware has the entry"},
		{Name: "type", Kind: wire.U8, At: ndmsg, Off: 11, Enum: routeTypes, RO: true, Volatile: true, Doc: "type of the address, as of a route"},

		{Name: "to", Type: unix.NDA_DST, Kind: wire.IP, Doc: "address of the neighbour"},
		{Name: "lladdr", Type: unix.NDA_LLADDR, Kind: wire.MAC, Doc: "its link-layer address"},
		{Name: "managed", Kind: wire.Bit32, At: ndmFlagsExt, Bit: ntfExtManaged, Since: "5.16", Doc: "the kernel keeps the entry resolved"},
		{Name: "extern_valid", Kind: wire.Bit32, At: ndmFlagsExt, Bit: ntfExtValidated, Since: "6.17", Doc: "validated by a control plane: the kernel neither removes the entry nor gives it up; not with managed"},
		{Name: "protocol", Type: ndaProtocol, Kind: wire.U8, Words: routeProtocols, Loose: true, Stuck: goes, Doc: "who made the entry"},
		{Name: "probes", Type: unix.NDA_PROBES, Kind: wire.U32, RO: true, Volatile: true, Doc: "probes sent without answer"},
		{Name: "confirmed", Kind: wire.U32, At: ndaCache, Off: 0, Time: userHZ, RO: true, Volatile: true, Doc: "time since the neighbour was heard"},
		{Name: "used", Kind: wire.U32, At: ndaCache, Off: 4, Time: userHZ, RO: true, Volatile: true, Doc: "time since the entry was used"},
		{Name: "updated", Kind: wire.U32, At: ndaCache, Off: 8, Time: userHZ, RO: true, Volatile: true, Doc: "time since the entry was changed"},
		{Name: "refcnt", Kind: wire.U32, At: ndaCache, Off: 12, RO: true, Volatile: true, Doc: "users of the entry"},
	},
}

func finishNeigh(s *wire.Set, v *wire.Verb) error {
	if !s.Has("to") {
		return wire.At("to", errMissing)
	}
	to, _ := s.Get("to")
	s.Default("family", wire.IntVal(uint64(addrFamily(to.A))))
	// A proxy entry may stand for all devices.
	if !s.Has("dev") && s.Uint("proxy") == 0 {
		return wire.At("dev", errMissing)
	}
	if s.Uint("managed") == 0 {
		s.Default("nud", wire.IntVal(unix.NUD_PERMANENT))
	}
	return nil
}

// canonNeigh: of the states in which the neighbour's address is known all but
// permanent and noarp move by themselves; they are one here. In the others there
// is no address, and a proxy has neither.
func canonNeigh(s *wire.Set) {
	const moving = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE
	switch nud := s.Uint("nud"); {
	case s.Uint("proxy") != 0:
		drop(s, "nud", "lladdr")
	case nud&moving != 0:
		s.PutName("nud", wire.IntVal(unix.NUD_STALE))
	case nud != unix.NUD_PERMANENT && nud != unix.NUD_NOARP:
		drop(s, "nud", "lladdr")
	}
	delZero(s, "proxy", "router", "extern_learn", "managed", "extern_valid", "protocol")
	drop(s, "use")
}

// foreignNeigh, of a canonical entry: what the kernel learned, and what it maps
// by rule: multicast addresses and devices without resolution.
func foreignNeigh(s *wire.Set) bool {
	for _, mark := range []string{"proxy", "managed", "extern_learn", "extern_valid"} {
		if s.Uint(mark) != 0 {
			return false
		}
	}
	to, _ := s.Get("to")
	switch s.Uint("nud") {
	case unix.NUD_PERMANENT:
		return false
	case unix.NUD_NOARP:
		ll, ok := s.Get("lladdr")
		return to.A.IsMulticast() || to.A.IsLoopback() || to.A.IsUnspecified() || !ok || isZero(ll.S) || isMulticastMAC(ll.S)
	}
	return true
}

func isZero(s string) bool {
	for i := range len(s) {
		if s[i] != 0 {
			return false
		}
	}
	return true
}

func isMulticastMAC(s string) bool { return len(s) == 6 && net.HardwareAddr(s)[0]&1 != 0 }
