package rtnl

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Addr is an address of a device: RTM_NEWADDR, ip address.
var Addr = &wire.Object{
	Name:    "addr",
	Doc:     "An address of a device, with the prefix its network has: ip address.",
	Table:   addrTable,
	Subject: "local",
	Alone:   true,
	Adds:    true, // inet_rtm_newaddr, inet6_rtm_newaddr
	New:     unix.RTM_NEWADDR, Del: unix.RTM_DELADDR, Get: unix.RTM_GETADDR,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_NEWADDR, Flags: flagsAdd, Doc: "add the address; an error when the device has it"},
		{Name: "replace", Type: unix.RTM_NEWADDR, Flags: flagsReplace, Doc: "add the address, or change lifetimes and metric of the one that is there"},
		{Name: "change", Type: unix.RTM_NEWADDR, Flags: unix.NLM_F_REPLACE, Doc: "change lifetimes and metric; the kernel adds an address that is missing"},
		{Name: "delete", Type: unix.RTM_DELADDR, Doc: "remove the address; IPv4 without a prefix length removes the first with this local address, whatever its length"},
	},
	Finish:  finishAddr,
	Key:     []string{"dev"},
	KeyOf:   keyAddr,
	Open:    openAddr,
	Tacit:   []string{"local", "peer"},
	Delete:  []string{"family", "dev", "local", "peer"},
	Rank:    rankAddr,
	Canon:   canonAddr,
	Foreign: foreignAddr,
	Within:  []string{"dev", "family", "scope", "label"},
	Replace: replaceAddr,
	Leaves:  leavesGroup,
}

const (
	ifaProto = 11 // IFA_PROTO

	ProtoKernelLL = 3 // of link-local addresses; the last of the IFAPROT_KERNEL_*

	forever = 0xffffffff // INFINITY_LIFE_TIME

	scopeHost = 254
)

var (
	ifaddrmsg = &wire.Place{}
	addrFlags = &wire.Place{Spill: unix.IFA_FLAGS}
	addrCache = &wire.Place{Type: unix.IFA_CACHEINFO, Len: 16}

	// IFAPROT_*.
	addrProtos = []string{"unspec", "kernel_lo", "kernel_ra", "kernel_ll"}

	lifetimeWords = wire.Words{{Name: "forever", N: forever}}
)

var addrTable = &wire.Table{
	Name: "addr", Doc: "An address of a device.", Fixed: 8, Head: "ifaddrmsg",
	Fields: []wire.Field{
		{Name: "family", Kind: wire.U8, At: ifaddrmsg, Off: 0, Words: ipFamilies, Doc: "address family; follows from the address"},
		{Name: "scope", Kind: wire.U8, At: ifaddrmsg, Off: 3, Words: routeScopes, Doc: "how far the address is valid; host for 127.0.0.0/8, else global; the kernel computes it for IPv6"},
		{Name: "dev", Kind: wire.Dev, At: ifaddrmsg, Off: 4, Doc: "device that has the address"},

		{Name: "nodad", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_NODAD, Doc: "IPv6: no duplicate address detection"},
		{Name: "optimistic", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_OPTIMISTIC, Volatile: true, Doc: "IPv6: use the address while duplicates are looked for"},
		{Name: "home", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_HOMEADDRESS, Doc: "IPv6: home address in the sense of mobile IPv6"},
		{Name: "mngtmpaddr", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_MANAGETEMPADDR, Doc: "IPv6: let the kernel make temporary addresses from this one, a /64"},
		{Name: "noprefixroute", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_NOPREFIXROUTE, Doc: "do not add the route of the prefix"},
		{Name: "autojoin", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_MCAUTOJOIN, Doc: "multicast address: join the group on the device"},
		{Name: "secondary", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_SECONDARY, RO: true, Volatile: true, Doc: "IPv4: not the first of its network; IPv6: temporary"},
		{Name: "dadfailed", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_DADFAILED, RO: true, Volatile: true, Doc: "IPv6: somebody else has the address"},
		{Name: "deprecated", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_DEPRECATED, RO: true, Volatile: true, Doc: "the preferred lifetime is over"},
		{Name: "tentative", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_TENTATIVE, RO: true, Volatile: true, Doc: "IPv6: duplicate address detection is not done"},
		{Name: "permanent", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_PERMANENT, RO: true, Volatile: true, Doc: "valid for ever"},
		{Name: "stable_privacy", Kind: wire.Bit8, At: addrFlags, Off: 2, Bit: unix.IFA_F_STABLE_PRIVACY, RO: true, Volatile: true, Doc: "IPv6: made by the kernel from its secret"},

		// The prefix length is in the header once; peer comes last, so a peer's
		// length is the one that counts, as in ip.
		{Name: "local", Type: unix.IFA_LOCAL, Kind: wire.Prefix, Off: 1, Doc: "the address, with its prefix length; without one /32 or /128"},
		{Name: "peer", Type: unix.IFA_ADDRESS, Kind: wire.Prefix, Off: 1, Doc: "address of the other end of a point-to-point link, with the prefix length of the route to it"},
		{Name: "broadcast", Type: unix.IFA_BROADCAST, Kind: wire.IP, Notation: broadcast{}, Doc: `IPv4: broadcast address; "+" is the last address of the network, "-" the first; the kernel ignores one of IPv6`},
		{Name: "label", Type: unix.IFA_LABEL, Kind: wire.Str, Max: 15, Doc: "IPv4: name of the address, which begins with the name of the device"},
		{Name: "preferred_lft", Kind: wire.U32, At: addrCache, Off: 0, Time: 1, Words: lifetimeWords, Loose: true, Ages: true, Doc: "how long the address is used for new connections; 0 is deprecated from the start"},
		{Name: "valid_lft", Kind: wire.U32, At: addrCache, Off: 4, Time: 1, Words: lifetimeWords, Loose: true, Ages: true, Dies: true, Doc: "how long the address exists, at least preferred_lft"},
		{Name: "created", Kind: wire.U32, At: addrCache, Off: 8, Time: userHZ, RO: true, Volatile: true, Doc: "when it was added, since boot"},
		{Name: "updated", Kind: wire.U32, At: addrCache, Off: 12, Time: userHZ, RO: true, Volatile: true, Doc: "when it was changed last, since boot"},
		{Name: "metric", Type: unix.IFA_RT_PRIORITY, Kind: wire.U32, Doc: "metric of the prefix route"},
		{Name: "proto", Type: ifaProto, Kind: wire.U8, Enum: addrProtos, Loose: true, Since: "5.18", Doc: "who made the address"},
		{Name: "anycast", Type: unix.IFA_ANYCAST, Kind: wire.IP, Volatile: true, Doc: "anycast address of the device; the kernel reports it for IPv6 and ignores what is written"},
		{Name: "multicast", Type: unix.IFA_MULTICAST, Kind: wire.IP, RO: true, Doc: "multicast group of the device"},
		{Name: "target_netnsid", Type: unix.IFA_TARGET_NETNSID, Kind: wire.S32, RO: true, Volatile: true, Doc: "namespace that was asked"},
	},
}

