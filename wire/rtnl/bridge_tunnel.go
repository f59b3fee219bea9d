package rtnl

import (
	"encoding/binary"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// TunnelInfo maps a VLAN of a port to a tunnel, as a vxlan in mode external has
// many of. It is in the same messages as VLAN, and reported while the port has
// vlan_tunnel.
var TunnelInfo = &wire.Object{
	Name:    "bridge.tunnel_info",
	Doc:     "The tunnel that a VLAN of a port belongs to, or tunnels for a range of VLANs: bridge vlan, tunnel_info. The VLAN has to be there, and the port to have vlan_tunnel.",
	Table:   tunnelInfoTable,
	Subject: "vid",
	New:     unix.RTM_SETLINK, Del: unix.RTM_DELLINK, Get: unix.RTM_GETLINK,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_SETLINK, Doc: "map the VLAN; an error when it is mapped already"},
		{Name: "delete", Type: unix.RTM_DELLINK, Doc: "take the map of the VLAN away; no error when there is none"},
	},
	Finish:   finishTunnelInfo,
	Dumps:    []map[string]uint64{{"family": unix.AF_BRIDGE, "ext_mask": extBRVLANCompressed}},
	Flagless: true,
	Key:      []string{"dev", "vid"},
	Delete:   []string{"family", "dev", "vid", "id"},
	Rank:     rankVLAN + 1,
	Canon:    func(s *wire.Set) { drop(s, "master") },
	Within:   []string{"dev"},
	Reports:  reportedTunnels,
	Each:     eachTunnel,
	Join:     joinTunnel,
}

// Attributes of IFLA_BRIDGE_VLAN_TUNNEL_INFO (linux/if_bridge.h).
const (
	tunnelID    = 1
	tunnelVID   = 2
	tunnelFlags = 3
)

// tunnelPlace is the nest with its three attributes: their headers and lengths
// are always the same (br_fill_vlan_tinfo).
var tunnelPlace = &wire.Place{Type: bridgeTunnelInfo, Len: 24, Init: tunnelFrame, Ends: &wire.Ends{Off: 20, First: vlanRangeBegin, Last: vlanRangeEnd}}

func tunnelFrame() []byte {
	var b []byte
	for _, a := range []struct{ typ, payload uint16 }{{tunnelID, 4}, {tunnelVID, 2}, {tunnelFlags, 2}} {
		b = binary.NativeEndian.AppendUint16(b, 4+a.payload)
		b = binary.NativeEndian.AppendUint16(b, a.typ)
		b = append(b, 0, 0, 0, 0)
	}
	return b
}

var tunnelInfoTable = &wire.Table{
	Name: "bridge.tunnel_info", Doc: "The tunnel of a VLAN of a bridge port.", Fixed: ifinfomsgLen, Head: "ifinfomsg",
	Lazy: func() []wire.Field {
		return slices.Concat(vlanHeader, []wire.Field{
			{Name: "af_spec", Type: unix.IFLA_AF_SPEC, Kind: wire.Nest, Inline: true, Of: tunnelSpec, Doc: "what the bridge keeps of the port"},
		})
	},
}

var tunnelSpec = &wire.Table{
	Name: "af_spec", Doc: "what a bridge keeps of a port",
	Fields: []wire.Field{
		{Name: "master", Kind: wire.Bit16, At: bridgeFlagsPlace, Bit: bridgeFlagsMaster, WO: true, Doc: "the bridge that dev is a port of; always so"},
		{Name: "vid", Kind: wire.Range, At: tunnelPlace, Off: 12, Elem: &vidElem, Doc: "the VLAN, or a range \"100-199\""},
		{Name: "id", Kind: wire.Range, At: tunnelPlace, Off: 4, Elem: &tunnelElem, Doc: "the tunnel's identifier (VNI), of a range of VLANs as many \"5100-5199\""},
	},
}

var tunnelElem = wire.Field{Kind: wire.U32, Max: 1<<24 - 1}

var errTunnels = errors.New("as many as there are VLANs are wanted")

func finishTunnelInfo(s *wire.Set, _ *wire.Verb) error {
	for _, name := range []string{"dev", "vid", "id"} {
		if !s.Has(name) {
			return wire.At(name, errMissing)
		}
	}
	s.Default("family", wire.IntVal(unix.AF_BRIDGE))
	low, high := ends(s, "vid")
	if first, last := ends(s, "id"); last-first != high-low {
		return wire.At("id", errTunnels)
	}
	return nil
}

// eachTunnel divides a range.
func eachTunnel(s *wire.Set) []*wire.Set {
	low, high := ends(s, "vid")
	id, last := ends(s, "id")
	if low == high || last-id != high-low {
		return []*wire.Set{s}
	}
	var l []*wire.Set
	for ; low <= high; low, id = low+1, id+1 {
		one := s.Clone()
		setEnds(one, "vid", low, low)
		setEnds(one, "id", id, id)
		l = append(l, one)
	}
	return l
}

// joinTunnel makes of s and the map of the VLAN behind it one range.
func joinTunnel(s, next *wire.Set) *wire.Set {
	both := s.Clone()
	other := next.Clone()
	for _, name := range []string{"vid", "id"} {
		low, end := ends(s, name)
		begin, high := ends(next, name)
		if begin != end+1 || end == 0 && name == "vid" {
			return nil
		}
		setEnds(both, name, low, high)
		setEnds(other, name, low, high)
	}
	if !both.Equal(other) {
		return nil
	}
	return both
}

// reportedTunnels makes of what is reported of a port a message for each mapped
// VLAN, as one that maps it.
func reportedTunnels(msg []byte) [][]byte {
	index, _, spec := portReport(msg)
	var l [][]byte
	var firstVID, firstID uint32
	for a, err := range wire.Attrs(spec) {
		if err != nil || a.Type != bridgeTunnelInfo || len(a.Data) != tunnelPlace.Len {
			continue
		}
		id, vid := binary.NativeEndian.Uint32(a.Data[4:]), uint32(binary.NativeEndian.Uint16(a.Data[12:]))
		switch flags := binary.NativeEndian.Uint16(a.Data[20:]); {
		case flags&vlanRangeBegin != 0:
			firstVID, firstID = vid, id
			continue
		case flags&vlanRangeEnd == 0 || firstVID == 0:
			firstVID, firstID = vid, id
		}
		for ; firstVID <= vid && firstVID <= lastVID; firstVID, firstID = firstVID+1, firstID+1 {
			l = append(l, specMessage(index, func(b *wire.Builder) {
				p := b.Attr(bridgeTunnelInfo, tunnelPlace.Len)
				copy(p, tunnelPlace.Init())
				binary.NativeEndian.PutUint32(p[4:], firstID)
				binary.NativeEndian.PutUint16(p[12:], uint16(firstVID))
			}))
		}
		firstVID = 0
	}
	return l
}
