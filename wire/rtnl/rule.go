package rtnl

import (
	"errors"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Numbers that golang.org/x/sys/unix lacks.
const (
	fraNAT        = 5  // FRA_UNUSED2: the address of a NAT rule
	fraDSCP       = 25 // FRA_DSCP
	fraFlowlabel  = 26 // FRA_FLOWLABEL
	fraFlowMask   = 27 // FRA_FLOWLABEL_MASK
	fraSportMask  = 28 // FRA_SPORT_MASK
	fraDportMask  = 29 // FRA_DPORT_MASK
	fraDSCPMask   = 30 // FRA_DSCP_MASK
	ruleHeaderLen = 12

	ruleActionGoto = unix.FR_ACT_GOTO
	ruleActionNAT  = unix.RTN_NAT
)

// Rule is a rule of the policy routing database (fib_rule_hdr;
// net/core/fib_rules.c).
var Rule = &wire.Object{
	Name:  "rule",
	Doc:   "A rule of the routing policy: which packets use which table, or what else happens to them.",
	Table: ruleTable,
	New:   unix.RTM_NEWRULE, Del: unix.RTM_DELRULE, Get: unix.RTM_GETRULE,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_NEWRULE, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL, Doc: "make it; an error when one like it exists"},
		{Name: "delete", Type: unix.RTM_DELRULE, Doc: "remove the first rule that has all that is written"},
	},
	Finish:  finishRule,
	Key:     ruleKey,
	Open:    openRule,
	Tacit:   []string{"table"},
	Implied: []string{"priority"}, // without it the kernel picks one (fib_nl_newrule)
	Rank:    rankRule,
	Canon:   canonRule,
	Foreign: foreignRule,
	Apart:   true,
	Alone:   true,
	Hits:    hitsRule,
	Within:  []string{"", "priority", "family", "table", "protocol"},
	Replace: func(*wire.Field) bool { return false }, // nothing of a rule can be changed
}

// ruleKey is every selector, the action and what limits it.
var ruleKey = []string{
	"family", "from_", "to", "tos", "dscp", "fwmark", "iif", "oif", "ipproto", "sport", "dport", "sport_mask", "dport_mask",
	"uidrange", "tun_id", "flowlabel",
	"l3mdev", "not_", "type", "table", "goto", "nat", "realms", "suppress_prefixlength", "suppress_ifgroup", "protocol", "priority",
}

// openRule: as with ip rule del, a rule without a selector is any that has the rest.
func openRule(s *wire.Set) {
	for _, name := range ruleKey[1:] {
		s.Del(name)
	}
}

var (
	ruleHeader     = &wire.Place{}
	ruleTablePlace = &wire.Place{Spill: unix.FRA_TABLE}
)

var ruleTypes = wire.Words{
	{Name: "unicast", N: unix.FR_ACT_TO_TBL}, {Name: "goto", N: ruleActionGoto}, {Name: "nop", N: unix.FR_ACT_NOP},
	{Name: "blackhole", N: unix.FR_ACT_BLACKHOLE}, {Name: "unreachable", N: unix.FR_ACT_UNREACHABLE},
	{Name: "prohibit", N: unix.FR_ACT_PROHIBIT}, {Name: "nat", N: ruleActionNAT},
}

