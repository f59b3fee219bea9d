package rtnl

import (
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Numbers that golang.org/x/sys/unix lacks.
const (
	rtaNHID      = 30 // RTA_NH_ID
	rtaFlowlabel = 31 // RTA_FLOWLABEL
)

// Route is an entry of a routing table (rtmsg; net/ipv4/fib_frontend.c,
// net/ipv6/route.c, net/mpls/af_mpls.c).
var Route = &wire.Object{
	Name:    "route",
	Doc:     "An entry of a routing table. The prefix is an address with or without length, or \"default\"; with family = \"mpls\" a label.",
	Table:   routeTable,
	Subject: "dst",
	New:     unix.RTM_NEWROUTE, Del: unix.RTM_DELROUTE, Get: unix.RTM_GETROUTE,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_NEWROUTE, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL, Doc: "make it; an error when one with this key exists"},
		{Name: "replace", Type: unix.RTM_NEWROUTE, Flags: unix.NLM_F_CREATE | unix.NLM_F_REPLACE, Doc: "put it in the place of the first route with this key, or make it"},
		{Name: "change", Type: unix.RTM_NEWROUTE, Flags: unix.NLM_F_REPLACE, Doc: "put it in the place of the first route with this key, which must exist"},
		{Name: "append", Type: unix.RTM_NEWROUTE, Flags: unix.NLM_F_CREATE | unix.NLM_F_APPEND, Doc: "make it behind those with this key"},
		{Name: "prepend", Type: unix.RTM_NEWROUTE, Flags: unix.NLM_F_CREATE, Doc: "make it before those with this key"},
		{Name: "test", Type: unix.RTM_NEWROUTE, Flags: unix.NLM_F_EXCL, Doc: "an error, EEXIST when there is one with this key and ENOENT when there is none"},
		{Name: "delete", Type: unix.RTM_DELROUTE, Doc: "remove the first route that has all that is written"},
	},
	Finish: finishRoute,
	Key:    []string{"family", "table", "dst", "from_", "tos", "metric"},
	Open:   func(s *wire.Set) { s.Del("metric") },
	Tacit:  []string{"protocol"},
	Rank:   rankRoute,
	Canon:  canonRoute,

	Irreversible: irreversibleEncap,

	Foreign: foreignRoute,
	Apart:   true,
	Alone:   true,
	Within:  []string{"table", "family", "protocol", "metric", "type"},
	// A route of another type, or one without a gateway instead of one with,
	// is not replaced in IPv6 but stands beside (fib6_add_rt2node).
	Replace: func(row *wire.Field) bool { return row.Name != "type" },
}

var (
	rtmsg      = &wire.Place{}
	rtmsgTable = &wire.Place{Spill: unix.RTA_TABLE}
)

