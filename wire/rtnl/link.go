package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// Link is a network device. Creating one gives its kind; everything else
// changes one that exists, and touches only what is written.
//
// The device is row index, the header's ifi_index, which is relocated by name.
// A creation writes its name (and an index, if one is wanted); in every other
// message a name beside an index is a rename, so that is row newname. Both are
// IFLA_IFNAME and decode as name.
var Link = &wire.Object{
	Name:    "link",
	Doc:     "A network device: created with its kind, or changed in what is written.",
	Table:   linkTable,
	Subject: "name",
	By:      "index",
	New:     unix.RTM_NEWLINK,
	Del:     unix.RTM_DELLINK,
	Get:     unix.RTM_GETLINK,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_NEWLINK, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL, Doc: "create; an error when the name or the index exists"},
		{Name: "replace", Type: unix.RTM_NEWLINK, Flags: flagsReplace, Doc: "create; the kernel does not replace a link that exists, and refuses"},
		{Name: "change", Type: unix.RTM_NEWLINK, Exists: true, Doc: "change an existing link, also the data of its kind; without a name, the links of a group"},
		{Name: "set", Type: unix.RTM_SETLINK, Exists: true, Doc: "change an existing link; kind and port are ignored"},
		{Name: "delete", Type: unix.RTM_DELLINK, Exists: true, Doc: "remove, with everything that lives on it; without a name, the links of a group"},
		{Name: "property_add", Type: unix.RTM_NEWLINKPROP, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL | unix.NLM_F_APPEND, Exists: true, Doc: "add alternative names"},
		{Name: "property_delete", Type: unix.RTM_DELLINKPROP, Exists: true, Doc: "remove alternative names"},
	},
	Finish:  finishLink,
	Patch:   true,
	Key:     []string{"index"},
	Rank:    10,
	Delete:  []string{"index"}, // a group beside an index that is 0 would delete the group
	Canon:   canonLink,
	Foreign: foreignLink,

	Irreversible: irreversibleLink,
	Unlisted:     unlistedOfLink,

	Within: []string{"master"},
}

var linkTable = &wire.Table{
	Name: "link", Doc: "a network device", Fixed: ifinfomsgLen, Head: "ifinfomsg",
	Lazy: func() []wire.Field {
		return append(linkRows(), wire.Field{
			Name: "linkinfo", Type: unix.IFLA_LINKINFO, Kind: wire.Nest, Of: linkInfo, Inline: true, Doc: "kind of the link and its data, and what it is as a port of its master",
		})
	},
}

var linkInfo = &wire.Table{
	Name: "linkinfo", Doc: "kind of a link and of a port",
	Fields: []wire.Field{
		{Name: "kind", Type: unix.IFLA_INFO_DATA, Kind: wire.Union, OneOf: Kinds, Doc: "kind of the link and its options: kind.bridge(...); given, the link is created when missing"},
		{Name: "port", Type: unix.IFLA_INFO_SLAVE_DATA, Kind: wire.Union, OneOf: Ports, Late: true, Doc: "options as a port of its master: port.bridge(...)"},
		{Name: "xstats", Type: unix.IFLA_INFO_XSTATS, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "statistics of the kind"},
	},
}

// Kinds are the kinds of links.
var Kinds = &wire.OneOf{
	Name: "kind",
	Tag:  unix.IFLA_INFO_KIND,
	Tables: []*wire.Table{
		bondKind, bridgeKind, dummyKind, ifbKind, macvlanKind, macvtapKind, vethKind, vlanKind, vrfKind, vxlanKind,
	},
}

// Ports are the kinds of masters, for what a link is as a port of one.
var Ports = &wire.OneOf{
	Name:   "port",
	Tag:    unix.IFLA_INFO_SLAVE_KIND,
	SetTag: unix.IFLA_INFO_KIND,
	Suffix: "_slave",
	Tables: []*wire.Table{bondPort, bridgePort, vrfPort},
}

