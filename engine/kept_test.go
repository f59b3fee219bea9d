package engine_test

import (
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// What the kernel makes of a value is what was wanted, and no other program's; a value
// that it does not report is not none.
func TestKeptAsAnother(t *testing.T) {
	for name, ops := range map[string]string{
		"ageing":             `link("vx0", kind = kind.vxlan(id = 5, ageing = "0s"))`,
		"ageing, down":       `link("vx1", kind = kind.vxlan(id = 6, ageing = "0s"))`,
		"of a new vxlan":     `link("vx2", kind = kind.vxlan(id = 7, ageing = "0s", dstport = 0))`,
		"of a new vxlan-gpe": `link("vx2", kind = kind.vxlan(external = True, gpe = True, learning = False, dstport = 0))`,
		"bclim":              `link("mv0", kind = kind.macvlan(bclim = 5))`,
		"bclim, to 0":        `link("mv0", kind = kind.macvlan(bclim = 0))`,
		"bclim, to default":  `link("mv1", kind = kind.macvlan(bclim = 1))`,
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, `commit(
    link("vx0", up = True, kind = kind.vxlan(id = 5, dstport = 4789, ageing = "100s")),
    link("vx1", kind = kind.vxlan(id = 6, dstport = 4789, ageing = "100s")),
    link("mv0", up = True, link = "eth0", kind = kind.macvlan(mode = "bridge")),
    link("mv1", up = True, link = "eth1", kind = kind.macvlan(mode = "bridge", bclim = 7)))`, nil)
			src := "commit(" + ops + ")"
			enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(src)})
			mustRun(t, e, src, nil)
			if p := planned(t, e, src); p != "" {
				t.Error(p)
			}
		})
	}
}
