package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// VLANGlobal is what a bridge does with one of its VLANs, whatever the port: each
// VLAN that the bridge itself or one of its ports has, has it once.
var VLANGlobal = &wire.Object{
	Name:    "bridge.vlan_global",
	Doc:     "Options of a VLAN, or of a range of VLANs, that a bridge has once for all its ports: bridge vlan global set. The bridge or one of its ports has to have the VLAN; the options go with the last that has. What is not mentioned stays.",
	Table:   vlanGlobalTable,
	Subject: "vid",
	New:     unix.RTM_NEWVLAN, Get: unix.RTM_GETVLAN,
	Verbs:    []wire.Verb{{Name: "set", Type: unix.RTM_NEWVLAN, Doc: "set the options that are mentioned"}},
	Finish:   finishVLANOptions,
	Dumps:    []map[string]uint64{{"family": unix.AF_BRIDGE, "dump_flags": vlandbDumpGlobal}},
	Flagless: true,
	Key:      []string{"dev", "vid"},
	Rank:     rankVLAN + 1, // msti sets the states of the ports
	Replace:  func(*wire.Field) bool { return true },
	Reports:  reportedOptions(vlanGlobalTable, vlandbGlobal),
	Each:     eachVLAN,
	Join:     joinOptions,
}

// Attributes of BRIDGE_VLANDB_GLOBAL_OPTIONS, and of a request for a dump, which
// has 1 for what is BRIDGE_VLANDB_ENTRY elsewhere (linux/if_bridge.h).
const (
	vlandbDumpFlags  = 1 // BRIDGE_VLANDB_DUMP_FLAGS
	vlandbDumpStats  = 1 << 0
	vlandbDumpGlobal = 1 << 1

	goptsID                        = 1 // BRIDGE_VLANDB_GOPTS_
	goptsRange                     = 2
	goptsMcastSnooping             = 3
	goptsMcastIGMPVersion          = 4
	goptsMcastMLDVersion           = 5
	goptsMcastLastMemberCount      = 6
	goptsMcastStartupQueryCount    = 7
	goptsMcastLastMemberInterval   = 8
	goptsMcastMembershipInterval   = 10
	goptsMcastQuerierInterval      = 11
	goptsMcastQueryInterval        = 12
	goptsMcastQueryResponse        = 13
	goptsMcastStartupQueryInterval = 14
	goptsMcastQuerier              = 15
	goptsMcastRouterPorts          = 16
	goptsMcastQuerierState         = 17
	goptsMSTI                      = 18
)

var vlanGlobalPlace = &wire.Place{Type: goptsID, Len: 2, Ends: &wire.Ends{Tail: goptsRange}}

var vlanGlobalTable = &wire.Table{
	Name: "bridge.vlan_global", Doc: "Options of a VLAN of a bridge.", Fixed: brVlanMsgLen, Head: "br_vlan_msg", Options: true,
	Fields: []wire.Field{
		{Name: "family", Kind: wire.U8, At: brVlanMsg, Off: 0, Words: wire.Words{{Name: "bridge", N: unix.AF_BRIDGE}}, Closed: true, Doc: "always bridge"},
		{Name: "dev", Kind: wire.Dev, At: brVlanMsg, Off: 4, Doc: "the bridge"},
		vlanDumpFlags,
		{Name: "global_options", Type: vlandbGlobal, Kind: wire.Nest, Inline: true, Of: vlanGlobal, Doc: "the VLAN"},
	},
}

var vlanDumpFlags = wire.Field{Name: "dump_flags", Type: vlandbDumpFlags, Kind: wire.U32, Bits: true, Words: wire.Words{{Name: "stats", N: vlandbDumpStats}, {Name: "global", N: vlandbDumpGlobal}},
	When: func(v wire.Value) bool { return v.Type == wire.Int }, RO: true, Volatile: true, Doc: "what a request wants to be told"}

