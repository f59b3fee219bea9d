package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// A link that gets another address, that resolves neighbours no more or again, or that goes
// down loses its neighbours, permanent ones, too, and so does one that loses its last
// address: the plan says so, and what the commit wants of them is made again, whatever
// stands first.
func TestNeighboursLost(t *testing.T) {
	const (
		base = `commit(link("eth0", address = "02:00:00:00:00:01"), addr(["192.0.2.1/24", "2001:db8::1/64"], dev = "eth0"), neigh("192.0.2.9", dev = "eth0", proxy = True),
    neigh(["192.0.2.2", "192.0.2.3", "2001:db8::2"], lladdr = "02:00:00:00:00:02", dev = "eth0"))`
		wanted = `neigh("192.0.2.2", lladdr = "02:00:00:00:00:02", dev = "eth0")`
		mac    = `link("eth0", address = "02:00:00:00:00:fe")`
		others = "- neigh 192.0.2.3 dev eth0, - neigh 2001:db8::2 dev eth0"
		all    = "- neigh 192.0.2.2 dev eth0, " + others
		proxy  = "- neigh 192.0.2.9 dev eth0"
	)
	for name, tt := range map[string]struct{ src, goes string }{
		"address first":    {`commit(` + mac + `, ` + wanted + `)`, all},
		"address last":     {`commit(` + wanted + `, ` + mac + `)`, others},
		"of nobody":        {`commit(` + mac + `)`, all},
		"in two commits":   {"commit(" + mac + ")\ncommit(" + wanted + ")", all},
		"exact, first":     {`commit(exact(` + wanted + `, dev = "eth0"), ` + mac + `)`, ""},
		"exact, last":      {`commit(` + mac + `, exact(` + wanted + `, dev = "eth0"))`, all},
		"no ARP":           {`commit(link("eth0", arp = False), ` + wanted + `)`, all},
		"no ARP, last":     {`commit(` + wanted + `, link("eth0", arp = False))`, others},
		"by a verb, again": {`commit(` + wanted + `, link.set("eth0", address = "02:00:00:00:00:01"))`, others},
		"down":             {`commit(` + wanted + `, link("eth0", up = False))`, "- addr 2001:db8::1/64 dev eth0, " + "- neigh 192.0.2.3 dev eth0, " + proxy + ", - neigh 2001:db8::2 dev eth0"},
		"down for a while": {`commit(` + wanted + `, link.set("eth0", up = False), link.set("eth0", up = True))`, "- addr 2001:db8::1/64 dev eth0, " + "- neigh 192.0.2.3 dev eth0, " + proxy + ", - neigh 2001:db8::2 dev eth0"},
		"the last address": {`commit(` + wanted + `, absent(addr("192.0.2.1/24", dev = "eth0")))`, "- neigh 192.0.2.3 dev eth0, " + proxy},
		"another address":  {`commit(` + wanted + `, exact(addr("192.0.2.5/24", dev = "eth0"), dev = "eth0", family = "inet"))`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, base, nil)
			if now := goesWith(asPlanned(t, e, tt.src, !strings.Contains(tt.src, ".set("))); now != tt.goes {
				t.Errorf("goes\n  %s\nwant\n  %s", now, tt.goes)
			}
		})
	}
}

// A link that is down keeps its neighbours when it ceases to resolve any.
func TestNeighboursKept(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(link("eth0", up = False), neigh("192.0.2.2", lladdr = "02:00:00:00:00:02", dev = "eth0"))`, nil)
	if now := goesWith(asPlanned(t, e, `commit(link("eth0", arp = False), neigh("192.0.2.2", lladdr = "02:00:00:00:00:02", dev = "eth0"))`, true)); now != "" {
		t.Error(now)
	}
}

// A bridge that was given no address gets that of a port, and loses its neighbours: those that
// the commit wants are there in the end, and an undo brings back what there was.
func TestNeighboursOfBridge(t *testing.T) {
	const (
		wanted = `neigh("10.5.0.2", lladdr = "02:00:00:00:00:02", dev = "br0")`
		joins  = `link("eth1", address = "02:00:00:00:00:01", master = "br0")`
		made   = `link("v0", kind = kind.veth(), address = "02:00:00:00:00:01", master = "br0", up = True)`
	)
	for name, src := range map[string]string{
		"a port comes":       `commit(` + joins + `, ` + wanted + `)`,
		"a port comes, last": `commit(` + wanted + `, ` + joins + `)`,
		"one is made":        `commit(` + made + `, ` + wanted + `)`,
		"one is made, last":  `commit(` + wanted + `, ` + made + `)`,
		"by verbs":           `commit(` + wanted + `, link.set("eth1", address = "02:00:00:00:00:01"), link.set("eth1", master = "br0"))`,
		"it gets another":    `commit(link("eth0", address = "02:00:00:00:00:07"), ` + wanted + `)`,
		"it goes":            `commit(exact(link, [], master = "br0"), ` + wanted + `)`,
		"of nobody":          `commit(` + made + `)`,
		"made before":        `commit(link("br1", kind = kind.bridge(), up = True), neigh("10.6.0.2", lladdr = "02:00:00:00:00:02", dev = "br1"), link("eth1", master = "br1"), neigh("10.6.0.3", lladdr = "02:00:00:00:00:02", dev = "br1"))`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, `commit(link("br0", kind = kind.bridge(), up = True), link("eth0", address = "02:00:00:00:00:05", master = "br0"), neigh(["10.5.0.2", "10.5.0.3"], lladdr = "02:00:00:00:00:02", dev = "br0"))`, nil)
			enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(src)})
		})
	}
}

// goesWith is what goes with the changes of a plan and is not put back.
func goesWith(p *engine.Plan) string {
	var l []string
	for line := range strings.Lines(p.String()) {
		if what, is := strings.CutSuffix(strings.TrimSpace(line), "goes with it"); is {
			l = append(l, strings.TrimSpace(what))
		}
	}
	slices.Sort(l)
	return strings.Join(l, ", ")
}

// asPlanned runs a script, which must do what its plan says, nothing a second time where
// once is set, and leave nothing when a message fails.
func asPlanned(t *testing.T, e *engine.Engine, src string, once bool) *engine.Plan {
	t.Helper()
	script := engine.Script{Name: "a.star", Source: []byte(src)}
	p, err := e.Plan(t.Context(), script)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	enginetest.EveryFailure(t, e, script)
	if r := mustRun(t, e, src, nil); r.Plan.String() != p.String() {
		t.Errorf("the run is another than the plan:\n%s\n%s", p, r.Plan)
	}
	if once {
		if again := planned(t, e, src); again != "" {
			t.Errorf("again:\n%s", again)
		}
	}
	return p
}
