package engine_test

import (
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// tunnel makes a vxlan that is a port of a bridge.
const tunnel = `commit(addr("10.0.0.1/24", dev = "eth0"), link("eth0", up = True), link("br0", kind = kind.bridge(), address = "02:00:00:00:00:b0", up = True),
	link("vx0", kind = kind.vxlan(id = 9, dstport = 4789, local = "10.0.0.1"), address = "02:00:00:00:00:b9", master = "br0", up = True))
`

// holds runs a commit of ops with each of its messages refused in turn, then as it is, and
// fails the test unless the same ops without verbs are so then.
func holds(t *testing.T, e *engine.Engine, ops, then string) {
	t.Helper()
	enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte("commit(" + ops + ")")})
	mustRun(t, e, "commit("+ops+")", nil)
	if differs := planned(t, e, "commit("+then+")"); differs != "" {
		t.Errorf("after %s:\n%s", ops, differs)
	}
}

// What is said of an entry in both databases is said of two.
func TestBothDatabases(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, tunnel, nil)
	const entry = `("02:00:00:00:00:51", dev = "vx0", master = True, self = True, dst = "10.0.0.2", state = "static")`
	const two = `("02:00:00:00:00:51", dev = "vx0", master = True, state = "static"), bridge.fdb("02:00:00:00:00:51", dev = "vx0", dst = "10.0.0.2", state = "static")`
	const none = `absent(bridge.fdb("02:00:00:00:00:51", dev = "vx0", master = True)), absent(bridge.fdb("02:00:00:00:00:51", dev = "vx0"))`
	for range 2 {
		holds(t, e, `bridge.fdb`+entry, `bridge.fdb`+two)
		holds(t, e, `bridge.fdb.delete`+entry, none)
		holds(t, e, `bridge.fdb.add`+entry, `bridge.fdb`+two)
		holds(t, e, `absent(bridge.fdb`+entry+`)`, none)
	}
	mustRun(t, e, `commit(bridge.fdb`+two+`, bridge.fdb("02:00:00:00:00:52", dev = "vx0", dst = "10.0.0.2"))`, nil)
	holds(t, e, `exact(bridge.fdb`+entry+`, dev = "vx0")`, `bridge.fdb`+two)
}
