package engine_test

import (
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// A device has the link-local addresses of its mode behind an undo, or none when it says
// so, whatever made others meanwhile: IPv6 that went with a small mtu, or another mode.
func TestUndoOfUnbiddenAddress(t *testing.T) {
	for name, src := range map[string]string{
		"a small mtu":  `link("eth0", mtu = 1000)`,
		"another mode": `sysctl("net.ipv6.conf.eth0.addr_gen_mode", 3)`,
		"one of all":   `sysctl("net.ipv6.conf.all.addr_gen_mode", 3)`,
		"and its link": `link("eth0", addrgenmode = "random"), link.set("eth0", up = False), link.set("eth0", up = True)`,
		"by default":   `sysctl("net.ipv6.conf.default.addr_gen_mode", 3), link("eth0", mtu = 1000)`,
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, `commit(link("eth0", addrgenmode = "none", up = False)); commit(link("eth0", up = True), addr("2001:db8::1/64", dev = "eth0", nodad = True))`, nil)
			undone(t, e, "commit("+src+")")
			mustRun(t, e, `commit(sysctl("net.ipv6.conf.default.addr_gen_mode", 3))`, nil)
			for _, mode := range []string{"none", "eui64"} {
				mustRun(t, e, `commit(link("eth0", addrgenmode = "`+mode+`", up = False)); commit(link("eth0", up = True))`, nil)
				undone(t, e, "commit("+src+")")
			}
			if name == "a small mtu" {
				enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(`commit(` + src + `, addr("192.0.2.1/24", dev = "eth0"))`)})
			}
		})
	}
}
