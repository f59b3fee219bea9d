package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// vlanKind: see net/8021q/vlan_netlink.c. The flags share a struct that says
// which of them count.
var vlanKind = &wire.Table{
	Name: "vlan", Doc: "VLAN on the device that link names",
	Lazy: func() []wire.Field {
		return []wire.Field{
			{Name: "id", Type: unix.IFLA_VLAN_ID, Kind: wire.U16, Max: 4094, Immutable: true, Doc: "VLAN identifier; required"},
			{Name: "protocol", Type: unix.IFLA_VLAN_PROTOCOL, Kind: wire.BE16, Words: vlanProtocols, Closed: true, Immutable: true, Default: "802.1Q", Doc: "tag protocol; 802.1Q by default"},
			onByDefault(vlanFlag("reorder_hdr", 0x1, "strip and insert the tag before taps see the packet; on by default")),
			vlanFlag("gvrp", 0x2, "register the VLAN by GVRP"),
			vlanFlag("loose_binding", 0x4, "do not follow the operational state of the device below"),
			vlanFlag("mvrp", 0x8, "register the VLAN by MVRP"),
			vlanFlag("bridge_binding", 0x10, "follow the state of the bridge ports that carry the VLAN"),
			{Name: "ingress_qos_map", Type: unix.IFLA_VLAN_INGRESS_QOS, Kind: wire.List, Merge: true, Elem: &wire.Field{Type: unix.IFLA_VLAN_QOS_MAPPING, Kind: wire.Struct, Of: vlanQoS},
				Doc: "VLAN priority to packet priority; what is not mentioned stays, to = 0 removes"},
			{Name: "egress_qos_map", Type: unix.IFLA_VLAN_EGRESS_QOS, Kind: wire.List, Merge: true, Elem: &wire.Field{Type: unix.IFLA_VLAN_QOS_MAPPING, Kind: wire.Struct, Of: vlanQoS},
				Doc: "packet priority to VLAN priority; what is not mentioned stays, to = 0 removes"},
		}
	},
}

var vlanFlags = &wire.Place{Type: unix.IFLA_VLAN_FLAGS, Len: 8, Mask: 4} // struct ifla_vlan_flags

func vlanFlag(name string, bit uint32, doc string) wire.Field {
	return wire.Field{Name: name, Kind: wire.Bit32, At: vlanFlags, Bit: bit, Default: "off", Doc: doc}
}

var vlanProtocols = wire.Words{{Name: "802.1Q", N: unix.ETH_P_8021Q}, {Name: "802.1ad", N: unix.ETH_P_8021AD}}

// vlanQoS is struct ifla_vlan_qos_mapping.
var vlanQoS = &wire.Table{
	Name: "qos_mapping", Doc: "one priority for another", Fixed: 8, Head: "ifla_vlan_qos_mapping",
	Fields: []wire.Field{
		{Name: "from_", Kind: wire.U32, At: vlanQoSPlace, Off: 0, Doc: "priority to be mapped"},
		{Name: "to", Kind: wire.U32, At: vlanQoSPlace, Off: 4, Doc: "priority it becomes"},
	},
}

var vlanQoSPlace = &wire.Place{Len: 8}
