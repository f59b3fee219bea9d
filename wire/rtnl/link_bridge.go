package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// bridgeKind: see net/bridge/br_netlink.c. Multi boolopt is one struct of bits
// and of which of them count.
var bridgeKind = &wire.Table{
	Name: "bridge", Doc: "Ethernet bridge (802.1D, 802.1Q)",
	Fields: []wire.Field{
		{Name: "forward_delay", Type: unix.IFLA_BR_FORWARD_DELAY, Kind: wire.U32, Time: userHZ, Ticks: true, Default: "15s", Doc: "time in states listening and learning; 15s by default; with STP 2s to 30s"},
		{Name: "hello_time", Type: unix.IFLA_BR_HELLO_TIME, Kind: wire.U32, Time: userHZ, Ticks: true, Min: 1 * userHZ, Max: 10 * userHZ, Default: "2s", Doc: "time between the root's hello packets; 2s by default"},
		{Name: "max_age", Type: unix.IFLA_BR_MAX_AGE, Kind: wire.U32, Time: userHZ, Ticks: true, Min: 6 * userHZ, Max: 40 * userHZ, Default: "20s", Doc: "how long a hello packet counts; 20s by default"},
		{Name: "ageing_time", Type: unix.IFLA_BR_AGEING_TIME, Kind: wire.U32, Time: userHZ, Ticks: true, Default: "300s", Doc: "lifetime of learned entries; 300s by default, 0 never learns for longer than a packet"},
		{Name: "stp_state", Type: unix.IFLA_BR_STP_STATE, Kind: wire.U32, Max: 1, Default: "0", Doc: "spanning tree: off or on; reads 2 when /sbin/bridge-stp runs it"},
		{Name: "priority", Type: unix.IFLA_BR_PRIORITY, Kind: wire.U16, Default: "32768", Doc: "priority in the choice of the root, lowest wins; 32768 by default"},
		{Name: "vlan_filtering", Type: unix.IFLA_BR_VLAN_FILTERING, Kind: wire.Bool, Default: "0", Doc: "heed VLANs"},
		{Name: "vlan_protocol", Type: unix.IFLA_BR_VLAN_PROTOCOL, Kind: wire.BE16, Words: vlanProtocols, Closed: true, Default: "802.1Q", Doc: "tag protocol; 802.1Q by default"},
		{Name: "vlan_default_pvid", Type: unix.IFLA_BR_VLAN_DEFAULT_PVID, Kind: wire.U16, Max: 4094, Default: "1", Doc: "VLAN that new ports get, untagged; 1 by default, 0 none"},
		{Name: "vlan_stats_enabled", Type: unix.IFLA_BR_VLAN_STATS_ENABLED, Kind: wire.Bool, Default: "0", Doc: "count per VLAN"},
		{Name: "vlan_stats_per_port", Type: unix.IFLA_BR_VLAN_STATS_PER_PORT, Kind: wire.Bool, Default: "0", Doc: "count per VLAN and port; fixed while a port has VLANs"},
		{Name: "group_fwd_mask", Type: unix.IFLA_BR_GROUP_FWD_MASK, Kind: wire.U16, Hex: true, Default: "0x0", Doc: "link-local groups 01:80:c2:00:00:0X to forward, a bit each; bits 0, 1 and 2 are refused"},
		{Name: "group_address", Type: unix.IFLA_BR_GROUP_ADDR, Kind: wire.MAC, Min: 6, Max: 6, Default: "01:80:c2:00:00:00", Doc: "group address of the spanning tree; 01:80:c2:00:00:00 by default"},
		{Name: "fdb_max_learned", Type: unix.IFLA_BR_FDB_MAX_LEARNED, Kind: wire.U32, Since: "6.7", Default: "0", Doc: "most learned entries; 0 no limit"},
		{Name: "fdb_flush", Type: unix.IFLA_BR_FDB_FLUSH, Kind: wire.Flag, WO: true, Doc: "forget all learned entries"},
		boolOpt("no_linklocal_learn", 0, "", "do not learn from link-local frames"),
		boolOpt("mcast_vlan_snooping", 1, "5.15", "multicast snooping per VLAN"),
		boolOpt("mst_enabled", 2, "5.18", "multiple spanning trees; fixed while there are VLANs"),
		boolOpt("mdb_offload_fail_notification", 3, "6.16", "announce multicast entries that the hardware refused"),
		boolOpt("fdb_local_vlan_0", 4, "6.18", "keep the addresses of ports in VLAN 0 alone"),
		{Name: "mcast_snooping", Type: unix.IFLA_BR_MCAST_SNOOPING, Kind: wire.Bool, Default: "1", Doc: "multicast snooping; on by default"},
		{Name: "mcast_router", Type: unix.IFLA_BR_MCAST_ROUTER, Kind: wire.U8, Max: 2, Default: "1", Doc: "multicast router here: 0 never, 1 by its queries (default), 2 always"},
		{Name: "mcast_query_use_ifaddr", Type: unix.IFLA_BR_MCAST_QUERY_USE_IFADDR, Kind: wire.Bool, Default: "0", Doc: "query from the bridge's address, not 0.0.0.0"},
		{Name: "mcast_querier", Type: unix.IFLA_BR_MCAST_QUERIER, Kind: wire.Bool, Default: "0", Doc: "send multicast queries"},
		{Name: "mcast_hash_elasticity", Type: unix.IFLA_BR_MCAST_HASH_ELASTICITY, Kind: wire.U32, Volatile: true, Doc: "ignored, always 16"},
		{Name: "mcast_hash_max", Type: unix.IFLA_BR_MCAST_HASH_MAX, Kind: wire.U32, Default: "4096", Doc: "most multicast groups; 4096 by default"},
		{Name: "mcast_last_member_count", Type: unix.IFLA_BR_MCAST_LAST_MEMBER_CNT, Kind: wire.U32, Default: "2", Doc: "queries after a leave; 2 by default"},
		{Name: "mcast_startup_query_count", Type: unix.IFLA_BR_MCAST_STARTUP_QUERY_CNT, Kind: wire.U32, Default: "2", Doc: "queries at the start; 2 by default"},
		{Name: "mcast_last_member_interval", Type: unix.IFLA_BR_MCAST_LAST_MEMBER_INTVL, Kind: wire.U64, Time: userHZ, Ticks: true, Default: "1s", Doc: "time between queries after a leave; 1s by default"},
		{Name: "mcast_membership_interval", Type: unix.IFLA_BR_MCAST_MEMBERSHIP_INTVL, Kind: wire.U64, Time: userHZ, Ticks: true, Default: "260s", Doc: "how long a membership lasts; 260s by default"},
		{Name: "mcast_querier_interval", Type: unix.IFLA_BR_MCAST_QUERIER_INTVL, Kind: wire.U64, Time: userHZ, Ticks: true, Default: "255s", Doc: "how long another querier is heeded; 255s by default"},
		{Name: "mcast_query_interval", Type: unix.IFLA_BR_MCAST_QUERY_INTVL, Kind: wire.U64, Time: userHZ, Ticks: true, Default: "125s", Doc: "time between queries; 125s by default, at least 1s, at most a day"},
		{Name: "mcast_query_response_interval", Type: unix.IFLA_BR_MCAST_QUERY_RESPONSE_INTVL, Kind: wire.U64, Time: userHZ, Ticks: true, Default: "10s", Doc: "how long hosts may take to answer; 10s by default"},
		{Name: "mcast_startup_query_interval", Type: unix.IFLA_BR_MCAST_STARTUP_QUERY_INTVL, Kind: wire.U64, Time: userHZ, Ticks: true, Default: "31240ms", Doc: "time between queries at the start; 31.25s by default, at least 1s, at most a day"},
		{Name: "mcast_stats_enabled", Type: unix.IFLA_BR_MCAST_STATS_ENABLED, Kind: wire.Bool, Default: "0", Doc: "count multicast packets"},
		{Name: "mcast_igmp_version", Type: unix.IFLA_BR_MCAST_IGMP_VERSION, Kind: wire.U8, Min: 2, Max: 3, Default: "2", Doc: "IGMP version; 2 by default"},
		{Name: "mcast_mld_version", Type: unix.IFLA_BR_MCAST_MLD_VERSION, Kind: wire.U8, Min: 1, Max: 2, Default: "1", Doc: "MLD version; 1 by default"},
		{Name: "nf_call_iptables", Type: unix.IFLA_BR_NF_CALL_IPTABLES, Kind: wire.Bool, Default: "0", Doc: "bridged IPv4 passes iptables (br_netfilter)"},
		{Name: "nf_call_ip6tables", Type: unix.IFLA_BR_NF_CALL_IP6TABLES, Kind: wire.Bool, Default: "0", Doc: "bridged IPv6 passes ip6tables (br_netfilter)"},
		{Name: "nf_call_arptables", Type: unix.IFLA_BR_NF_CALL_ARPTABLES, Kind: wire.Bool, Default: "0", Doc: "bridged ARP passes arptables (br_netfilter)"},

		{Name: "root_id", Type: unix.IFLA_BR_ROOT_ID, Kind: wire.Struct, Of: bridgeID, RO: true, Volatile: true, Doc: "root of the spanning tree"},
		{Name: "bridge_id", Type: unix.IFLA_BR_BRIDGE_ID, Kind: wire.Struct, Of: bridgeID, RO: true, Volatile: true, Doc: "this bridge in the spanning tree"},
		{Name: "root_port", Type: unix.IFLA_BR_ROOT_PORT, Kind: wire.U16, RO: true, Volatile: true, Doc: "port towards the root"},
		{Name: "root_path_cost", Type: unix.IFLA_BR_ROOT_PATH_COST, Kind: wire.U32, RO: true, Volatile: true, Doc: "cost of the path to the root"},
		{Name: "topology_change", Type: unix.IFLA_BR_TOPOLOGY_CHANGE, Kind: wire.Bool, RO: true, Volatile: true, Doc: "the topology is changing"},
		{Name: "topology_change_detected", Type: unix.IFLA_BR_TOPOLOGY_CHANGE_DETECTED, Kind: wire.Bool, RO: true, Volatile: true, Doc: "a topology change was seen here"},
		{Name: "hello_timer", Type: unix.IFLA_BR_HELLO_TIMER, Kind: wire.U64, Time: userHZ, RO: true, Volatile: true, Doc: "until the next hello packet"},
		{Name: "tcn_timer", Type: unix.IFLA_BR_TCN_TIMER, Kind: wire.U64, Time: userHZ, RO: true, Volatile: true, Doc: "until the next topology change notification"},
		{Name: "topology_change_timer", Type: unix.IFLA_BR_TOPOLOGY_CHANGE_TIMER, Kind: wire.U64, Time: userHZ, RO: true, Volatile: true, Doc: "until the topology change is over"},
		{Name: "gc_timer", Type: unix.IFLA_BR_GC_TIMER, Kind: wire.U64, Time: userHZ, RO: true, Volatile: true, Doc: "until old entries are looked for"},
		{Name: "fdb_n_learned", Type: unix.IFLA_BR_FDB_N_LEARNED, Kind: wire.U32, RO: true, Volatile: true, Since: "6.7", Doc: "number of learned entries"},
		{Name: "mcast_querier_state", Type: unix.IFLA_BR_MCAST_QUERIER_STATE, Kind: wire.Nest, Of: bridgeQuerier, RO: true, Volatile: true, Since: "5.15", Doc: "who queries"},
	},
}

