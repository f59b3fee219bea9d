package engine_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// inhabit lets a process live in a namespace until the test ends.
func inhabit(t *testing.T, ns *testnet.NS) *os.Process {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	var err error
	ns.Do(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process
}

// crossing makes a cable from a namespace to another, in which things stand on it.
func crossing(t *testing.T, e *engine.Engine, there *testnet.NS) {
	t.Helper()
	mustRun(t, e, `
b = param("b")
commit(
    link("v0", kind = kind.veth(peer = {"name": "e0", "netns": b}), up = True, address = "02:00:00:00:00:07"),
    addr("192.0.2.1/24", dev = "v0"),
    netns(b,
        link("br0", kind = kind.bridge(), up = True),
        link("e0", up = True, mtu = 1400, alias = "far"),
        link("m0", link = "e0", kind = kind.macvlan(), up = True),
        addr(["192.0.2.2/24", "2001:db8::2/64"], dev = "e0"),
        addr("198.51.100.1/24", dev = "m0"),
        route("203.0.113.0/24", via = "192.0.2.1"),
        route("10.0.0.0/8", via = "198.51.100.9"),
        sysctl("net.ipv4.conf.e0.forwarding", 1),
    ),
)
`, map[string]any{"b": at(there)})
}

// The other end of a veth goes with it; in whatever namespace a process of the
// machine is, it comes back when the run fails, with all that stood on it.
func TestNetNSFarUnnamed(t *testing.T) {
	here, there, third := calm(t), calm(t), calm(t)
	e, far := engineIn(t, here), engineIn(t, there)
	inhabit(t, third) // another one that is looked at
	mustRun(t, e, `commit(link("w0", kind = kind.veth(peer = {"name": "e0", "netns": param("b")})))`, map[string]any{"b": at(third)})
	crossing(t, e, there)
	pid := inhabit(t, there).Pid
	before := enginetest.Take(t, far)
	s := engine.Script{Name: "down.star", Source: []byte(`commit(absent(link("v0")), addr("10.0.0.2/32", dev = "lo"))`)}
	p, err := e.Plan(context.Background(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if !strings.Contains(p.String(), "note: its other end, link e0 netns pid ") || !strings.Contains(p.String(), ", goes with it, and ") {
		t.Errorf("the other end is not told of:\n%s", p)
	}
	enginetest.EveryFailure(t, e, s)
	enginetest.EveryFailure(t, e, engine.Script{Name: "verb.star", Source: []byte(`commit(link.delete("v0"), addr("10.0.0.2/32", dev = "lo"))`)})
	if d := before.Differs(t, far); d != "" {
		t.Fatalf("the other end is not as before:\n%s", d)
	}
	// The other end may also be named in part: a commit over several namespaces.
	enginetest.EveryFailure(t, e, engine.Script{Name: "third.star", Params: map[string]any{"c": at(third)}, Source: []byte(`
commit(absent(link("v0")), netns(param("c"), addr("10.0.0.2/32", dev = "lo")))`)})
	if d := before.Differs(t, far); d != "" {
		t.Fatalf("the other end is not as before, of three:\n%s", d)
	}
	r, err := e.Run(context.Background(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if has(t, far, "e0") {
		t.Error("the other end is there")
	}
	if len(r.Plan.Messages) != len(p.Messages) {
		t.Errorf("%d messages were sent, %d planned", len(r.Plan.Messages), len(p.Messages))
	}
	if err := unix.Kill(pid, 0); err != nil {
		t.Fatal(err)
	}
}

// A run that dies gives the other end back, also when its namespace has lost its
// name meanwhile, as long as a process is in it.
func TestNetNSFarRecover(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	here, there := calm(t), calm(t)
	e, far := engineIn(t, here, engine.WithJournal(dir)), engineIn(t, there)
	path := places(t, 1)[0]
	testnet.At(t, there.FD(), path)
	crossing(t, e, there)
	before, own := enginetest.Take(t, far), enginetest.Take(t, e)
	die := mortalWatcher(t, e)
	_, err := e.Run(context.Background(), engine.Script{Name: "dies.star", Confirm: time.Hour, Params: map[string]any{"b": path}, Source: []byte(`
b = param("b")
commit(absent(link("v0")), netns(b, addr("10.0.0.1/32", dev = "lo")))`)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	die()
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	r, err := e.Recover(context.Background())
	if err == nil || !strings.Contains(err.Error(), "not all could be restored") {
		t.Fatalf("the namespace cannot be found: %v, %v", r, err)
	}
	inhabit(t, there)
	if _, err := e.Recover(context.Background()); err != nil {
		t.Fatalf("%+v", err)
	}
	if d := before.Differs(t, far) + own.Differs(t, e); d != "" {
		t.Errorf("not as before:\n%s", d)
	}
}

// Where nobody is, the other end cannot be reached, and the plan says so.
func TestNetNSFarUnreachable(t *testing.T) {
	here, there := calm(t), calm(t)
	e := engineIn(t, here)
	crossing(t, e, there)
	if text := planned(t, e, `commit(absent(link("v0")))`); !strings.Contains(text, "cannot be restored: link v0, its other end, in a network namespace that cannot be reached") {
		t.Errorf("the other end:\n%s", text)
	}
}

// A plan tells of the other end also where a commit before makes it, or takes it there.
func TestNetNSFarPlanned(t *testing.T) {
	for name, src := range map[string]string{
		"made there": `commit(link("v0", kind = kind.veth(peer = {"name": "e0", "netns": b})))`,
		"moved": `commit(link("v0", kind = kind.veth(peer = {"name": "e0"})))
commit(link("e0", netns = b))`,
	} {
		for _, op := range []string{`absent(link("v0"))`, `link("v0", kind = kind.bridge(), recreate = True)`} {
			t.Run(name+" "+op, func(t *testing.T) {
				here, there := calm(t), calm(t)
				e := engineIn(t, here)
				s := engine.Script{Name: "p.star", Params: map[string]any{"b": at(there)}, Source: []byte("b = param(\"b\")\n" + src + `
commit(netns(b, addr("192.0.2.2/24", dev = "e0")))
commit(` + op + `)`)}
				p, err := e.Plan(t.Context(), s)
				if err != nil {
					t.Fatalf("%+v", err)
				}
				if want := "note: its other end, link e0 netns " + at(there) + ", goes with it, and 1 object with that"; !strings.Contains(p.String(), want) {
					t.Errorf("no %s\n%s", want, p)
				}
				enginetest.EveryFailure(t, e, s)
				if r := mustRun(t, e, string(s.Source), s.Params); len(r.Plan.Messages) != len(p.Messages) {
					t.Errorf("%d messages were sent, %d planned", len(r.Plan.Messages), len(p.Messages))
				}
			})
		}
	}
}

// The same in one namespace: with either end of a veth that a commit before makes the
// other goes.
func TestVethPlanned(t *testing.T) {
	for _, end := range []string{"v0", "v1"} {
		if text := planned(t, enginetest.Sandbox(t), `commit(link("v0", kind = kind.veth(peer = {"name": "v1"})))
commit(absent(link("`+end+`")))`); !strings.Contains(text, "(1 more goes with it)") {
			t.Errorf("absent %s:\n%s", end, text)
		}
	}
}

// A veth with its other end in another namespace becomes something else, and something
// else such a veth; an undo has both as before.
func TestNetNSFarRecreate(t *testing.T) {
	for name, op := range map[string]string{
		"bridge":         `commit(link("v0", kind = kind.bridge(), recreate = True))`,
		"with its place": `commit(link("v0", kind = kind.bridge(), recreate = True), netns(b, addr("10.0.0.2/32", dev = "lo")))`,
		"from a macvlan": `commit(link("mv", kind = kind.veth(peer = {"name": "mv1", "netns": b, "up": True}), recreate = True), netns(b, addr("10.5.0.2/24", dev = "mv1")))`,
	} {
		t.Run(name, func(t *testing.T) {
			here, there := calm(t), calm(t)
			e, far := engineIn(t, here), engineIn(t, there)
			here.Veth("eth0")
			crossing(t, e, there)
			mustRun(t, e, `commit(link("mv", link = "eth0", kind = kind.macvlan(mode = "bridge")), addr("10.5.0.1/24", dev = "mv"))`, nil)
			inhabit(t, there)
			before := enginetest.Take(t, far)
			s := engine.Script{Name: "r.star", Params: map[string]any{"b": at(there)}, Source: []byte("b = param(\"b\", default = \"\")\n" + op)}
			enginetest.EveryFailure(t, e, s)
			if d := before.Differs(t, far); d != "" {
				t.Fatalf("the other end is not as before:\n%s", d)
			}
			p, err := e.Plan(t.Context(), s)
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if r := mustRun(t, e, string(s.Source), s.Params); len(r.Plan.Messages) != len(p.Messages) {
				t.Errorf("%d messages were sent, %d planned", len(r.Plan.Messages), len(p.Messages))
			}
		})
	}
}
