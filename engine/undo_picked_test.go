package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// What the kernel gives a name or a number goes with the commit that made it, also
// where there is something like it, of before or of another program.
func TestUndoOfPicked(t *testing.T) {
	const base = `commit(link("eth0", up = True), addr("10.0.0.1/24", dev = "eth0"), nexthop(5, via = "10.0.0.7", dev = "eth0"), link("bridge0", kind = kind.bridge()))`
	for name, src := range map[string]string{
		"a next hop":      `nexthop.add(via = "10.0.0.7", dev = "eth0")`,
		"with a link":     `link("eth0", mtu = 1400), nexthop.add(via = "10.0.0.8", dev = "eth0"), nexthop.add(group = [5])`,
		"a link":          `link.add(kind = kind.bridge())`,
		"links":           `link.add(kind = kind.bridge()), link.add("bridge%d", kind = kind.bridge()), link.add("x%d", kind = kind.veth())`,
		"with an index":   `link.add("x%d", index = 77, kind = kind.bridge())`,
		"a name":          `link.set("eth0", newname = "x%d")`,
		"both ends":       `link.add(kind = kind.veth(peer = {"name": "y%d", "mtu": 1400}))`,
		"in a namespace":  `netns("BLUE", link.add(kind = kind.bridge()))`,
		"there from here": `netns("BLUE"), link.add(kind = kind.bridge(), netns = "BLUE")`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(src, "BLUE") {
				src = strings.ReplaceAll(src, "BLUE", testnet.Places(t, 1)[0])
			}
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, base, nil)
			other := engineAt(t, e)
			e = engineAt(t, e, atSecond(func() error {
				mustRun(t, other, `commit(link("br9", kind = kind.bridge()), nexthop(9, blackhole = True))`, nil)
				return nil
			}))
			before := enginetest.Take(t, e)
			_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")\ncommit(link(\"lo\", group = 7))\nfail('no')")})
			var failed *engine.Error
			if !errors.As(err, &failed) || failed.Outcome != "rolled_back" || !strings.Contains(failed.Message, "fail: no") {
				t.Errorf("%+v", err)
			}
			if text := planned(t, other, `commit(link("br9", kind = kind.bridge()), nexthop(9, blackhole = True))`); text != "" {
				t.Errorf("of the other program:\n%s", text)
			}
			mustRun(t, other, `commit(absent(link("br9"), nexthop(9)))`, nil)
			if d := before.Differs(t, e); d != "" {
				t.Error(d)
			}
		})
	}
}

// Names that the kernel would fill in tell nothing that shall be.
func TestPatterns(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	for src, want := range map[string]string{
		`link("x%d", kind = kind.bridge())`:                           `link: name: "x%d" is a pattern, not a name; link.add takes one`,
		`absent(link("x%d"))`:                                         `link: name: "x%d" is a pattern`,
		`link("eth0", newname = "x%d")`:                               `link: newname: "x%d" is a pattern`,
		`link("v0", kind = kind.veth(peer = {"name": "x%d"}))`:        `link: kind.veth.peer.name: "x%d" is a pattern`,
		`link.add("b0", newname = "b1", kind = kind.bridge())`:        `link.add: newname: is for a link that is there`,
		`netns("blue", link("x%d", kind = kind.bridge(), up = True))`: `link: name: "x%d" is a pattern`,
	} {
		if _, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
}

// A tunnel's forwarding entry is on the tunnel, whatever device it goes by.
func TestUndoOfEntryVia(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(link("eth0", up = True), link("vx0", kind = kind.vxlan(id = 5, dstport = 4789, dev = "eth0")),
    bridge.fdb("02:00:00:00:00:01", dev = "vx0", dst = "10.0.0.9", via = "eth0"), bridge.fdb("02:00:00:00:00:02", dev = "vx0", dst = "10.0.0.9"))`, nil)
	before := enginetest.Take(t, e)
	if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(bridge.fdb("02:00:00:00:00:99", dev = "eth0"), absent(link("vx0")))` + "\nfail('no')")}); err == nil {
		t.Error("held")
	}
	if d := before.Differs(t, e); d != "" {
		t.Error(d)
	}
}

// Addresses of another program that go with one that is taken back come again in the
// order that they were in.
func TestStrangersInOrder(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	other := engineAt(t, e)
	e = engineAt(t, e, atSecond(func() error {
		mustRun(t, other, `commit([addr("10.9.0.%d/24" % n, dev = "eth0") for n in [4, 2, 9, 7, 3, 8, 5, 6]])`, nil)
		return nil
	}))
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(addr(\"10.9.0.1/24\", dev = \"eth0\"))\ncommit(link(\"eth0\", alias = \"x\"))\nfail('no')")})
	if err == nil || !strings.Contains(fmt.Sprintf("%+v", err), "rolled back, verified") {
		t.Errorf("%+v", err)
	}
	mustRun(t, other, `
l = [str(a.local) for a in addr.list(dev = "eth0", family = "inet")]
if l != ["10.9.0.%d/24" % n for n in [4, 2, 9, 7, 3, 8, 5, 6]]:
    fail(str(l))
`, nil)
}
