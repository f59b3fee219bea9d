package rtnl

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// VLANOptions is what a port of a bridge, or the bridge itself, does with one of its
// VLANs. Each VLAN has it from the first to the last.
//
// The kernel reports it with the VLAN, those next to each other that are alike as a
// range. It does not look at all options for that (br_vlan_opts_eq_range): a request
// for counters, too, has an answer for each VLAN (br_vlan_dump_dev).
var VLANOptions = &wire.Object{
	Name:    "bridge.vlan_options",
	Doc:     "Options of a VLAN, or of a range of VLANs, of a port of a bridge or of the bridge itself: bridge vlan set. The VLAN has to be there; its options go with it. What is not mentioned stays.",
	Table:   vlanOptionsTable,
	Subject: "vid",
	New:     unix.RTM_NEWVLAN, Get: unix.RTM_GETVLAN,
	Verbs:    []wire.Verb{{Name: "set", Type: unix.RTM_NEWVLAN, Doc: "set the options that are mentioned"}},
	Finish:   finishVLANOptions,
	Dumps:    []map[string]uint64{{"family": unix.AF_BRIDGE, "dump_flags": vlandbDumpStats}},
	Flagless: true,
	Key:      []string{"dev", "vid"},
	Rank:     rankVLAN + 2,
	Replace:  func(*wire.Field) bool { return true },
	Reports:  reportedOptions(vlanOptionsTable, vlandbEntry),
	Each:     eachVLAN,
	Join:     joinOptions,
}

// Attributes of RTM_NEWVLAN and of BRIDGE_VLANDB_ENTRY (linux/if_bridge.h).
const (
	vlandbEntry  = 1 // BRIDGE_VLANDB_ENTRY
	vlandbGlobal = 2 // BRIDGE_VLANDB_GLOBAL_OPTIONS

	vlanEntryInfo         = 1 // BRIDGE_VLANDB_ENTRY_
	vlanEntryRange        = 2
	vlanEntryState        = 3
	vlanEntryTunnel       = 4
	vlanEntryStats        = 5
	vlanEntryMcastRouter  = 6
	vlanEntryNGroups      = 7
	vlanEntryMaxGroups    = 8
	vlanEntryNeighSuppres = 9

	vlanOnlyOpts = 1 << 6 // BRIDGE_VLAN_INFO_ONLY_OPTS

	brVlanMsgLen = 8 // struct br_vlan_msg
)

var (
	brVlanMsg = &wire.Place{Len: brVlanMsgLen}
	// What is sent is about the options only: the flags would be those of the VLAN.
	vlanEntryPlace = &wire.Place{Type: vlanEntryInfo, Len: 4, Init: func() []byte { return binary.NativeEndian.AppendUint16(nil, vlanOnlyOpts) }, Ends: &wire.Ends{Tail: vlanEntryRange}}
)

var vlanOptionsTable = &wire.Table{
	Name: "bridge.vlan_options", Doc: "Options of a VLAN of a bridge port.", Fixed: brVlanMsgLen, Head: "br_vlan_msg", Options: true,
	Fields: []wire.Field{
		{Name: "family", Kind: wire.U8, At: brVlanMsg, Off: 0, Words: wire.Words{{Name: "bridge", N: unix.AF_BRIDGE}}, Closed: true, Doc: "always bridge"},
		{Name: "dev", Kind: wire.Dev, At: brVlanMsg, Off: 4, Doc: "port of a bridge, or the bridge itself"},
		vlanDumpFlags,
		{Name: "entry", Type: vlandbEntry, Kind: wire.Nest, Inline: true, Of: vlanEntry, Doc: "the VLAN"},
	},
}

// vlanEntry: see br_vlan_process_one_opts in net/bridge/br_vlan_options.c.
var vlanEntry = &wire.Table{
	Name: "entry", Doc: "a VLAN of a port",
	Fields: []wire.Field{
		{Name: "vid", Kind: wire.Range, At: vlanEntryPlace, Off: 2, Elem: &vidElem, Doc: "the VLAN, or a range \"100-199\""},
		{Name: "pvid", Kind: wire.Bit16, At: vlanEntryPlace, Bit: vlanPVID, RO: true, Volatile: true, Doc: "untagged packets that come in belong to this VLAN: bridge.vlan"},
		{Name: "untagged", Kind: wire.Bit16, At: vlanEntryPlace, Bit: vlanUntagged, RO: true, Volatile: true, Doc: "packets of the VLAN go out untagged: bridge.vlan"},
		{Name: "state", Type: vlanEntryState, Kind: wire.U8, Enum: stpStates, Closed: true, Default: "forwarding",
			Doc: "spanning tree state; can be written while STP is not the kernel's and the bridge does not have mst_enabled"},
		{Name: "tunnel_info", Type: vlanEntryTunnel, Kind: wire.Nest, Of: vlanEntryTunnelInfo, RO: true, Volatile: true, Doc: "the tunnel that the VLAN is mapped to: bridge.tunnel_info"},
		{Name: "stats", Type: vlanEntryStats, Kind: wire.Nest, Of: vlanEntryCounters, RO: true, Volatile: true, Doc: "counters"},
		{Name: "mcast_router", Type: vlanEntryMcastRouter, Kind: wire.U8, Max: 3, Since: "5.15", Default: "1", Needs: "mcast_vlan_snooping",
			Doc: "multicast router in the VLAN: 0 never, 1 by its queries (default), 2 always, 3 for a while"},
		{Name: "mcast_n_groups", Type: vlanEntryNGroups, Kind: wire.U32, RO: true, Volatile: true, Since: "6.3", Doc: "number of multicast groups"},
		{Name: "mcast_max_groups", Type: vlanEntryMaxGroups, Kind: wire.U32, Since: "6.3", Default: "0", Leads: true,
			Doc: "most multicast groups of a port in the VLAN, 0 no limit; the bridge has to have mcast_vlan_snooping, and mcast_snooping for the VLAN"},
		{Name: "neigh_suppress", Type: vlanEntryNeighSuppres, Kind: wire.Bool, Since: "6.4", Default: "0", Leads: true, Needs: "neigh_vlan_suppress",
			Doc: "answer ARP and neighbour solicitations of the VLAN for who is known; for ports"},
	},
}

