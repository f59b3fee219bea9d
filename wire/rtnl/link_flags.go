package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// The fixed header of a link message.
//
//	struct ifinfomsg { u8 family; u8 pad; u16 type; s32 index; u32 flags; u32 change; }
const (
	ifinfomsgLen = 16

	ifiFamily = 0
	ifiType   = 2
	ifiIndex  = 4
	ifiFlags  = 8
	ifiChange = 12
)

var (
	ifinfo = &wire.Place{Len: ifinfomsgLen}
	// ifi_change says which flags count. The kernel takes 0 as "all of them", so
	// a flag that is written always sets its bit there.
	ifiFlagBits = &wire.Place{Len: ifinfomsgLen, Mask: ifiChange}
)

func ifFlag(name string, bit uint32, doc string) wire.Field {
	return wire.Field{Name: name, Kind: wire.Bit32, At: ifiFlagBits, Off: ifiFlags, Bit: bit, Default: "off", Doc: doc}
}

func notFlag(name string, bit uint32, doc string) wire.Field {
	f := ifFlag(name, bit, doc)
	f.Not, f.Default = true, "on"
	return f
}

func onByDefault(f wire.Field) wire.Field {
	f.Default = "on"
	return f
}

func roFlag(name string, bit uint32, doc string) wire.Field {
	f := ifFlag(name, bit, doc)
	f.RO, f.Volatile, f.Default = true, true, ""
	return f
}

// linkHeader is the rows of ifinfomsg.
func linkHeader() []wire.Field {
	return []wire.Field{
		{Name: "family", Kind: wire.U8, At: ifinfo, Off: ifiFamily, Words: families, RO: true, Volatile: true, Doc: "address family of the message; unspec but for bridge ports"},
		{Name: "link_type", Kind: wire.U16, At: ifinfo, Off: ifiType, Words: hardwareTypes, RO: true, Doc: "hardware type (ARPHRD), follows from the kind"},
		{Name: "index", Kind: wire.Dev, At: ifinfo, Off: ifiIndex, Immutable: true, Doc: "interface index; given on creation it is the index wanted, which must be free"},
		ifFlag("up", unix.IFF_UP, "administratively up"),
		notFlag("arp", unix.IFF_NOARP, "use ARP or neighbour discovery; on but for kinds without link-layer addresses"),
		onByDefault(ifFlag("multicast", unix.IFF_MULTICAST, "able to send and receive multicast")),
		ifFlag("allmulticast", unix.IFF_ALLMULTI, "receive all multicast packets"),
		ifFlag("promisc", unix.IFF_PROMISC, "receive all packets"),
		notFlag("trailers", unix.IFF_NOTRAILERS, "use trailers; no driver does any more"),
		ifFlag("dynamic", unix.IFF_DYNAMIC, "addresses are lost when the link goes down; a mark only"),
		ifFlag("debug", unix.IFF_DEBUG, "debugging in the driver"),
		ifFlag("portsel", unix.IFF_PORTSEL, "can select its media"),
		ifFlag("automedia", unix.IFF_AUTOMEDIA, "selects its media by itself"),
		roFlag("is_broadcast", unix.IFF_BROADCAST, "has a broadcast address"),
		roFlag("is_loopback", unix.IFF_LOOPBACK, "is the loopback"),
		roFlag("is_pointopoint", unix.IFF_POINTOPOINT, "is point to point"),
		roFlag("is_master", unix.IFF_MASTER, "is a bond or another balancer"),
		roFlag("is_slave", unix.IFF_SLAVE, "is a port of a bond or another balancer"),
		roFlag("running", unix.IFF_RUNNING, "is up and its state is up or unknown (RFC 2863)"),
		roFlag("lower_up", unix.IFF_LOWER_UP, "has carrier"),
		roFlag("is_dormant", unix.IFF_DORMANT, "its state is dormant"),
		roFlag("is_echo", unix.IFF_ECHO, "echoes what it sends (CAN)"),
	}
}

var families = wire.Words{
	{Name: "unspec", N: unix.AF_UNSPEC}, {Name: "inet", N: unix.AF_INET}, {Name: "bridge", N: unix.AF_BRIDGE},
	{Name: "inet6", N: unix.AF_INET6}, {Name: "mpls", N: unix.AF_MPLS},
}

var hardwareTypes = wire.Words{
	{Name: "netrom", N: unix.ARPHRD_NETROM}, {Name: "ether", N: unix.ARPHRD_ETHER}, {Name: "ax25", N: unix.ARPHRD_AX25},
	{Name: "arcnet", N: unix.ARPHRD_ARCNET}, {Name: "infiniband", N: unix.ARPHRD_INFINIBAND}, {Name: "slip", N: unix.ARPHRD_SLIP},
	{Name: "x25", N: unix.ARPHRD_X25}, {Name: "rawip", N: unix.ARPHRD_RAWIP}, {Name: "can", N: unix.ARPHRD_CAN},
	{Name: "mctp", N: arphrdMCTP}, {Name: "ppp", N: unix.ARPHRD_PPP}, {Name: "ipip", N: unix.ARPHRD_TUNNEL},
	{Name: "tunnel6", N: unix.ARPHRD_TUNNEL6}, {Name: "loopback", N: unix.ARPHRD_LOOPBACK}, {Name: "sit", N: unix.ARPHRD_SIT},
	{Name: "gre", N: unix.ARPHRD_IPGRE}, {Name: "pimreg", N: unix.ARPHRD_PIMREG}, {Name: "ieee802.11", N: unix.ARPHRD_IEEE80211},
	{Name: "ieee802.11/radiotap", N: unix.ARPHRD_IEEE80211_RADIOTAP}, {Name: "ieee802.15.4", N: unix.ARPHRD_IEEE802154},
	{Name: "phonet", N: unix.ARPHRD_PHONET}, {Name: "gre6", N: unix.ARPHRD_IP6GRE}, {Name: "netlink", N: unix.ARPHRD_NETLINK},
	{Name: "6lowpan", N: unix.ARPHRD_6LOWPAN}, {Name: "vsockmon", N: unix.ARPHRD_VSOCKMON}, {Name: "none", N: unix.ARPHRD_NONE},
}

const arphrdMCTP = 290
