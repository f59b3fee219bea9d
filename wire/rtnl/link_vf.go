package rtnl

import (
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// Places in the structs of IFLA_VF_INFO. All but the broadcast address begin
// with the number of the virtual function, which row vf holds once.
var (
	vfMAC       = &wire.Place{Type: unix.IFLA_VF_MAC, Len: 36}
	vfVlan      = &wire.Place{Type: unix.IFLA_VF_VLAN, Len: 12}
	vfVlanInfo  = &wire.Place{Type: unix.IFLA_VF_VLAN_LIST, Len: 16}
	vfTxRate    = &wire.Place{Type: unix.IFLA_VF_TX_RATE, Len: 8}
	vfRate      = &wire.Place{Type: unix.IFLA_VF_RATE, Len: 12}
	vfSpoofchk  = &wire.Place{Type: unix.IFLA_VF_SPOOFCHK, Len: 8}
	vfLinkState = &wire.Place{Type: unix.IFLA_VF_LINK_STATE, Len: 8}
	vfRSS       = &wire.Place{Type: unix.IFLA_VF_RSS_QUERY_EN, Len: 8}
	vfTrust     = &wire.Place{Type: unix.IFLA_VF_TRUST, Len: 8}
	vfNodeGUID  = &wire.Place{Type: unix.IFLA_VF_IB_NODE_GUID, Len: 16}
	vfPortGUID  = &wire.Place{Type: unix.IFLA_VF_IB_PORT_GUID, Len: 16}
	vfBroadcast = &wire.Place{Type: unix.IFLA_VF_BROADCAST, Len: 32}
)

// vfTable is one virtual function (SR-IOV): see do_setvfinfo.
var vfTable = &wire.Table{
	Name: "vf", Doc: "a virtual function of a link", Codec: vfCodec{},
	Fields: []wire.Field{
		{Name: "vf", Kind: wire.U32, Max: intMax - 1, Doc: "number of the virtual function, 0 by default"},
		{Name: "mac", At: vfMAC, Off: 4, Kind: wire.MAC, Max: 32, Doc: "link-layer address"},
		{Name: "vlan", At: vfVlan, Off: 4, Kind: wire.U32, Max: 4095, Doc: "VLAN tag put on and taken off; 0 none"},
		{Name: "qos", At: vfVlan, Off: 8, Kind: wire.U32, Max: 7, Doc: "priority in the VLAN tag"},
		{Name: "proto", At: vfVlanInfo, Off: 12, Kind: wire.BE16, Words: vlanProtocols, Closed: true, Doc: "tag protocol of vlan; 802.1Q by default"},
		{Name: "rate", At: vfTxRate, Off: 4, Kind: wire.U32, Doc: "largest transmit rate, Mbit/s; 0 no limit; keeps the smallest"},
		{Name: "min_tx_rate", At: vfRate, Off: 4, Kind: wire.U32, Doc: "smallest transmit rate, Mbit/s; written with max_tx_rate"},
		{Name: "max_tx_rate", At: vfRate, Off: 8, Kind: wire.U32, Doc: "largest transmit rate, Mbit/s; 0 no limit; written with min_tx_rate"},
		{Name: "spoofchk", At: vfSpoofchk, Off: 4, Kind: wire.S32, Words: vfSwitch, Doc: "check source addresses"},
		{Name: "state", At: vfLinkState, Off: 4, Kind: wire.U32, Enum: []string{"auto", "enable", "disable"}, Closed: true, Doc: "link state the function sees; auto is that of the port"},
		{Name: "query_rss", At: vfRSS, Off: 4, Kind: wire.S32, Words: vfSwitch, Doc: "let the function read the RSS hash key and table"},
		{Name: "trust", At: vfTrust, Off: 4, Kind: wire.S32, Words: vfSwitch, Doc: "let the function change its address and receive all"},
		{Name: "node_guid", At: vfNodeGUID, Off: 8, Kind: wire.MAC, Min: 8, Max: 8, Doc: "InfiniBand node GUID"},
		{Name: "port_guid", At: vfPortGUID, Off: 8, Kind: wire.MAC, Min: 8, Max: 8, Doc: "InfiniBand port GUID"},
		{Name: "broadcast", At: vfBroadcast, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "broadcast address of the port"},
		{Name: "stats", Type: unix.IFLA_VF_STATS, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "statistics, a nest of 64-bit counters"},
	},
}

// vfSwitch: drivers report what they do not know as -1.
var vfSwitch = wire.Words{{Name: "off", N: 0}, {Name: "on", N: 1}, {Name: "unknown", N: 1<<64 - 1}}

// vfCodec puts the number of the function into every struct, and VLAN and
// priority into both structs that have them: the older IFLA_VF_VLAN alone
// unless a tag protocol is given, then the list of one alone, as ip does.
type vfCodec struct{}

func (vfCodec) Append(b *wire.Builder, s *wire.Set) error {
	vf := uint32(s.Uint("vf"))
	var done []*wire.Place
	for i := range s.Ents {
		p := s.Ents[i].F.At
		if p == nil || slices.Contains(done, p) || p == vfVlan && s.Has("proto") {
			continue
		}
		done = append(done, p)
		if err := appendVF(b, s, p, vf); err != nil {
			return wire.At(s.Ents[i].F.Name, err)
		}
	}
	return b.Err()
}

// appendVF writes the struct at p with the fields that live there.
func appendVF(b *wire.Builder, s *wire.Set, p *wire.Place, vf uint32) error {
	list := p == vfVlanInfo
	var m wire.Mark
	typ := p.Type
	if list {
		m = b.Nest(p.Type)
		typ = unix.IFLA_VF_VLAN_INFO
	}
	d := b.Attr(typ, p.Len)
	binary.NativeEndian.PutUint32(d, vf)
	if list {
		binary.NativeEndian.PutUint32(d[4:], uint32(s.Uint("vlan")))
		binary.NativeEndian.PutUint32(d[8:], uint32(s.Uint("qos")))
	}
	for i := range s.Ents {
		f, v := s.Ents[i].F, &s.Ents[i].V
		if f.At != p {
			continue
		}
		switch {
		case f.Kind == wire.BE16:
			binary.BigEndian.PutUint16(d[f.Off:], uint16(v.N))
		case p == vfNodeGUID || p == vfPortGUID: // a number, not bytes
			if len(v.S) != 8 {
				return fmt.Errorf("a GUID has 8 bytes, not %d", len(v.S))
			}
			binary.NativeEndian.PutUint64(d[f.Off:], binary.BigEndian.Uint64([]byte(v.S)))
		case f.Kind == wire.MAC || f.Kind == wire.Bytes:
			if len(v.S) > p.Len-f.Off {
				return fmt.Errorf("%d bytes, at most %d fit", len(v.S), p.Len-f.Off)
			}
			copy(d[f.Off:], v.S)
		default:
			binary.NativeEndian.PutUint32(d[f.Off:], uint32(v.N))
		}
	}
	if list {
		b.End(m)
	}
	return nil
}

func (vfCodec) Decode(payload []byte, s *wire.Set) error {
	for a, err := range wire.Attrs(payload) {
		if err != nil {
			return err
		}
		data := a.Data
		if a.Type == unix.IFLA_VF_VLAN_LIST {
			data = firstVlan(data)
		}
		if !decodeVF(s, a.Type, data) {
			keep(s, a)
		}
	}
	return nil
}

// firstVlan returns the only entry that the kernel uses of a VLAN list.
func firstVlan(list []byte) []byte {
	var d []byte
	for a, err := range wire.Attrs(list) {
		if err != nil || d != nil || a.Type != unix.IFLA_VF_VLAN_INFO {
			return nil
		}
		d = a.Data
	}
	return d
}

// decodeVF reads the struct of attribute typ; false when it is not known.
func decodeVF(s *wire.Set, typ uint16, d []byte) bool {
	known := false
	for _, f := range s.Table.Rows() {
		switch {
		case f.Type == typ && f.At == nil && typ != 0:
			s.Put(f, wire.StrVal(string(d)))
			known = true
		case f.At != nil && f.At.Type == typ && len(d) == f.At.Len:
			if f.At != vfBroadcast {
				putVF(s, "vf", d)
			}
			s.Put(f, vfValue(f, d[f.Off:]))
			known = true
		}
	}
	if known && typ == unix.IFLA_VF_VLAN_LIST {
		putVF(s, "vlan", d[4:])
		putVF(s, "qos", d[8:])
	}
	return known
}

// putVF sets a number that is not 0, which is the default.
func putVF(s *wire.Set, name string, d []byte) {
	if n := binary.NativeEndian.Uint32(d); n != 0 {
		s.PutName(name, wire.IntVal(uint64(n)))
	}
}

func vfValue(f *wire.Field, p []byte) wire.Value {
	switch {
	case f.Kind == wire.BE16:
		return wire.IntVal(uint64(binary.BigEndian.Uint16(p)))
	case f.Kind == wire.MAC && f.Min == 8:
		return wire.StrVal(string(binary.BigEndian.AppendUint64(nil, binary.NativeEndian.Uint64(p))))
	case f.Kind == wire.MAC:
		return wire.StrVal(string(p[:macLen(p)]))
	case f.Kind == wire.Bytes:
		return wire.StrVal(string(p))
	case f.Kind == wire.S32:
		return wire.IntVal(uint64(int64(int32(binary.NativeEndian.Uint32(p)))))
	}
	return wire.IntVal(uint64(binary.NativeEndian.Uint32(p)))
}

// macLen is the length of the address in a field of 32 bytes: that of Ethernet
// unless there is more.
func macLen(p []byte) int {
	n := len(p)
	for n > 6 && p[n-1] == 0 {
		n--
	}
	return n
}

// vfPort is a port profile: see ndo_set_vf_port.
var vfPort = &wire.Table{
	Name: "vf_port", Doc: "port profile (802.1Qbg, 802.1Qbh)",
	Fields: []wire.Field{
		{Name: "vf", Type: unix.IFLA_PORT_VF, Kind: wire.U32, Doc: "number of the virtual function"},
		{Name: "profile", Type: unix.IFLA_PORT_PROFILE, Kind: wire.Str, Max: 39, Doc: "name of the profile"},
		{Name: "vsi_type", Type: unix.IFLA_PORT_VSI_TYPE, Kind: wire.Bytes, Max: 8, Doc: "VSI type (struct ifla_port_vsi); ignored"},
		{Name: "instance_uuid", Type: unix.IFLA_PORT_INSTANCE_UUID, Kind: wire.Bytes, Max: 16, Doc: "UUID of the instance"},
		{Name: "host_uuid", Type: unix.IFLA_PORT_HOST_UUID, Kind: wire.Bytes, Max: 16, Doc: "UUID of the host"},
		{Name: "request", Type: unix.IFLA_PORT_REQUEST, Kind: wire.U8, Enum: []string{"preassociate", "preassociate_rr", "associate", "disassociate"}, Doc: "what is asked of the switch"},
		{Name: "response", Type: unix.IFLA_PORT_RESPONSE, Kind: wire.U16, Hex: true, RO: true, Volatile: true, Doc: "what the switch answered"},
	},
}