// IPv6 only: ip drops these for IPv4, where the kernel would store bits that
// mean nothing.
var addrFlags6 = []string{"nodad", "optimistic", "home", "mngtmpaddr"}

func finishAddr(s *wire.Set, v *wire.Verb) error {
	del := v != nil && v.Type == unix.RTM_DELADDR
	if !s.Has("dev") {
		return wire.At("dev", errMissing)
	}
	local, ok := fullLength(s, "local")
	if !ok {
		return wire.At("local", errMissing)
	}
	s.Default("family", wire.IntVal(uint64(addrFamily(local.A))))
	v4 := local.A.Is4()

	peer, hasPeer := fullLength(s, "peer")
	switch {
	case hasPeer && peer.A.Is4() != v4:
		return wire.At("peer", fmt.Errorf("%s is of another family than %s", peer.A, local.A))
	case hasPeer:
		local.N = peer.N
		s.PutName("local", local)
	case del && v4 && local.N == 32:
		// Without IFA_ADDRESS the kernel compares no prefix length: what ip
		// sends for "del 10.0.0.1".
		peer = local
	default:
		peer = local
		s.PutName("peer", peer)
	}

	if v4 {
		drop(s, addrFlags6...)
	}
	for _, name := range []string{"broadcast", "anycast"} {
		if v, _ := s.Get(name); v.Type == wire.Addr && v.A.Is4() != v4 {
			return wire.At(name, fmt.Errorf("%s is of another family than %s", v.A, local.A))
		}
	}
	if err := finishBroadcast(s, peer, del); err != nil {
		return wire.At("broadcast", err)
	}
	if s.Has("valid_lft") || s.Has("preferred_lft") {
		s.Default("valid_lft", wire.IntVal(forever))
		s.Default("preferred_lft", wire.IntVal(forever))
		switch valid, preferred := s.Uint("valid_lft"), s.Uint("preferred_lft"); {
		case valid == 0:
			return wire.At("valid_lft", errors.New("is zero"))
		case preferred > valid:
			return wire.At("preferred_lft", errors.New("is greater than valid_lft; without one it is forever"))
		}
	}
	if !del && v4 && local.A.IsLoopback() {
		s.Default("scope", wire.IntVal(scopeHost))
	}
	return nil
}

// finishBroadcast resolves "+" and "-". A network of two addresses or one has
// no broadcast address, and ip sends none.
func finishBroadcast(s *wire.Set, peer wire.Value, del bool) error {
	v, ok := s.Get("broadcast")
	if !ok || v.Type != wire.String {
		return nil
	}
	if !peer.A.Is4() {
		return errors.New("only IPv4 addresses have a broadcast address")
	}
	if del || peer.N > 30 {
		s.Del("broadcast")
		return nil
	}
	b := peer.A.As4()
	for i := int(peer.N); i < 32; i++ {
		bit := byte(0x80) >> (i % 8)
		if v.S == "+" {
			b[i/8] |= bit
		} else {
			b[i/8] &^= bit
		}
	}
	s.PutName("broadcast", wire.AddrVal(netip.AddrFrom4(b)))
	return nil
}

