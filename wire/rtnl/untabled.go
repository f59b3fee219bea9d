package rtnl

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// Untabled is what rtnetlink lists for a namespace and has no table here; filters hang
// on queueing disciplines (Object.Unlisted).
func Untabled() []wire.Unlisted {
	return []wire.Unlisted{
		groups("permanent entries of bridge mdb", func(_, _ uint32) bool { return true }),
		vnis("VNIs, or ranges of these, of bridge vni", 0),
		{
			What: "address labels that a new namespace has not", Count: otherLabels,
			Dumps: dumps(unix.RTM_GETADDRLABEL, addrLabelLen, func(head []byte) { head[0] = unix.AF_INET6 }),
		},
	}
}

// unlistedOfLink is what a bridge or a vxlan, or a port, takes along.
func unlistedOfLink(s *wire.Set) []wire.Unlisted {
	index := uint32(s.Uint("index"))
	l := UnlistedOfPort(s)
	kind, _ := s.Get("kind")
	switch {
	case kind.Sub == nil:
	case kind.Sub.Table == bridgeKind:
		l = append(l, groups(permanentEntries, func(bridge, _ uint32) bool { return bridge == index }))
	case kind.Sub.Table == vxlanKind:
		l = append(l, groups(permanentEntries, func(vxlan, _ uint32) bool { return vxlan == index }))
		if kind.Sub.Uint("vnifilter") != 0 {
			l = append(l, vnis("its VNIs (bridge vni), which have no table here", index))
		}
	}
	return l
}

// UnlistedOfPort is what a port of a bridge leaves there without a message.
func UnlistedOfPort(s *wire.Set) []wire.Unlisted {
	index := uint32(s.Uint("index"))
	if port, _ := s.Get("port"); port.Sub == nil || port.Sub.Table != bridgePort {
		return nil
	}
	return []wire.Unlisted{groups(permanentEntries, func(_, port uint32) bool { return port == index })}
}

const permanentEntries = "its permanent entries of bridge mdb, which have no table here"

// dumps is one request for all of a type.
func dumps(typ uint16, headLen int, set func(head []byte)) [][]byte {
	var b wire.Builder
	m := b.Begin(typ, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	set(b.Fixed(headLen))
	b.End(m)
	req, _, err := b.Last()
	if err != nil {
		panic(err) // the same bytes each time
	}
	return [][]byte{req}
}

// groups are permanent entries of multicast groups, of some bridges and ports. The kernel
// has no filter for them.
func groups(what string, of func(bridge, port uint32) bool) wire.Unlisted {
	return wire.Unlisted{
		What:  what,
		Dumps: dumps(unix.RTM_GETMDB, portLen, func(head []byte) { head[0] = unix.AF_BRIDGE }),
		Count: func(b []byte) int { return permanentGroups(b, of) },
	}
}

// vnis are those of one device, or of all for 0.
func vnis(what string, dev uint32) wire.Unlisted {
	return wire.Unlisted{What: what, Count: countVNIs, Dumps: dumps(rtmGetTunnel, tunnelLen, func(head []byte) {
		head[0] = unix.AF_BRIDGE
		wire.NativeUint32(head[tunnelIndex:], dev)
	})}
}

// Numbers that golang.org/x/sys/unix lacks.
const (
	rtmGetTunnel   = 122 // RTM_GETTUNNEL
	vnifilterEntry = 1   // VXLAN_VNIFILTER_ENTRY
	tunnelLen      = 8   // struct tunnel_msg
	mdbaMDB        = 1   // MDBA_MDB, and MDBA_MDB_ENTRY in it, MDBA_MDB_ENTRY_INFO in that
	portLen        = 8   // struct br_port_msg
	mdbPermanent   = 1   // MDB_PERMANENT
	addrLabelLen   = 12  // struct ifaddrlblmsg
	ifalAddress    = 1   // IFAL_ADDRESS
	ifalLabel      = 2   // IFAL_LABEL
	mdbEntryState  = 4   // offset in struct br_mdb_entry, whose first is the index of the port
	portIndex      = 4   // offset in struct br_port_msg
	tunnelIndex    = 4   // offset in struct tunnel_msg
	labelPrefixLen = 2   // offset in struct ifaddrlblmsg
	labelIndex     = 4   // the same
)

// nested calls f for the attributes of one type.
func nested(b []byte, typ uint16, f func(b []byte)) {
	for a, err := range wire.Attrs(b) {
		if err != nil {
			return
		}
		if a.Type == typ {
			f(a.Data)
		}
	}
}

func permanentGroups(b []byte, of func(bridge, port uint32) bool) (n int) {
	if len(b) < portLen {
		return 0
	}
	bridge := binary.NativeEndian.Uint32(b[portIndex:])
	nested(b[portLen:], mdbaMDB, func(b []byte) {
		nested(b, mdbaMDB, func(b []byte) {
			nested(b, mdbaMDB, func(b []byte) {
				if len(b) > mdbEntryState && b[mdbEntryState] == mdbPermanent && of(bridge, binary.NativeEndian.Uint32(b)) {
					n++
				}
			})
		})
	})
	return n
}

func countVNIs(b []byte) (n int) {
	if len(b) >= tunnelLen {
		nested(b[tunnelLen:], vnifilterEntry, func([]byte) { n++ })
	}
	return n
}

// defaultLabels are those of a new namespace (net/ipv6/addrlabel.c): no netip.Prefix is
// the key, as these would be made whenever a program starts.
var defaultLabels = []struct {
	prefix string
	label  uint32
}{
	{"::/0", 1}, {"fc00::/7", 5}, {"fec0::/10", 11}, {"2002::/16", 2}, {"3ffe::/16", 12}, {"2001::/32", 6},
	{"2001:10::/28", 7}, {"::ffff:0.0.0.0/96", 4}, {"::/96", 3}, {"::1/128", 0},
}

func otherLabels(b []byte) int {
	if len(b) < addrLabelLen {
		return 0
	}
	addr, label := netip.IPv6Unspecified(), uint32(0)
	for a, err := range wire.Attrs(b[addrLabelLen:]) {
		switch {
		case err != nil:
			return 0
		case a.Type == ifalAddress && len(a.Data) == 16:
			addr = netip.AddrFrom16([16]byte(a.Data))
		case a.Type == ifalLabel && len(a.Data) == 4:
			label = binary.NativeEndian.Uint32(a.Data)
		}
	}
	if binary.NativeEndian.Uint32(b[labelIndex:]) != 0 {
		return 1
	}
	prefix := netip.PrefixFrom(addr, int(b[labelPrefixLen])).String()
	for _, usual := range defaultLabels {
		if usual.prefix == prefix && usual.label == label {
			return 0
		}
	}
	return 1
}
