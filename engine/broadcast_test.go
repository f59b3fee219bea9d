package engine_test

import (
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// A broadcast address of zeros is none, and comes and goes with an undo like another.
func TestNoBroadcast(t *testing.T) {
	for name, src := range map[string]string{
		"away":   `commit(addr("192.0.2.1/24", dev = "eth0", broadcast = "0.0.0.0", scope = 0))`,
		"new":    `commit(addr("198.51.100.1/24", dev = "eth0", broadcast = "0.0.0.0", scope = 0))`,
		"comes":  `commit(addr("192.0.2.129/25", dev = "eth0", broadcast = "192.0.2.255"))`,
		"a verb": `commit(addr.add("198.51.100.1/24", dev = "eth0", broadcast = "0.0.0.0"), addr("198.51.100.1/24", dev = "eth0"))`,
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, `commit(addr("192.0.2.1/24", dev = "eth0", broadcast = "192.0.2.255"), addr("192.0.2.129/25", dev = "eth0"), addr("192.0.2.2/24", dev = "eth0"))`, nil)
			enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(src)})
			mustRun(t, e, src, nil)
			if p := planned(t, e, src); p != "" && name != "a verb" {
				t.Error(p)
			}
		})
	}
}
