package engine_test

import (
	"errors"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// stranded are routes whose gateways no address leads to any more.
const stranded = `
commit(
    link("eth0", up = True),
    addr(["10.0.0.1/24", "10.0.7.1/24", "10.1.0.1/24", "2001:db8::1/64"], dev = "eth0"),
    route("10.9.0.0/16", via = "10.0.0.9"),
    route("10.10.0.0/16", via = "10.0.0.9", table = 100, metric = 7),
    route("10.11.0.0/16", nexthops = [hop(via = "10.0.0.8"), hop(via = "10.0.7.7", weight = 3)]),
    route("10.12.0.0/16", via = "2001:db8::7"),
    route("2001:db8:9::/48", via = "2001:db8::9"),
    route("2001:db8:a::/48", nexthops = [hop(via = "2001:db8::8"), hop(via = "2001:db8::9")]),
    nexthop(7, via = "10.0.0.7", dev = "eth0"),
    nexthop(8, via = "2001:db8::7", dev = "eth0"),
    route("10.13.0.0/16", nhid = 7),
    route("2001:db8:b::/48", nhid = 8),
)
commit(absent(addr(["10.0.0.1/24", "10.0.7.1/24", "2001:db8::1/64"], dev = "eth0")))
`

// What the kernel keeps and would refuse to make is made again.
func TestUndoOfStranded(t *testing.T) {
	for name, src := range map[string]string{
		"routes": `commit([absent(route(d)) for d in ["10.9.0.0/16", "10.11.0.0/16", "10.12.0.0/16", "10.13.0.0/16", "2001:db8:9::/48", "2001:db8:a::/48", "2001:db8:b::/48"]])
commit(absent(route("10.10.0.0/16", table = 100, metric = 7)))`,
		"next hops":   `commit(absent(nexthop(7)), absent(nexthop(8)))`,
		"the link":    `commit(absent(link("eth0")))`,
		"link down":   `commit(link("eth0", up = False))`,
		"replacement": `commit(route("10.9.0.0/16", dev = "eth0"), route("2001:db8:9::/48", dev = "eth0"))`,
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, stranded, nil)
			before := enginetest.Take(t, e)
			_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src + "\nfail('no')")})
			var failed *engine.Error
			if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
				t.Errorf("%+v", err)
			}
			if d := before.Differs(t, e); d != "" {
				t.Errorf("undone, it is not as before:\n%s", d)
			}
		})
	}
}

// A bridge that its ports have left has no address, and no message gives it none.
func TestUndoOfBridgeWithoutAddress(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1")
	mustRun(t, e, `commit(link("br0", kind = kind.bridge(), up = True), link("eth0", master = "br0"), addr("10.0.0.1/24", dev = "br0"))
commit(link("eth0", master = 0))`, nil)
	before := enginetest.Take(t, e)
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(absent(link('br0')))\nfail('no')")})
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
		t.Errorf("%+v", err)
	}
	// Linux 6.12 makes a link-local address :: of no address.
	if d := before.Differs(t, e, " link br0: 1=", " fe80::", " proto kernel_ll", " type local dst :: "); d != "" {
		t.Errorf("undone, it is not as before:\n%s", d)
	}
	mustRun(t, e, `commit(link("eth1", master = "br0", address = "02:00:00:00:00:01"))`, nil)
	mustRun(t, e, `commit(checks = [])
a = link.get("br0").address
"%s" % a == "02:00:00:00:00:01" or fail("it follows its ports no more: %s" % a)`, nil)
}
