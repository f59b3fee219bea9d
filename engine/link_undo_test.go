package engine_test

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// Fields of links that come back by more than their value.
func TestUndoOfLinkFields(t *testing.T) {
	const sources = `commit(link("mv0", link = "eth0", kind = kind.macvlan(mode = "source", macaddr = ["02:00:00:00:00:51", "02:00:00:00:00:52"]), up = True))`
	for name, tt := range map[string]struct{ before, src string }{
		"sources of a macvlan":              {sources, `absent(link("mv0"))`},
		"others":                            {sources, `link("mv0", kind = kind.macvlan(macaddr = ["02:00:00:00:00:53"]))`},
		"another mode":                      {sources, `link("mv0", kind = kind.macvlan(mode = "private"))`},
		"none before":                       {`commit(link("mv0", link = "eth0", kind = kind.macvlan(mode = "source"), up = True))`, `link("mv0", kind = kind.macvlan(macaddr = ["02:00:00:00:00:53"]))`},
		"sources of one that is made again": {sources, `link("mv0", kind = kind.macvlan(), numtxqueues = 2, recreate = True)`},
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, tt.before, nil)
			undone(t, e, "commit("+tt.src+")")
		})
	}
}

// A link that was told to be dormant, or not to be, is asked for what it was.
func TestUndoOfState(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1")
	mustRun(t, e, `commit(link("eth0", up = True), link("eth1", up = True))
commit(link("eth1", state = "dormant"))`, nil)
	for _, src := range []string{
		`link("eth0", state = "dormant")`,
		`link("eth0", state = "testing", alias = "x")`,
		`link("eth0", state = "dormant", mode = "dormant")`,
		`link("eth1", state = "up")`,
	} {
		_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")\nfail('no')")})
		if err == nil || !strings.Contains(sprint(err), "rolled back, verified") {
			t.Errorf("%+v", err)
		}
		mustRun(t, e, `
link.get("eth0", state = "up")
link.get("eth1", state = "dormant")
`, nil)
	}
}