var routeTable = &wire.Table{
	Name:  "route",
	Doc:   "an entry of a routing table",
	Fixed: unix.SizeofRtMsg,
	Head:  "rtmsg",
	Fields: []wire.Field{
		{Name: "family", At: rtmsg, Off: 0, Kind: wire.U8, Words: ipFamilies, Doc: "address family; follows from the addresses, else inet"},
		{Name: "dst", Type: unix.RTA_DST, Off: 1, Kind: wire.Prefix, Zero: true, Notation: labelPrefix{}, Doc: "destination: prefix, \"default\", or a label of family mpls"},
		{Name: "from_", Type: unix.RTA_SRC, Off: 2, Kind: wire.Prefix, Doc: "prefix of source addresses the route is for, IPv6 only"},
		{Name: "tos", At: rtmsg, Off: 3, Kind: wire.U8, Hex: true, Doc: "type of service (dsfield) the route is for, IPv4 only"},
		{Name: "table", At: rtmsgTable, Off: 4, Kind: wire.U32, Words: routeTables, Doc: "routing table; main, or local for types local, broadcast, anycast and nat"},
		{Name: "protocol", At: rtmsg, Off: 5, Kind: wire.U8, Words: routeProtocols, Loose: true, Doc: "who made the route; boot unless written"},
		{Name: "scope", At: rtmsg, Off: 6, Kind: wire.U8, Words: routeScopes, Doc: "how far the destination is, IPv4 only; follows from type and gateway"},
		{Name: "type", At: rtmsg, Off: 7, Kind: wire.U8, Enum: routeTypes, Doc: "what happens to packets; unicast unless written"},
		{Name: "onlink", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTNH_F_ONLINK, Doc: "the gateway is on this link, whatever the addresses say"},
		{Name: "pervasive", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTNH_F_PERVASIVE, Doc: "do a recursive gateway lookup"},
		{Name: "dead", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTNH_F_DEAD, RO: true, Volatile: true, Doc: "the next hop is dead"},
		{Name: "linkdown", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTNH_F_LINKDOWN, RO: true, Volatile: true, Doc: "the device has no carrier"},
		{Name: "nh_offload", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTNH_F_OFFLOAD, RO: true, Volatile: true, Doc: "the next hop is offloaded"},
		{Name: "nh_trap", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTNH_F_TRAP, RO: true, Volatile: true, Doc: "the next hop traps packets to the CPU"},
		{Name: "unresolved", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTNH_F_UNRESOLVED, RO: true, Volatile: true, Doc: "multicast route without a resolved source"},
		{Name: "notify", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTM_F_NOTIFY, WO: true, Doc: "tell listeners when the route changes"},
		{Name: "cloned", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTM_F_CLONED, RO: true, Volatile: true, Doc: "a cached clone"},
		{Name: "equalize", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTM_F_EQUALIZE, WO: true, Doc: "spread packets over the next hops; the kernel ignores it"},
		{Name: "prefix", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTM_F_PREFIX, RO: true, Volatile: true, Doc: "made from a router advertisement's prefix"},
		{Name: "lookup_table", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTM_F_LOOKUP_TABLE, WO: true, Doc: "get: report the table that was used"},
		{Name: "fibmatch", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTM_F_FIB_MATCH, WO: true, Doc: "get: report the matching entry, not the route made of it"},
		{Name: "rt_offload", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTM_F_OFFLOAD, RO: true, Volatile: true, Doc: "the route is offloaded"},
		{Name: "rt_trap", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTM_F_TRAP, RO: true, Volatile: true, Doc: "the route traps packets to the CPU"},
		{Name: "rt_offload_failed", At: rtmsg, Off: 8, Kind: wire.Bit32, Bit: unix.RTM_F_OFFLOAD_FAILED, RO: true, Volatile: true, Doc: "offloading the route failed"},

		{Name: "metric", Type: unix.RTA_PRIORITY, Kind: wire.U32, Doc: "preference among routes to one prefix, lowest wins; IPv6 makes 1024 of 0"},
		{Name: "via", Type: unix.RTA_GATEWAY, Alt: unix.RTA_VIA, Kind: wire.Custom, Codec: gateway{}, Plain: true, Notation: gateway{}, Doc: "address of the gateway, of either family"},
		{Name: "dev", Type: unix.RTA_OIF, Kind: wire.Dev, Loose: true, Doc: "output device; follows from the gateway"},
		{Name: "nexthops", Type: unix.RTA_MULTIPATH, Kind: wire.Custom, Codec: multipath{}, Min: 1, Doc: "list of hop(): several next hops that share the traffic"},
		{Name: "nhid", Type: rtaNHID, Kind: wire.U32, Doc: "id of the nexthop object to use"},
		{Name: "src", Type: unix.RTA_PREFSRC, Kind: wire.IP, Doc: "source address to prefer for packets sent"},
		{Name: "as_", Type: unix.RTA_NEWDST, Kind: wire.Custom, Codec: labelStack{}, Notation: labelStack{}, Doc: "family mpls: labels to put in place of the incoming one, as \"200/201\""},
		{Name: "encap", Type: unix.RTA_ENCAP, Kind: wire.Union, OneOf: Encaps, Doc: "encapsulation of packets sent"},
		{Name: "ttl_propagate", Type: unix.RTA_TTL_PROPAGATE, Kind: wire.U8, Enum: []string{"disabled", "enabled"}, Max: 1, Doc: "family mpls: copy the TTL out of the last label"},
		{Name: "metrics", Type: unix.RTA_METRICS, Kind: wire.Nest, Of: routeMetrics, Inline: true, Doc: "metrics"},
		{Name: "realms", Type: unix.RTA_FLOW, Kind: wire.U32, Notation: realms{}, Doc: "realm of the destination, or \"from/to\"; IPv4 only"},
		{Name: "pref", Type: unix.RTA_PREF, Kind: wire.U8, Words: wire.Words{{Name: "low", N: 3}, {Name: "medium", N: 0}, {Name: "high", N: 1}}, Doc: "preference of a router, IPv6 only"},
		{Name: "expires", Type: unix.RTA_EXPIRES, Kind: wire.U32, Time: 1, Loose: true, Ages: true, Dies: true, Doc: "remove the route after this time, IPv6 only"},
		{Name: "iif", Type: unix.RTA_IIF, Kind: wire.Dev, Doc: "input device: of a multicast route, or to get the route of a forwarded packet"},
		{Name: "mark", Type: unix.RTA_MARK, Kind: wire.U32, Hex: true, Doc: "get: firewall mark of the packet"},
		{Name: "uid", Type: unix.RTA_UID, Kind: wire.U32, Doc: "get: user the packet belongs to"},
		{Name: "ipproto", Type: unix.RTA_IP_PROTO, Kind: wire.U8, Words: ipProtocols, Doc: "get: protocol of the packet"},
		{Name: "sport", Type: unix.RTA_SPORT, Kind: wire.BE16, Doc: "get: source port of the packet"},
		{Name: "dport", Type: unix.RTA_DPORT, Kind: wire.BE16, Doc: "get: destination port of the packet"},
		{Name: "flowlabel", Type: rtaFlowlabel, Kind: wire.BE32, Max: 1<<20 - 1, Hex: true, Since: "6.14", Doc: "get: IPv6 flow label of the packet"},
		{Name: "cacheinfo", Type: unix.RTA_CACHEINFO, Kind: wire.Struct, Of: routeCacheInfo, RO: true, Volatile: true, Doc: "age and use"},
		{Name: "mfc_stats", Type: unix.RTA_MFC_STATS, Kind: wire.Struct, Of: mfcStats, RO: true, Volatile: true, Doc: "packets of a multicast route"},
	},
}

