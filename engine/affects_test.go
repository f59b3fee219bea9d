package engine_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

func TestAffects(t *testing.T) {
	e, err := engine.New(engine.WithFacts(engine.Facts{Links: map[string]int{"eth0": 2, "eth1": 3}}))
	if err != nil {
		t.Fatal(err)
	}
	const by, here, way = ", which this changes", " to 192.0.2.2, which this changes", ", and this changes "
	for src, want := range map[string]string{
		`link("eth0", mtu = 1400)`:                                       by,
		`link("eth1", mtu = 1400)`:                                       "",
		`link("eth1", master = "eth0")`:                                  "",
		`link.delete("eth0")`:                                            by,
		`addr("192.0.2.3/24", dev = "eth0")`:                             by,
		`addr("192.0.2.3/24", dev = "eth1")`:                             "",
		`addr("192.0.2.2/32", dev = "eth1")`:                             here,
		`absent(addr("192.0.2.2/32", dev = "eth1"))`:                     "",
		`route("10.0.0.0/8", dev = "eth0")`:                              by,
		`route("10.0.0.0/8", dev = "eth1")`:                              "",
		`route("198.51.100.0/24", dev = "eth1")`:                         way + "route 198.51.100.0/24",
		`route("default", dev = "eth1")`:                                 way + "route default",
		`route("default", dev = "eth1", family = "inet6")`:               "",
		`route("2001:db8::/32", dev = "eth1")`:                           "",
		`neigh("192.0.2.9", dev = "eth0", lladdr = "02:00:00:00:00:09")`: by,
		`nexthop(7, via = "192.0.2.9", dev = "eth0")`:                    by,
		`qdisc("eth0", parent = "root", kind = sch.pfifo(limit = 1))`:    by,
		`sysctl("net.ipv4.ip_forward", 1)`:                               "",
		`sysctl("net.ipv4.conf.eth0.rp_filter", 1)`:                      by,
		`rule(table = 100, priority = 7)`:                                way + "rule table 100 priority 7",
		`rule(table = 100, priority = 7, family = "inet6")`:              "",
		`rule(table = 100, priority = 7, from_ = "192.0.2.0/24", to = "198.51.100.0/24", iif = "lo", oif = "eth0", ipproto = "tcp")`: way + `rule table 100 from 192.0.2.0/24 to 198.51.100.0/24 priority 7 iif lo oif eth0 ipproto tcp`,
		`rule(table = 100, priority = 7, from_ = "192.0.3.0/24")`:                                                                    "",
		`rule(table = 100, priority = 7, to = "10.0.0.0/8")`:                                                                         "",
		`rule(table = 100, priority = 7, to = "10.0.0.0/8", not_ = True)`:                                                            way + "rule table 100 not to 10.0.0.0/8 priority 7",
		`rule(table = 100, priority = 7, iif = "eth0")`:                                                                              "",
		`rule(table = 100, priority = 7, oif = "eth1")`:                                                                              "",
		`rule(table = 100, priority = 7, fwmark = 1)`:                                                                                "",
		`rule(table = 100, priority = 7, ipproto = "udp")`:                                                                           "",
	} {
		p, err := e.Plan(context.Background(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := p.Affects("eth0", netip.MustParseAddr("::ffff:192.0.2.2"), netip.MustParseAddr("::ffff:198.51.100.7")); got != want {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
}

// What is below the device that a session comes in by, and what goes with a change.
func TestAffectsStack(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1", "eth2", "eth3")
	mustRun(t, e, `commit(
    link("br0", kind = kind.bridge(), up = True),
    link(["eth0", "eth1"], master = "br0", up = True),
    link("mv0", link = "br0", kind = kind.macvlan(), up = True),
    addr("192.0.2.2/24", dev = "mv0"),
    addr("192.0.2.2/32", dev = "eth3"),
    link(["eth2", "eth3"], group = 7),
    route("198.51.100.0/24", via = "192.0.2.9"),
    rule(to = "198.51.100.0/24", table = 100, priority = 100),
    nexthop(5, via = "192.0.2.8", dev = "mv0"),
    route("198.51.100.0/25", nhid = 5),
)`, nil)
	over := func(dev string) string { return " over " + dev + ", which this changes" }
	for src, want := range map[string]string{
		`link("eth1", up = False)`:                                                       over("eth1"),
		`absent(link("br0"))`:                                                            over("br0"),
		`link("eth0p", mtu = 1400)`:                                                      "",
		`absent(link("eth0p"))`:                                                          over("eth0"),
		`link("eth2", mtu = 1400)`:                                                       "",
		`link.change(group = 7, mtu = 1400)`:                                             "",
		`link.change(group = "default", mtu = 1400)`:                                     over("eth0"),
		`absent(addr("192.0.2.2/32", dev = "eth3"))`:                                     " to 192.0.2.2, which this changes",
		`absent(addr("192.0.2.2/24", dev = "mv0"))`:                                      " to 192.0.2.2, which this changes",
		`absent(rule(to = "198.51.100.0/24", table = 100, priority = 100))`:              ", and this changes rule table 100 to 198.51.100.0/24 priority 100",
		`absent(route("198.51.100.0/24"))`:                                               ", and this changes route 198.51.100.0/24",
		`absent(nexthop(5))`:                                                             ", which this changes",
		`sysctl("net.ipv6.conf.all.disable_ipv6", 1)`:                                    "",
		`bridge.fdb("02:00:00:00:00:01", dev = "eth1", state = "static", master = True)`: over("eth1"),
	} {
		p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := p.Affects("mv0", netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("198.51.100.7")); got != want {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
}