var boolOpts = &wire.Place{Type: unix.IFLA_BR_MULTI_BOOLOPT, Len: 8, Mask: 4} // struct br_boolopt_multi

func boolOpt(name string, n int, since, doc string) wire.Field {
	return wire.Field{Name: name, Kind: wire.Bit32, At: boolOpts, Bit: 1 << n, Since: since, Default: "off", Doc: doc}
}

// bridgeID is struct ifla_bridge_id.
var bridgeID = &wire.Table{
	Name: "bridge_id", Doc: "identifier of a bridge", Fixed: 8, Head: "ifla_bridge_id",
	Fields: []wire.Field{
		{Name: "priority", Kind: wire.BE16, At: bridgeIDPlace, Off: 0, Hex: true, Doc: "priority"},
		{Name: "address", Kind: wire.MAC, At: bridgeIDPlace, Off: 2, Min: 6, Max: 6, Doc: "address"},
	},
}

var bridgeIDPlace = &wire.Place{Len: 8}

// Attributes of IFLA_BR_MCAST_QUERIER_STATE (linux/if_bridge.h).
const (
	querierIPAddress = 1 + iota
	querierIPPort
	querierIPOtherTimer
	_ // pad
	querierIPv6Address
	querierIPv6Port
	querierIPv6OtherTimer
)

var bridgeQuerier = &wire.Table{
	Name: "mcast_querier_state", Doc: "the elected queriers",
	Fields: []wire.Field{
		{Name: "ip_address", Type: querierIPAddress, Kind: wire.IP4, RO: true, Doc: "IGMP querier"},
		{Name: "ip_port", Type: querierIPPort, Kind: wire.Dev, RO: true, Doc: "port the IGMP querier is on"},
		{Name: "ip_other_timer", Type: querierIPOtherTimer, Kind: wire.U64, Time: userHZ, RO: true, Doc: "until it is given up"},
		{Name: "ipv6_address", Type: querierIPv6Address, Kind: wire.IP6, RO: true, Doc: "MLD querier"},
		{Name: "ipv6_port", Type: querierIPv6Port, Kind: wire.Dev, RO: true, Doc: "port the MLD querier is on"},
		{Name: "ipv6_other_timer", Type: querierIPv6OtherTimer, Kind: wire.U64, Time: userHZ, RO: true, Doc: "until it is given up"},
	},
}