// Attributes of BRIDGE_VLANDB_ENTRY_TUNNEL_INFO and _STATS.
var vlanEntryTunnelInfo = &wire.Table{
	Name: "tunnel_info", Doc: "tunnel of a VLAN",
	Fields: []wire.Field{
		{Name: "id", Type: 1, Kind: wire.U32, RO: true, Doc: "the tunnel's identifier (VNI), of a range the first"},
		{Name: "cmd", Type: 2, Kind: wire.U32, RO: true, Doc: "what a request does with it"},
	},
}

var vlanEntryCounters = &wire.Table{
	Name: "stats", Doc: "counters of a VLAN",
	Fields: []wire.Field{
		{Name: "rx_bytes", Type: 1, Kind: wire.U64, RO: true, Doc: "bytes received"},
		{Name: "rx_packets", Type: 2, Kind: wire.U64, RO: true, Doc: "packets received"},
		{Name: "tx_bytes", Type: 3, Kind: wire.U64, RO: true, Doc: "bytes sent"},
		{Name: "tx_packets", Type: 4, Kind: wire.U64, RO: true, Doc: "packets sent"},
	},
}

func finishVLANOptions(s *wire.Set, _ *wire.Verb) error {
	for _, name := range []string{"dev", "vid"} {
		if !s.Has(name) {
			return wire.At(name, errMissing)
		}
	}
	s.Default("family", wire.IntVal(unix.AF_BRIDGE))
	return nil
}

// joinOptions makes of s and the options of the VLAN behind it those of one range.
func joinOptions(s, next *wire.Set) *wire.Set {
	low, end := ends(s, "vid")
	begin, high := ends(next, "vid")
	if begin != end+1 || end == 0 {
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

// reportedOptions makes of what is reported of a device a message for each VLAN, as
// one that sets its options. Those of which all is as it begins are left out.
func reportedOptions(t *wire.Table, entry uint16) func(msg []byte) [][]byte {
	return func(msg []byte) (l [][]byte) {
		for _, s := range vlanEntries(t, entry, msg) {
			if s.Begun() {
				continue
			}
			for _, one := range eachVLAN(s) {
				var b wire.Builder
				m := b.Begin(unix.RTM_NEWVLAN, 0)
				if t.Append(&b, one) != nil {
					continue
				}
				b.End(m)
				if msg, err := b.Bytes(); err == nil {
					l = append(l, msg)
				}
			}
		}
		return l
	}
}

// vlanEntries reads the entries of one kind of a message about VLANs, each as if it
// were the only one.
func vlanEntries(t *wire.Table, entry uint16, msg []byte) (l []*wire.Set) {
	if len(msg) < wire.HeaderLen+brVlanMsgLen || msg[wire.HeaderLen] != unix.AF_BRIDGE {
		return nil
	}
	if typ, _ := wire.TypeFlags(msg); typ != unix.RTM_NEWVLAN && typ != unix.RTM_DELVLAN {
		return nil
	}
	head, attrs := msg[wire.HeaderLen:wire.HeaderLen+brVlanMsgLen], msg[wire.HeaderLen+brVlanMsgLen:]
	for a, err := range wire.Attrs(attrs) {
		s := wire.NewSet(t)
		if err != nil || a.Type != entry || t.DecodeState(slices.Concat(head, attrs[a.Off:a.Off+attrHeader+len(a.Data)]), s) != nil {
			continue
		}
		if low, high := ends(s, "vid"); low == 0 || high > lastVID {
			continue
		}
		s.Extra = nil // what no row describes cannot be set
		l = append(l, s)
	}
	return l
}

const attrHeader = 4

// AnnouncedVLANs reads an announcement about VLANs: the VLANs that it tells of, each
// by itself, and the options of these. isBridge tells of a device whether it is a
// bridge.
func AnnouncedVLANs(msg []byte, isBridge func(index uint32, vid uint64) bool) (vlans, options []*wire.Set) {
	for _, entry := range vlanEntries(vlanOptionsTable, vlandbEntry, msg) {
		for i, s := range eachVLAN(entry) {
			if i > 0 {
				s.Ents = slices.DeleteFunc(s.Ents, func(e wire.Entry) bool { return e.F.Leads })
			}
			index := uint32(s.Uint("dev"))
			vid, _ := ends(s, "vid")
			v := FirstVLAN(index, isBridge(index, vid), vid)
			for _, row := range []string{"pvid", "untagged"} {
				if s.Uint(row) == 0 {
					v.Del(row)
				}
			}
			vlans, options = append(vlans, v), append(options, s)
		}
	}
	for _, entry := range vlanEntries(vlanGlobalTable, vlandbGlobal, msg) {
		options = append(options, eachVLAN(entry)...)
	}
	return vlans, options
}
