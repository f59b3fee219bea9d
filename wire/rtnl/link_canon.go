package rtnl

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// finishLink refuses names that a link cannot have, and gives mode source its word: a
// list of addresses is set.
func finishLink(s *wire.Set, v *wire.Verb) error {
	if err := linkNames(s, v); err != nil {
		return err
	}
	k := member(s, "kind")
	if k != nil && (k.Table == macvlanKind || k.Table == macvtapKind) && k.Has("macaddr") {
		k.Default("macaddr_mode", wire.IntVal(macaddrSet))
	}
	return nil
}

// linkNames refuses patterns, of which the kernel makes another name each time, where
// a name has to tell the link (dev_get_valid_name), and a second name of a new one.
func linkNames(s *wire.Set, v *wire.Verb) error {
	if v != nil && v.Type == unix.RTM_NEWLINK && v.Flags&unix.NLM_F_CREATE != 0 && s.Has("newname") {
		return wire.At("newname", errors.New("is for a link that is there; a new one has the name that name gives it"))
	}
	if v != nil {
		return nil
	}
	for _, row := range []string{"name", "newname"} {
		if err := noPattern(s, row); err != nil {
			return err
		}
	}
	if k := member(s, "kind"); k != nil && k.Table.Row("peer") != nil {
		if peer := member(k, "peer"); peer != nil {
			if err := noPattern(peer, "name"); err != nil {
				return wire.At("kind", wire.At(k.Table.Name, wire.At("peer", err)))
			}
		}
	}
	return nil
}

func noPattern(s *wire.Set, row string) error {
	if name, _ := s.Get(row); strings.Contains(name.S, "%") {
		return wire.At(row, fmt.Errorf("%q is a pattern, not a name; link.add takes one", name.S))
	}
	return nil
}

// foreignLink reports the links that a namespace has by itself: the loopback,
// and the fallback devices of tunnel modules.
func foreignLink(s *wire.Set) bool {
	if s.Uint("link_type") == unix.ARPHRD_LOOPBACK {
		return true
	}
	name, _ := s.Get("name")
	switch name.S {
	case "tunl0", "gre0", "gretap0", "erspan0", "sit0", "ip_vti0", "ip6tnl0", "ip6gre0", "ip6_vti0":
		return true
	}
	return false
}

// canonLink: what is 0 or empty is not reported, an enumeration has no order.
func canonLink(s *wire.Set) {
	for _, name := range []string{"master", "link", "protodown_reason"} {
		delNone(s, name)
	}
	if v, ok := s.Get("alias"); ok && v.S == "" {
		s.Del("alias")
	}
	if v, ok := s.Get("token"); ok && v.A.IsUnspecified() {
		s.Del("token")
	}
	sortList(s, "altnames", func(a, b wire.Value) int { return cmp.Compare(a.S, b.S) })
	if k := member(s, "kind"); k != nil {
		canonKind(k)
		// A bridge whose ports have left has no address until it gets another, and
		// so has a VLAN that is made on it.
		if v, ok := s.Get("address"); ok && v.S == noMAC {
			s.Del("address")
		}
	}
	if p := member(s, "port"); p != nil && p.Table == bridgePort {
		delNone(p, "backup_port")
		delNone(p, "backup_nhid")
	}
}

const noMAC = "\x00\x00\x00\x00\x00\x00"

// day is the most of some intervals, in clock_t (BR_MULTICAST_QUERY_INTVL_MAX).
const day = 24 * 60 * 60 * userHZ

func canonKind(k *wire.Set) {
	switch k.Table {
	case bridgeKind:
		if k.Uint("stp_state") > 1 {
			k.PutName("stp_state", wire.IntVal(1))
		}
		for _, name := range []string{"mcast_query_interval", "mcast_startup_query_interval"} {
			if k.Has(name) {
				k.PutName(name, wire.IntVal(min(max(k.Uint(name), userHZ), day)))
			}
		}
	case bondKind:
		canonBond(k)
	case vxlanKind:
		canonVxlan(k)
	case vlanKind:
		for _, name := range []string{"ingress_qos_map", "egress_qos_map"} {
			sortList(k, name, func(a, b wire.Value) int { return cmp.Compare(a.Sub.Uint("from_"), b.Sub.Uint("from_")) })
		}
	case macvlanKind, macvtapKind:
		sortList(k, "macaddr", func(a, b wire.Value) int { return cmp.Compare(a.S, b.S) })
	}
}

