package rtnl

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// TestEncapKernel adds routes and next hops with every encapsulation and finds
// them as they were sent.
//
// It runs in the machine of test/vm only: Linux 6.18 does not come back from
// encap ip and ip6.
func TestEncapKernel(t *testing.T) {
	if !testnet.InVM() {
		t.Skip("encap ip hangs some kernels: test/vm/test runs this")
	}
	ns := testnet.New(t)
	ns.Veth("r0", "r1")
	r0, r1 := wire.IntVal(uint64(ns.Index("r0"))), wire.IntVal(uint64(ns.Index("r1")))
	k := dialRouting(t, ns)
	addr := func(s string) wire.Value { return wire.AddrVal(netip.MustParseAddr(s)) }
	list := func(l ...string) wire.Value {
		var v wire.Value
		for _, s := range l {
			v.L = append(v.L, wire.StrVal(s))
		}
		return wire.ListOf(v.L...)
	}
	encap := func(tab *wire.Table, row ...any) wire.Value { return wire.SubVal(rowsOf(t, tab, row...)) }
	find := func(o *wire.Object, row ...any) {
		t.Helper()
		sent := rowsOf(t, o.Table, row...)
		written := sent.Clone()
		if err := o.Finish(sent, o.Verb("add")); err != nil {
			t.Fatal(err)
		}
		if err := k.send(o, sent); err != nil {
			t.Errorf("%s %s: %v", o.Name, sent.Text(nil), err)
			return
		}
		want := reported(t, o, sent)
		if k.find(o, want, written) == "" {
			t.Errorf("%s %s: not found among\n%s", o.Name, comparable(want, written), k.texts(o, written))
		}
		if o == Nexthop {
			sent = rowsOf(t, o.Table, "id", 7)
		}
		if err := k.delete(o, sent); err != nil {
			t.Errorf("%s %s: delete: %v", o.Name, sent.Text(nil), err)
		}
	}

	peer, peer6 := addr("203.0.113.9"), addr("2001:db8:9::9")
	for _, e := range []wire.Value{
		encap(encapIP, "dst", peer),
		encap(encapIP, "id", 7, "dst", peer, "src", addr("192.0.2.2"), "ttl", 9, "tos", 0x10, "key", true, "csum", true, "seq", true),
		encap(encapIP, "id", 7, "dst", peer, "dont_fragment", true),
		encap(encapIP, "dst", peer, "geneve_opts", list("0102:80:00000001")),
		encap(encapIP, "dst", peer, "geneve_opts", list("0102:80:00000001", "ffff:01:0000000200000003")),
		encap(encapIP, "dst", peer, "vxlan_opts", 0x123),
		encap(encapIP, "dst", peer, "erspan_opts", "1:305419896:0:0"),
		encap(encapIP, "dst", peer, "erspan_opts", "2:0:1:17"),
		encap(encapIP6, "dst", peer6),
		encap(encapIP6, "id", wire.IntVal(1<<40), "dst", peer6, "src", addr("2001:db8::2"), "hoplimit", 9, "tc", 3, "key", true),
		encap(encapIP6, "dst", peer6, "geneve_opts", list("0102:80:00000001", "ffff:01:0000000200000003")),
		encap(encapIP6, "dst", peer6, "vxlan_opts", 0x123),
		encap(encapIP6, "dst", peer6, "erspan_opts", "1:305419896:0:0"),
		encap(encapMPLS, "dst", "16/17", "ttl", 3),
	} {
		for _, dst := range []string{"10.0.0.0/16", "2001:db8:100::/48"} {
			find(Route, "dst", dst, "dev", r0, "encap", e)
		}
		find(Nexthop, "id", 7, "family", "inet", "dev", r0, "encap", e)
	}
	for _, e := range []wire.Value{
		encap(encapSeg6, "mode", "encap", "segs", addrsVal("2001:db8::a")),
		encap(encapSeg6, "mode", "inline", "segs", addrsVal("2001:db8::a", "2001:db8::b")),
		encap(encapSeg6, "mode", "l2encap", "segs", addrsVal("2001:db8::a")),
		encap(encapSeg6Local, "action", "End"),
		encap(encapSeg6Local, "action", "End", "flavors", 1<<1, "count", true),
		encap(encapSeg6Local, "action", "End.X", "nh6", addr("2001:db8::9")),
		encap(encapSeg6Local, "action", "End.T", "table", 77),
		encap(encapSeg6Local, "action", "End.DX2", "oif", r1),
		encap(encapSeg6Local, "action", "End.DX4", "nh4", addr("192.0.2.9")),
		encap(encapSeg6Local, "action", "End.DT6", "table", 77),
		encap(encapSeg6Local, "action", "End.B6", "segs", addrsVal("2001:db8::a")),
		encap(encapSeg6Local, "action", "End.B6.Encaps", "segs", addrsVal("2001:db8::a", "2001:db8::b")),
	} {
		find(Route, "dst", "2001:db8:100::/48", "dev", r0, "encap", e)
		find(Nexthop, "id", 7, "family", "inet6", "dev", r0, "encap", e)
	}
	for _, e := range []wire.Value{
		encap(encapILA, "locator", "2001:db8:0:1", "csum_mode", "no-action", "ident_type", "luid"),
		encap(encapILA, "locator", "2001:db8:0:1", "csum_mode", "adj-transport", "ident_type", "luid", "hook_type", "input"),
		encap(encapILA, "locator", "2001:db8:0:1"), // the destination has the type
	} {
		find(Route, "dst", "2001:db8:0:2:2000::/68", "dev", r0, "encap", e)
	}

	for dst, via := range map[string]wire.Value{"10.0.0.0/16": addr("192.0.2.1"), "2001:db8:100::/48": addr("fe80::1")} {
		hop := func(row ...any) wire.Value {
			return wire.SubVal(rowsOf(t, Hop, append(row, "via", via, "onlink", true)...))
		}
		find(Route, "dst", dst, "nexthops", wire.ListOf(
			hop("dev", r0, "encap", encap(encapIP, "id", 1, "dst", peer, "geneve_opts", list("0102:80:00000001"))),
			hop("dev", r1, "weight", 3, "encap", encap(encapMPLS, "dst", "16"))))
	}
}

// TestEncapKernelLacks: what Debian's kernel is built without is refused as such,
// not for its bytes.
func TestEncapKernelLacks(t *testing.T) {
	if !testnet.InVM() {
		t.Skip("encap ip hangs some kernels: test/vm/test runs this")
	}
	ns := testnet.New(t)
	ns.Veth("r0")
	k := dialRouting(t, ns)
	for _, e := range []*wire.Set{
		rowsOf(t, encapRPL, "segs", addrsVal("2001:db8::a")),
		rowsOf(t, encapIOAM6, "mode", "inline", "type", 0x800000, "ns", 1, "size", 12),
	} {
		s := rowsOf(t, Route.Table, "dst", "2001:db8:100::/48", "dev", wire.IntVal(uint64(ns.Index("r0"))), "encap", wire.SubVal(e))
		if err := k.send(Route, s); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("%s: %v, want EOPNOTSUPP", e.Table.Name, err)
		}
	}
}
