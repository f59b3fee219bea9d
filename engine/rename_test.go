package engine_test

import (
	"encoding/json"
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

// What a plan tells of a device has the name that it has then, not one that it gets later.
func TestRenameLater(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1")
	for _, src := range []string{
		`commit(addr("10.0.0.1/24", dev = "eth0"), link("eth1", alias = "x")); commit(link("eth0", newname = "wan")); commit(route("10.9.0.0/16", dev = "wan"))`,
		`commit(addr("10.0.0.1/24", dev = "eth0"), link("eth0", newname = "wan"), route("10.9.0.0/16", dev = "wan"))`,
	} {
		s := engine.Script{Name: "a.star", Source: []byte(src)}
		p, err := e.Plan(t.Context(), s)
		if err != nil {
			t.Fatalf("%+v", err)
		}
		r, err := e.Run(t.Context(), s)
		if err != nil {
			t.Fatalf("%+v", err)
		}
		if err := r.Undo(t.Context()); err != nil {
			t.Fatalf("%+v", err)
		}
		for _, p := range []*engine.Plan{p, r.Plan} {
			text, err := json.Marshal(p)
			if text := string(text) + p.String(); err != nil || !strings.Contains(text, "addr 10.0.0.1/24 dev eth0") || strings.Contains(text, "10.0.0.1/24 dev wan") || !strings.Contains(text, "dev wan") {
				t.Error(text, err)
			}
		}
	}
}

// Links exchange names in one commit, and a new name may be that of one that is removed:
// verified is the last name of each, and an undo gives them back one by one.
func TestRenameExchange(t *testing.T) {
	for name, src := range map[string]string{
		"two":     `link("eth0", newname = "t", mtu = 1400), link("eth1", newname = "eth0"), link("t", newname = "eth1")`,
		"verbs":   `link.set("eth0", newname = "t"), link.set("eth1", newname = "eth0"), link.set("t", newname = "eth1")`,
		"three":   `link("eth0", newname = "t"), link("eth1", newname = "eth0"), link("eth2", newname = "eth1"), link("t", newname = "eth2"), addr("10.0.0.1/24", dev = "eth2")`,
		"in turn": `link("eth0", newname = "t"), link("eth1", newname = "eth0")`,
		"removed": `absent(link("br0")), link("eth0", newname = "br0")`,
		"made":    `link("eth0", newname = "t"), link("eth0", kind = kind.bridge(), up = True)`,
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0", "eth1", "eth2")
			mustRun(t, e, `commit(link("br0", kind = kind.bridge()), link(["eth0", "eth1"], up = True), addr("192.0.2.1/24", dev = "eth0"), addr("192.0.2.2/24", dev = "eth1", label = "eth1:x"))`, nil)
			enginetest.EveryFailure(t, e, engine.Script{Name: "x.star", Source: []byte("commit(" + src + ")")})
		})
	}
}

// Alternative names that a verb gives and takes are so for the ops behind it.
func TestAlternativeNameByVerb(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1")
	mustRun(t, e, `commit(link("eth0", altnames = ["was"]))`, nil)
	enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(`commit(
    link.property_add("eth0", altnames = ["foo"]),
    link("foo", mtu = 1400),
    addr("10.0.0.1/24", dev = "foo"),
    link.property_delete("eth0", altnames = ["was"]),
    link("eth1", altnames = ["was"]),
    link("was", mtu = 1300),
)`)})
}
