package engine_test

import (
	"testing"

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
