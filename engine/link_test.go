package engine_test

import (
	"testing"

	"github.com/nlscript/nlscript/engine"
)

// Times of a bridge are kept in ticks of the kernel, of 4 ms where HZ is 250, and
// within bounds: what it makes of them is what was wanted.
func TestBridgeTimes(t *testing.T) {
	e := exactNet(t)
	const src = `commit(link("br0", kind = kind.bridge(ageing_time = "290010ms", mcast_last_member_interval = "1010ms",
		mcast_query_interval = "48h", mcast_startup_query_interval = "0s")))`
	for _, outcome := range []string{"committed", "unchanged"} {
		r, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
		if err != nil {
			t.Fatalf("%+v", err)
		}
		if r.Outcome != outcome {
			t.Errorf("%s, want %s\n%s", r.Outcome, outcome, r.Plan)
		}
	}
}

// What is written as nothing, or off, is taken away, once.
func TestLinkNothing(t *testing.T) {
	e := exactNet(t)
	for _, step := range []struct {
		src     string
		outcome string
	}{
		{`commit(link("eth1", alias = "x", altnames = ["lan", "uplink"]))`, "committed"},
		{`commit(link("eth1", alias = "", altnames = [], master = 0))`, "committed"},
		{`commit(link("eth1", alias = "", altnames = [], master = 0))`, "unchanged"},
		{`x = link.get("eth1")
if x.master != None or x.alias != None or x.altnames != None: fail(x)`, "unchanged"},
		{`commit(link("eth1", arp = False, multicast = False))`, "committed"},
		{`commit(link("eth1", arp = False, multicast = False))`, "unchanged"},
		{`commit(link("eth1", arp = True))`, "committed"},
	} {
		r, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(step.src)})
		if err != nil {
			t.Fatalf("%s\n%+v", step.src, err)
		}
		if r.Outcome != step.outcome {
			t.Errorf("%s: %s, want %s\n%s", step.src, r.Outcome, step.outcome, r.Plan)
		}
	}
}