// linkRows is what every link has, and what the peer of a new veth can be
// given: all but the kind.
func linkRows() []wire.Field {
	return append(linkHeader(), []wire.Field{
		{Name: "name", Type: unix.IFLA_IFNAME, Kind: wire.Str, Min: 1, Max: unix.IFNAMSIZ - 1, Doc: "name of the device; on creation %d in it stands for a free number; the default is the kind and a number"},
		{Name: "newname", Type: unix.IFLA_IFNAME, Kind: wire.Str, Min: 1, Max: unix.IFNAMSIZ - 1, When: never, WO: true, Late: true, Doc: "rename the device; ip says set name"},
		{Name: "link", Type: unix.IFLA_LINK, Kind: wire.Dev, Immutable: true, Doc: "device below, for kinds that have one; in a dump the peer of a veth"},
		{Name: "master", Type: unix.IFLA_MASTER, Kind: wire.Dev, Doc: "bridge, bond or VRF the link is a port of; 0 is ip's nomaster"},
		{Name: "address", Type: unix.IFLA_ADDRESS, Kind: wire.MAC, Max: 32, Given: true, Doc: "link-layer address; random by default"},
		{Name: "broadcast", Type: unix.IFLA_BROADCAST, Kind: wire.MAC, Max: 32, Default: "ff:ff:ff:ff:ff:ff", Doc: "link-layer broadcast address, the peer's address of a tunnel"},
		{Name: "mtu", Type: unix.IFLA_MTU, Kind: wire.U32, Doc: "largest packet, in bytes; 1500 or that of the device below by default"},
		{Name: "txqueuelen", Type: unix.IFLA_TXQLEN, Kind: wire.U32, Max: 1<<31 - 1, Doc: "length of the transmit queue, in packets"},
		{Name: "numtxqueues", Type: unix.IFLA_NUM_TX_QUEUES, Kind: wire.U32, Min: 1, Max: 4096, Immutable: true, Doc: "number of transmit queues, on creation"},
		{Name: "numrxqueues", Type: unix.IFLA_NUM_RX_QUEUES, Kind: wire.U32, Min: 1, Max: 4096, Immutable: true, Doc: "number of receive queues, on creation"},
		{Name: "gso_max_size", Type: unix.IFLA_GSO_MAX_SIZE, Kind: wire.U32, Default: "65536", Doc: "largest segmentation-offload packet the device takes, in bytes; up to 65536 also sets gso_ipv4_max_size"},
		{Name: "gso_max_segs", Type: unix.IFLA_GSO_MAX_SEGS, Kind: wire.U32, Max: 65535, Default: "65535", Doc: "most segments in a segmentation-offload packet"},
		{Name: "gro_max_size", Type: unix.IFLA_GRO_MAX_SIZE, Kind: wire.U32, Max: 8 * 65535, Since: "5.17", Default: "65536", Doc: "largest packet that GRO builds, in bytes; up to 65536 also sets gro_ipv4_max_size"},
		{Name: "gso_ipv4_max_size", Type: unix.IFLA_GSO_IPV4_MAX_SIZE, Kind: wire.U32, Since: "6.3", Default: "65536", Doc: "gso_max_size of IPv4, in bytes"},
		{Name: "gro_ipv4_max_size", Type: unix.IFLA_GRO_IPV4_MAX_SIZE, Kind: wire.U32, Max: 8 * 65535, Since: "6.3", Default: "65536", Doc: "gro_max_size of IPv4, in bytes"},
		{Name: "group", Type: unix.IFLA_GROUP, Kind: wire.U32, Words: wire.Words{{Name: "default", N: 0}}, Default: "default", Doc: "group of links that can be changed as one"},
		{Name: "mode", Type: unix.IFLA_LINKMODE, Kind: wire.U8, Enum: []string{"default", "dormant", "testing"}, Default: "default", Doc: "dormant: carrier alone does not make the state up (802.1X)"},
		{Name: "state", Type: unix.IFLA_OPERSTATE, Kind: wire.U8, Enum: []string{"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"}, Volatile: true, Loose: true, Doc: "operational state (RFC 2863); dormant, up and testing can be asked for"},
		{Name: "carrier", Type: unix.IFLA_CARRIER, Kind: wire.Bool, Late: true, Volatile: true, Loose: true, Doc: "carrier; can be set for virtual kinds, while up"},
		{Name: "protodown", Type: unix.IFLA_PROTO_DOWN, Kind: wire.Bool, Late: true, Default: "0", Doc: "a protocol keeps the carrier off, for kinds that support it (macvlan, vxlan)"},
		{Name: "protodown_nest", Type: unix.IFLA_PROTO_DOWN_REASON, Kind: wire.Nest, Of: protoDownReason, Inline: true, Doc: "why protodown is on"},
		{Name: "alias", Type: unix.IFLA_IFALIAS, Kind: wire.Text, Max: 255, Late: true, Doc: "free text; empty removes it"},
		{Name: "altnames", Type: unix.IFLA_PROP_LIST, Kind: wire.List, Elem: &wire.Field{Type: unix.IFLA_ALT_IFNAME, Kind: wire.Str, Min: 1, Max: 127}, Late: true, Doc: "alternative names, by property_add and property_delete"},

		{Name: "netns_pid", Type: unix.IFLA_NET_NS_PID, Kind: wire.U32, WO: true, Doc: "network namespace to be in, by a process that is there; ip says netns PID"},
		{Name: "netns", Type: unix.IFLA_NET_NS_FD, Kind: wire.Dev, When: wire.Unlinked, Notation: netnsName{}, WO: true, Doc: "network namespace to be in, by its name or the path of its file"},
		{Name: "netns_fd", Type: unix.IFLA_NET_NS_FD, Kind: wire.U32, WO: true, Doc: "network namespace to be in, by a file that this process has open"},
		{Name: "target_netnsid", Type: unix.IFLA_TARGET_NETNSID, Kind: wire.S32, WO: true, Doc: "network namespace that a request is about, by nsid"},
		{Name: "link_netnsid", Type: unix.IFLA_LINK_NETNSID, Kind: wire.S32, Immutable: true, Doc: "nsid of the namespace that holds link; ip says link-netnsid"},
		{Name: "new_ifindex", Type: unix.IFLA_NEW_IFINDEX, Kind: wire.S32, Min: 1, Max: 1<<31 - 1, Index: true, Notation: indexOf{}, WO: true, Doc: "index wanted in the namespace the link moves to: a number, or that of a device here by its name"},
		{Name: "new_netnsid", Type: unix.IFLA_NEW_NETNSID, Kind: wire.S32, RO: true, Volatile: true, Doc: "nsid of the namespace a link has moved to"},
		{Name: "parentdev", Type: unix.IFLA_PARENT_DEV_NAME, Kind: wire.Str, Immutable: true, Since: "5.14", Doc: "parent that is no network device (wwan0)"},
		{Name: "parentbus", Type: unix.IFLA_PARENT_DEV_BUS_NAME, Kind: wire.Str, RO: true, Since: "5.14", Doc: "bus of parentdev"},
		{Name: "ext_mask", Type: unix.IFLA_EXT_MASK, Kind: wire.U32, Bits: true, Words: extMask, WO: true, Doc: "what more a request wants to be told"},

		{Name: "xdp", Type: unix.IFLA_XDP, Kind: wire.Nest, Of: xdp, Late: true, Doc: "XDP program; {\"fd\": -1} detaches"},
		{Name: "map", Type: unix.IFLA_MAP, Kind: wire.Struct, Of: linkMap, Late: true, Doc: "memory, interrupt and port of old hardware"},
		{Name: "vf", Type: unix.IFLA_VFINFO_LIST, Kind: wire.Multi, Elem: &wire.Field{Kind: wire.List, Elem: &wire.Field{Type: unix.IFLA_VF_INFO, Kind: wire.Nest, Of: vfTable}}, Late: true, Doc: "virtual functions (SR-IOV), reported when ext_mask asks"},
		{Name: "vf_ports", Type: unix.IFLA_VF_PORTS, Kind: wire.List, Elem: &wire.Field{Type: unix.IFLA_VF_PORT, Kind: wire.Nest, Of: vfPort}, Late: true, Doc: "port profiles of virtual functions (802.1Qbg, 802.1Qbh)"},
		{Name: "port_self", Type: unix.IFLA_PORT_SELF, Kind: wire.Nest, Of: vfPort, Late: true, Doc: "port profile of the device itself"},
		{Name: "af_spec", Type: unix.IFLA_AF_SPEC, Kind: wire.Nest, Of: linkAF, Inline: true, Doc: "what address families keep of a link"},
		{Name: "protinfo", Type: unix.IFLA_PROTINFO, Kind: wire.Nest, Of: bridgePort, RO: true, Volatile: true, Doc: "the bridge port, in messages of family bridge"},

		{Name: "min_mtu", Type: unix.IFLA_MIN_MTU, Kind: wire.U32, RO: true, Doc: "smallest mtu the device takes"},
		{Name: "max_mtu", Type: unix.IFLA_MAX_MTU, Kind: wire.U32, RO: true, Doc: "largest mtu the device takes; 0 no limit"},
		{Name: "tso_max_size", Type: unix.IFLA_TSO_MAX_SIZE, Kind: wire.U32, RO: true, Since: "5.19", Doc: "limit of gso_max_size"},
		{Name: "tso_max_segs", Type: unix.IFLA_TSO_MAX_SEGS, Kind: wire.U32, RO: true, Since: "5.19", Doc: "limit of gso_max_segs"},
		{Name: "permaddr", Type: unix.IFLA_PERM_ADDRESS, Kind: wire.MAC, RO: true, Doc: "address the hardware came with"},
		{Name: "promiscuity", Type: unix.IFLA_PROMISCUITY, Kind: wire.U32, RO: true, Volatile: true, Doc: "how many want all packets"},
		{Name: "allmulti", Type: unix.IFLA_ALLMULTI, Kind: wire.U32, RO: true, Volatile: true, Since: "6.0", Doc: "how many want all multicast"},
		{Name: "qdisc", Type: unix.IFLA_QDISC, Kind: wire.Str, RO: true, Volatile: true, Doc: "kind of the root queueing discipline"},
		{Name: "carrier_changes", Type: unix.IFLA_CARRIER_CHANGES, Kind: wire.U32, RO: true, Volatile: true, Doc: "how often the carrier changed"},
		{Name: "carrier_up_count", Type: unix.IFLA_CARRIER_UP_COUNT, Kind: wire.U32, RO: true, Volatile: true, Doc: "how often the carrier came"},
		{Name: "carrier_down_count", Type: unix.IFLA_CARRIER_DOWN_COUNT, Kind: wire.U32, RO: true, Volatile: true, Doc: "how often the carrier went"},
		{Name: "phys_port_id", Type: unix.IFLA_PHYS_PORT_ID, Kind: wire.Bytes, Max: 32, RO: true, Doc: "physical port the device is on"},
		{Name: "phys_port_name", Type: unix.IFLA_PHYS_PORT_NAME, Kind: wire.Str, RO: true, Doc: "name of the port on its switch"},
		{Name: "phys_switch_id", Type: unix.IFLA_PHYS_SWITCH_ID, Kind: wire.Bytes, Max: 32, RO: true, Doc: "switch the port belongs to"},
		{Name: "num_vf", Type: unix.IFLA_NUM_VF, Kind: wire.U32, RO: true, Volatile: true, Doc: "number of virtual functions"},
		{Name: "event", Type: unix.IFLA_EVENT, Kind: wire.U32, Enum: linkEvents, RO: true, Volatile: true, Doc: "what a notification is about"},
		{Name: "wireless", Type: unix.IFLA_WIRELESS, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "wireless extensions event"},
		{Name: "devlink_port", Type: unix.IFLA_DEVLINK_PORT, Kind: wire.Nest, Of: devlinkPort, RO: true, Volatile: true, Since: "6.2", Doc: "the devlink port of the device"},
		{Name: "dpll_pin", Type: unix.IFLA_DPLL_PIN, Kind: wire.Nest, Of: dpllPin, RO: true, Volatile: true, Since: "6.7", Doc: "the DPLL pin of the device"},
		{Name: "netns_immutable", Type: iflaNetnsImmutable, Kind: wire.Bool, RO: true, Since: "6.15", Doc: "cannot move to another network namespace"},
		{Name: "headroom", Type: iflaHeadroom, Kind: wire.U16, RO: true, Volatile: true, Since: "6.18", Doc: "bytes wanted before a packet"},
		{Name: "tailroom", Type: iflaTailroom, Kind: wire.U16, RO: true, Volatile: true, Since: "6.18", Doc: "bytes wanted after a packet"},
		{Name: "max_pacing_offload_horizon", Type: iflaMaxPacingHorizon, Kind: wire.U32, RO: true, Since: "6.13", Doc: "how far ahead the device can pace packets, in nanoseconds"},
		{Name: "stats", Type: unix.IFLA_STATS, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "statistics in 32 bits (struct rtnl_link_stats)"},
		{Name: "stats64", Type: unix.IFLA_STATS64, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "statistics (struct rtnl_link_stats64)"},
	}...)
}

