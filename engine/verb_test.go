package engine_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// What a verb writes to a link is not another program's, whatever ops before and behind it
// want of the link, and these are planned on what it leaves.
func TestVerbsAmongLinks(t *testing.T) {
	for name, src := range map[string]string{
		"mtu":               `link.set("eth0", mtu = 1300), link("eth0", mtu = 1400)`,
		"mtu afterwards":    `link("eth0", mtu = 1400), link.set("eth0", mtu = 1300)`,
		"alias":             `link.set("eth0", alias = ""), link("eth0", alias = "z")`,
		"master":            `link.set("eth0", master = 0), link("eth0", master = "br0", port = port.bridge(cost = 7)), bridge.fdb("02:00:00:00:00:09", dev = "eth0", master = True)`,
		"names":             `link.set("eth0", newname = "c"), link("c", newname = "d"), link("d", newname = "eth0", mtu = 1450)`,
		"alternative names": `link.property_add("eth0", altnames = ["q1", "q2"]), link("eth0", altnames = ["q2", "q3"])`,
		"address":           `link.set("br0", address = "02:00:00:00:00:b1"), link("br0", address = "02:00:00:00:00:b2")`,
		"options":           `link.change("br0", kind = kind.bridge(forward_delay = "3s")), link("br0", kind = kind.bridge(forward_delay = "4s"))`,
		"down and up":       `link.set("eth0", up = False), link("eth0", up = True), link.set("eth0", up = False)`,
		"a group":           `link.set("eth0", group = 7), link.change(group = 7, mtu = 1300), link("eth0", mtu = 1350, group = 0)`,
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, `commit(link("br0", kind = kind.bridge(), address = "02:00:00:00:00:b0", up = True),
				link("eth0", master = "br0", alias = "x", up = True), bridge.fdb("02:00:00:00:00:09", dev = "eth0", master = True))`, nil)
			enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
			mustRun(t, e, "commit("+src+")", nil)
		})
	}
}

// Behind an op a verb on the same object has the last word.
func TestVerbsBehindOps(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(link("eth0", up = True), addr("10.0.0.1/24", dev = "eth0"))`, nil)
	for _, src := range []string{
		`addr("10.0.0.5/24", dev = "eth0", metric = 7), addr.change("10.0.0.5/24", dev = "eth0", metric = 8)`,
		`addr("10.0.0.6/24", dev = "eth0"), addr.delete("10.0.0.6", dev = "eth0")`,
		`route("10.1.0.0/16", dev = "eth0"), route.change("10.1.0.0/16", dev = "eth0", mtu = 1300)`,
		`neigh("10.0.0.7", dev = "eth0", lladdr = "02:00:00:00:00:01"), neigh.change("10.0.0.7", dev = "eth0", lladdr = "02:00:00:00:00:02")`,
		`qdisc("eth0", parent = "root", handle = "1:", kind = sch.htb()), qdisc.delete("eth0", parent = "root", handle = "1:")`,
		`rule(priority = 7, table = 9), rule.delete(priority = 7)`,
	} {
		enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
		mustRun(t, e, "commit("+src+")", nil)
	}
}

// A plan of a verb on a group names the links in it, once.
func TestPlanOfGroups(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1")
	mustRun(t, e, `commit(link(["eth0", "eth0p", "eth1"], group = 7))`, nil)
	for src, want := range map[string][]string{
		`link.delete(group = 7)`:              {"send link.delete group 7", "delete link eth0", "delete link eth0p", "delete link eth1", "delete link eth1p"},
		`link.change(group = 7, mtu = 1300)`:  {"change link eth0", "change link eth0p", "change link eth1", "send link.change group 7"},
		`link.change("eth0", mtu = 1300)`:     {"send link.change eth0"},
		`link.change(group = 70, mtu = 1300)`: {"send link.change group 70"},
	} {
		p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
		if err != nil {
			t.Fatalf("%s: %+v", src, err)
		}
		var told struct {
			Commits []struct {
				Changes []struct{ Action, Key, Cause string }
			}
		}
		b, err := json.Marshal(p)
		if err == nil {
			err = json.Unmarshal(b, &told)
		}
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range told.Commits[0].Changes {
			got = append(got, c.Action+" "+c.Key)
			if line := "      " + map[string]string{"delete": "-", "change": "~"}[c.Action] + " " + c.Key; c.Action != "send" && (!strings.Contains(p.String(), line) || c.Cause == "") {
				t.Errorf("%s: no %q in\n%s", src, line, p)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", src, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(`commit(link.delete(group = 7))`)})
}
