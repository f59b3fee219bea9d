package engine_test

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// An address that is written as unspecified takes away the one that is there, also what a
// verb of the commit has written, and may be what a verb leaves on the way.
func TestUnspecifiedIsNone(t *testing.T) {
	vxlan := func(row string) string { return `kind = kind.vxlan(id = 5, ` + row + `)` }
	for name, ops := range map[string]string{
		"token":            `link("eth0", token = "::")`,
		"token of a verb":  `link.set("eth0", token = "::5"), link("eth0", token = "::")`,
		"token again":      `link.set("eth0", token = "::"), link("eth0", token = "::8")`,
		"remote":           `link("vx0", ` + vxlan(`remote = "0.0.0.0"`) + `)`,
		"remote again":     `link.change("vx0", ` + vxlan(`remote = "0.0.0.0"`) + `), link("vx0", ` + vxlan(`remote = "10.0.0.8"`) + `)`,
		"remote for group": `link.change("vx0", ` + vxlan(`group = "239.1.1.1"`) + `), link("vx0", ` + vxlan(`remote = "10.0.0.8"`) + `)`,
		"local":            `link("vx0", ` + vxlan(`local = "0.0.0.0"`) + `)`,
		"group":            `link("vx1", kind = kind.vxlan(id = 6, group = "0.0.0.0"))`,
		"group as remote":  `link("vx1", kind = kind.vxlan(id = 6, remote = "0.0.0.0"))`,
		"group for remote": `link("vx0", ` + vxlan(`group = "239.1.1.1"`) + `)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, `
commit(sysctl("net.ipv6.conf.eth0.accept_ra", 2), sysctl("net.ipv6.conf.eth0.router_solicitations", 3))
commit(link("eth0", token = "::7"), addr("10.0.0.1/24", dev = "eth0"),
    link("vx0", up = True, kind = kind.vxlan(id = 5, dev = "eth0", dstport = 4789, local = "10.0.0.1", remote = "10.0.0.7")),
    link("vx1", up = True, kind = kind.vxlan(id = 6, dev = "eth0", dstport = 4789, group = "239.1.1.9")))`, nil)
			src := "commit(" + ops + ")"
			enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(src)})
			mustRun(t, e, src, nil)
			last := "commit(link(" + src[strings.LastIndex(src, "link(")+len("link("):]
			if p := planned(t, e, last); p != "" {
				t.Error(p)
			}
		})
	}
	e := enginetest.Sandbox(t, "eth0")
	if _, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(`
commit(link("vx0", kind = kind.vxlan(id = 5, group = "239.1.1.1")), link("vx0", kind = kind.vxlan(id = 5, remote = "10.0.0.8")))`)}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Error(err)
	}
}
