package engine_test

import (
	"testing"

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