var ruleTable = &wire.Table{
	Name:  "rule",
	Doc:   "a rule of the routing policy",
	Fixed: ruleHeaderLen,
	Head:  "fib_rule_hdr",
	Fields: []wire.Field{
		{Name: "family", At: ruleHeader, Off: 0, Kind: wire.U8, Words: ipFamilies, Doc: "address family; follows from the addresses, else inet"},
		{Name: "from_", Type: unix.FRA_SRC, Off: 2, Kind: wire.Prefix, Doc: "prefix of source addresses; \"all\" for any"},
		{Name: "to", Type: unix.FRA_DST, Off: 1, Kind: wire.Prefix, Doc: "prefix of destination addresses; \"all\" for any"},
		{Name: "tos", At: ruleHeader, Off: 3, Kind: wire.U8, Hex: true, Doc: "type of service (dsfield)"},
		{Name: "table", At: ruleTablePlace, Off: 4, Kind: wire.U32, Words: routeTables, Doc: "routing table to look up; main unless something else happens"},
		{Name: "type", At: ruleHeader, Off: 7, Kind: wire.U8, Words: ruleTypes, Doc: "what happens to packets: unicast looks the table up"},
		{Name: "permanent", At: ruleHeader, Off: 8, Kind: wire.Bit32, Bit: unix.FIB_RULE_PERMANENT, RO: true, Volatile: true, Doc: "cannot be removed"},
		{Name: "not_", At: ruleHeader, Off: 8, Kind: wire.Bit32, Bit: unix.FIB_RULE_INVERT, Doc: "match packets that the selectors do not match"},
		{Name: "unresolved", At: ruleHeader, Off: 8, Kind: wire.Bit32, Bit: unix.FIB_RULE_UNRESOLVED, RO: true, Volatile: true, Doc: "the target of goto does not exist"},
		{Name: "iif_detached", At: ruleHeader, Off: 8, Kind: wire.Bit32, Bit: unix.FIB_RULE_IIF_DETACHED, RO: true, Volatile: true, Doc: "the input device does not exist"},
		{Name: "oif_detached", At: ruleHeader, Off: 8, Kind: wire.Bit32, Bit: unix.FIB_RULE_OIF_DETACHED, RO: true, Volatile: true, Doc: "the output device does not exist"},
		{Name: "find_saddr", At: ruleHeader, Off: 8, Kind: wire.Bit32, Bit: unix.FIB_RULE_FIND_SADDR, RO: true, Volatile: true, Doc: "matches also without a source address"},

		{Name: "priority", Type: unix.FRA_PRIORITY, Kind: wire.U32, Loose: true, Doc: "place among the rules, lowest first; the kernel picks one before the first custom rule"},
		{Name: "iif", Type: unix.FRA_IIFNAME, Kind: wire.Str, Min: 1, Max: unix.IFNAMSIZ - 1, Doc: "input device by name, which need not exist; lo for packets from here"},
		{Name: "oif", Type: unix.FRA_OIFNAME, Kind: wire.Str, Min: 1, Max: unix.IFNAMSIZ - 1, Doc: "output device by name: packets of sockets bound to it"},
		{Name: "fwmark", Type: unix.FRA_FWMARK, Mask: unix.FRA_FWMASK, Kind: wire.U32, Hex: true, Doc: "firewall mark, with a mask \"0x1/0xff\""},
		{Name: "dscp", Type: fraDSCP, Mask: fraDSCPMask, Kind: wire.U8, Max: 63, Since: "6.12", Doc: "DSCP, with a mask since 6.15; not beside tos"},
		{Name: "ipproto", Type: unix.FRA_IP_PROTO, Kind: wire.U8, Words: ipProtocols, Doc: "transport protocol"},
		{Name: "sport", Type: unix.FRA_SPORT_RANGE, Kind: wire.Range, Elem: &portElem, Doc: "source port, or a range \"1024-65535\""},
		{Name: "dport", Type: unix.FRA_DPORT_RANGE, Kind: wire.Range, Elem: &portElem, Doc: "destination port, or a range"},
		{Name: "sport_mask", Type: fraSportMask, Kind: wire.U16, Hex: true, Since: "6.15", Doc: "bits of the source port that count"},
		{Name: "dport_mask", Type: fraDportMask, Kind: wire.U16, Hex: true, Since: "6.15", Doc: "bits of the destination port that count"},
		{Name: "uidrange", Type: unix.FRA_UID_RANGE, Kind: wire.Range, Elem: &uidElem, Doc: "users whose sockets send, \"1000-1999\""},
		{Name: "tun_id", Type: unix.FRA_TUN_ID, Kind: wire.BE64, Doc: "tunnel id of packets that came by a tunnel in external mode"},
		{Name: "flowlabel", Type: fraFlowlabel, Mask: fraFlowMask, Kind: wire.BE32, Hex: true, Max: 1<<20 - 1, Since: "6.14", Doc: "IPv6 flow label, with a mask"},
		{Name: "l3mdev", Type: unix.FRA_L3MDEV, Kind: wire.Bool, Doc: "look up the table of the VRF the packet is in"},
		{Name: "goto", Type: unix.FRA_GOTO, Kind: wire.U32, Doc: "continue at the rule with this priority"},
		{Name: "nat", Type: fraNAT, Kind: wire.IP, Doc: "address of type nat; the kernel ignores it"},
		{Name: "realms", Type: unix.FRA_FLOW, Kind: wire.U32, Notation: realms{}, Doc: "realm of the destination, or \"from/to\"; IPv4 only"},
		{Name: "suppress_prefixlength", Type: unix.FRA_SUPPRESS_PREFIXLEN, Kind: wire.U32, Doc: "do not take a route with a prefix this long or shorter"},
		{Name: "suppress_ifgroup", Type: unix.FRA_SUPPRESS_IFGROUP, Kind: wire.U32, Enum: []string{"default"}, Doc: "do not take a route by a device of this group"},
		{Name: "protocol", Type: unix.FRA_PROTOCOL, Kind: wire.U8, Words: routeProtocols, Loose: true, Doc: "who made the rule"},
	},
}

var (
	portElem = wire.Field{Name: "port", Kind: wire.U16, Doc: "port"}
	uidElem  = wire.Field{Name: "uid", Kind: wire.U32, Doc: "user id"}
)

