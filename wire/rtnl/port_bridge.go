package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// stpStates are the states of a port in the spanning tree.
var stpStates = []string{"disabled", "listening", "learning", "forwarding", "blocking"}

// bridgePort: see br_setport in net/bridge/br_netlink.c. The same rows are the
// payload of IFLA_PROTINFO in messages of family bridge.
var bridgePort = &wire.Table{
	Name: "bridge", Doc: "port of a bridge",
	Fields: []wire.Field{
		{Name: "state", Type: unix.IFLA_BRPORT_STATE, Kind: wire.U8, Enum: stpStates, Closed: true, Volatile: true, Loose: true,
			Doc: "spanning tree state; can be written while the port is up and STP is not the kernel's"},
		{Name: "priority", Type: unix.IFLA_BRPORT_PRIORITY, Kind: wire.U16, Max: 63, Default: "32", Doc: "priority in the choice of the root port, lowest wins; 32 by default"},
		{Name: "cost", Type: unix.IFLA_BRPORT_COST, Kind: wire.U32, Min: 1, Max: 65535, Loose: true, Doc: "path cost; follows from the speed until it is written"},
		{Name: "hairpin", Type: unix.IFLA_BRPORT_MODE, Kind: wire.Bool, Default: "0", Doc: "send packets back out of the port they came in by"},
		{Name: "guard", Type: unix.IFLA_BRPORT_GUARD, Kind: wire.Bool, Default: "0", Doc: "BPDU guard: a port that receives BPDUs is disabled"},
		{Name: "root_block", Type: unix.IFLA_BRPORT_PROTECT, Kind: wire.Bool, Default: "0", Doc: "root guard: never the root port"},
		{Name: "fastleave", Type: unix.IFLA_BRPORT_FAST_LEAVE, Kind: wire.Bool, Default: "0", Doc: "end multicast with the first leave; ip also says mcast_fast_leave"},
		{Name: "learning", Type: unix.IFLA_BRPORT_LEARNING, Kind: wire.Bool, Default: "1", Doc: "learn addresses; on by default"},
		{Name: "learning_sync", Type: unix.IFLA_BRPORT_LEARNING_SYNC, Kind: wire.Bool, WO: true, Doc: "a switch tells what it learns; for drivers (self), the bridge ignores it"},
		{Name: "flood", Type: unix.IFLA_BRPORT_UNICAST_FLOOD, Kind: wire.Bool, Default: "1", Doc: "flood unicast of unknown destination; on by default"},
		{Name: "mcast_flood", Type: unix.IFLA_BRPORT_MCAST_FLOOD, Kind: wire.Bool, Default: "1", Doc: "flood multicast of unknown group; on by default"},
		{Name: "bcast_flood", Type: unix.IFLA_BRPORT_BCAST_FLOOD, Kind: wire.Bool, Default: "1", Doc: "flood broadcast; on by default"},
		{Name: "proxy_arp", Type: unix.IFLA_BRPORT_PROXYARP, Kind: wire.Bool, Default: "0", Doc: "answer ARP for this port"},
		{Name: "proxy_arp_wifi", Type: unix.IFLA_BRPORT_PROXYARP_WIFI, Kind: wire.Bool, Default: "0", Doc: "answer ARP as 802.11 wants it"},
		{Name: "mcast_router", Type: unix.IFLA_BRPORT_MULTICAST_ROUTER, Kind: wire.U8, Max: 3, Default: "1", Doc: "multicast router behind the port: 0 never, 1 by its queries (default), 2 always, 3 for a while"},
		{Name: "mcast_to_unicast", Type: unix.IFLA_BRPORT_MCAST_TO_UCAST, Kind: wire.Bool, Default: "0", Doc: "send multicast as unicast to each member"},
		{Name: "mcast_max_groups", Type: unix.IFLA_BRPORT_MCAST_MAX_GROUPS, Kind: wire.U32, Since: "6.3", Default: "0", Doc: "most multicast groups; 0 no limit"},
		{Name: "mcast_eht_hosts_limit", Type: unix.IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT, Kind: wire.U32, Min: 1, Since: "5.12", Default: "512", Doc: "most hosts tracked explicitly; 512 by default"},
		{Name: "group_fwd_mask", Type: unix.IFLA_BRPORT_GROUP_FWD_MASK, Kind: wire.U16, Hex: true, Default: "0x0", Doc: "link-local groups 01:80:c2:00:00:0X to forward, a bit each; bit 1 is refused"},
		{Name: "neigh_suppress", Type: unix.IFLA_BRPORT_NEIGH_SUPPRESS, Kind: wire.Bool, Default: "0", Doc: "answer ARP and neighbour solicitations for who is known"},
		{Name: "neigh_vlan_suppress", Type: unix.IFLA_BRPORT_NEIGH_VLAN_SUPPRESS, Kind: wire.Bool, Since: "6.4", Default: "0", Doc: "neigh_suppress is chosen per VLAN"},
		{Name: "vlan_tunnel", Type: unix.IFLA_BRPORT_VLAN_TUNNEL, Kind: wire.Bool, Default: "0", Doc: "map VLANs to tunnel identifiers; off forgets the map"},
		{Name: "isolated", Type: unix.IFLA_BRPORT_ISOLATED, Kind: wire.Bool, Default: "0", Doc: "talk only to ports that are not isolated"},
		{Name: "locked", Type: unix.IFLA_BRPORT_LOCKED, Kind: wire.Bool, Since: "5.18", Default: "0", Doc: "drop packets of unknown source (802.1X)"},
		{Name: "mab", Type: unix.IFLA_BRPORT_MAB, Kind: wire.Bool, Since: "6.2", Default: "0", Doc: "MAC authentication bypass; needs locked and learning"},
		{Name: "backup_port", Type: unix.IFLA_BRPORT_BACKUP_PORT, Kind: wire.Dev, Doc: "port that takes over when this one has no carrier; 0 none"},
		{Name: "backup_nhid", Type: unix.IFLA_BRPORT_BACKUP_NHID, Kind: wire.U32, Since: "6.6", Doc: "FDB nexthop that redirected packets are sent to; 0 none"},
		{Name: "fdb_flush", Type: unix.IFLA_BRPORT_FLUSH, Kind: wire.Flag, WO: true, Doc: "forget the entries of the port"},

		{Name: "root_id", Type: unix.IFLA_BRPORT_ROOT_ID, Kind: wire.Struct, Of: bridgeID, RO: true, Volatile: true, Doc: "designated root"},
		{Name: "bridge_id", Type: unix.IFLA_BRPORT_BRIDGE_ID, Kind: wire.Struct, Of: bridgeID, RO: true, Volatile: true, Doc: "designated bridge"},
		{Name: "designated_port", Type: unix.IFLA_BRPORT_DESIGNATED_PORT, Kind: wire.U16, Hex: true, RO: true, Volatile: true, Doc: "designated port"},
		{Name: "designated_cost", Type: unix.IFLA_BRPORT_DESIGNATED_COST, Kind: wire.U16, RO: true, Volatile: true, Doc: "designated cost"},
		{Name: "port_id", Type: unix.IFLA_BRPORT_ID, Kind: wire.U16, Hex: true, RO: true, Volatile: true, Doc: "priority and number of the port"},
		{Name: "port_no", Type: unix.IFLA_BRPORT_NO, Kind: wire.U16, Hex: true, RO: true, Volatile: true, Doc: "number of the port, by order of joining"},
		{Name: "topology_change_ack", Type: unix.IFLA_BRPORT_TOPOLOGY_CHANGE_ACK, Kind: wire.Bool, RO: true, Volatile: true, Doc: "topology change is to be acknowledged"},
		{Name: "config_pending", Type: unix.IFLA_BRPORT_CONFIG_PENDING, Kind: wire.Bool, RO: true, Volatile: true, Doc: "a hello packet is to be sent"},
		{Name: "message_age_timer", Type: unix.IFLA_BRPORT_MESSAGE_AGE_TIMER, Kind: wire.U64, Time: userHZ, RO: true, Volatile: true, Doc: "until the last hello packet is too old"},
		{Name: "forward_delay_timer", Type: unix.IFLA_BRPORT_FORWARD_DELAY_TIMER, Kind: wire.U64, Time: userHZ, RO: true, Volatile: true, Doc: "until the next state"},
		{Name: "hold_timer", Type: unix.IFLA_BRPORT_HOLD_TIMER, Kind: wire.U64, Time: userHZ, RO: true, Volatile: true, Doc: "until the next hello packet may be sent"},
		{Name: "mcast_n_groups", Type: unix.IFLA_BRPORT_MCAST_N_GROUPS, Kind: wire.U32, RO: true, Volatile: true, Since: "6.3", Doc: "number of multicast groups"},
		{Name: "mcast_eht_hosts_cnt", Type: unix.IFLA_BRPORT_MCAST_EHT_HOSTS_CNT, Kind: wire.U32, RO: true, Volatile: true, Since: "5.12", Doc: "number of hosts tracked explicitly"},
		{Name: "mrp_ring_open", Type: unix.IFLA_BRPORT_MRP_RING_OPEN, Kind: wire.Bool, RO: true, Volatile: true, Doc: "the MRP ring is open"},
		{Name: "mrp_in_open", Type: unix.IFLA_BRPORT_MRP_IN_OPEN, Kind: wire.Bool, RO: true, Volatile: true, Doc: "the MRP interconnect ring is open"},
	},
}
