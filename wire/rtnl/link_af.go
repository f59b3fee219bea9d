package rtnl

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// linkAF is IFLA_AF_SPEC: a nest for each address family. A link that is being
// created has none yet, so all of it is Late.
var linkAF = &wire.Table{
	Name: "af_spec", Doc: "what address families keep of a link",
	Fields: []wire.Field{
		{Name: "af_inet", Type: unix.AF_INET, Kind: wire.Nest, Of: linkInet, Inline: true, Doc: "IPv4"},
		{Name: "af_inet6", Type: unix.AF_INET6, Kind: wire.Nest, Of: linkInet6, Inline: true, Doc: "IPv6"},
		{Name: "af_mctp", Type: unix.AF_MCTP, Kind: wire.Nest, Of: linkMCTP, Inline: true, Since: "5.15", Doc: "MCTP"},
	},
}

var linkInet = &wire.Table{
	Name: "af_inet", Doc: "IPv4 of a link",
	Fields: []wire.Field{
		{Name: "inet", Type: unix.IFLA_INET_CONF, Kind: wire.Nest, Of: inetConf, Late: true, Doc: "IPv4 settings of the link, without the side effects that the sysctls have"},
	},
}

var linkInet6 = &wire.Table{
	Name: "af_inet6", Doc: "IPv6 of a link",
	Fields: []wire.Field{
		{Name: "addrgenmode", Type: unix.IFLA_INET6_ADDR_GEN_MODE, Kind: wire.U8, Enum: []string{"eui64", "none", "stable_secret", "random"}, Closed: true, Late: true, Default: "eui64", Doc: "how link-local addresses are made; eui64 by default; counts when the link comes up"},
		{Name: "token", Type: unix.IFLA_INET6_TOKEN, Kind: wire.IP6, Late: true, Doc: "lower 64 bits of autoconfigured addresses; needs accept_ra; :: none"},
		{Name: "inet6", Type: unix.IFLA_INET6_CONF, Kind: wire.Nest, Of: inet6Conf, RO: true, Volatile: true, Doc: "IPv6 settings of the link; written by sysctl only"},
		{Name: "inet6_flags", Type: unix.IFLA_INET6_FLAGS, Kind: wire.U32, Bits: true, Words: inet6Flags, RO: true, Volatile: true, Doc: "autoconfiguration so far"},
		{Name: "inet6_cacheinfo", Type: unix.IFLA_INET6_CACHEINFO, Kind: wire.Struct, Of: inet6Cache, RO: true, Volatile: true, Doc: "times of neighbour discovery"},
		{Name: "inet6_ra_mtu", Type: unix.IFLA_INET6_RA_MTU, Kind: wire.U32, RO: true, Volatile: true, Since: "5.15", Doc: "mtu that a router announced"},
		{Name: "inet6_stats", Type: unix.IFLA_INET6_STATS, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "IPv6 statistics, 64 bits each"},
		{Name: "inet6_icmp6stats", Type: unix.IFLA_INET6_ICMP6STATS, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "ICMPv6 statistics, 64 bits each"},
	},
}

var linkMCTP = &wire.Table{
	Name: "af_mctp", Doc: "MCTP of a link",
	Fields: []wire.Field{
		{Name: "mctp_net", Type: unix.IFLA_MCTP_NET, Kind: wire.U32, Late: true, Default: "1", Doc: "MCTP network of the link; mctp says network"},
	},
}

// inet6Flags are if_flags of struct inet6_dev (net/if_inet6.h).
var inet6Flags = wire.Words{
	{Name: "rs_sent", N: 0x10}, {Name: "ra_rcvd", N: 0x20}, {Name: "ra_managed", N: 0x40}, {Name: "ra_otherconf", N: 0x80}, {Name: "ready", N: 1 << 31},
}

// inet6Cache is struct ifla_cacheinfo.
var inet6Cache = &wire.Table{
	Name: "cacheinfo", Doc: "times of neighbour discovery", Fixed: 16, Head: "ifla_cacheinfo",
	Fields: []wire.Field{
		{Name: "max_reasm_len", Kind: wire.U32, At: inet6CachePlace, Off: 0, RO: true, Doc: "largest packet that can be reassembled"},
		{Name: "tstamp", Kind: wire.U32, At: inet6CachePlace, Off: 4, Time: userHZ, RO: true, Doc: "when IPv6 last changed on the link"},
		{Name: "reachable_time", Kind: wire.U32, At: inet6CachePlace, Off: 8, Time: 1000, RO: true, Doc: "how long a neighbour counts as reachable"},
		{Name: "retrans_time", Kind: wire.U32, At: inet6CachePlace, Off: 12, Time: 1000, RO: true, Doc: "time between solicitations"},
	},
}

var inet6CachePlace = &wire.Place{Len: 16}

var (
	inetConf  = &wire.Table{Name: "inet", Doc: "IPv4 settings of a link", Lazy: func() []wire.Field { return devconfRows("ipv4", 1, inetSettings) }, Codec: devconf{first: 1}}
	inet6Conf = &wire.Table{Name: "inet6", Doc: "IPv6 settings of a link", Lazy: func() []wire.Field { return devconfRows("ipv6", 0, inet6Settings) }, Codec: devconf{}}
)

