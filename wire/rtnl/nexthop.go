package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Numbers that golang.org/x/sys/unix lacks.
const (
	nhaFDB           = 11
	nhaResGroup      = 12
	nhaResBucket     = 13
	nhaOpFlags       = 14
	nhaGroupStats    = 15
	nhaHWStatsEnable = 16
	nhaHWStatsUsed   = 17
	nhmsgLen         = 8

	groupMpath     = 0
	groupResilient = 1
	resIdleTimer   = 12000 // NH_RES_DEFAULT_IDLE_TIMER, 120 s in units of 10 ms
)

// Nexthop is a next hop as an object of its own, or a group of these (nhmsg;
// net/ipv4/nexthop.c).
var Nexthop = &wire.Object{
	Name:    "nexthop",
	Doc:     "A next hop, or a group of next hops, that routes refer to by its id.",
	Table:   nexthopTable,
	Subject: "id",
	Alone:   true,
	New:     unix.RTM_NEWNEXTHOP, Del: unix.RTM_DELNEXTHOP, Get: unix.RTM_GETNEXTHOP,
	Verbs: []wire.Verb{
		{Name: "add", Type: unix.RTM_NEWNEXTHOP, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL, Doc: "make it; an error when the id is taken"},
		{Name: "replace", Type: unix.RTM_NEWNEXTHOP, Flags: unix.NLM_F_CREATE | unix.NLM_F_REPLACE, Doc: "put it in the place of the one with this id, or make it"},
		{Name: "change", Type: unix.RTM_NEWNEXTHOP, Flags: unix.NLM_F_REPLACE, Doc: "put it in the place of the one with this id, which must exist"},
		{Name: "delete", Type: unix.RTM_DELNEXTHOP, Doc: "remove it, and the routes that use it"},
	},
	Finish: finishNexthop,
	Key:    []string{"id"},
	Picks:  "id",
	Rank:   rankNexthop,
	Canon:  canonNexthop,

	Irreversible: irreversibleEncap,

	Within: []string{"", "dev", "family", "protocol"},
	Foreign: func(s *wire.Set) bool {
		return s.Uint("protocol") == unix.RTPROT_KERNEL
	},
	Replace: func(*wire.Field) bool { return true },
	Delete:  []string{"id"},
}

var nhmsg = &wire.Place{}

var nexthopTable = &wire.Table{
	Name:  "nexthop",
	Doc:   "a next hop or a group of them",
	Fixed: nhmsgLen,
	Head:  "nhmsg",
	Fields: []wire.Field{
		{Name: "family", At: nhmsg, Off: 0, Kind: wire.U8, Words: ipFamilies, Doc: "address family; follows from the gateway, else inet; groups have none"},
		{Name: "scope", At: nhmsg, Off: 1, Kind: wire.U8, Words: routeScopes, RO: true, Volatile: true, Doc: "how far the next hop is"},
		{Name: "protocol", At: nhmsg, Off: 2, Kind: wire.U8, Words: routeProtocols, Loose: true, Doc: "who made it"},
		{Name: "dead", At: nhmsg, Off: 4, Kind: wire.Bit32, Bit: unix.RTNH_F_DEAD, RO: true, Volatile: true, Doc: "the next hop is dead"},
		{Name: "pervasive", At: nhmsg, Off: 4, Kind: wire.Bit32, Bit: unix.RTNH_F_PERVASIVE, RO: true, Volatile: true, Doc: "do a recursive gateway lookup"},
		{Name: "onlink", At: nhmsg, Off: 4, Kind: wire.Bit32, Bit: unix.RTNH_F_ONLINK, Doc: "the gateway is on this link, whatever the addresses say"},
		{Name: "offload", At: nhmsg, Off: 4, Kind: wire.Bit32, Bit: unix.RTNH_F_OFFLOAD, RO: true, Volatile: true, Doc: "offloaded to hardware"},
		{Name: "linkdown", At: nhmsg, Off: 4, Kind: wire.Bit32, Bit: unix.RTNH_F_LINKDOWN, RO: true, Volatile: true, Doc: "the device has no carrier"},
		{Name: "unresolved", At: nhmsg, Off: 4, Kind: wire.Bit32, Bit: unix.RTNH_F_UNRESOLVED, RO: true, Volatile: true, Doc: "not resolved"},
		{Name: "trap", At: nhmsg, Off: 4, Kind: wire.Bit32, Bit: unix.RTNH_F_TRAP, RO: true, Volatile: true, Doc: "traps packets to the CPU"},

		{Name: "id", Type: unix.NHA_ID, Kind: wire.U32, Min: 1, Doc: "number that routes and groups refer to"},
		{Name: "via", Type: unix.NHA_GATEWAY, Kind: wire.IP, Doc: "address of the gateway"},
		{Name: "dev", Type: unix.NHA_OIF, Kind: wire.Dev, Doc: "output device"},
		{Name: "blackhole", Type: unix.NHA_BLACKHOLE, Kind: wire.Flag, Doc: "drop packets"},
		{Name: "fdb", Type: nhaFDB, Kind: wire.Flag, Immutable: true, Doc: "for entries of a VXLAN's forwarding database, not for routes"},
		{Name: "encap", Type: unix.NHA_ENCAP, Kind: wire.Union, OneOf: nexthopEncaps, Doc: "encapsulation of packets sent"},
		{Name: "group", Type: unix.NHA_GROUP, Kind: wire.Custom, Codec: nexthopGroup{}, Notation: nexthopGroup{}, Min: 1, Stuck: comesOrGoes,
			Doc: "next hops that share the traffic: ids, or (id, weight); what is a group stays one"},
		{Name: "type", Type: unix.NHA_GROUP_TYPE, Kind: wire.U16, Words: wire.Words{{Name: "mpath", N: groupMpath}, {Name: "resilient", N: groupResilient}}, Immutable: true, Doc: "how a group divides traffic"},
		{Name: "res", Type: nhaResGroup, Kind: wire.Nest, Of: resilientGroup, Inline: true, Doc: "of a resilient group"},
		{Name: "hw_stats", Type: nhaHWStatsEnable, Kind: wire.U32, Enum: []string{"off", "on"}, Max: 1, WO: true, Since: "6.9", Doc: "count packets in hardware; reported only to who asks"},
		{Name: "hw_stats_used", Type: nhaHWStatsUsed, Kind: wire.U32, RO: true, Volatile: true, Since: "6.9", Doc: "a driver counts packets"},
		{Name: "groups", Type: unix.NHA_GROUPS, Kind: wire.Flag, WO: true, Doc: "of a request that lists: only groups"},
		{Name: "master", Type: unix.NHA_MASTER, Kind: wire.Dev, WO: true, Doc: "of a request that lists: only by ports of this device"},
		{Name: "op_flags", Type: nhaOpFlags, Kind: wire.U32, Bits: true, Words: nexthopOpFlags, Volatile: true, WO: true, Since: "6.9", Doc: "of a request: what to report beside"},
		{Name: "group_stats", Type: nhaGroupStats, Kind: wire.Bytes, RO: true, Volatile: true, Since: "6.9", Doc: "packets by member of the group"},
		{Name: "bucket", Type: nhaResBucket, Kind: wire.Nest, Of: resilientBucket, Inline: true, Doc: "a bucket of a resilient group"},
	},
}

