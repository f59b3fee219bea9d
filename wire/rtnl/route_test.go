package rtnl

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/wire"
)

func prefix(t testing.TB, s string) netip.Prefix {
	t.Helper()
	if p, err := netip.ParsePrefix(s); err == nil {
		return p
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return netip.PrefixFrom(a, a.BitLen())
}

func TestRouteOracle(t *testing.T) {
	said := map[string]func([]string) bool{
		"family":   says("-4", "-6", "-f"),
		"table":    says("table"),
		"protocol": says("proto", "protocol"),
		"scope":    says("scope"),
		// local is a type before the prefix, a table after the word table.
		"type": func(argv []string) bool {
			i := slices.Index(argv, "route")
			return says(routeTypes[1:]...)(argv[i : i+3])
		},
		"lock": says("lock"),
	}
	for _, c := range oracle(t, "route/") {
		for _, m := range c.Messages {
			checkRoundTrip(t, Route, &c, &m)
			checkFinish(t, Route, &c, &m, said)
		}
	}
}

func TestRouteCanon(t *testing.T) {
	for _, c := range []struct {
		name string
		row  []any
		want string
	}{
		{"v4", []any{"dst", "10.0.0.0/8", "via", "192.0.2.1"},
			"family inet table main protocol boot type unicast dst 10.0.0.0/8 via 192.0.2.1"},
		{"v4 through an IPv6 gateway", []any{"dst", "10.0.0.0/8", "via", "fe80::1", "dev", "eth0"},
			"family inet table main protocol boot type unicast dst 10.0.0.0/8 via fe80::1 dev eth0"},
		{"default is one thing however written", []any{"dst", "0.0.0.0/0", "dev", "eth0"},
			"family inet table main protocol boot scope link type unicast dst default dev eth0"},
		{"clamps and zeros", []any{"dst", "10.0.0.0/8", "dev", "eth0", "mtu", 70000, "hoplimit", 300, "advmss", 65535, "window", 0, "metric", 0},
			"family inet table main protocol boot scope link type unicast dst 10.0.0.0/8 dev eth0 mtu 65520 advmss 65495 hoplimit 255"},
		{"rto_min locks itself", []any{"dst", "10.0.0.0/8", "dev", "eth0", "rto_min", 40},
			"family inet table main protocol boot scope link type unicast dst 10.0.0.0/8 dev eth0 rto_min 40ms lock rto_min"},
		{"v6 is masked, has a metric and no scope", []any{"dst", "2001:db8::1/64", "dev", "eth0", "scope", 253, "pref", 0},
			"family inet6 table main protocol boot type unicast dst 2001:db8::/64 metric 1024 dev eth0"},
		{"v6 reject has no device", []any{"dst", "2001:db8::/64", "type", "unreachable", "dev", "lo"},
			"family inet6 table main protocol boot type unreachable dst 2001:db8::/64 metric 1024"},
		{"a large table", []any{"dst", "10.0.0.0/8", "dev", "eth0", "table", 1000},
			"family inet table 1000 protocol boot scope link type unicast dst 10.0.0.0/8 dev eth0"},
		{"a nexthop object says the rest", []any{"dst", "10.0.0.0/8", "nhid", 7},
			"family inet table main protocol boot type unicast dst 10.0.0.0/8 nhid 7"},
		{"mpls", []any{"dst", "100", "family", 28, "as_", "200/201", "via", "10.0.0.2", "dev", "eth0"},
			"family mpls table main protocol boot type unicast dst 100 via 10.0.0.2 dev eth0 as 200/201"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := canonText(t, Route, rowsOf(t, Route.Table, c.row...)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestRouteHops: one next hop is no multipath; several of IPv6 have no order.
func TestRouteHops(t *testing.T) {
	hop := func(row ...any) wire.Value { return wire.SubVal(rowsOf(t, Hop, row...)) }
	one := rowsOf(t, Route.Table, "dst", "10.0.0.0/8", "nexthops", wire.ListOf(hop("via", "192.0.2.1", "dev", "eth0", "weight", 1)))
	flat := rowsOf(t, Route.Table, "dst", "10.0.0.0/8", "via", "192.0.2.1", "dev", "eth0")
	if a, b := canonText(t, Route, one), canonText(t, Route, flat); a != b {
		t.Errorf("one next hop is %s, want %s", a, b)
	}
	legs := func(a, b string) *wire.Set {
		return rowsOf(t, Route.Table, "dst", "2001:db8::/32", "nexthops", wire.ListOf(hop("via", a, "dev", "eth0"), hop("via", b, "dev", "eth0")))
	}
	if a, b := canonText(t, Route, legs("fe80::1", "fe80::2")), canonText(t, Route, legs("fe80::2", "fe80::1")); a != b {
		t.Errorf("order counts in IPv6: %s, %s", a, b)
	}
	four := func(a, b string) *wire.Set {
		return rowsOf(t, Route.Table, "dst", "10.0.0.0/8", "nexthops", wire.ListOf(hop("via", a), hop("via", b)))
	}
	if a, b := canonText(t, Route, four("192.0.2.1", "192.0.2.2")), canonText(t, Route, four("192.0.2.2", "192.0.2.1")); a == b {
		t.Errorf("order does not count in IPv4: %s", a)
	}
}

// TestRouteSharedHop: a hop that two routes of different families share keeps
// its own value.
func TestRouteSharedHop(t *testing.T) {
	hop := rowsOf(t, Hop, "via", "fe80::1", "dev", "eth0")
	before := hop.Clone()
	for _, dst := range []string{"10.0.0.0/8", "2001:db8::/32"} {
		s := rowsOf(t, Route.Table, "dst", dst, "nexthops", wire.ListOf(wire.SubVal(hop), wire.SubVal(hop)))
		if err := Route.Finish(s, Route.Verb("add")); err != nil {
			t.Fatal(err)
		}
		via, _ := hopsOf(s)[0].Get("via")
		if want := uint64(map[string]int{"10.0.0.0/8": inVia, "2001:db8::/32": 0}[dst]); via.N != want {
			t.Errorf("%s: gateway marked %d, want %d", dst, via.N, want)
		}
	}
	if !hop.Equal(before) {
		t.Errorf("hop is now %s, was %s", hop.Text(nil), before.Text(nil))
	}
}

func hopsOf(s *wire.Set) []*wire.Set {
	v, _ := s.Get("nexthops")
	var l []*wire.Set
	for _, h := range v.L {
		l = append(l, h.Sub)
	}
	return l
}

func TestRouteRefuses(t *testing.T) {
	for _, c := range []struct {
		row  []any
		want string
	}{
		{[]any{"dst", "100"}, `dst: a label needs family = "mpls"`},
		{[]any{"dst", "10.0.0.0/8", "family", 28}, "dst: wants a label"},
		{[]any{"dst", "10.0.0.0/8", "family", 10}, "dst: is of another family"},
		{[]any{"dst", "10.0.0.0/8", "from_", "2001:db8::/32"}, "from: is of another family"},
		{[]any{"dst", "10.0.0.0/8", "via", wire.StrVal("fe80::1%eth0")}, `via: "fe80::1%eth0": name the device with dev`},
	} {
		err := Route.Finish(rowsOf(t, Route.Table, c.row...), Route.Verb("add"))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.row, err, c.want)
		}
	}
}

func TestRouteForeign(t *testing.T) {
	for _, c := range []struct {
		row  []any
		want bool
	}{
		{[]any{"protocol", "static"}, false},
		{[]any{"protocol", "kernel"}, true},
		{[]any{"protocol", "ra"}, true},
		{[]any{"table", "local", "protocol", "kernel"}, true},
		{[]any{"table", "local", "protocol", "boot"}, false},
		{[]any{"table", 100}, false},
		{[]any{"family", 129}, true},
	} {
		if got := Route.Foreign(rowsOf(t, Route.Table, c.row...)); got != c.want {
			t.Errorf("%v: %t, want %t", c.row, got, c.want)
		}
	}
}

func TestNotations(t *testing.T) {
	for _, c := range []struct {
		n    wire.Notation
		s    string
		want string // text, or what the error begins with
	}{
		{realms{}, "5", "5"}, {realms{}, "3/4", "3/4"}, {realms{}, "0/4", "4"}, {realms{}, "70000", `"70000": a realm`}, {realms{}, "1/2/3", `"1/2/3": a realm`},
		{labelPrefix{}, "100", "100"}, {labelPrefix{}, "0", "0"}, {labelPrefix{}, "1048575", "1048575"}, {labelPrefix{}, "1048576", "label 1048576"},
		{labelStack{}, "200/201", "200/201"}, {labelStack{}, "0x10", "16"}, {labelStack{}, "10.0.0.9", "10.0.0.9"}, {labelStack{}, "1/x", `"1/x": a label`},
		{gateway{}, "192.0.2.1", "192.0.2.1"}, {gateway{}, "2001:DB8::1", "2001:db8::1"}, {gateway{}, "02:00:00:00:00:01", "02:00:00:00:00:01"}, {gateway{}, "x", `"x" is not an address`},
		{nexthopGroup{}, "1,256/2", "1,256/2"}, {nexthopGroup{}, "1,1/2", "1/2"}, {nexthopGroup{}, "1,65536", "1,65536"}, {nexthopGroup{}, "1,65537", "weight 65537"}, {nexthopGroup{}, "0", "id 0"},
		{locator{}, "2001:db8:0:1", "2001:db8:0:1"}, {locator{}, "2001:db8::1", `"2001:db8::1" is not a locator`},
	} {
		v, ok, err := c.n.Parse(c.s)
		got := ""
		switch {
		case err != nil:
			got = err.Error()[:min(len(c.want), len(err.Error()))]
		case ok:
			got, _ = c.n.Text(v)
		}
		if got != c.want {
			t.Errorf("%T %q: %s, want %s", c.n, c.s, got, c.want)
		}
	}
	if _, ok, err := (labelPrefix{}).Parse("10.0.0.0/8"); ok || err != nil {
		t.Errorf("a prefix is taken for a label: %v", err)
	}
}

// TestMultipathMalformed: next hops that do not fit are kept as they are.
func TestMultipathMalformed(t *testing.T) {
	good := []byte{8, 0, 0, 0, 2, 0, 0, 0}
	for _, c := range []struct {
		p    []byte
		hops int // -1: an error
	}{
		{good, 1},
		{slices.Concat(good, good), 2},
		{nil, -1},
		{slices.Concat(good, []byte{7, 0, 0, 0, 2, 0, 0, 0}), -1},  // shorter than its header
		{slices.Concat(good, []byte{12, 0, 0, 0, 2, 0, 0, 0}), -1}, // longer than what is left
		{slices.Concat(good, []byte{8, 0, 0, 0}), -1},
		{[]byte{12, 0, 0, 0, 2, 0, 0, 0, 9, 0, 1, 0}, -1}, // an attribute longer than the next hop
	} {
		if wire.IsBigEndian {
			t.Skip("bytes of a little-endian machine")
		}
		v, err := multipath{}.Decode(nil, c.p)
		if got := len(v.L); (err != nil) != (c.hops < 0) || err == nil && got != c.hops {
			t.Errorf("%x: %d next hops, %v; want %d", c.p, got, err, c.hops)
		}
	}
}