// What golang.org/x/sys lacks of IFLA_.
const (
	iflaMaxPacingHorizon = 66 + iota
	iflaNetnsImmutable
	iflaHeadroom
	iflaTailroom
)

func never(wire.Value) bool { return false }

var extMask = wire.Words{
	{Name: "vf", N: 1 << 0}, {Name: "brvlan", N: 1 << 1}, {Name: "brvlan_compressed", N: 1 << 2}, {Name: "skip_stats", N: 1 << 3},
	{Name: "mrp", N: 1 << 4}, {Name: "cfm_config", N: 1 << 5}, {Name: "cfm_status", N: 1 << 6}, {Name: "mst", N: 1 << 7},
}

var linkEvents = []string{"none", "reboot", "features", "bonding_failover", "notify_peers", "igmp_resend", "bonding_options"}

var protoDownReason = &wire.Table{
	Name: "protodown_nest", Doc: "why protodown is on",
	Fields: []wire.Field{
		{Name: "protodown_reason", Type: unix.IFLA_PROTO_DOWN_REASON_VALUE, Mask: unix.IFLA_PROTO_DOWN_REASON_MASK, Kind: wire.U32, Hex: true, Late: true,
			Doc: "reasons for protodown, a bit each, as value/mask; without mask all bits are replaced; protodown cannot end while one is set"},
	},
}

