package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// vxlanKind: see drivers/net/vxlan/vxlan_core.c. Whatever vxlan_nl2conf refuses
// in a change is Immutable, even when the value is the same; so is the mtu in a
// message that has any row of this table.
var vxlanKind = &wire.Table{
	Name: "vxlan", Doc: "VXLAN tunnel endpoint: Ethernet over UDP (RFC 7348)",
	Fields: []wire.Field{
		{Name: "id", Type: unix.IFLA_VXLAN_ID, Kind: wire.U32, Max: 1<<24 - 1, Immutable: true, Doc: "network identifier (VNI); left out with external"},
		{Name: "group", Type: unix.IFLA_VXLAN_GROUP, Alt: unix.IFLA_VXLAN_GROUP6, Kind: wire.IP, When: isMulticast, Stuck: otherFamily, Doc: "multicast group to join and to flood to"},
		{Name: "remote", Type: unix.IFLA_VXLAN_GROUP, Alt: unix.IFLA_VXLAN_GROUP6, Kind: wire.IP, Stuck: otherFamily, Doc: "unicast destination to flood to; excludes group"},
		{Name: "local", Type: unix.IFLA_VXLAN_LOCAL, Alt: unix.IFLA_VXLAN_LOCAL6, Kind: wire.IP, Stuck: otherFamily, Doc: "source address of the tunnel"},
		{Name: "dev", Type: unix.IFLA_VXLAN_LINK, Kind: wire.Dev, Stuck: goes, Doc: "device the tunnel goes out by; required for a multicast group of IPv6; once there is one, there is always one"},
		{Name: "dstport", Type: unix.IFLA_VXLAN_PORT, Kind: wire.BE16, Immutable: true, Doc: "UDP destination port; 8472 by default, 4790 with gpe; IANA's is 4789"},
		{Name: "srcport", Type: unix.IFLA_VXLAN_PORT_RANGE, Kind: wire.Range, Elem: &wire.Field{Kind: wire.BE16}, Immutable: true, Default: "0-0", Doc: "UDP source ports, lowest and highest; 0, 0 is the system's range"},
		{Name: "ttl", Type: unix.IFLA_VXLAN_TTL, Kind: wire.U8, Words: wire.Words{{Name: "auto", N: 0}}, Default: "auto", Doc: "hop limit; auto, the default, is 1 for multicast and the system's for unicast"},
		{Name: "ttl_inherit", Type: unix.IFLA_VXLAN_TTL_INHERIT, Kind: wire.Flag, Immutable: true, Default: "off", Doc: "copy the hop limit of the inner packet; ip says ttl inherit"},
		{Name: "tos", Type: unix.IFLA_VXLAN_TOS, Kind: wire.U8, Words: wire.Words{{Name: "inherit", N: 1}}, Hex: true, Default: "0x0", Doc: "type of service; inherit copies it from the inner packet"},
		{Name: "df", Type: unix.IFLA_VXLAN_DF, Kind: wire.U8, Enum: []string{"unset", "set", "inherit"}, Closed: true, Default: "unset", Doc: "don't-fragment bit over IPv4; unset by default"},
		{Name: "flowlabel", Type: unix.IFLA_VXLAN_LABEL, Kind: wire.BE32, Max: 1<<20 - 1, Hex: true, Default: "0x0", Doc: "flow label over IPv6"},
		{Name: "flowlabel_policy", Type: unix.IFLA_VXLAN_LABEL_POLICY, Kind: wire.U32, Enum: []string{"fixed", "inherit"}, Closed: true, Since: "6.7", Default: "fixed", Doc: "whether flowlabel is used or that of the inner packet"},
		{Name: "learning", Type: unix.IFLA_VXLAN_LEARNING, Kind: wire.Bool, Default: "1", Doc: "learn where addresses are from what arrives; on by default"},
		{Name: "ageing", Type: unix.IFLA_VXLAN_AGEING, Kind: wire.U32, Time: 1, Default: "300s", Doc: "lifetime of learned entries, 300s by default and for 0"},
		{Name: "maxaddress", Type: unix.IFLA_VXLAN_LIMIT, Kind: wire.U32, Words: wire.Words{{Name: "unlimited", N: 0}}, Immutable: true, Default: "unlimited", Doc: "most entries in the forwarding database"},
		{Name: "proxy", Type: unix.IFLA_VXLAN_PROXY, Kind: wire.Bool, Immutable: true, Default: "0", Doc: "answer ARP and neighbour solicitations from the neighbour table"},
		{Name: "rsc", Type: unix.IFLA_VXLAN_RSC, Kind: wire.Bool, Immutable: true, Default: "0", Doc: "route short circuit"},
		{Name: "l2miss", Type: unix.IFLA_VXLAN_L2MISS, Kind: wire.Bool, Immutable: true, Default: "0", Doc: "announce unknown link-layer destinations"},
		{Name: "l3miss", Type: unix.IFLA_VXLAN_L3MISS, Kind: wire.Bool, Immutable: true, Default: "0", Doc: "announce unknown neighbours"},
		{Name: "udpcsum", Type: unix.IFLA_VXLAN_UDP_CSUM, Kind: wire.Bool, Immutable: true, Default: "1", Doc: "UDP checksums over IPv4; on by default"},
		{Name: "udp6zerocsumtx", Type: unix.IFLA_VXLAN_UDP_ZERO_CSUM6_TX, Kind: wire.Bool, Immutable: true, Default: "0", Doc: "send without UDP checksum over IPv6"},
		{Name: "udp6zerocsumrx", Type: unix.IFLA_VXLAN_UDP_ZERO_CSUM6_RX, Kind: wire.Bool, Immutable: true, Default: "0", Doc: "accept packets without UDP checksum over IPv6"},
		{Name: "remcsumtx", Type: unix.IFLA_VXLAN_REMCSUM_TX, Kind: wire.Bool, Immutable: true, Default: "0", Doc: "remote checksum offload when sending"},
		{Name: "remcsumrx", Type: unix.IFLA_VXLAN_REMCSUM_RX, Kind: wire.Bool, Immutable: true, Default: "0", Doc: "remote checksum offload when receiving"},
		{Name: "remcsum_nopartial", Type: unix.IFLA_VXLAN_REMCSUM_NOPARTIAL, Kind: wire.Flag, Immutable: true, Doc: "remote checksum offload without partial checksums"},
		{Name: "gbp", Type: unix.IFLA_VXLAN_GBP, Kind: wire.Flag, Immutable: true, Doc: "group policy extension: the packet mark travels in the header"},
		{Name: "gpe", Type: unix.IFLA_VXLAN_GPE, Kind: wire.Flag, Immutable: true, Doc: "generic protocol extension; with external only"},
		{Name: "external", Type: unix.IFLA_VXLAN_COLLECT_METADATA, Kind: wire.Bool, Immutable: true, Default: "0", Doc: "tunnel parameters come with each packet, from a route's encap or act.tunnel_key"},
		{Name: "vnifilter", Type: unix.IFLA_VXLAN_VNIFILTER, Kind: wire.Bool, Immutable: true, Since: "5.18", Doc: "with external: receive only the VNIs of bridge.vni"},
		{Name: "reserved_bits", Type: vxlanReservedBits, Kind: wire.Bytes, Min: 8, Max: 8, Immutable: true, Since: "6.14", Default: "f7ffffff000000ff", Doc: "bits of the VXLAN header that must be zero in what arrives"},
		{Name: "mcroute", Type: vxlanMCRoute, Kind: wire.Bool, Immutable: true, WO: true, Since: "6.17", Doc: "multicast group: send where the multicast routing table says, not by dev alone; Linux 6.18 does not report it"},
		{Name: "localbypass", Type: unix.IFLA_VXLAN_LOCALBYPASS, Kind: wire.Bool, Since: "6.5", Default: "1", Doc: "hand packets to another vxlan of this host without UDP; on by default"},
	},
}

// What golang.org/x/sys lacks of IFLA_VXLAN_.
const (
	vxlanReservedBits = 33
	vxlanMCRoute      = 34
)

func isMulticast(v wire.Value) bool { return v.A.IsMulticast() }

// otherFamily is Stuck of the addresses of a vxlan.
func otherFamily(before, after wire.Value) bool {
	return before.Type == wire.Addr && after.Type == wire.Addr && before.A.Is4() != after.A.Is4()
}

// goes is Stuck of a row of which a message cannot say that it has no value.
func goes(_, after wire.Value) bool {
	return after.Type == wire.None || after.N == 0 && after.Type == wire.Int
}
