package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

const expiring = `commit(
    addr(["10.0.0.1/24", "2001:db8::1/64"], dev = "eth0"),
    addr("192.0.2.1/24", dev = "eth0", valid_lft = "500s", preferred_lft = "400s"),
    link("vx0", up = True, kind = kind.vxlan(id = 5, dstport = 4789)),
    route("2001:db8:20::/48", via = "2001:db8::2", expires = "500s", mtu = 1400),
    route("2001:db8:21::/48", dev = "vx0", expires = "500s"),
)`

// left fails unless both routes have about as much left as they had.
const left = `
for to in ("2001:db8:20::/48", "2001:db8:21::/48"):
    l = [r.expires for r in route.list(dst = to)]
    if len(l) != 1 or l[0] == None or int(l[0][:-1]) not in range(490, 501):
        fail(to, l)
`

// Routes that expire come back with what is left of their time, from an undo and with a
// link that is made again; a route that takes the place of one does not have it.
func TestExpires(t *testing.T) {
	for name, ops := range map[string]string{
		"replaced": `route.replace("2001:db8:20::/48", via = "2001:db8::2")`,
		"ensured":  `route("2001:db8:20::/48", via = "2001:db8::2", mtu = 1300)`,
		"deleted":  `route.delete("2001:db8:20::/48"), absent(route("2001:db8:21::/48"))`,
		"down":     `link(["eth0", "vx0"], up = False)`,
		"longer":   `route.replace("2001:db8:20::/48", via = "2001:db8::2", mtu = 1400, expires = "900s")`,
		"shorter":  `route("2001:db8:20::/48", via = "2001:db8::2", mtu = 1400, expires = "100s")`,
		"for ever": `route.replace("2001:db8:20::/48", via = "2001:db8::2", mtu = 1400)`,
		"recreate": `link("vx0", kind = kind.vxlan(id = 6), recreate = True)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, expiring, nil)
			src := "commit(" + ops + ")"
			enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(src)})
			mustRun(t, e, left, nil)
			mustRun(t, e, src, nil)
			if name == "recreate" {
				mustRun(t, e, left, nil)
			}
		})
	}
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, expiring, nil)
	for src, want := range map[string]string{
		`route("2001:db8:20::/48", via = "2001:db8::2", mtu = 1300)`: "s -> none",
		`addr("192.0.2.1/24", dev = "eth0", metric = 5)`:             "s -> forever",
		`route("2001:db8:20::/48", via = "2001:db8::2", mtu = 1400)`: "",
	} {
		if p := planned(t, e, "commit("+src+")"); (p == "") != (want == "") || !strings.Contains(p, want) {
			t.Errorf("%s\n%s", src, p)
		}
	}
}

// A route of which the time is over is as good as gone before the kernel takes it away:
// one that is to be there takes its place, and an undo does not bring it back.
func TestExpired(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(addr("2001:db8::1/64", dev = "eth0"), route("2001:db8:20::/48", via = "2001:db8::2", expires = "1s"))`, nil)
	time.Sleep(1200 * time.Millisecond)
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(link("eth0", up = False)); fail("enough")`)})
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
		t.Errorf("%+v", err)
	}
	mustRun(t, e, `commit(route("2001:db8:20::/48", via = "2001:db8::2"))
if [r.expires for r in route.list(dst = "2001:db8:20::/48")] != [None]:
    fail("expires")
`, nil)
}