var xdp = &wire.Table{
	Name: "xdp", Doc: "XDP program of a link",
	Fields: []wire.Field{
		{Name: "fd", Type: unix.IFLA_XDP_FD, Kind: wire.S32, WO: true, Doc: "program to attach, an open file; -1 detaches"},
		{Name: "flags", Type: unix.IFLA_XDP_FLAGS, Kind: wire.U32, Bits: true, Words: xdpFlags, WO: true, Along: "fd", Doc: "where to attach; at most one of skb, drv and hw"},
		{Name: "expected_fd", Type: unix.IFLA_XDP_EXPECTED_FD, Kind: wire.S32, WO: true, Along: "fd", Doc: "with flag replace: the program that must be there"},
		{Name: "attached", Type: unix.IFLA_XDP_ATTACHED, Kind: wire.U8, Enum: []string{"none", "drv", "skb", "hw", "multi"}, RO: true, Doc: "where a program is attached"},
		{Name: "prog_id", Type: unix.IFLA_XDP_PROG_ID, Kind: wire.U32, RO: true, Irreversible: xdpProgram, Doc: "program, when there is one"},
		{Name: "drv_prog_id", Type: unix.IFLA_XDP_DRV_PROG_ID, Kind: wire.U32, RO: true, Irreversible: xdpProgram, Doc: "program in the driver"},
		{Name: "skb_prog_id", Type: unix.IFLA_XDP_SKB_PROG_ID, Kind: wire.U32, RO: true, Irreversible: xdpProgram, Doc: "program in the stack"},
		{Name: "hw_prog_id", Type: unix.IFLA_XDP_HW_PROG_ID, Kind: wire.U32, RO: true, Irreversible: xdpProgram, Doc: "program in the hardware"},
	},
}

