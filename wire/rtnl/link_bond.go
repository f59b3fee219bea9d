package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

const intMax = 1<<31 - 1

const bondBroadcastNeigh = 33 // IFLA_BOND_BROADCAST_NEIGH, which golang.org/x/sys lacks

// bondKind: see bond_opts in drivers/net/bonding/bond_options.c, from which
// Down (BOND_OPTFLAG_IFDOWN) is. Options are set in the order of
// bond_changelink, mode first.
var bondKind = &wire.Table{
	Name: "bond", Doc: "several links as one",
	Fields: []wire.Field{
		{Name: "mode", Type: unix.IFLA_BOND_MODE, Kind: wire.U8, Enum: []string{"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"}, Closed: true, Down: true,
			Portless: true, Default: "balance-rr", Doc: "how links share; balance-rr by default; cannot be changed while there are ports"},
		{Name: "active_slave", Type: unix.IFLA_BOND_ACTIVE_SLAVE, Kind: wire.Dev, Late: true, Volatile: true, Loose: true, Doc: "port in use (active-backup, tlb, alb); the bond chooses by itself; 0 lets it choose anew"},
		{Name: "miimon", Type: unix.IFLA_BOND_MIIMON, Kind: wire.U32, Time: 1000, Max: intMax, Default: "0s", Doc: "time between looks at the carrier; 0 none; ends arp_interval"},
		{Name: "updelay", Type: unix.IFLA_BOND_UPDELAY, Kind: wire.U32, Time: 1000, Max: intMax, Default: "0s", Doc: "how long carrier must last; rounded down to a multiple of miimon"},
		{Name: "downdelay", Type: unix.IFLA_BOND_DOWNDELAY, Kind: wire.U32, Time: 1000, Max: intMax, Default: "0s", Doc: "how long carrier must be gone; rounded down to a multiple of miimon"},
		{Name: "peer_notify_delay", Type: unix.IFLA_BOND_PEER_NOTIF_DELAY, Kind: wire.U32, Time: 1000, Max: 300000, Default: "0s", Doc: "time between peer notifications; rounded down to a multiple of miimon"},
		{Name: "use_carrier", Type: unix.IFLA_BOND_USE_CARRIER, Kind: wire.Bool, Default: "1", Doc: "ask the device for its carrier, not by MII; on by default"},
		{Name: "arp_interval", Type: unix.IFLA_BOND_ARP_INTERVAL, Kind: wire.U32, Time: 1000, Max: intMax, Default: "0s", Doc: "time between ARP probes; 0 none; ends miimon; not for 802.3ad, tlb, alb"},
		{Name: "arp_ip_target", Type: unix.IFLA_BOND_ARP_IP_TARGET, Kind: wire.List, Max: 16, Elem: &wire.Field{Kind: wire.IP4}, Doc: "addresses to probe by ARP; all of them"},
		{Name: "ns_ip6_target", Type: unix.IFLA_BOND_NS_IP6_TARGET, Kind: wire.List, Max: 16, Elem: &wire.Field{Kind: wire.IP6}, Since: "5.18", Doc: "addresses to probe by neighbour solicitation; all of them"},
		{Name: "arp_validate", Type: unix.IFLA_BOND_ARP_VALIDATE, Kind: wire.U32, Enum: []string{"none", "active", "backup", "all", "filter", "filter_active", "filter_backup"}, Closed: true, Default: "none", Doc: "on which ports answers to probes are checked; none by default"},
		{Name: "arp_all_targets", Type: unix.IFLA_BOND_ARP_ALL_TARGETS, Kind: wire.U32, Enum: []string{"any", "all"}, Closed: true, Default: "any", Doc: "how many targets must answer; any by default"},
		{Name: "arp_missed_max", Type: unix.IFLA_BOND_MISSED_MAX, Kind: wire.U8, Min: 1, Since: "5.17", Default: "2", Doc: "probes without answer until a port is down; 2 by default"},
		{Name: "primary", Type: unix.IFLA_BOND_PRIMARY, Kind: wire.Dev, Doc: "port preferred (active-backup, tlb, alb); reported once it is a port; 0 none"},
		{Name: "primary_reselect", Type: unix.IFLA_BOND_PRIMARY_RESELECT, Kind: wire.U8, Enum: []string{"always", "better", "failure"}, Closed: true, Default: "always", Doc: "when the primary takes over again; always by default"},
		{Name: "fail_over_mac", Type: unix.IFLA_BOND_FAIL_OVER_MAC, Kind: wire.U8, Enum: []string{"none", "active", "follow"}, Closed: true, Portless: true, Default: "none", Doc: "whether ports keep their addresses (active-backup); none by default; cannot be changed while there are ports"},
		{Name: "xmit_hash_policy", Type: unix.IFLA_BOND_XMIT_HASH_POLICY, Kind: wire.U8, Enum: []string{"layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"}, Closed: true, Default: "layer2", Doc: "what packets are spread by (xor, 802.3ad, tlb); layer2 by default"},
		{Name: "resend_igmp", Type: unix.IFLA_BOND_RESEND_IGMP, Kind: wire.U32, Max: 255, Default: "1", Doc: "IGMP reports after a failover; 1 by default"},
		{Name: "num_grat_arp", Type: unix.IFLA_BOND_NUM_PEER_NOTIF, Kind: wire.U8, Default: "1", Doc: "ARP and NA announcements after a failover; 1 by default; ip also says num_unsol_na"},
		{Name: "all_slaves_active", Type: unix.IFLA_BOND_ALL_SLAVES_ACTIVE, Kind: wire.Bool, Default: "0", Doc: "do not drop duplicates that arrive on inactive ports"},
		{Name: "min_links", Type: unix.IFLA_BOND_MIN_LINKS, Kind: wire.U32, Max: intMax, Default: "0", Doc: "links that must be up for carrier (802.3ad); 0 by default"},
		{Name: "lp_interval", Type: unix.IFLA_BOND_LP_INTERVAL, Kind: wire.U32, Time: 1, Min: 1, Max: intMax, Default: "1s", Doc: "time between learning packets (tlb, alb); 1s by default"},
		{Name: "packets_per_slave", Type: unix.IFLA_BOND_PACKETS_PER_SLAVE, Kind: wire.U32, Max: 65535, Default: "1", Doc: "packets before the next port (balance-rr); 1 by default, 0 random"},
		{Name: "tlb_dynamic_lb", Type: unix.IFLA_BOND_TLB_DYNAMIC_LB, Kind: wire.Bool, Down: true, Default: "1", Doc: "move flows by load (tlb, alb); on by default"},
		{Name: "lacp_rate", Type: unix.IFLA_BOND_AD_LACP_RATE, Kind: wire.U8, Enum: []string{"slow", "fast"}, Closed: true, Down: true, Default: "slow", Doc: "rate of LACPDUs asked of the partner (802.3ad): 30s or 1s; slow by default"},
		{Name: "lacp_active", Type: unix.IFLA_BOND_AD_LACP_ACTIVE, Kind: wire.Bool, Down: true, Since: "5.15", Default: "1", Doc: "send LACPDUs unasked (802.3ad); on by default"},
		{Name: "coupled_control", Type: unix.IFLA_BOND_COUPLED_CONTROL, Kind: wire.Bool, Down: true, Since: "6.9", Default: "1", Doc: "collecting and distributing are one state (802.3ad); on by default"},
		{Name: "broadcast_neighbor", Type: bondBroadcastNeigh, Kind: wire.Bool, Since: "6.17", Default: "0", Doc: "send ARP and neighbour discovery out of all ports (802.3ad)"},
		{Name: "ad_select", Type: unix.IFLA_BOND_AD_SELECT, Kind: wire.U8, Enum: []string{"stable", "bandwidth", "count"}, Closed: true, Down: true, Default: "stable", Doc: "which aggregator is used (802.3ad); stable by default"},
		{Name: "ad_user_port_key", Type: unix.IFLA_BOND_AD_USER_PORT_KEY, Kind: wire.U16, Max: 1023, Down: true, Default: "0", Doc: "upper bits of the port key (802.3ad); 0 by default"},
		{Name: "ad_actor_sys_prio", Type: unix.IFLA_BOND_AD_ACTOR_SYS_PRIO, Kind: wire.U16, Min: 1, Default: "65535", Doc: "system priority (802.3ad); 65535 by default"},
		{Name: "ad_actor_system", Type: unix.IFLA_BOND_AD_ACTOR_SYSTEM, Kind: wire.MAC, Min: 6, Max: 6, Default: "00:00:00:00:00:00", Doc: "system address (802.3ad); that of the bond by default"},
		{Name: "ad_info", Type: unix.IFLA_BOND_AD_INFO, Kind: wire.Nest, Of: bondADInfo, RO: true, Volatile: true, Doc: "the aggregator in use (802.3ad)"},
	},
}

var bondADInfo = &wire.Table{
	Name: "ad_info", Doc: "the active aggregator of a bond",
	Fields: []wire.Field{
		{Name: "aggregator", Type: unix.IFLA_BOND_AD_INFO_AGGREGATOR, Kind: wire.U16, RO: true, Doc: "number of the aggregator"},
		{Name: "num_ports", Type: unix.IFLA_BOND_AD_INFO_NUM_PORTS, Kind: wire.U16, RO: true, Doc: "number of its ports"},
		{Name: "actor_key", Type: unix.IFLA_BOND_AD_INFO_ACTOR_KEY, Kind: wire.U16, RO: true, Doc: "key of this side"},
		{Name: "partner_key", Type: unix.IFLA_BOND_AD_INFO_PARTNER_KEY, Kind: wire.U16, RO: true, Doc: "key of the partner"},
		{Name: "partner_mac", Type: unix.IFLA_BOND_AD_INFO_PARTNER_MAC, Kind: wire.MAC, RO: true, Doc: "address of the partner"},
	},
}
