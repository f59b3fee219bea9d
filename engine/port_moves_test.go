package engine_test

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// A port that gets another master begins with the defaults there: what the script says it
// is as a port is sent, also where it was that before, and what it does not say is not kept.
func TestPortMoves(t *testing.T) {
	const options = `port = port.bridge(cost = 9, isolated = True)`
	for name, c := range map[string]struct{ src, holds, fails string }{
		"in one":               {src: `link("eth0", master = "br1", ` + options + `)`, holds: options},
		"a verb before":        {src: `link.set("eth0", master = "br1"), link("eth0", ` + options + `)`, holds: options},
		"a verb that frees":    {src: `link.set("eth0", master = 0), link("eth0", master = "br1", ` + options + `)`, holds: options},
		"where it was":         {src: `link.set("eth0", master = 0), link("eth0", master = "br0", ` + options + `)`, holds: options},
		"options of their own": {src: `link("eth0", master = "br1"), link("eth0", ` + options + `)`, holds: options},
		"some":                 {src: `link("eth0", master = "br1", port = port.bridge(cost = 9))`, holds: `port = port.bridge(cost = 9, isolated = False)`},
		"none":                 {src: `link("eth0", master = "br1")`, holds: `port = port.bridge(isolated = False)`},
		"made again":           {src: `link("eth0", master = "br1", numtxqueues = 5, recreate = True)`, holds: `port = port.bridge(isolated = False)`},
		"options first":        {src: `link("eth0", port = port.bridge(cost = 9)), link("eth0", master = "br1")`, fails: "port.bridge.cost: the kernel took 9, but holds"},
		"some options first":   {src: `link("eth0", port = port.bridge(cost = 7)), link("eth0", master = "br1", port = port.bridge(isolated = True))`, fails: "port.bridge.cost: the kernel took 7, but holds"},
		"its backup leaves":    {src: `link("eth0", port = port.bridge(backup_port = "eth1")), link("eth1", master = 0)`, fails: "port.bridge.backup_port: the kernel took eth1, but holds none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, `commit([link(br, kind = kind.bridge(), address = "02:00:00:00:00:0" + br[2], up = br == "br0") for br in ("br0", "br1")], link(["eth0", "eth1"], master = "br0"))
commit(link("eth0", port = port.bridge(cost = 9, isolated = True, backup_port = "eth1")))`, nil)
			script := engine.Script{Name: "a.star", Source: []byte("commit(" + c.src + ")")}
			if c.fails != "" {
				before := enginetest.Take(t, e)
				if _, err := e.Run(t.Context(), script); err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, want %s", err, c.fails)
				}
				if d := before.Differs(t, e); d != "" {
					t.Error(d)
				}
				return
			}
			enginetest.EveryFailure(t, e, script)
			mustRun(t, e, string(script.Source), nil)
			if p := planned(t, e, `commit(link("eth0", `+c.holds+`))`); p != "" {
				t.Error(p)
			}
		})
	}
}
