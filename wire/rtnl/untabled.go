package rtnl

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// Untabled is what somebody may configure that no object here stands for: no script
// makes it, and whoever reads the kernel's state should say so.
type Untabled struct {
	What   string // in the plural
	Type   uint16 // of a dump request
	Header []byte // of it
	// Count tells how many of it a message of the answer, behind its nlmsghdr, has
	// that the kernel did not make by itself.
	Count func(b []byte) int
}

// Without is all of it that rtnetlink lists for a namespace; filters hang on queueing
// disciplines (Object.Unlisted).
var Without = []Untabled{
	{"permanent entries of bridge mdb", unix.RTM_GETMDB, []byte{unix.AF_BRIDGE, 0, 0, 0, 0, 0, 0, 0}, permanentGroups},
	{"VNIs, or ranges of these, of bridge vni", rtmGetTunnel, []byte{unix.AF_BRIDGE, 0, 0, 0, 0, 0, 0, 0}, vnis},
	{"address labels that a new namespace has not", unix.RTM_GETADDRLABEL, append([]byte{unix.AF_INET6}, make([]byte, addrLabelLen-1)...), otherLabels},
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
	mdbEntryState  = 4   // offset in struct br_mdb_entry
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

func permanentGroups(b []byte) (n int) {
	if len(b) < portLen {
		return 0
	}
	nested(b[portLen:], mdbaMDB, func(b []byte) {
		nested(b, mdbaMDB, func(b []byte) {
			nested(b, mdbaMDB, func(b []byte) {
				if len(b) > mdbEntryState && b[mdbEntryState] == mdbPermanent {
					n++
				}
			})
		})
	})
	return n
}

func vnis(b []byte) (n int) {
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
