package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// What is written and cannot be compared is told of; what can be is.
func TestUncompared(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	made := `commit(
    addr("2001:db8::1/64", dev = "eth0", optimistic = True),
    qdisc("eth0", parent = "root", handle = "1:", kind = sch.htb(default = "1:1"), estimator = ["1s", "8s"]),
    route("2001:db8:9::/48", via = "2001:db8::9", expires = "1h"),
    link("br0", kind = kind.bridge(mcast_hash_elasticity = 4)),
)`
	mustRun(t, e, made, nil)
	time.Sleep(1100 * time.Millisecond) // the route is younger than it was written
	p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(made)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if !p.Empty() {
		t.Errorf("it is so already:\n%s", p)
	}
	for _, want := range []string{
		"= addr 2001:db8::1/64 dev eth0",
		"note: optimistic is not compared: IPv6: use the address while duplicates are looked for",
		"= qdisc eth0 root",
		"note: estimator is not compared: the kernel never reports it; it is sent when the object is made or changes",
		"note: kind.bridge.mcast_hash_elasticity is not compared: ignored, always 16",
	} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("no %q in\n%s", want, p)
		}
	}
	if n := strings.Count(p.String(), "note:"); n != 4 {
		t.Errorf("%d notes:\n%s", n, p)
	}
	for src, want := range map[string]string{
		`route("2001:db8:9::/48", via = "2001:db8::9", expires = "2h")`:          "note: of expires 7200s 3",
		`route("2001:db8:9::/48", via = "2001:db8::9", expires = "1s")`:          "~ route 2001:db8:9::/48",
		`link("br0", mtu = 1400, kind = kind.bridge(mcast_hash_elasticity = 4))`: "note: kind.bridge.mcast_hash_elasticity is not compared",
		// A patch sends what is never reported, each time.
		`link("br0", kind = kind.bridge(fdb_flush = True))`: "~ link br0",
	} {
		p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
		if err != nil || !strings.Contains(p.String(), want) {
			t.Errorf("%s: no %q in\n%s%v", src, want, p, err)
		}
	}
}
