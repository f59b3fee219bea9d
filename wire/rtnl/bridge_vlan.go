package rtnl

import (
	"encoding/binary"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// VLAN is a VLAN of a port of a bridge (master), or of the bridge itself (self).
//
// It is set and deleted by messages about the port in family AF_BRIDGE, a range
// of them in one, and reported so too: all VLANs of a port in one message. Each
// VLAN is an object all the same.
var VLAN = &wire.Object{
	Name:    "bridge.vlan",
	Doc:     "A VLAN, or a range of VLANs, of a port of a bridge or of the bridge itself: bridge vlan.",
	Table:   vlanTable,
	Subject: "vid",
	New:     unix.RTM_SETLINK, Del: unix.RTM_DELLINK, Get: unix.RTM_GETLINK,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_SETLINK, Doc: "add the VLAN, or change the one that is there"},
		{Name: "delete", Type: unix.RTM_DELLINK, Doc: "remove the VLAN; no error when it is not there"},
	},
	Finish:   finishVLAN,
	Dumps:    []map[string]uint64{{"family": unix.AF_BRIDGE, "ext_mask": extBRVLANCompressed}},
	Flagless: true,
	Key:      []string{"dev", "self", "vid"},
	Delete:   []string{"family", "dev", "self", "vid"},
	Rank:     rankVLAN,
	Canon:    canonVLAN,
	Within:   []string{"dev"},
	Replace:  func(*wire.Field) bool { return true },
	Reports:  reportedVLANs,
	Each:     eachVLAN,
	Join:     joinVLAN,
}

// Attributes of IFLA_AF_SPEC and flags in family AF_BRIDGE (linux/if_bridge.h).
const (
	bridgeFlags      = 0 // IFLA_BRIDGE_FLAGS
	bridgeVlanInfo   = 2 // IFLA_BRIDGE_VLAN_INFO
	bridgeTunnelInfo = 3 // IFLA_BRIDGE_VLAN_TUNNEL_INFO

	bridgeFlagsMaster = 1 << 0
	bridgeFlagsSelf   = 1 << 1

	vlanPVID       = 1 << 1 // BRIDGE_VLAN_INFO_
	vlanUntagged   = 1 << 2
	vlanRangeBegin = 1 << 3
	vlanRangeEnd   = 1 << 4

	extBRVLANCompressed = 1 << 2 // RTEXT_FILTER_BRVLAN_COMPRESSED

	lastVID = 4094
)

var (
	bridgeFlagsPlace = &wire.Place{Type: bridgeFlags, Attr: true, Len: 2}
	vlanInfo         = &wire.Place{Type: bridgeVlanInfo, Len: 4, Ends: &wire.Ends{First: vlanRangeBegin, Last: vlanRangeEnd}} // struct bridge_vlan_info
)

var vlanTable = &wire.Table{
	Name: "bridge.vlan", Doc: "A VLAN of a bridge port.", Fixed: ifinfomsgLen, Head: "ifinfomsg",
	Lazy: func() []wire.Field {
		return slices.Concat(vlanHeader, []wire.Field{
			{Name: "af_spec", Type: unix.IFLA_AF_SPEC, Kind: wire.Nest, Inline: true, Of: vlanSpec, Doc: "what the bridge keeps of the port"},
		})
	},
}

// vlanHeader are the rows of what is about a port, beside IFLA_AF_SPEC.
var vlanHeader = []wire.Field{
	{Name: "family", Kind: wire.U8, At: ifinfo, Off: 0, Words: wire.Words{{Name: "bridge", N: unix.AF_BRIDGE}}, Closed: true, Doc: "always bridge"},
	{Name: "dev", Kind: wire.Dev, At: ifinfo, Off: 4, Doc: "port of a bridge, or with self the bridge"},
	{Name: "ext_mask", Type: unix.IFLA_EXT_MASK, Kind: wire.U32, Bits: true, Words: extMask, RO: true, Volatile: true, Doc: "what a request wants to be told"},
}

var vlanSpec = &wire.Table{
	Name: "af_spec", Doc: "what a bridge keeps of a port",
	Fields: []wire.Field{
		{Name: "self", Kind: wire.Bit16, At: bridgeFlagsPlace, Bit: bridgeFlagsSelf, Doc: "dev itself, which is a bridge, has the VLAN"},
		{Name: "master", Kind: wire.Bit16, At: bridgeFlagsPlace, Bit: bridgeFlagsMaster, WO: true, Doc: "the bridge that dev is a port of; so unless self is set"},
		{Name: "vid", Kind: wire.Range, At: vlanInfo, Off: 2, Elem: &vidElem, Doc: "the VLAN, or a range \"100-199\""},
		{Name: "pvid", Kind: wire.Bit16, At: vlanInfo, Bit: vlanPVID, Doc: "untagged packets that come in belong to this VLAN; another one of dev is not any more"},
		{Name: "untagged", Kind: wire.Bit16, At: vlanInfo, Bit: vlanUntagged, Doc: "packets of the VLAN go out untagged"},
	},
}

var vidElem = wire.Field{Kind: wire.U16, Min: 1, Max: lastVID}

var errPVIDRange = errors.New("one VLAN can be it, not a range")