var nexthopOpFlags = wire.Words{{Name: "stats", N: 1 << 0}, {Name: "hw_stats", N: 1 << 1}, {Name: "resvd_cleared", N: 1 << 31}}

// resilientGroup is NHA_RES_GROUP. Its times are clock_t: units of 10 ms.
var resilientGroup = &wire.Table{
	Name: "res",
	Doc:  "a resilient group",
	Fields: []wire.Field{
		{Name: "buckets", Type: 1, Kind: wire.U16, Min: 1, Immutable: true, Doc: "number of hash buckets"},
		{Name: "idle_timer", Type: 2, Kind: wire.U32, Time: userHZ, Ticks: true, Default: "120s", Doc: "a bucket idle this long may move to another next hop"},
		{Name: "unbalanced_timer", Type: 3, Kind: wire.U32, Time: userHZ, Ticks: true, Default: "0s", Doc: "a group unbalanced this long moves busy buckets too; 0 never"},
		{Name: "unbalanced_time", Type: 4, Kind: wire.U64, Time: userHZ, RO: true, Volatile: true, Doc: "how long it has been unbalanced"},
	},
}

var resilientBucket = &wire.Table{
	Name: "bucket",
	Doc:  "a bucket of a resilient group",
	Fields: []wire.Field{
		{Name: "bucket_index", Type: 1, Kind: wire.U16, RO: true, Volatile: true, Doc: "number of the bucket"},
		{Name: "bucket_idle_time", Type: 2, Kind: wire.U64, Time: userHZ, RO: true, Volatile: true, Doc: "how long it has been idle"},
		{Name: "bucket_nhid", Type: 3, Kind: wire.U32, RO: true, Volatile: true, Doc: "next hop it is assigned to"},
	},
}

// comesOrGoes is Stuck of a row whose value may change, but not whether it has one.
func comesOrGoes(before, after wire.Value) bool {
	return (before.Type == wire.None) != (after.Type == wire.None)
}

// finishNexthop adds the family as ip nexthop does: that of the gateway, none
// for a group or a deletion, else inet.
func finishNexthop(s *wire.Set, v *wire.Verb) error {
	if v == nil && !s.Has("id") {
		return wire.At("id", errMissing) // the kernel would take another one each time
	}
	via, ok := s.Get("via")
	family := uint64(unix.AF_INET)
	switch {
	case v != nil && v.Type == unix.RTM_DELNEXTHOP, s.Has("group"):
		family = unix.AF_UNSPEC
	case ok && via.Type == wire.Addr:
		family = uint64(addrFamily(via.A))
		if s.Has("family") && s.Uint("family") != family {
			return wire.At("via", errors.New("is of another family than the nexthop"))
		}
	}
	s.Default("family", wire.IntVal(family))
	return nil
}

