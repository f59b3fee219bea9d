package engine_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

func TestAffects(t *testing.T) {
	e, err := engine.New(engine.WithFacts(engine.Facts{Links: map[string]int{"eth0": 2, "eth1": 3}}))
	if err != nil {
		t.Fatal(err)
	}
	for src, want := range map[string]bool{
		`link("eth0", mtu = 1400)`:                         true,
		`link("eth1", mtu = 1400)`:                         false,
		`link("eth1", master = "eth0")`:                    false,
		`link.delete("eth0")`:                              true,
		`addr("192.0.2.2/24", dev = "eth0")`:               true,
		`addr("192.0.2.2/24", dev = "eth1")`:               false,
		`route("10.0.0.0/8", dev = "eth0")`:                true,
		`route("10.0.0.0/8", dev = "eth1")`:                false,
		`route("198.51.100.0/24", dev = "eth1")`:           true,
		`route("default", dev = "eth1")`:                   true,
		`route("default", dev = "eth1", family = "inet6")`: false,
		`route("2001:db8::/32", dev = "eth1")`:             false,
		`sysctl("net.ipv4.ip_forward", 1)`:                 false,
		`rule(table = 100, priority = 7)`:                  false,
	} {
		p, err := e.Plan(context.Background(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := p.Affects("eth0", netip.MustParseAddr("::ffff:198.51.100.7")); got != want {
			t.Errorf("%s: %v, want %v", src, got, want)
		}
	}
}