var cacheInfo = &wire.Place{}

// routeCacheInfo is struct rta_cacheinfo. Times are in ticks of 10 ms.
var routeCacheInfo = &wire.Table{
	Name:  "cacheinfo",
	Doc:   "age and use of a route",
	Fixed: 32,
	Head:  "rta_cacheinfo",
	Fields: []wire.Field{
		{Name: "clntref", At: cacheInfo, Off: 0, Kind: wire.U32, RO: true, Doc: "references"},
		{Name: "lastuse", At: cacheInfo, Off: 4, Kind: wire.U32, Time: userHZ, RO: true, Doc: "time since it was used"},
		{Name: "expires", At: cacheInfo, Off: 8, Kind: wire.S32, RO: true, Doc: "time until it expires, in units of 10 ms"},
		{Name: "error", At: cacheInfo, Off: 12, Kind: wire.S32, RO: true, Doc: "what sending by it yields, a negative errno"},
		{Name: "used", At: cacheInfo, Off: 16, Kind: wire.U32, RO: true, Doc: "lookups"},
		{Name: "id", At: cacheInfo, Off: 20, Kind: wire.U32, RO: true, Doc: "peer's id"},
		{Name: "ts", At: cacheInfo, Off: 24, Kind: wire.U32, RO: true, Doc: "peer's time stamp"},
		{Name: "tsage", At: cacheInfo, Off: 28, Kind: wire.U32, RO: true, Doc: "age of the time stamp"},
	},
}

var mfcStat = &wire.Place{}

var mfcStats = &wire.Table{
	Name:  "mfc_stats",
	Doc:   "packets of a multicast route",
	Fixed: 24,
	Head:  "rta_mfc_stats",
	Fields: []wire.Field{
		{Name: "packets", At: mfcStat, Off: 0, Kind: wire.U64, RO: true, Doc: "packets"},
		{Name: "bytes", At: mfcStat, Off: 8, Kind: wire.U64, RO: true, Doc: "bytes"},
		{Name: "wrong_if", At: mfcStat, Off: 16, Kind: wire.U64, RO: true, Doc: "packets that came in by another device"},
	},
}

// foreignRoute tells routes that the kernel made or a router advertised, and
// multicast routes, which belong to a daemon. In the table local others may make
// routes, too (whole prefixes that are this machine's).
func foreignRoute(s *wire.Set) bool {
	switch s.Uint("protocol") {
	case unix.RTPROT_KERNEL, unix.RTPROT_RA, unix.RTPROT_REDIRECT:
		return true
	}
	return s.Uint("cloned") != 0 || s.Uint("family") >= rtnlFamilyIPMR
}

const rtnlFamilyIPMR = 128 // RTNL_FAMILY_IPMR, and 129 for IPv6
