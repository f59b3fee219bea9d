package engine_test

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// A rule of priority 0, of which the kernel reports none, comes back where it was.
func TestUndoOfFirstRule(t *testing.T) {
	for _, src := range []string{
		`commit(absent(rule(from_ = "10.3.0.0/16", table = 9, priority = 0)), absent(rule(from_ = "2001:db8::/32", table = 9, priority = 0)))`,
		`commit(exact(rule(priority = 50, table = 9), family = "inet", priority = (0, 100)))`,
		`commit(rule.delete(priority = 0, table = "local"))`,
	} {
		e := enginetest.Sandbox(t, "eth0")
		mustRun(t, e, `commit(rule(priority = 0, from_ = "10.3.0.0/16", table = 9), rule(priority = 0, from_ = "2001:db8::/32", table = 9), rule(priority = 5, table = 8))`, nil)
		before := enginetest.Take(t, e)
		_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src + "\nfail('no')")})
		if err == nil || !strings.Contains(err.Error(), "fail: no") {
			t.Errorf("%+v", err)
		}
		if d := before.Differs(t, e); d != "" {
			t.Errorf("%s: %s", src, d)
		}
	}
}

// Two ops about one object are the same when they want the same of it.
func TestGivenTwice(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1")
	mustRun(t, e, `commit(link(["eth0", "eth1"], up = True), addr("192.0.2.1/24", dev = "eth0"), route("10.0.0.0/8", dev = "eth0"), nexthop(5, via = "192.0.2.9", dev = "eth0"))`, nil)
	for _, src := range []string{
		`addr("192.0.2.3/24", dev = "eth0"), addr("192.0.2.3/24", dev = "eth0")`,
		`neigh("192.0.2.3", lladdr = "02:00:00:00:00:01", dev = "eth0"), neigh("192.0.2.3", lladdr = "02:00:00:00:00:01", dev = "eth0")`,
		`route("10.1.0.0/16", dev = "eth0"), route("10.1.0.0/16", dev = "eth0")`,
		`addr("192.0.2.4/24", dev = "eth1"), exact(addr("192.0.2.4/24", dev = "eth1"), dev = "eth1", family = "inet")`,
	} {
		mustRun(t, e, "commit("+src+")", nil)
		if text := planned(t, e, "commit("+src+")"); text != "" {
			t.Errorf("%s again:\n%s", src, text)
		}
	}
	for _, src := range []string{
		`route("10.0.0.0/8", dev = "eth0"), route("10.0.0.0/8", dev = "eth1")`,
		`nexthop(5, via = "192.0.2.9", dev = "eth0"), nexthop(5, via = "192.0.2.9", dev = "eth1", onlink = True)`,
		`route("10.2.0.0/16", dev = "eth0"), route("10.2.0.0/16", dev = "eth1")`,
	} {
		_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
		if err == nil || !strings.Contains(err.Error(), "is given twice in this commit with different values") {
			t.Errorf("%s: %v", src, err)
		}
	}
}
