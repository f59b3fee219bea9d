package rtnl

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// What no message makes again, once it is gone (KERNEL.md A14).

// linkLosses is what is lost with links of kinds that have no table, beside their
// options.
var linkLosses = map[string]string{
	"wireguard": "its keys and peers",
	"macsec":    "its secure channels and keys",
	"team":      "what teamd set up",
	"l2tpeth":   "its tunnel and session",
	"gtp":       "its sockets and sessions",
	"tun":       "the program that holds it",
}

// irreversibleLink: a device, what a kind keeps that is not said by messages of
// links, a kind that nothing is known of, a program.
func irreversibleLink(s *wire.Set) string {
	var l []string
	kind := s.Table.Row("kind")
	tag, unknown := s.Unknown(kind)
	switch v, ok := s.At(kind); {
	case unknown && linkLosses[tag] != "":
		l = append(l, "kind "+tag+", "+linkLosses[tag])
	case unknown:
		l = append(l, "kind "+tag+", which has no table here")
	case ok && v.Sub != nil && v.Sub.Table.Irreversible != "":
		l = append(l, "kind "+v.Sub.Table.Name+", "+v.Sub.Table.Irreversible)
	case !ok && s.Has("mtu"): // facts may know no more of a link than its name
		l = append(l, "the device, which no message made")
	}
	if v, ok := s.Get("xdp"); ok && v.Sub != nil && v.Sub.Uint("attached") != 0 {
		l = append(l, xdpProgram)
	}
	return strings.Join(l, "; ")
}

// irreversibleTC: a queueing discipline, or class, of a kind that nothing is
// known of.
func irreversibleTC(s *wire.Set) string {
	if tag, ok := s.Unknown(s.Table.Row("kind")); ok {
		return "kind " + tag + ", which has no table here"
	}
	return ""
}

// leavesGroup: with its device, or when that goes down, a multicast address goes but the
// kernel stays in its group, and can join it no more (ip_mc_join, ipv6_sock_mc_join).
func leavesGroup(s *wire.Set) string {
	if s.Uint("autojoin") != 0 {
		return "as the kernel stays in its group (autojoin)"
	}
	return ""
}

// Parents of the filters of a clsact (TC_H_MIN_INGRESS, TC_H_MIN_EGRESS).
const (
	tcIngressFilters = 0xfffffff2
	tcEgressFilters  = 0xfffffff3
)

// filters are listed by where they hang: the number of a queueing discipline, of a
// class, or the two places of a clsact (tc_dump_tfilter).
func filters(s *wire.Set) []wire.Unlisted {
	u := wire.Unlisted{What: "its filters, which have no table here"}
	number := "handle"
	if s.Table == classTable {
		number = "classid"
	}
	parents := []uint64{s.Uint(number)}
	if s.Uint("parent") == tcIngress {
		parents = append(parents, tcIngressFilters, tcEgressFilters)
	}
	for _, parent := range parents {
		var b wire.Builder
		m := b.Begin(unix.RTM_GETTFILTER, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
		head := b.Fixed(classTable.Fixed)
		wire.NativeUint32(head[4:], uint32(s.Uint("dev")))
		wire.NativeUint32(head[12:], uint32(parent))
		b.End(m)
		if req, _, err := b.Last(); err == nil {
			u.Dumps = append(u.Dumps, req)
		}
	}
	return []wire.Unlisted{u}
}

// irreversibleEncap: of a route that hands packets to a program no more is
// reported than that it does.
func irreversibleEncap(s *wire.Set) string {
	f := s.Table.Row("encap")
	if tag, ok := s.Unknown(f); ok {
		return "encap " + tag + ", which has no table here"
	}
	if v, ok := s.At(f); ok && v.Sub != nil && v.Sub.Table.Irreversible != "" {
		return "encap " + v.Sub.Table.Name + ", " + v.Sub.Table.Irreversible
	}
	return ""
}