// canonBond: delays count in looks at the carrier. The kernel reports all options,
// and refuses those that are of no use in the bond's mode even when they are as
// they were: these are put away, when it is what the kernel reports.
func canonBond(k *wire.Set) {
	look := k.Uint("miimon")
	for _, name := range []string{"updelay", "downdelay", "peer_notify_delay"} {
		if look > 0 && k.Has(name) {
			n := k.Uint(name)
			k.PutName(name, wire.IntVal(n-n%look))
		}
	}
	if k.Has("mode") && k.Has("resend_igmp") && k.Has("all_slaves_active") {
		for name, modes := range bondModes {
			if modes&(1<<k.Uint("mode")) == 0 {
				k.Del(name)
			}
		}
		if look == 0 {
			for _, name := range []string{"updelay", "downdelay", "peer_notify_delay"} {
				k.Del(name)
			}
		}
	}
	delNone(k, "active_slave")
	delNone(k, "primary")
	for _, name := range []string{"arp_ip_target", "ns_ip6_target"} {
		if v, ok := k.Get(name); ok && len(v.L) == 0 {
			k.Del(name)
		}
	}
}

// bondModes are the modes, as bits, of options that not every mode has
// (unsuppmodes in drivers/net/bonding/bond_options.c).
var bondModes = map[string]uint64{
	"packets_per_slave": 1 << bondRoundRobin,
	"arp_interval":      bondProbing, "arp_missed_max": bondProbing, "arp_validate": bondProbing,
	"primary": bondPreferring, "active_slave": bondPreferring,
	"tlb_dynamic_lb": 1<<bondTLB | 1<<bondALB,
	"lacp_active":    1 << bond8023AD, "lacp_rate": 1 << bond8023AD, "coupled_control": 1 << bond8023AD,
	"broadcast_neighbor": 1 << bond8023AD, "ad_actor_sys_prio": 1 << bond8023AD, "ad_actor_system": 1 << bond8023AD, "ad_user_port_key": 1 << bond8023AD,
}

// Modes of a bond (include/uapi/linux/if_bonding.h).
const (
	bondRoundRobin   = 0
	bondActiveBackup = 1
	bondXOR          = 2
	bondBroadcast    = 3
	bond8023AD       = 4
	bondTLB          = 5
	bondALB          = 6

	bondProbing    = 1<<bondRoundRobin | 1<<bondActiveBackup | 1<<bondXOR | 1<<bondBroadcast
	bondPreferring = 1<<bondActiveBackup | 1<<bondTLB | 1<<bondALB
)

// canonVxlan: an address of zeros is none, a flag that is off is not there, and of an
// age and a port 0 is the default (vxlan_config_apply, vxlan_config_validate).
func canonVxlan(k *wire.Set) {
	// vxlan_nl2conf counts the bits of remote checksums as used when they are
	// mentioned at all, which its own reserved_bits then do not allow.
	delZero(k, "remcsumrx", "remcsumtx")
	zeroIs(k, "ageing", 300) // FDB_AGE_DEFAULT
	if k.Uint("gpe") != 0 {
		zeroIs(k, "dstport", 4790) // IANA_VXLAN_GPE_UDP_PORT
	}
	zeroIs(k, "dstport", 8472) // vxlan_port
	for _, name := range []string{"group", "remote", "local"} {
		if v, ok := k.Get(name); ok && v.A.IsUnspecified() {
			k.Del(name)
		}
	}
	delNone(k, "dev")
	for _, name := range []string{"gbp", "gpe", "remcsum_nopartial", "vnifilter"} {
		delNone(k, name)
	}
}

// member returns the set in a union row, or nil.
func member(s *wire.Set, name string) *wire.Set {
	v, _ := s.Get(name)
	return v.Sub
}

// delNone removes a row that is the number 0; a device by its name is none.
func delNone(s *wire.Set, name string) {
	if v, ok := s.Get(name); ok && v.Type == wire.Int && v.N == 0 {
		s.Del(name)
	}
}

// zeroIs gives a row that is the number 0 another.
func zeroIs(s *wire.Set, name string, n uint64) {
	if s.Has(name) && s.Uint(name) == 0 {
		s.PutName(name, wire.IntVal(n))
	}
}

func sortList(s *wire.Set, name string, order func(a, b wire.Value) int) {
	v, ok := s.Get(name)
	if !ok {
		return
	}
	if len(v.L) == 0 {
		s.Del(name)
		return
	}
	v.L = slices.Clone(v.L)
	slices.SortFunc(v.L, order)
	s.PutName(name, v)
}