// canonNexthop makes of a message what nh_fill_node reports.
func canonNexthop(s *wire.Set) {
	canonEncap(s)
	delZero(s, "family", "protocol", "type")
	drop(s, "groups", "master")
	if s.Has("blackhole") {
		drop(s, "via", "dev", "encap", "onlink")
	}
	if !s.Has("group") {
		drop(s, "type", "buckets", "idle_timer", "unbalanced_timer", "hw_stats")
	}
	// A message that replaces a group and does not say these leaves them.
	if s.Uint("type") == groupResilient {
		s.Default("idle_timer", wire.IntVal(resIdleTimer))
		s.Default("unbalanced_timer", wire.IntVal(0))
	}
}

// nexthopGroup is NHA_GROUP: an array of struct nexthop_grp (id u32, weight - 1
// in a low and a high byte, u16 reserved). The value is a list whose elements
// are ids, or lists of id and weight where the weight is not 1. As text it is
// ip's "1,256/2".
type nexthopGroup struct{}

const nexthopGrpLen = 8

func (nexthopGroup) Append(b *wire.Builder, f *wire.Field, v wire.Value) error {
	switch v.Type {
	case wire.String:
		var err error
		if v, err = parseGroup(v.S); err != nil {
			return err
		}
	case wire.ListVal:
	default:
		return errors.New("wants a list of ids, or of (id, weight)")
	}
	p := b.Attr(f.Type, nexthopGrpLen*len(v.L))
	for i, e := range v.L {
		id, weight, err := groupMember(e)
		if err != nil {
			return wire.At(fmt.Sprintf("[%d]", i), err)
		}
		binary.NativeEndian.PutUint32(p[nexthopGrpLen*i:], uint32(id))
		p[nexthopGrpLen*i+4] = byte(weight - 1)
		p[nexthopGrpLen*i+5] = byte((weight - 1) >> 8)
	}
	return nil
}

func groupMember(v wire.Value) (id, weight uint64, err error) {
	switch {
	case v.Type == wire.Int:
		id, weight = v.N, 1
	case v.Type == wire.ListVal && len(v.L) == 2 && v.L[0].Type == wire.Int && v.L[1].Type == wire.Int:
		id, weight = v.L[0].N, v.L[1].N
	default:
		return 0, 0, errors.New("wants an id, or (id, weight)")
	}
	if id == 0 || id > 1<<32-1 {
		return 0, 0, fmt.Errorf("id %d is out of range (1..%d)", id, uint32(1<<32-1))
	}
	if weight == 0 || weight > 1<<16 {
		return 0, 0, fmt.Errorf("weight %d is out of range (1..65536)", weight)
	}
	return id, weight, nil
}

func groupMemberOf(id, weight uint64) wire.Value {
	if weight == 1 {
		return wire.IntVal(id)
	}
	return wire.ListOf(wire.IntVal(id), wire.IntVal(weight))
}

// MemberID is the next hop that a member of a group is: an id, or (id, weight).
func MemberID(m wire.Value) uint64 {
	if m.Type == wire.ListVal && len(m.L) > 0 {
		return m.L[0].N
	}
	return m.N
}

func (nexthopGroup) Decode(_ *wire.Field, p []byte) (wire.Value, error) {
	v := wire.Value{Type: wire.ListVal}
	if len(p)%nexthopGrpLen != 0 {
		return v, fmt.Errorf("%d bytes are not a group", len(p))
	}
	for ; len(p) > 0; p = p[nexthopGrpLen:] {
		id, weight := uint64(binary.NativeEndian.Uint32(p)), uint64(p[4])|uint64(p[5])<<8
		if id == 0 || p[6]|p[7] != 0 {
			return v, errors.New("not a group")
		}
		v.L = append(v.L, groupMemberOf(id, weight+1))
	}
	return v, nil
}

func parseGroup(s string) (wire.Value, error) {
	v := wire.Value{Type: wire.ListVal}
	for _, p := range strings.Split(s, "/") {
		is, ws, two := strings.Cut(p, ",")
		if !two {
			ws = "1"
		}
		id, err1 := strconv.ParseUint(is, 0, 32)
		weight, err2 := strconv.ParseUint(ws, 0, 17)
		if err1 != nil || err2 != nil {
			return v, fmt.Errorf("%q is not a group, such as \"1/2\" or \"1,10/2,20\"", s)
		}
		e := groupMemberOf(id, weight)
		if _, _, err := groupMember(e); err != nil {
			return v, err
		}
		v.L = append(v.L, e)
	}
	return v, nil
}

func (nexthopGroup) Parse(s string) (wire.Value, bool, error) {
	v, err := parseGroup(s)
	return v, err == nil, err
}

func (nexthopGroup) Text(v wire.Value) (string, bool) {
	p := make([]string, len(v.L))
	for i, e := range v.L {
		id, weight, err := groupMember(e)
		if err != nil {
			return "", false
		}
		p[i] = strconv.FormatUint(id, 10)
		if weight != 1 {
			p[i] += "," + strconv.FormatUint(weight, 10)
		}
	}
	return strings.Join(p, "/"), true
}
