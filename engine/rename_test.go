package engine_test

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// A link gets another name, once, and an undo gives it the old one back with the
// labels of its IPv4 addresses, which the kernel rewrites (inetdev_changename).
func TestRename(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1")
	mustRun(t, e, `commit(
    addr(["10.0.0.1/24", "10.1.0.1/24", "10.3.0.1/24"], dev = "eth0", label = "eth0:x"),
    addr(["10.0.0.2/24", "10.2.0.1/32"], dev = "eth0"),
    addr("10.0.0.3/24", dev = "eth0", label = "eth0:y"),
    route("10.9.0.0/16", via = "10.0.0.9", src = "10.0.0.2"),
    rule(iif = "eth0", table = 9, priority = 9),
)`, nil)
	before := enginetest.Take(t, e)
	for _, change := range []string{`link("eth0", newname = "wan")`, `link.change("eth0", newname = "wan")`, `link("eth0", newname = "wan", mtu = 1400), addr("10.0.0.4/24", dev = "wan")`} {
		_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + change + ")\n" + `commit(route("10.77.0.0/16", via = "198.51.100.1"))`)})
		if err == nil || !strings.Contains(sprint(err), "the network is as it was") {
			t.Errorf("%s: %+v", change, err)
		}
		if d := before.Differs(t, e); d != "" {
			t.Fatalf("%s: %s", change, d)
		}
	}
	const change = `commit(link("eth0", newname = "wan"))`
	p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(change)})
	if err != nil || !strings.Contains(p.String(), "~ link eth0           newname none -> wan") {
		t.Error(p, err)
	}
	if r := mustRun(t, e, change, nil); r.Outcome != "committed" {
		t.Error(r)
	}
	mustRun(t, e, `link.get("wan")`, nil)
	if r := mustRun(t, e, change, nil); r.Outcome != "unchanged" {
		t.Errorf("again: %s\n%s", r, r.Plan)
	}
	if _, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(link("eth1", newname = "wan"))`)}); err == nil || !strings.Contains(err.Error(), "there is another link wan") {
		t.Error(err)
	}
}