// devconfRows is a row for each setting, numbered from first.
func devconfRows(family string, first uint16, names []string) []wire.Field {
	var rows []wire.Field
	for i, name := range names {
		rows = append(rows, wire.Field{
			Name: name, Type: first + uint16(i), Kind: wire.S32, RO: family == "ipv6" || name == "mc_forwarding",
			Doc: "sysctl net." + family + ".conf.DEVICE." + name, Default: settingDefault(family, name),
		})
	}
	return rows
}

// settingDefault is what ipv4_devconf_dflt has (net/ipv4/devinet.c). A new
// namespace takes what the first one has by now, mostly this.
func settingDefault(family, name string) string {
	if family != "ipv4" {
		return ""
	}
	switch name {
	case "accept_redirects", "secure_redirects", "send_redirects", "shared_media", "accept_source_route", "arp_evict_nocarrier":
		return "1"
	case "igmpv2_unsolicited_report_interval":
		return "10000"
	case "igmpv3_unsolicited_report_interval":
		return "1000"
	}
	return "0"
}

// devconf is the codec of settings. They are written as attributes and reported
// as an array in the order of their numbers, the first of which is first.
type devconf struct{ first uint16 }

func (devconf) Append(b *wire.Builder, s *wire.Set) error {
	for i := range s.Ents {
		e := &s.Ents[i]
		b.Uint32(e.F.Type, uint32(e.V.N))
	}
	return b.Err()
}

func (c devconf) Decode(payload []byte, s *wire.Set) error {
	if written(payload) {
		for a := range wire.Attrs(payload) {
			putSetting(s, a)
		}
		return nil
	}
	for typ := c.first; len(payload) >= 4; typ++ {
		putSetting(s, wire.Attr{Type: typ, Data: payload[:4:4]})
		payload = payload[4:]
	}
	return nil
}

// written tells attributes from the array: that begins with forwarding, a 0 or
// 1, which is no length of an attribute.
func written(settings []byte) bool {
	for a, err := range wire.Attrs(settings) {
		if err != nil || a.Type == 0 {
			return false
		}
	}
	return true
}

func putSetting(s *wire.Set, a wire.Attr) {
	for _, f := range s.Table.Rows() {
		if f.Type == a.Type && len(a.Data) == 4 && !s.Has(f.Name) {
			s.Put(f, wire.IntVal(uint64(int64(int32(binary.NativeEndian.Uint32(a.Data))))))
			return
		}
	}
	keep(s, a)
}

// inetSettings are the sysctls in the order of IPV4_DEVCONF_ (linux/ip.h).
var inetSettings = []string{
	"forwarding", "mc_forwarding", "proxy_arp", "accept_redirects", "secure_redirects", "send_redirects",
	"shared_media", "rp_filter", "accept_source_route", "bootp_relay", "log_martians", "tag", "arp_filter", "medium_id",
	"disable_xfrm", "disable_policy", "force_igmp_version", "arp_announce", "arp_ignore", "promote_secondaries",
	"arp_accept", "arp_notify", "accept_local", "src_valid_mark", "proxy_arp_pvlan", "route_localnet",
	"igmpv2_unsolicited_report_interval", "igmpv3_unsolicited_report_interval", "ignore_routes_with_linkdown",
	"drop_unicast_in_l2_multicast", "drop_gratuitous_arp", "bc_forwarding", "arp_evict_nocarrier",
}

// inet6Settings are the sysctls in the order of DEVCONF_ (linux/ipv6.h). The
// stable secret reads 0.
var inet6Settings = []string{
	"forwarding", "hop_limit", "mtu", "accept_ra", "accept_redirects", "autoconf", "dad_transmits",
	"router_solicitations", "router_solicitation_interval", "router_solicitation_delay", "use_tempaddr",
	"temp_valid_lft", "temp_prefered_lft", "regen_max_retry", "max_desync_factor", "max_addresses", "force_mld_version",
	"accept_ra_defrtr", "accept_ra_pinfo", "accept_ra_rtr_pref", "router_probe_interval", "accept_ra_rt_info_max_plen",
	"proxy_ndp", "optimistic_dad", "accept_source_route", "mc_forwarding", "disable_ipv6", "accept_dad", "force_tllao",
	"ndisc_notify", "mldv1_unsolicited_report_interval", "mldv2_unsolicited_report_interval", "suppress_frag_ndisc",
	"accept_ra_from_local", "use_optimistic", "accept_ra_mtu", "stable_secret", "use_oif_addrs_only", "accept_ra_min_hop_limit",
	"ignore_routes_with_linkdown", "drop_unicast_in_l2_multicast", "drop_unsolicited_na", "keep_addr_on_down",
	"router_solicitation_max_interval", "seg6_enabled", "seg6_require_hmac", "enhanced_dad", "addr_gen_mode",
	"disable_policy", "accept_ra_rt_info_min_plen", "ndisc_tclass", "rpl_seg_enabled", "ra_defrtr_metric",
	"ioam6_enabled", "ioam6_id", "ioam6_id_wide", "ndisc_evict_nocarrier", "accept_untracked_na", "accept_ra_min_lft", "force_forwarding",
}
