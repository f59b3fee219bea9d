package rtnl

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// messageTypes are the names of the messages of linux/rtnetlink.h that objects
// are made of.
var messageTypes = wire.Words{
	{Name: "RTM_NEWLINK", N: unix.RTM_NEWLINK}, {Name: "RTM_DELLINK", N: unix.RTM_DELLINK}, {Name: "RTM_GETLINK", N: unix.RTM_GETLINK}, {Name: "RTM_SETLINK", N: unix.RTM_SETLINK},
	{Name: "RTM_NEWADDR", N: unix.RTM_NEWADDR}, {Name: "RTM_DELADDR", N: unix.RTM_DELADDR}, {Name: "RTM_GETADDR", N: unix.RTM_GETADDR},
	{Name: "RTM_NEWROUTE", N: unix.RTM_NEWROUTE}, {Name: "RTM_DELROUTE", N: unix.RTM_DELROUTE}, {Name: "RTM_GETROUTE", N: unix.RTM_GETROUTE},
	{Name: "RTM_NEWNEIGH", N: unix.RTM_NEWNEIGH}, {Name: "RTM_DELNEIGH", N: unix.RTM_DELNEIGH}, {Name: "RTM_GETNEIGH", N: unix.RTM_GETNEIGH},
	{Name: "RTM_NEWRULE", N: unix.RTM_NEWRULE}, {Name: "RTM_DELRULE", N: unix.RTM_DELRULE}, {Name: "RTM_GETRULE", N: unix.RTM_GETRULE},
	{Name: "RTM_NEWQDISC", N: unix.RTM_NEWQDISC}, {Name: "RTM_DELQDISC", N: unix.RTM_DELQDISC}, {Name: "RTM_GETQDISC", N: unix.RTM_GETQDISC},
	{Name: "RTM_NEWTCLASS", N: unix.RTM_NEWTCLASS}, {Name: "RTM_DELTCLASS", N: unix.RTM_DELTCLASS}, {Name: "RTM_GETTCLASS", N: unix.RTM_GETTCLASS},
	{Name: "RTM_NEWTFILTER", N: unix.RTM_NEWTFILTER}, {Name: "RTM_DELTFILTER", N: unix.RTM_DELTFILTER}, {Name: "RTM_GETTFILTER", N: unix.RTM_GETTFILTER},
	{Name: "RTM_NEWNEXTHOP", N: unix.RTM_NEWNEXTHOP}, {Name: "RTM_DELNEXTHOP", N: unix.RTM_DELNEXTHOP}, {Name: "RTM_GETNEXTHOP", N: unix.RTM_GETNEXTHOP},
	{Name: "RTM_NEWLINKPROP", N: unix.RTM_NEWLINKPROP}, {Name: "RTM_DELLINKPROP", N: unix.RTM_DELLINKPROP}, {Name: "RTM_GETLINKPROP", N: unix.RTM_GETLINKPROP},
	{Name: "RTM_NEWVLAN", N: unix.RTM_NEWVLAN}, {Name: "RTM_DELVLAN", N: unix.RTM_DELVLAN}, {Name: "RTM_GETVLAN", N: unix.RTM_GETVLAN},
}

// TypeName is the kernel's name of a message type: RTM_NEWROUTE.
func TypeName(typ uint16) string {
	if s := messageTypes.Name(uint64(typ)); s != "" {
		return s
	}
	return fmt.Sprintf("%d", typ)
}

// ByType returns the object that a message of a type describes, given what
// follows its nlmsghdr: in family AF_BRIDGE neighbours are forwarding entries, and
// links with something for the bridge are its VLANs. Messages about VLANs are options of
// these. Nil when there is none.
func ByType(typ uint16, data []byte) *wire.Object {
	bridge := len(data) > 0 && data[0] == unix.AF_BRIDGE
	link := Link
	if bridge && (typ == unix.RTM_SETLINK || typ == unix.RTM_DELLINK) {
		link = ofPort(data)
	}
	for _, o := range Objects {
		switch o {
		case FDB, Neigh:
			if (o == FDB) != bridge {
				continue
			}
		case Link, VLAN, TunnelInfo:
			if o != link {
				continue
			}
		case VLANOptions, VLANGlobal:
			if typ&^groupMask == unix.RTM_NEWVLAN {
				return ofVLAN(typ, data)
			}
		}
		if typ == o.New || typ == o.Del || typ == o.Get {
			return o
		}
		for _, v := range o.Verbs {
			if v.Type == typ {
				return o
			}
		}
	}
	return nil
}

// ofPort returns what a message in family AF_BRIDGE about a link is about: what
// its IFLA_AF_SPEC has, or options of the port.
func ofPort(data []byte) *wire.Object {
	o := Link
	for a, err := range wire.Attrs(data[min(ifinfomsgLen, len(data)):]) {
		switch {
		case err != nil || a.Type == unix.IFLA_PROTINFO:
			return Link
		case a.Type != unix.IFLA_AF_SPEC:
			continue
		}
		o = VLAN
		for x := range wire.Attrs(a.Data) {
			if x.Type == bridgeTunnelInfo {
				o = TunnelInfo
			}
			if x.Type == bridgeVlanInfo {
				o = VLAN
				break
			}
		}
	}
	return o
}

// ofVLAN returns what a message about VLANs is about. One that is about neither
// says that VLANs are gone, or asks for them.
func ofVLAN(typ uint16, data []byte) *wire.Object {
	for a, err := range wire.Attrs(data[min(brVlanMsgLen, len(data)):]) {
		switch {
		case err != nil:
			return VLANOptions
		case typ != unix.RTM_GETVLAN && a.Type == vlandbGlobal,
			typ == unix.RTM_GETVLAN && a.Type == vlandbDumpFlags && len(a.Data) == 4 && binary.NativeEndian.Uint32(a.Data)&vlandbDumpGlobal != 0:
			return VLANGlobal
		}
	}
	return VLANOptions
}