const xdpProgram = "its XDP program"

var xdpFlags = wire.Words{
	{Name: "update_if_noexist", N: unix.XDP_FLAGS_UPDATE_IF_NOEXIST}, {Name: "skb", N: unix.XDP_FLAGS_SKB_MODE},
	{Name: "drv", N: unix.XDP_FLAGS_DRV_MODE}, {Name: "hw", N: unix.XDP_FLAGS_HW_MODE}, {Name: "replace", N: unix.XDP_FLAGS_REPLACE},
}

// linkMap is struct rtnl_link_ifmap.
var linkMap = &wire.Table{
	Name: "map", Doc: "resources of old hardware", Fixed: 32, Head: "rtnl_link_ifmap",
	Fields: []wire.Field{
		{Name: "mem_start", Kind: wire.U64, At: linkMapPlace, Off: 0, Hex: true, Doc: "begin of shared memory"},
		{Name: "mem_end", Kind: wire.U64, At: linkMapPlace, Off: 8, Hex: true, Doc: "end of shared memory"},
		{Name: "base_addr", Kind: wire.U64, At: linkMapPlace, Off: 16, Hex: true, Doc: "I/O address"},
		{Name: "irq", Kind: wire.U16, At: linkMapPlace, Off: 24, Doc: "interrupt"},
		{Name: "dma", Kind: wire.U8, At: linkMapPlace, Off: 26, Doc: "DMA channel"},
		{Name: "port", Kind: wire.U8, At: linkMapPlace, Off: 27, Doc: "media port"},
	},
}

var linkMapPlace = &wire.Place{Len: 32}

var devlinkPort = &wire.Table{
	Name: "devlink_port", Doc: "name of a devlink port",
	Fields: []wire.Field{
		{Name: "bus_name", Type: unix.DEVLINK_ATTR_BUS_NAME, Kind: wire.Str, RO: true, Doc: "bus of the device"},
		{Name: "dev_name", Type: unix.DEVLINK_ATTR_DEV_NAME, Kind: wire.Str, RO: true, Doc: "name of the device on its bus"},
		{Name: "port_index", Type: unix.DEVLINK_ATTR_PORT_INDEX, Kind: wire.U32, RO: true, Doc: "number of the port"},
	},
}

const dpllPinID = 1 // DPLL_A_PIN_ID

var dpllPin = &wire.Table{
	Name: "dpll_pin", Doc: "a DPLL pin",
	Fields: []wire.Field{
		{Name: "id", Type: dpllPinID, Kind: wire.U32, RO: true, Doc: "number of the pin"},
	},
}
