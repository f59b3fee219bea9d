package reliability

import (
	"errors"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// TestHiddenRoutes removes and makes routes that look-ups pass over: behind others
// of their key, or by a device without carrier.
func TestHiddenRoutes(t *testing.T) {
	const carrier = `commit(sysctl("net.ipv4.conf.all.ignore_routes_with_linkdown", 1), sysctl("net.ipv6.conf.all.ignore_routes_with_linkdown", 1),
    sysctl("net.ipv4.conf.eth1.ignore_routes_with_linkdown", 1), sysctl("net.ipv6.conf.eth1.ignore_routes_with_linkdown", 1))
`
	const dead = `commit(link("eth1p", up = False), wait.carrier("eth0"))
`
	for _, tt := range []struct{ name, base, script, left string }{
		{"IPv4, one behind another",
			`commit(route.append("10.9.0.0/16", via = "192.0.2.9"), route.append("10.9.0.0/16", via = "192.0.2.10"), route.append("10.9.0.0/16", via = "192.0.2.11"))`,
			`commit(absent(route("10.9.0.0/16")))`, `10.9.0.0/16`},
		{"IPv6, one behind another",
			`commit(route.append("2001:db8:9::/48", dev = "eth1"), route.append("2001:db8:9::/48", via = "2001:db8::9"), route.append("2001:db8:9::/48", dev = "eth0"))`,
			`commit(absent(route("2001:db8:9::/48")))`, `2001:db8:9::/48`},
		{"IPv4, behind one without carrier",
			carrier + `commit(route.append("10.9.0.0/16", via = "198.51.100.9"), route.append("10.9.0.0/16", via = "192.0.2.9"))
` + dead, `commit(absent(route("10.9.0.0/16")))`, `10.9.0.0/16`},
		{"IPv6, one without carrier behind",
			carrier + `commit(route.append("2001:db8:9::/48", dev = "eth1"), route.append("2001:db8:9::/48", dev = "eth0"))
` + dead, `commit(absent(route("2001:db8:9::/48")))`, `2001:db8:9::/48`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0", "eth1")
			run := func(src string) error {
				_, err := e.Run(t.Context(), engine.Script{Name: "hidden.star", Source: []byte(src)})
				return err
			}
			if err := run(`commit(addr(["192.0.2.1/24", "2001:db8::1/64"], dev = "eth0"), addr(["198.51.100.1/24", "2001:db8:1::1/64"], dev = "eth1"))
` + tt.base); err != nil {
				t.Fatalf("%+v", err)
			}
			before := enginetest.Take(t, e)
			var failed *engine.Error
			if err := run(tt.script + "\nfail()"); !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
				t.Fatalf("%+v", err)
			}
			if d := before.Differs(t, e); d != "" {
				t.Errorf("after the undo: %s", d)
			}
			if err := run(tt.script); err != nil {
				t.Fatalf("%+v", err)
			}
			if err := run(`
for r in route.list(table = "main"):
    if str(r.dst) == "` + tt.left + `": fail(r)`); err != nil {
				t.Errorf("%+v", err)
			}
		})
	}

	t.Run("made, then without carrier", func(t *testing.T) {
		e := enginetest.Sandbox(t, "eth0", "eth1")
		if _, err := e.Run(t.Context(), engine.Script{Name: "base.star", Source: []byte(`commit(addr("198.51.100.1/24", dev = "eth1"))` + "\n" + carrier)}); err != nil {
			t.Fatalf("%+v", err)
		}
		before := enginetest.Take(t, e)
		_, err := e.Run(t.Context(), engine.Script{Name: "made.star", Source: []byte(`commit(route("10.9.0.0/16", via = "198.51.100.9"))
commit(link("eth1p", up = False))
fail()`)})
		var failed *engine.Error
		if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
			t.Fatalf("%+v", err)
		}
		if d := before.Differs(t, e); d != "" {
			t.Errorf("after the undo: %s", d)
		}
	})
}
