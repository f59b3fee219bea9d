package engine_test

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// With an mtu that is too small for IPv6 all of it goes, also from links above that cannot
// have more: the plan says so, and ops behind it find it gone.
func TestSmallMTU(t *testing.T) {
	const base = `commit(
    link("mv0", link = "eth0", up = True, kind = kind.macvlan(mode = "bridge")),
    addr(["10.0.0.1/24", "2001:db8::1/64"], dev = "eth0"), addr("2001:db8:1::1/64", dev = "mv0"),
    neigh("2001:db8::7", lladdr = "02:00:00:00:00:07", dev = "eth0", nud = "permanent"),
    neigh("10.0.0.7", lladdr = "02:00:00:00:00:07", dev = "eth0", nud = "permanent"),
    nexthop(7, via = "2001:db8::9", dev = "eth0"),
    route("2001:db8:7::/48", nhid = 7), route("2001:db8:8::/48", via = "2001:db8::9"), route("10.8.0.0/16", via = "10.0.0.9"),
)`
	gone := []string{"addr 2001:db8::1/64 dev eth0", "addr 2001:db8:1::1/64 dev mv0", "neigh 2001:db8::7 dev eth0", "route 2001:db8:8::/48"}
	for name, ops := range map[string]string{
		"ensured": `link("eth0", mtu = 1000)`,
		"a verb":  `link.set("eth0", mtu = 1000)`,
		"and back": `link.set("eth0", mtu = 1000), link.set("eth0", mtu = 1500), addr("2001:db8::1/64", dev = "eth0"),
    route("2001:db8:8::/48", via = "2001:db8::9")`,
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, base, nil)
			src := "commit(" + ops + ")"
			p := planned(t, e, src)
			for _, title := range gone {
				if !strings.Contains(p, "- "+title) {
					t.Errorf("no %s in\n%s", title, p)
				}
			}
			if n := strings.Count(p, "goes with it\n"); n != len(gone) {
				t.Errorf("%d go in\n%s", n, p)
			}
			enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(src)})
			mustRun(t, e, src, nil)
		})
	}
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, base, nil)
	if p := planned(t, e, `commit(link("eth0", mtu = 1280))`); strings.Contains(p, "goes with it") {
		t.Error(p)
	}
	if p := planned(t, e, `commit(link("eth0", mtu = 1000), addr("2001:db8::1/64", dev = "eth0"))`); !strings.Contains(p, "+ addr 2001:db8::1/64") {
		t.Error(p)
	}
}
