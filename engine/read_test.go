package engine_test

import (
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// TestLookup: route.get asks the kernel in the family of the address, of get of
// other objects one must agree.
func TestLookup(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	run := func(text string) error {
		_, err := e.Run(t.Context(), engine.Script{Name: "get.star", Source: []byte(text)})
		return err
	}
	if err := run(`
commit(addr("10.0.0.1/24", dev = "eth0"), addr("2001:db8::1/64", dev = "eth0", nodad = True))
for dst in ("10.0.0.7", "2001:db8::7"):
    if route.get(dst).dev != "eth0":
        fail("%s: %s" % (dst, route.get(dst)))
if link.get("eth0").name != "eth0":
    fail(link.get("eth0"))
`); err != nil {
		t.Errorf("%+v", err)
	}
	for text, want := range map[string]string{
		`route.get("192.0.2.1")`: "get.star:1:10: route.get: network is unreachable (ENETUNREACH)",
		`link.get("eth9")`:       "get.star:1:9: link.get: no object agrees with this",
		`link.get()`:             "get.star:1:9: link.get: 3 objects agree with this; say more, or use list",
	} {
		if err := run(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