// broadcast lets "+" and "-" stand for an address until Finish computes it.
type broadcast struct{}

func (broadcast) Parse(s string) (wire.Value, bool, error) {
	return wire.StrVal(s), s == "+" || s == "-", nil
}

func (broadcast) Text(v wire.Value) (string, bool) { return v.S, v.Type == wire.String }

// keyAddr: IPv4 compares local address, mask and the network of the peer
// (find_matching_ifa), IPv6 the local address alone (ipv6_get_ifaddr).
func keyAddr(s *wire.Set, key []byte) []byte {
	local, _ := s.Get("local")
	key = append(key, local.A.AsSlice()...)
	if !local.A.Is4() {
		return key
	}
	peer, ok := s.Get("peer")
	if !ok {
		peer = local
	}
	net := peer.Prefix().Masked().Addr().AsSlice()
	return append(append(key, byte(local.N)), net...)
}

// openAddr: without a prefix length an address is the one of any.
func openAddr(s *wire.Set) {
	local, _ := s.Get("local")
	local.N = 0
	s.PutName("local", local)
	s.Del("peer")
}

// canonAddr: an address without peer is reported by IPv4 with IFA_ADDRESS equal
// to IFA_LOCAL, which is kept: without it a deletion matches any prefix length.
// IPv6 reports IFA_ADDRESS alone.
func canonAddr(s *wire.Set) {
	local, hasLocal := s.Get("local")
	peer, hasPeer := s.Get("peer")
	if !hasLocal && hasPeer {
		local = peer
		s.PutName("local", local)
	}
	if local.A.Is6() {
		if hasPeer && peer.A == local.A {
			s.Del("peer")
		}
		drop(s, "label", "broadcast", "scope") // scope follows from the address
	} else {
		drop(s, addrFlags6...)
	}
	s.Del("anycast")
	if v, _ := s.Get("broadcast"); v.A.IsUnspecified() { // none (inet_fill_ifaddr)
		s.Del("broadcast")
	}
	delZero(s, "noprefixroute", "autojoin", "metric", "scope", "proto")
	delZero(s, addrFlags6...)
	canonLifetimes(s, local.A.Is4())
	canonLabel(s)
}

// canonLifetimes: an address that is valid for ever has no lifetimes, unless that
// is what was written. IPv4 keeps none then but whether the address is deprecated
// (inet_fill_ifaddr).
func canonLifetimes(s *wire.Set, v4 bool) {
	if s.Uint("valid_lft") != forever {
		return
	}
	switch {
	case v4 && s.Uint("deprecated") != 0:
		s.PutName("preferred_lft", wire.IntVal(0))
	case v4 && s.Uint("preferred_lft") != 0:
		s.PutName("preferred_lft", wire.IntVal(forever))
	}
	if s.Uint("permanent") != 0 && s.Uint("preferred_lft") == forever { // reported
		drop(s, "valid_lft", "preferred_lft")
	}
}

// canonLabel removes the label that the kernel gives an address without: the
// name of the device, where that is known.
func canonLabel(s *wire.Set) {
	v, ok := s.Get("label")
	if dev, _ := s.Get("dev"); ok && dev.Type == wire.Name && dev.S == v.S {
		s.Del("label")
	}
}

// Unlabelled takes away the label that the kernel gives an IPv4 address without
// one: the name of its device, which a message does not have (inet_fill_ifaddr).
func Unlabelled(o *wire.Object, s *wire.Set, names wire.Names) (done bool) {
	if o != Addr || names == nil {
		return false
	}
	v, ok := s.Get("label")
	if dev, _ := s.Get("dev"); ok && dev.Type == wire.Int && names(uint32(dev.N)) == v.S {
		s.Del("label")
		return true
	}
	return false
}

// foreignAddr: what the kernel made, from router advertisements, as link-local
// or loopback address, or as temporary one.
func foreignAddr(s *wire.Set) bool {
	if p := s.Uint("proto"); p > 0 && p <= ProtoKernelLL {
		return true
	}
	local, ok := s.Get("local")
	if !ok {
		local, _ = s.Get("peer")
	}
	return local.A.Is6() && (s.Uint("secondary") != 0 || s.Uint("stable_privacy") != 0)
}

// replaceAddr: IPv4 takes lifetimes, metric and protocol from a replacement and
// ignores the rest (inet_rtm_newaddr). IPv6 takes its flags too, but no metric
// of 0 and no missing peer (inet6_addr_modify): where the families differ the
// address is deleted and added.
func replaceAddr(f *wire.Field) bool {
	switch f.Name {
	case "valid_lft", "preferred_lft", "proto", "nodad", "home", "mngtmpaddr":
		return true
	}
	return false
}