// finishRule adds the family and what ip rule adds: type and table.
func finishRule(s *wire.Set, v *wire.Verb) error {
	from, _ := s.Get("from_")
	if to, _ := s.Get("to"); v == nil && from.Type == wire.Net && to.Type == wire.Net && addrFamily(from.A) != addrFamily(to.A) {
		return wire.At("to", errors.New("is of another family than from_"))
	}
	finishRuleFamily(s)
	typ := uint64(unix.FR_ACT_TO_TBL)
	switch {
	case s.Has("goto"):
		typ = ruleActionGoto
	case s.Has("nat"):
		typ = ruleActionNAT
	case v != nil && v.Type == unix.RTM_DELRULE:
		return nil // what is not written matches anything
	}
	s.Default("type", wire.IntVal(typ))
	if v != nil && v.Type == unix.RTM_DELRULE {
		return nil
	}
	switch t := s.Uint("type"); {
	case t == unix.FR_ACT_TO_TBL && s.Uint("l3mdev") == 0, t == ruleActionNAT:
		s.Default("table", wire.IntVal(unix.RT_TABLE_MAIN))
	}
	return nil
}

// finishRuleFamily takes the family of a prefix. One that was written stays, as
// with ip rule, and the kernel refuses a prefix of another.
func finishRuleFamily(s *wire.Set) {
	family := uint64(unix.AF_INET)
	for _, name := range []string{"from_", "to"} {
		if v, _ := s.Get(name); v.Type == wire.Net {
			family = uint64(addrFamily(v.A))
			break
		}
	}
	s.Default("family", wire.IntVal(family))
}

// canonRule makes of a message what fib_nl_fill_rule reports.
func canonRule(s *wire.Set) {
	for _, name := range []string{"from_", "to"} {
		if v, ok := s.Get(name); ok && (v.Type != wire.Net || v.N == 0) {
			s.Del(name)
		}
	}
	// A mark of 0 without a mask matches everything.
	if v, ok := s.Get("fwmark"); ok && v.N == 0 && v.M == 0 {
		s.Del("fwmark")
	}
	for _, w := range []struct {
		name string
		all  uint64
	}{{"fwmark", 1<<32 - 1}, {"dscp", 1<<6 - 1}, {"flowlabel", 1<<20 - 1}} {
		if v, ok := s.Get(w.name); ok && !v.HasMask {
			v.HasMask, v.M = true, w.all
			s.PutName(w.name, v)
		}
	}
	for _, name := range []string{"sport_mask", "dport_mask"} {
		if s.Uint(name) == 1<<16-1 {
			s.Del(name)
		}
	}
	for _, name := range []string{"suppress_prefixlength", "suppress_ifgroup"} {
		if s.Uint(name) == 1<<32-1 {
			s.Del(name)
		}
	}
	delZero(s, "table", "tos", "protocol", "ipproto", "tun_id", "l3mdev", "realms", "goto", "not_")
	s.Del("nat")
	if s.Uint("family") == unix.AF_INET6 {
		s.Del("realms")
	}
}

// foreignRule tells the rules that are there from the beginning and those that
// the first VRF brings: both say proto kernel. Rules of multicast routing
// belong to a daemon.
func foreignRule(s *wire.Set) bool {
	return s.Uint("protocol") == unix.RTPROT_KERNEL || s.Uint("family") >= rtnlFamilyIPMR
}

// hitsRule is rule_find (net/core/fib_rules.c): what a deletion does not say fits
// anything, and not_ and goto are not looked at. rule_exists, of NLM_F_EXCL, is as
// lax about prefixes and the tos.
func hitsRule(deletion, have *wire.Set) bool {
	for _, e := range deletion.Ents {
		h, _ := have.At(e.F)
		switch e.F.Name {
		case "not_", "goto", "nat":
			continue
		case "fwmark":
			if e.V.N == 0 {
				h.N = 0
			}
		case "priority":
			h.Type = wire.Int // 0 is not reported
		}
		any := e.F.Header() && e.V.Type == wire.Int && e.V.N == 0
		if !e.F.RO && !any && !e.V.Equal(h) {
			return false
		}
	}
	return true
}

// FirstRules are the rules that a new namespace has (fib_default_rules_init,
// fib6_rules_net_init).
func FirstRules() (l []*wire.Set) {
	for _, r := range []struct{ family, priority, table uint64 }{
		{unix.AF_INET, 0, unix.RT_TABLE_LOCAL}, {unix.AF_INET, 32766, unix.RT_TABLE_MAIN}, {unix.AF_INET, 32767, unix.RT_TABLE_DEFAULT},
		{unix.AF_INET6, 0, unix.RT_TABLE_LOCAL}, {unix.AF_INET6, 32766, unix.RT_TABLE_MAIN},
	} {
		s := wire.NewSet(ruleTable)
		s.PutName("family", wire.IntVal(r.family))
		s.PutName("type", wire.IntVal(unix.FR_ACT_TO_TBL))
		s.PutName("table", wire.IntVal(r.table))
		s.PutName("priority", wire.IntVal(r.priority))
		s.PutName("protocol", wire.IntVal(unix.RTPROT_KERNEL))
		l = append(l, s)
	}
	return l
}