// vlanGlobal: see br_vlan_process_global_one_opts in net/bridge/br_vlan_options.c.
// All but msti is of multicast, and is kept without an effect as long as the bridge
// has one multicast database for all VLANs.
var vlanGlobal = &wire.Table{
	Name: "global_options", Doc: "a VLAN of a bridge",
	Fields: []wire.Field{
		{Name: "vid", Kind: wire.Range, At: vlanGlobalPlace, Off: 0, Elem: &vidElem, Doc: "the VLAN, or a range \"100-199\""},
		{Name: "mcast_snooping", Type: goptsMcastSnooping, Kind: wire.Bool, Since: "5.15", Default: "1", Needs: "mcast_vlan_snooping", Doc: "look at multicast memberships in the VLAN; on by default"},
		{Name: "mcast_igmp_version", Type: goptsMcastIGMPVersion, Kind: wire.U8, Min: 2, Max: 3, Since: "5.15", Default: "2", Needs: "mcast_vlan_snooping", Doc: "IGMP version; 2 by default"},
		{Name: "mcast_mld_version", Type: goptsMcastMLDVersion, Kind: wire.U8, Min: 1, Max: 2, Since: "5.15", Default: "1", Needs: "mcast_vlan_snooping", Doc: "MLD version; 1 by default"},
		{Name: "mcast_last_member_count", Type: goptsMcastLastMemberCount, Kind: wire.U32, Since: "5.15", Default: "2", Needs: "mcast_vlan_snooping", Doc: "queries after a leave; 2 by default"},
		{Name: "mcast_startup_query_count", Type: goptsMcastStartupQueryCount, Kind: wire.U32, Since: "5.15", Default: "2", Needs: "mcast_vlan_snooping", Doc: "queries at the start; 2 by default"},
		vlanInterval("mcast_last_member_interval", goptsMcastLastMemberInterval, "1s", "time between queries after a leave; 1s by default"),
		vlanInterval("mcast_membership_interval", goptsMcastMembershipInterval, "260s", "how long a membership lasts; 260s by default"),
		vlanInterval("mcast_querier_interval", goptsMcastQuerierInterval, "255s", "how long another querier is heeded; 255s by default"),
		vlanInterval("mcast_query_interval", goptsMcastQueryInterval, "125s", "time between queries; 125s by default, at least 1s, at most a day"),
		vlanInterval("mcast_query_response_interval", goptsMcastQueryResponse, "10s", "how long hosts may take to answer; 10s by default"),
		vlanInterval("mcast_startup_query_interval", goptsMcastStartupQueryInterval, "31250ms", "time between queries at the start; 31.25s by default, at least 1s, at most a day"),
		{Name: "mcast_querier", Type: goptsMcastQuerier, Kind: wire.Bool, Since: "5.15", Default: "0", Needs: "mcast_vlan_snooping", Doc: "send queries in the VLAN"},
		{Name: "mcast_router_ports", Type: goptsMcastRouterPorts, Kind: wire.Bytes, RO: true, Volatile: true, Since: "5.15", Doc: "ports with a multicast router"},
		{Name: "mcast_querier_state", Type: goptsMcastQuerierState, Kind: wire.Nest, Of: bridgeQuerier, RO: true, Volatile: true, Since: "5.15", Doc: "who queries"},
		{Name: "msti", Type: goptsMSTI, Kind: wire.U16, Max: lastVID + 1, Since: "5.18", Default: "0", Doc: "instance of the spanning tree that the VLAN belongs to; sets its state on the ports. 0 the common one"},
	},
}

// vlanInterval is a time of multicast.
func vlanInterval(name string, typ uint16, begin, doc string) wire.Field {
	return wire.Field{Name: name, Type: typ, Kind: wire.U64, Time: userHZ, Ticks: true, Since: "5.15", Default: begin, Needs: "mcast_vlan_snooping", Doc: doc}
}
