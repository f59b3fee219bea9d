package enginetest

import (
	"os"
	"slices"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// An image that does not see a change would let EveryFailure pass.
func TestImageSees(t *testing.T) {
	e := Sandbox(t, "eth0", "eth1")
	run(t, e, `commit(
    addr(["10.0.0.1/24", "2001:db8::1/64"], dev = "eth0"),
    link("br0", kind = kind.bridge(), address = "02:00:00:00:00:b0", up = True),
    link("eth1", master = "br0", port = port.bridge(vlan_tunnel = True)),
    nexthop(1, via = "10.0.0.9", dev = "eth0"),
    route("10.9.0.0/16", nexthops = [hop(via = "10.0.0.2"), hop(via = "10.0.0.3", weight = 2)]),
    rule(from_ = "10.1.0.0/16", table = 5, priority = 5),
    rule(from_ = "10.2.0.0/16", table = 5, priority = 5),
)`)
	scripts := []string{
		`link("eth0", mtu = 1400)`,
		`link("eth0", alias = "x")`,
		`link("eth0", altnames = ["x"])`,
		`link("eth0", up = False)`,
		`link("eth0", txqueuelen = 7)`,
		`link("eth0", group = 7)`,
		`link("br0", kind = kind.bridge(ageing_time = "7s"))`,
		`link("eth1", port = port.bridge(hairpin = True))`,
		`link("x0", kind = kind.bridge())`,
		`addr("10.0.0.2/24", dev = "eth0")`,
		`addr("10.0.0.1/24", dev = "eth0", label = "eth0:1")`,
		`addr("2001:db8::1/64", dev = "eth0", nodad = True)`,
		`route("10.8.0.0/16", via = "10.0.0.2", table = 77)`,
		`route("10.9.0.0/16", nexthops = [hop(via = "10.0.0.2"), hop(via = "10.0.0.3", weight = 3)])`,
		`route("2001:db8:9::/48", via = "2001:db8::9")`,
		`route("10.9.0.0/16", nexthops = [hop(via = "10.0.0.2"), hop(via = "10.0.0.3", weight = 2)], mtu = 1300)`,
		`absent(route("10.9.0.0/16"))`,
		`rule(from_ = "10.3.0.0/16", table = 5, priority = 5)`,
		`[absent(rule(from_ = "10.1.0.0/16", table = 5, priority = 5))], label = "order") or commit(rule(from_ = "10.1.0.0/16", table = 5, priority = 5)`,
		`neigh("10.0.0.5", lladdr = "02:00:00:00:00:05", dev = "eth0", nud = "permanent")`,
		`neigh("10.0.0.6", dev = "eth0", proxy = True)`,
		`bridge.fdb("02:00:00:00:00:11", dev = "eth1", master = True, state = "static")`,
		`nexthop(2, blackhole = True)`,
		`nexthop(1, via = "10.0.0.8", dev = "eth0")`,
		`qdisc("eth0", parent = "root", handle = "1:", kind = sch.tbf(rate = "1mbit", burst = "16kb", latency = "50ms"))`,
		`sysctl("net.ipv4.conf.eth0.rp_filter", 2)`,
		`sysctl("net.ipv4.conf.all.rp_filter", 2)`,
		`sysctl("net.ipv6.conf.eth0.hop_limit", 44)`,
		`sysctl("net.ipv4.neigh.eth0.gc_stale_time", 61)`,
		`sysctl("net.ipv6.neigh.eth0.retrans_time_ms", 2000)`,
		`sysctl("net.ipv4.tcp_retries2", 9)`,
	}
	if testnet.InVM() { // whose bridges know VLANs
		scripts = append(scripts, `bridge.vlan(7, dev = "eth1")`, `bridge.vlan(1, dev = "eth1", untagged = True)`, `absent(bridge.vlan(1, dev = "br0", self = True))`,
			`bridge.tunnel_info(1, dev = "eth1", id = 9)`)
	}
	for _, script := range scripts {
		before := settle(t, e)
		r := run(t, e, "commit("+script+")")
		now := settle(t, e)
		if now.differs(before) == "" || before.differs(now) == "" {
			t.Errorf("%s makes no difference", script)
		}
		if err := r.Undo(t.Context()); err != nil {
			t.Errorf("%s: %+v", script, err)
		}
		same(t, e, before)
	}
}

func run(t *testing.T, e *engine.Engine, src string) *engine.Result {
	t.Helper()
	r, err := e.Run(t.Context(), engine.Script{Name: "test.star", Source: []byte(src)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	return r
}

// What a namespace holds is that of the engine, not of the test.
func TestSandbox(t *testing.T) {
	e := Sandbox(t, "eth0")
	var names []string
	testnet.Do(t, e.NetNS(), func() {
		dirs, err := os.ReadDir("/proc/sys/net/ipv4/neigh")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dirs {
			names = append(names, d.Name())
		}
	})
	for _, want := range []string{"lo", "eth0", "eth0p"} {
		if !slices.Contains(names, want) {
			t.Errorf("devices %q, want %s", names, want)
		}
	}
}
