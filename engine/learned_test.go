package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// Neighbours and forwarding entries come back where there is one that was learned, or
// has become one like that.
func TestUndoOfLearned(t *testing.T) {
	const bridge = `link("br0", kind = kind.bridge(), up = True), link(["eth0", "eth1"], master = "br0"), `
	for name, tt := range map[string]struct{ before, src string }{
		"a neighbour":           {`neigh("10.0.0.10", lladdr = "02:00:00:00:00:98", dev = "eth0")`, `neigh("10.0.0.10", lladdr = "02:00:00:00:00:99", dev = "eth0", nud = "stale")`},
		"a control plane's":     {bridge + `bridge.fdb("02:00:00:00:11:11", dev = "eth0", master = True, state = "dynamic", extern_learn = True)`, `bridge.fdb.replace("02:00:00:00:11:11", dev = "eth0", master = True, state = "static")`},
		"is what it shall be":   {bridge + `bridge.fdb("02:00:00:00:11:11", dev = "eth0", master = True, state = "dynamic", extern_learn = True)`, `bridge.fdb("02:00:00:00:11:11", dev = "eth0", master = True, state = "static")`},
		"a control plane's now": {bridge + `bridge.fdb("02:00:00:00:11:11", dev = "eth0", master = True, state = "static")`, `bridge.fdb("02:00:00:00:11:11", dev = "eth0", master = True, state = "dynamic", extern_learn = True)`},
		"an entry that ages":    {bridge + `bridge.fdb("02:00:00:00:11:11", dev = "eth0", master = True, state = "static")`, `bridge.fdb("02:00:00:00:11:11", dev = "eth0", master = True, state = "dynamic")`},
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, "commit("+tt.before+")", nil)
			undone(t, e, "commit("+tt.src+")")
		})
	}
}

// A bridge has an entry on one port: it moves to the other, and back.
func TestEntryMoves(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1")
	mustRun(t, e, `commit(link("br0", kind = kind.bridge(), up = True), link(["eth0", "eth1"], master = "br0"),
    bridge.fdb(["02:00:00:00:11:11", "02:00:00:00:11:13"], dev = "eth0", master = True, state = "static"),
    bridge.fdb("02:00:00:00:11:12", dev = "eth0", master = True, state = "dynamic"))`, nil)
	for _, src := range []string{
		`bridge.fdb("02:00:00:00:11:11", dev = "eth1", master = True, state = "static")`,
		`bridge.fdb.replace("02:00:00:00:11:11", dev = "eth1", master = True, state = "static")`,
		`bridge.fdb("02:00:00:00:11:11", dev = "br0")`,
		`exact(bridge.fdb, [bridge.fdb("02:00:00:00:11:11", dev = "eth1", master = True)], dev = "eth1")`,
		`bridge.fdb("02:00:00:00:11:12", dev = "eth1", master = True)`, // it was learned
	} {
		undone(t, e, "commit("+src+")")
	}
	const moves = `commit(bridge.fdb("02:00:00:00:11:11", dev = "eth1", master = True))`
	if text := planned(t, e, moves); !strings.Contains(text, "02:00:00:00:11:11 dev eth0") {
		t.Errorf("the plan does not say what it takes:\n%s", text)
	}
	keptTo(t, e, engine.Script{Name: "a.star", Source: []byte(moves)})
}

// What a flush takes is made again.
func TestUndoOfFlush(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1")
	mustRun(t, e, `commit(link("br0", kind = kind.bridge(), up = True), link(["eth0", "eth1"], master = "br0"),
    link("vx0", kind = kind.vxlan(id = 5, dstport = 4789)), bridge.fdb("02:00:00:00:00:01", dev = "vx0", dst = "10.0.0.9"),
    bridge.fdb("02:00:00:00:11:11", dev = "eth0", master = True, state = "static"),
    bridge.fdb("02:00:00:00:11:12", dev = "eth1", master = True))`, nil)
	for _, dev := range []string{"br0", "vx0"} {
		const src = `commit(bridge.fdb.flush(dev = "%s"))`
		undone(t, e, fmt.Sprintf(src, dev))
		if text := planned(t, e, fmt.Sprintf(src, dev)); !strings.Contains(text, "all that match go") {
			t.Error(text)
		}
	}
}
