package engine_test

import (
	"fmt"
	"strings"
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

// Lifetimes end, and are taken away again.
func TestLifetimes(t *testing.T) {
	e := exactNet(t)
	for _, a := range []string{"2001:db8:77::1/64", "10.77.0.1/24"} {
		for _, step := range []struct{ rows, outcome, holds string }{
			{``, "committed", "None, None"},
			{`, preferred_lft = "100s", valid_lft = "200s"`, "committed", `"100s", "200s"`},
			{`, preferred_lft = "forever", valid_lft = "forever"`, "committed", "None, None"},
			{`, preferred_lft = "forever", valid_lft = "forever"`, "unchanged", "None, None"},
			{`, preferred_lft = "0s"`, "committed", `"0s", "forever"`},
			{`, preferred_lft = "0s"`, "unchanged", `"0s", "forever"`},
			{``, "unchanged", `"0s", "forever"`},
			{`, preferred_lft = "forever"`, "committed", "None, None"},
		} {
			src := `commit(addr("` + a + `", dev = "eth1", nodad = True` + step.rows + "))\n" + `x = [x for x in addr.list(dev = "eth1") if str(x.local) == "` + a + `"][0]
if [x.preferred_lft, x.valid_lft] != [` + step.holds + `]: fail(x)`
			src = strings.Replace(src, ", nodad = True", map[bool]string{true: ", nodad = True"}[strings.Contains(a, "::")], 1)
			r, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
			if err != nil {
				t.Fatalf("%s\n%+v", src, err)
			}
			if r.Outcome != step.outcome {
				t.Errorf("%s: %s, want %s\n%s", src, r.Outcome, step.outcome, r.Plan)
			}
		}
	}
}

// A run that fails leaves what is left of lifetimes as it was.
func TestLifetimesComeBack(t *testing.T) {
	e := exactNet(t)
	for _, a := range []string{"2001:db8:77::1/64", "10.77.0.1/24"} {
		set := func(times string) string {
			return `commit(addr("` + a + `", dev = "eth1", ` + times + "))\n"
		}
		for _, before := range []string{`preferred_lft = "100s", valid_lft = "200s"`, `preferred_lft = "forever", valid_lft = "forever"`} {
			if _, err := e.Run(t.Context(), engine.Script{Source: []byte(set(before))}); err != nil {
				t.Fatalf("%+v", err)
			}
			_, err := e.Run(t.Context(), engine.Script{Source: []byte(set(`preferred_lft = "20s", valid_lft = "50s"`) + `fail("enough")`)})
			if err == nil || !strings.Contains(fmt.Sprintf("%+v", err), "rolled back, verified: 1 of 1 message") {
				t.Errorf("%+v", err)
			}
			r, err := e.Run(t.Context(), engine.Script{Source: []byte(`x = [x for x in addr.list(dev = "eth1") if str(x.local) == "` + a + `"][0]
print(x.preferred_lft, x.valid_lft)
if x.valid_lft != None and int(x.valid_lft[:-1]) < 190: fail(x)`)})
			if err != nil {
				t.Errorf("%s, %s: %+v %+v", a, before, r, err)
			}
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
		// Of a link that is made in the same commit nothing says that it is off already.
		{`commit(link("br7", kind = kind.bridge()), link("br7", multicast = False, kind = kind.bridge(mcast_snooping = False)))
commit(link("br7", multicast = False, kind = kind.bridge(mcast_snooping = False)))`, "committed"},
		{`commit(link("br7", multicast = False, kind = kind.bridge(mcast_snooping = False)))`, "unchanged"},
		// The rule of main has the same key but for its priority.
		{`commit(absent(rule(priority = 700)), link("eth1", alias = "y"))`, "committed"},
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
