package engine_test

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// What goes with what a commit changes, where it is not on the same device.
func TestUndoOfCascades(t *testing.T) {
	for name, c := range map[string]struct{ before, src string }{
		"a source of another device": {`route("10.92.0.0/16", via = "10.1.0.9", dev = "eth1", src = "10.0.0.1")`, `absent(addr("10.0.0.1/24", dev = "eth0"))`},
		"with its link":              {`route("10.92.0.0/16", dev = "eth1", src = "10.0.0.1"), route("10.93.0.0/16", dev = "lo", src = "10.0.0.1")`, `absent(link("eth0"))`},
		"of IPv6, down":              {`route("2001:db8:92::/48", dev = "eth1", src = "2001:db8::1")`, `link("eth0", up = False)`},
		"several routes of a key, down": {`route("0.0.0.0/0", via = "10.0.0.254", append = True), route("0.0.0.0/0", via = "10.1.0.254", append = True), route("0.0.0.0/0", via = "10.0.0.253", append = True)`,
			`link("eth0", up = False)`},
		"several, an address": {`route("10.92.0.0/16", via = "10.0.0.254", append = True), route("10.92.0.0/16", via = "10.1.0.254", append = True)`, `absent(addr("10.0.0.1/24", dev = "eth0"))`},
		"rejected by lo":      {`route("2001:db8:ac::/48", type = "unreachable"), route("2001:db8:ad::/48", type = "blackhole", table = 77)`, `link("lo", up = False)`},
		"next hops of a macvlan": {`link("mv0", link = "eth0", kind = kind.macvlan(mode = "bridge"), up = True), addr("10.2.0.1/24", dev = "mv0"), nexthop(5, via = "10.2.0.9", dev = "mv0"), nexthop(6, group = [5]),
    route("10.93.0.0/16", nhid = 5), route("10.99.0.0/16", nhid = 6)`, `link("eth0", up = False)`},
		"of a macvlan, by the far end": {`link("mv0", link = "eth0", kind = kind.macvlan(mode = "bridge"), up = True), addr("10.2.0.1/24", dev = "mv0"), nexthop(5, via = "10.2.0.9", dev = "mv0"), route("10.93.0.0/16", nhid = 5)`,
			`link("eth0p", up = False)`},
		"of a bridge": {`link("br0", kind = kind.bridge(), up = True), link("eth1", master = "br0"), addr("10.2.0.1/24", dev = "br0"), nexthop(5, via = "10.2.0.9", dev = "br0"), route("10.93.0.0/16", nhid = 5)`,
			`link("eth1p", up = False)`},
		"the kernel's routes": {``, `route.delete("10.0.0.0/24", dev = "eth0"), route.delete("2001:db8::/64", dev = "eth0"), route.replace("10.1.0.0/24", dev = "eth1", metric = 0, mtu = 1300)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, `commit(link(["lo", "eth0", "eth1", "eth0p", "eth1p"], up = True), addr(["10.0.0.1/24", "2001:db8::1/64"], dev = "eth0"), addr("10.1.0.1/24", dev = "eth1"))
commit(`+c.before+`)`, nil)
			before := enginetest.Take(t, e)
			_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + c.src + ")\nfail('no')")})
			if err == nil || !strings.Contains(err.Error(), "fail: no") {
				t.Errorf("%+v", err)
			}
			if d := before.Differs(t, e); d != "" {
				t.Error(d)
			}
		})
	}
}