func finishVLAN(s *wire.Set, _ *wire.Verb) error {
	for _, name := range []string{"dev", "vid"} {
		if !s.Has(name) {
			return wire.At(name, errMissing)
		}
	}
	s.Default("family", wire.IntVal(unix.AF_BRIDGE))
	if low, high := ends(s, "vid"); low != high && s.Uint("pvid") != 0 {
		return wire.At("pvid", errPVIDRange)
	}
	return nil
}

// canonVLAN: the bridge that dev is a port of has the VLAN, unless self says
// otherwise. A device that is asked too, by both, does not report it.
func canonVLAN(s *wire.Set) {
	if s.Uint("master") != 0 {
		drop(s, "self")
	}
	delZero(s, "self", "pvid", "untagged")
	drop(s, "master")
}

// ends are the lowest and the highest number of a range in a set.
func ends(s *wire.Set, row string) (low, high uint64) {
	v, _ := s.Get(row)
	if len(v.L) != 2 {
		return 0, 0
	}
	return v.L[0].N, v.L[1].N
}

func setEnds(s *wire.Set, row string, low, high uint64) {
	s.PutName(row, wire.ListOf(wire.IntVal(low), wire.IntVal(high)))
}

// eachVLAN divides a range.
func eachVLAN(s *wire.Set) []*wire.Set {
	low, high := ends(s, "vid")
	if low == high {
		return []*wire.Set{s}
	}
	var l []*wire.Set
	for vid := low; vid <= high; vid++ {
		one := s.Clone()
		setEnds(one, "vid", vid, vid)
		l = append(l, one)
	}
	return l
}

// joinVLAN makes of s and the VLAN behind it one range.
func joinVLAN(s, next *wire.Set) *wire.Set {
	low, end := ends(s, "vid")
	begin, high := ends(next, "vid")
	if begin != end+1 || end == 0 || s.Uint("pvid") != 0 {
		return nil
	}
	both, other := s.Clone(), next.Clone()
	setEnds(both, "vid", low, high)
	setEnds(other, "vid", low, high)
	if !both.Equal(other) {
		return nil
	}
	return both
}

// reportedVLANs makes of what is reported of a port a message for each VLAN, as
// one that sets it.
func reportedVLANs(msg []byte) [][]byte {
	index, self, spec := portReport(msg)
	var l [][]byte
	first := uint16(0)
	for a, err := range wire.Attrs(spec) {
		if err != nil || a.Type != bridgeVlanInfo || len(a.Data) != vlanInfo.Len {
			continue
		}
		flags, vid := binary.NativeEndian.Uint16(a.Data), binary.NativeEndian.Uint16(a.Data[2:])
		switch {
		case flags&vlanRangeBegin != 0:
			first = vid
			continue
		case flags&vlanRangeEnd == 0 || first == 0:
			first = vid
		}
		for ; first <= vid && first <= lastVID; first++ {
			l = append(l, specMessage(index, func(b *wire.Builder) {
				if self {
					b.Uint16(bridgeFlags, bridgeFlagsSelf)
				}
				info := b.Attr(bridgeVlanInfo, vlanInfo.Len)
				binary.NativeEndian.PutUint16(info, flags&(vlanPVID|vlanUntagged))
				binary.NativeEndian.PutUint16(info[2:], first)
			}))
		}
		first = 0
	}
	return l
}

// portReport reads what the kernel reports of a port, or of a bridge itself, which
// is its own master (br_fill_ifinfo): the device, and its IFLA_AF_SPEC.
func portReport(msg []byte) (index uint32, self bool, spec []byte) {
	if len(msg) < wire.HeaderLen+ifinfomsgLen || msg[wire.HeaderLen] != unix.AF_BRIDGE {
		return 0, false, nil
	}
	if typ, _ := wire.TypeFlags(msg); typ != unix.RTM_NEWLINK {
		return 0, false, nil
	}
	index = binary.NativeEndian.Uint32(msg[wire.HeaderLen+4:])
	for a, err := range wire.Attrs(msg[wire.HeaderLen+ifinfomsgLen:]) {
		switch {
		case err != nil:
			return 0, false, nil
		case a.Type == unix.IFLA_MASTER && len(a.Data) == 4:
			self = binary.NativeEndian.Uint32(a.Data) == index
		case a.Type == unix.IFLA_AF_SPEC:
			spec = a.Data
		}
	}
	return index, self, spec
}

// specMessage sets something of a port.
func specMessage(index uint32, spec func(b *wire.Builder)) []byte {
	var b wire.Builder
	m := b.Begin(unix.RTM_SETLINK, 0)
	h := b.Fixed(ifinfomsgLen)
	h[0] = unix.AF_BRIDGE
	binary.NativeEndian.PutUint32(h[4:], index)
	n := b.Nest(unix.IFLA_AF_SPEC)
	spec(&b)
	b.End(n)
	b.End(m)
	msg, err := b.Bytes()
	if err != nil {
		return nil
	}
	return msg
}

// FirstVLAN is the VLAN that a bridge, or a port of one, begins with, as the
// kernel reports it: vid is the bridge's vlan_default_pvid.
func FirstVLAN(index uint32, self bool, vid uint64) *wire.Set {
	s := wire.NewSet(vlanTable)
	s.PutName("family", wire.IntVal(unix.AF_BRIDGE))
	s.PutName("dev", wire.IntVal(uint64(index)))
	if self {
		s.PutName("self", wire.BoolVal(true))
	}
	setEnds(s, "vid", vid, vid)
	s.PutName("pvid", wire.BoolVal(true))
	s.PutName("untagged", wire.BoolVal(true))
	return s
}
