package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

var (
	macvlanKind = &wire.Table{Name: "macvlan", Doc: "link with an address of its own, on the device that link names", Lazy: macvlanRows}
	macvtapKind = &wire.Table{Name: "macvtap", Doc: "macvlan with a character device in place of a stack", Lazy: macvlanRows}
)

const (
	macaddrSet = 3 // MACVLAN_MACADDR_SET
	passthru   = 8 // MACVLAN_MODE_PASSTHRU
)

// TakesAddress reports whether a link takes the address of the device that it is made
// on, whatever the message says (macvlan_common_newlink).
func TakesAddress(s *wire.Set) bool {
	kind, _ := s.Get("kind")
	return kind.Sub != nil && (kind.Sub.Table == macvlanKind || kind.Sub.Table == macvtapKind) && kind.Sub.Uint("mode") == passthru
}

// macvlanRows: see drivers/net/macvlan.c. The two flags share a word without a
// mask: both are written or the other is cleared.
func macvlanRows() []wire.Field {
	flags := &wire.Place{Type: unix.IFLA_MACVLAN_FLAGS, Len: 2}
	return []wire.Field{
		{Name: "mode", Type: unix.IFLA_MACVLAN_MODE, Kind: wire.U32, Closed: true,
			Words: wire.Words{{Name: "private", N: 1}, {Name: "vepa", N: 2}, {Name: "bridge", N: 4}, {Name: "passthru", N: passthru}, {Name: "source", N: 16}},
			Stuck: func(before, after wire.Value) bool { return before.N == passthru || after.N == passthru },
			Doc:   "who may talk to whom; vepa by default; passthru cannot be entered or left later"},
		{Name: "nopromisc", Kind: wire.Bit16, At: flags, Bit: 1, Default: "off", Doc: "passthru: do not make the device below promiscuous"},
		{Name: "nodst", Kind: wire.Bit16, At: flags, Bit: 2, Default: "off", Doc: "source: a packet that matched is not also given to the device of its destination"},
		{Name: "macaddr_mode", Type: unix.IFLA_MACVLAN_MACADDR_MODE, Kind: wire.U32, Enum: []string{"add", "del", "flush", "set"}, Closed: true, WO: true, Along: "macaddr",
			Doc: "what is done with macaddr_addr (add, del) or macaddr (set); set when macaddr is given"},
		{Name: "macaddr_addr", Type: unix.IFLA_MACVLAN_MACADDR, Kind: wire.MAC, Min: 6, Max: 6, WO: true, Doc: "mode source: address to add or del"},
		{Name: "macaddr", Type: unix.IFLA_MACVLAN_MACADDR_DATA, Kind: wire.List, Elem: &wire.Field{Type: unix.IFLA_MACVLAN_MACADDR, Kind: wire.MAC, Min: 6, Max: 6},
			Doc: "mode source: all the sources that are accepted"},
		{Name: "bcqueuelen", Type: unix.IFLA_MACVLAN_BC_QUEUE_LEN, Kind: wire.U32, Since: "5.11", Default: "1000", Doc: "broadcast packets that may wait, 1000 by default; the largest of the macvlans of a device counts"},
		{Name: "bclim", Type: unix.IFLA_MACVLAN_BC_CUTOFF, Kind: wire.S32, Since: "6.4", Default: "1", Silent: true, Doc: "broadcasts with at most this many receivers do not wait, 1 by default; -1 never wait; shared by the macvlans of a device"},
		{Name: "macaddr_count", Type: unix.IFLA_MACVLAN_MACADDR_COUNT, Kind: wire.U32, RO: true, Volatile: true, Doc: "number of sources"},
		{Name: "bcqueuelen_used", Type: unix.IFLA_MACVLAN_BC_QUEUE_LEN_USED, Kind: wire.U32, RO: true, Volatile: true, Doc: "bcqueuelen that counts"},
	}
}
