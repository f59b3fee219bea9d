package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// A link that moves goes down: what waits elsewhere for its carrier goes with it, is in
// the plan, and comes back.
func TestNetNSMoveTakesCarrier(t *testing.T) {
	testnet.NotInVM(t)
	const (
		hops = `addr(["192.0.2.1/24", "2001:db8::1/64"], dev = DEV),
    nexthop(1, via = "192.0.2.2", dev = DEV), nexthop(2, via = "192.0.2.3", dev = DEV), nexthop(10, group = [1, 2]), nexthop(6, via = "2001:db8::2", dev = DEV),
    route("10.20.0.0/16", nhid = 10), route("10.21.0.0/16", nhid = 1), route("2001:db8:20::/48", nhid = 6), route("10.22.0.0/16", via = "192.0.2.9", dev = DEV)`
		macvlan = `link("mv0", link = "eth0", kind = kind.macvlan(mode = "private"), up = True), link("mv1", link = "eth0", kind = kind.macvlan(mode = "bridge"), up = True), addr("2001:db8:1::1/64", dev = "mv1"), bridge.fdb.add("33:33:00:00:00:77", dev = "mv1"), `
		bridge  = `link("br0", kind = kind.bridge(), up = True), link("eth0", master = "br0"), `
		unheard = "link mv0 on it may receive nothing from then on"
	)
	taken := []string{"nexthop 1 ", "nexthop 2 ", "nexthop 6 ", "nexthop 10 ", "route 10.20.0.0/16 ", "route 10.21.0.0/16 ", "route 2001:db8:20::/48 "}
	for name, c := range map[string]struct {
		before, dev, src string
		goes             []string
		note             string
	}{
		"of the other end":            {hops, "eth0", `link("eth0p", netns = b)`, taken, ""},
		"what goes is made":           {hops, "eth0", `link("eth0p", netns = b), route("10.20.0.0/16", via = "192.0.2.9", dev = "eth0")`, taken, ""},
		"without a move":              {hops, "eth0", `link("eth0p", up = False), route("10.20.0.0/16", via = "192.0.2.9", dev = "eth0")`, taken, ""},
		"by a verb":                   {hops, "eth0", `link.set("eth0p", netns = b)`, taken, ""},
		"from down":                   {hops, "eth0", `link("eth1", up = False), link("eth1", netns = b)`, nil, ""},
		"of a macvlan":                {macvlan + hops, "mv0", `link("eth0", netns = b)`, taken, unheard},
		"of a macvlan, by a verb":     {macvlan + hops, "mv0", `link.set("eth0", netns = b, up = True)`, taken, unheard},
		"of a macvlan, comes up":      {macvlan + hops, "mv0", `link("eth0", netns = b, up = True), netns(b, addr("192.0.2.7/24", dev = "eth0"))`, taken, unheard},
		"of a macvlan, by the end":    {macvlan + hops, "mv0", `link("eth0p", netns = b, up = True)`, taken, ""},
		"of a macvlan, which moves":   {macvlan + hops, "mv0", `link("eth0", netns = b), link("mv0", netns = b)`, taken, unheard},
		"of a macvlan, on and back":   {macvlan + hops, "mv0", `link("eth0", netns = b), netns(b, link("eth0", netns = h))`, taken, unheard},
		"of a macvlan, up and down":   {macvlan + hops, "mv0", `link("eth0", netns = b), link.set("mv0", up = False), link.set("mv0", up = True)`, taken, unheard},
		"of a macvlan, that goes":     {macvlan + hops, "mv0", `link("eth0", netns = b), absent(link("mv0"))`, taken, unheard},
		"of a bridge, by its port":    {bridge + hops, "br0", `link("eth0", netns = b)`, nil, ""},
		"of a bridge, by its far end": {bridge + hops, "br0", `link("eth0p", netns = b)`, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, there := calm(t), calm(t)
			here.Veth("eth0", "eth1")
			e := engineIn(t, here)
			mustRun(t, e, `commit(`+strings.ReplaceAll(c.before, "DEV", `"`+c.dev+`"`)+`)`, nil)
			s := engine.Script{Name: "m.star", Params: map[string]any{"b": at(there), "h": at(here)}, Source: []byte(`b, h = param("b"), param("h", default = "")
commit(` + c.src + `, link("br9", kind = kind.bridge()))`)}
			p, err := e.Plan(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range c.goes {
				if !strings.Contains(p.String(), "- "+what) {
					t.Errorf("the plan does not say that %sgoes:\n%s", what, p)
				}
			}
			if c.note == "" && strings.Contains(p.String(), "may receive") || !strings.Contains(p.String(), c.note) {
				t.Errorf("the notes are not %q:\n%s", c.note, p)
			}
			enginetest.EveryFailure(t, e, s)
			receives(t, e)
		})
	}
}

// receives fails the test unless eth0 comes to receive all that the macvlans on it do,
// what somebody gave one of them among it.
func receives(t *testing.T, e *engine.Engine) {
	t.Helper()
	var err error
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		_, err = e.Run(t.Context(), engine.Script{Name: "h.star", Source: []byte(`
above = [l for l in link.list() if l.name.startswith("mv")]
want = [str(x.lladdr) for x in bridge.fdb.list() if x.dev in [l.name for l in above]] + [str(l.address) for l in above]
if above:
    want.append("33:33:00:00:00:77")
heard = [str(x.lladdr) for x in bridge.fdb.list(dev = "eth0")]
deaf = [a for a in want if a not in heard]
if deaf:
    fail("eth0 does not receive", deaf)
`)})
		if err == nil {
			return
		}
	}
	t.Error(err)
}
