package builtins

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

func TestCommitFlattens(t *testing.T) {
	h := &fakeHost{}
	_, _, err := exec(t, h, `
a = route("10.0.0.0/8", dev = "lo")
commit([a, (None, [link(["x", "y"], up = True)])], absent(a, rule(table = 7, priority = 3)), sysctl("net.ipv4.ip_forward", 1), label = "all")
`)
	if err != nil {
		t.Fatal(err)
	}
	c := h.commits[0]
	var got []string
	for _, op := range c.Ops {
		got = append(got, op.String())
	}
	want := []string{
		`route("10.0.0.0/8", dev = "lo")`, `link("x", up = True)`, `link("y", up = True)`,
		`absent(rule(table = 7, priority = 3))`, `absent(route("10.0.0.0/8", dev = "lo"))`,
		`sysctl("net.ipv4.ip_forward", "1")`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if c.Label != "all" || len(c.Site.Frames) != 1 || c.Site.Frames[0].Line != 3 {
		t.Errorf("label %q, site %+v", c.Label, c.Site)
	}
}

func TestAttemptReturnsFailure(t *testing.T) {
	h := &fakeHost{fail: errors.New("no such device")}
	_, g, err := exec(t, h, `
e = attempt(route("10.0.0.0/8", dev = "lo"))
m = e.message if e else "none"
`)
	if err != nil {
		t.Fatal(err)
	}
	if g["m"] != starlark.String("no such device") || g["e"].Type() != "error" {
		t.Errorf("got %v, a %s", g["m"], g["e"].Type())
	}
	if _, _, err = exec(t, h, `commit(route("10.0.0.0/8", dev = "lo"))`); !errors.Is(err, h.fail) {
		t.Errorf("commit: %v, want the host's error", err)
	}
}

func TestSites(t *testing.T) {
	_, g, err := exec(t, nil, `
def lan(name):
    return link(name, up = True)

x = [lan(n) for n in ["a", "b"]]
y = lan("c")
`)
	if err != nil {
		t.Fatal(err)
	}
	l := g["x"].(*starlark.List)
	a, b, c := l.Index(0).(*Op), l.Index(1).(*Op), g["y"].(*Op)
	if a.Site != b.Site {
		t.Error("two ops of one loop have two sites")
	}
	if a.Site == c.Site {
		t.Error("calls from two lines have one site")
	}
	want := []Frame{{"lan", mainFile, 3, 16}, {"<toplevel>", mainFile, 6, 8}}
	if !slices.Equal(c.Site.Frames, want) {
		t.Errorf("got %v, want %v", c.Site.Frames, want)
	}
}

func TestUnused(t *testing.T) {
	s, _, err := exec(t, &fakeHost{}, `
a = route("10.0.0.0/8", dev = "lo")
b = route("11.0.0.0/8", dev = "lo")
c = [link("x%d" % i, up = True) for i in range(3)]
d = link("br0", kind = kind.bridge())
e = link("p", master = d)
f = route("12.0.0.0/8", dev = "lo").with_(table = 7)
g = absent(b)
h = route(["13.0.0.0/8", "14.0.0.0/8"], dev = "lo")
commit(a, c[0], e, f, h)
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range s.Unused() {
		got = append(got, fmt.Sprintf("%d: %d of %s", u.Site.Frames[0].Line, u.N, u.What))
	}
	want := []string{"4: 2 of link", "8: 1 of absent"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReads(t *testing.T) {
	h := &fakeHost{objects: []*Op{op(t, `route("10.0.0.0/8", dev = "lo")`)}}
	s, g, err := exec(t, h, `
l = route.list(table = 100, dead = True)
x = link.get("eth0")
y = str(route.get("10.0.0.1"))
a = absent(l)
commit(a, [r.with_(table = 7) for r in l])
`)
	if err != nil {
		t.Fatal(err)
	}
	if h.filter != "dst 10.0.0.1" {
		t.Errorf("filter %q", h.filter)
	}
	if g["y"] != starlark.String(`route("10.0.0.0/8", dev = "lo")`) {
		t.Errorf("got %v", g["y"])
	}
	if n := len(h.commits[0].Ops); n != 2 || len(s.Unused()) != 0 {
		t.Errorf("%d ops committed, unused %v", n, s.Unused())
	}
	if _, _, err := exec(t, nil, `route.list()`); err == nil || !strings.Contains(err.Error(), "nothing can be read or committed here") {
		t.Errorf("a read without host: %v", err)
	}
	for _, src := range []string{`nexthop.list(groups = True)`, `neigh.list(use = True)`, `link.get("eth0", ext_mask = "vf")`} {
		if _, _, err := exec(t, h, src); err == nil || !strings.Contains(err.Error(), "is never reported by the kernel: nothing can be found by it") {
			t.Errorf("%s: %v", src, err)
		}
	}
	if _, _, err := exec(t, h, `route.get("10.0.0.1", fibmatch = True)`); err != nil {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	s := NewScript(mainFile, nil)
	s.MaxOps = 5
	thread := &starlark.Thread{}
	SetScript(thread, s)
	_, err := starlark.ExecFileOptions(FileOptions(), thread, mainFile, `x = route(ip.prefix("10.0.0.0/8").subnets(24), dev = "lo")`, testNames())
	if err == nil || !strings.Contains(err.Error(), "more than 5 ops") {
		t.Errorf("got %v", err)
	}
	s.MaxOps, s.MaxBytes = 0, 1000
	_, err = starlark.ExecFileOptions(FileOptions(), thread, mainFile, `x = route(ip.prefix("10.0.0.0/8").subnets(24), dev = "lo")`, testNames())
	if err == nil || !strings.Contains(err.Error(), "more than 1000 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestParams(t *testing.T) {
	h := &fakeHost{params: map[string]any{"n": "7", "s": "7", "l": `["a"]`, "f": 3.0, "pw": "hush", "b": true}}
	s, g, err := exec(t, h, `
n = param("n", default = 5)
s = param("s", default = "x", doc = "a string")
l = param("l", default = [])
f = param("f", type = "int")
b = param("b", default = False)
pw = param("pw", secret = True)
`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"n": "7", "s": `"7"`, "l": `["a"]`, "f": "3", "b": "True"} {
		if got := g[name].String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if !slices.Equal(s.Secrets(), []string{"hush"}) || len(s.Params()) != 6 || len(h.declared) != 6 {
		t.Errorf("secrets %q, %d params, %d declared", s.Secrets(), len(s.Params()), len(h.declared))
	}
	h.params = map[string]any{"n": "x"}
	if _, _, err := exec(t, h, `param("n", default = 5)`); err == nil || !strings.Contains(err.Error(), `param: n: "x" is no int, as JSON`) {
		t.Errorf("got %v", err)
	}
	h.params = map[string]any{"n": 3.0}
	if _, _, err := exec(t, h, `param("n", default = "x")`); err == nil || !strings.Contains(err.Error(), "got int 3, want string") {
		t.Errorf("got %v", err)
	}
}

func TestNewOp(t *testing.T) {
	s := NewScript("", nil)
	objects := testObjects()
	op, err := s.NewOp(objects, "link.add", "vx0", map[string]any{"mtu": 1400, "kind": map[string]any{"kind": "vxlan", "id": 9}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := op.String(), `link.add("vx0", mtu = 1400, kind = kind.vxlan(id = 9))`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, c := range []struct{ object, want string }{
		{"lnk", `there is no object "lnk"`},
		{"link", "link: mtu: 4294967296 is out of range"},
	} {
		_, err := s.NewOp(objects, c.object, "x", map[string]any{"mtu": uint64(1) << 32})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.object, err, c.want)
		}
		var at *wire.AttrError
		if c.object == "link" && (!errors.As(err, &at) || at.Path != "mtu") {
			t.Errorf("%v does not say the field", err)
		}
	}
}
