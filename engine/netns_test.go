package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// places returns paths at which network namespaces can be made.
func places(t *testing.T, n int) []string {
	t.Helper()
	return testnet.Places(t, n)
}

// cabled are two namespaces with a cable between them, addresses at both ends, a bridge and a
// rule behind.
const cabled = `
a, b = param("a"), param("b")
commit(
    netns(a, link("v0", kind = kind.veth(peer = {"name": "e0", "netns": b}), up = True)),
    netns(b,
        link("e0", up = True, mtu = 1400),
        addr("192.0.2.2/24", dev = "e0"),
        link("br0", kind = kind.bridge(), up = True),
        sysctl("net.ipv4.ip_forward", 1),
    ),
    netns(a,
        addr("192.0.2.1/24", dev = "v0"),
        route("198.51.100.0/24", via = "192.0.2.2"),
        rule(from_ = "198.51.100.0/24", table = 100, priority = 1000),
    ),
    netns(b, route("203.0.113.0/24", via = "192.0.2.1", dev = "e0")),
    addr("10.77.0.1/24", dev = "lo"),
)
`

func labScript(paths []string) engine.Script {
	return engine.Script{Name: "lab.star", Source: []byte(cabled), Params: map[string]any{"a": paths[0], "b": paths[1]}}
}

func home(t *testing.T, opts ...engine.Option) (*engine.Engine, *testnet.NS) {
	t.Helper()
	ns := calm(t)
	e, err := engine.New(append(opts, engine.WithNetNS(ns.FD()))...)
	if err != nil {
		t.Fatal(err)
	}
	return e, ns
}

func absentFile(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left behind: %v", p, err)
		}
	}
}

// A lab of two namespaces is made, and made again without a change.
func TestNetNSLab(t *testing.T) {
	e, _ := home(t)
	s := labScript(places(t, 2))
	p, err := e.Plan(context.Background(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	r, err := e.Run(context.Background(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if got, want := len(r.Plan.Messages), len(p.Messages); got != want {
		t.Errorf("%d messages were sent, %d planned", got, want)
	}
	for i := range r.Plan.Messages {
		// Sent, a message has a number, and only the last of a datagram asks for an answer.
		wire.SetFlags(r.Plan.Messages[i], 0)
		wire.SetFlags(p.Messages[i], 0)
		clear(r.Plan.Messages[i][8:16])
		if string(r.Plan.Messages[i]) != string(p.Messages[i]) {
			t.Errorf("message %d is not as planned:\n%x\n%x", i, r.Plan.Messages[i], p.Messages[i])
		}
	}
	if r, err = e.Run(context.Background(), s); err != nil {
		t.Fatalf("%+v", err)
	}
	if r.Outcome != "unchanged" {
		t.Errorf("the second run: %s\n%s", r, r.Plan)
	}
}

// Each message of the lab is made to fail: no namespace is left, and nothing in
// the one the run works in.
func TestNetNSFailures(t *testing.T) {
	testnet.NotInVM(t)
	e, _ := home(t)
	paths := places(t, 2)
	enginetest.EveryFailure(t, e, labScript(paths))
	absentFile(t, paths...)
}

// at is how a script reaches the namespace of a test.
func at(ns *testnet.NS) string { return fmt.Sprintf("/proc/self/fd/%d", ns.FD()) }

func engineIn(t *testing.T, ns *testnet.NS, opts ...engine.Option) *engine.Engine {
	t.Helper()
	e, err := engine.New(append(opts, engine.WithNetNS(ns.FD()))...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustRun(t *testing.T, e *engine.Engine, src string, params map[string]any) *engine.Result {
	t.Helper()
	r, err := e.Run(context.Background(), engine.Script{Name: "a.star", Source: []byte(src), Params: params})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	return r
}

// planned says what a script would change, "" nothing.
func planned(t *testing.T, e *engine.Engine, src string) string {
	t.Helper()
	p, err := e.Plan(context.Background(), engine.Script{Name: "p.star", Source: []byte(src)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if p.Empty() {
		return ""
	}
	return p.String()
}

// calm is a namespace in which IPv6 addresses, and what comes with them, are
// there at once.
func calm(t *testing.T) *testnet.NS {
	t.Helper()
	ns := testnet.New(t)
	ns.Do(func() {
		for _, dir := range []string{"all", "default"} {
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+dir+"/accept_dad", []byte("0"), 0); err != nil {
				t.Fatal(err)
			}
		}
	})
	return ns
}

// A link moves to another namespace and back, with what is on it; when a later
// message fails it is where it was, with its index, its addresses and routes.
func TestNetNSMove(t *testing.T) {
	testnet.NotInVM(t)
	here, there := calm(t), calm(t)
	e, far := engineIn(t, here), engineIn(t, there)
	here.Veth("eth0")
	const before = `commit(
    link("eth0", up = True, alias = "uplink"),
    addr(["192.0.2.2/24", "2001:db8::2/64"], dev = "eth0"),
    route("198.51.100.0/24", via = "192.0.2.1"),
)`
	mustRun(t, e, before, nil)
	b := map[string]any{"b": at(there)}
	const move = `
b = param("b")
commit(
    link("eth0", netns = b, up = True, mtu = 1400),
    netns(b, addr("192.0.2.3/24", dev = "eth0"), route("203.0.113.0/24", via = "192.0.2.9")),
)
`
	enginetest.EveryFailure(t, e, engine.Script{Name: "move.star", Source: []byte(move), Params: b})
	enginetest.EveryFailure(t, e, engine.Script{Name: "fd.star", Params: map[string]any{"fd": there.FD()}, Source: []byte(`
fd = param("fd", default = 0)
commit(link("eth0", netns_fd = fd, up = True), addr("10.0.0.2/32", dev = "lo"))
`)})
	if text := planned(t, e, before); text != "" {
		t.Errorf("after failures:\n%s", text)
	}
	if has(t, far, "eth0") {
		t.Error("eth0 is in the other namespace")
	}
	mustRun(t, e, move, b)
	if r := mustRun(t, e, move, b); r.Outcome != "unchanged" {
		t.Errorf("the second run: %s\n%s", r, r.Plan)
	}
	if has(t, e, "eth0") || !has(t, far, "eth0") {
		t.Error("eth0 did not move")
	}
	if text := planned(t, far, `commit(link("eth0", up = True, mtu = 1400, alias = "uplink"), addr("192.0.2.3/24", dev = "eth0"))`); text != "" {
		t.Errorf("in the other namespace:\n%s", text)
	}
	mustRun(t, e, `
b, a = param("b"), param("a")
commit(netns(b, link("eth0", netns = a)))
`, map[string]any{"b": at(there), "a": at(here)})
	if !has(t, e, "eth0") || has(t, far, "eth0") {
		t.Error("eth0 did not come back")
	}
}

// What a script does in a namespace that is there is undone in it, message by
// message.
func TestNetNSUndoThere(t *testing.T) {
	here, there := calm(t), calm(t)
	there.Veth("eth0")
	e, far := engineIn(t, here), engineIn(t, there)
	mustRun(t, far, `commit(link("eth0", up = True), addr("192.0.2.2/24", dev = "eth0"), route("198.51.100.0/24", via = "192.0.2.1"))`, nil)
	src := `
b = param("b")
commit(netns(b,
    link("eth0", mtu = 1300),
    absent(addr("192.0.2.2/24", dev = "eth0")),
    addr("192.0.2.3/24", dev = "eth0"),
    sysctl("net.ipv4.conf.eth0.forwarding", 1),
), addr("192.0.2.1/32", dev = "lo"), netns(b, addr("192.0.2.4/24", dev = "eth0")), label = "both")
`
	s := engine.Script{Name: "there.star", Source: []byte(src), Params: map[string]any{"b": at(there)}}
	// The image that is compared is of the engine's namespace: here, and there.
	enginetest.EveryFailure(t, e, s)
	p := map[string]any{"b": at(there)}
	if r := mustRun(t, far, `b = param("b")
commit(netns(b, addr("192.0.2.2/24", dev = "eth0"), link("eth0", mtu = 1500), route("198.51.100.0/24", via = "192.0.2.1"), absent(addr("192.0.2.3/24", dev = "eth0"))))`, p); r.Outcome != "unchanged" {
		t.Errorf("the other namespace was not as before: %s\n%s", r, r.Plan)
	}
	enginetest.EveryFailure(t, far, engine.Script{Name: "there.star", Source: []byte(strings.ReplaceAll(src, `param("b")`, `param("b", default = "")`)), Params: p})
}

// A run over two namespaces that dies is undone in both by its journal.
func TestNetNSRecover(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	here, there := calm(t), calm(t)
	here.Veth("eth0")
	e, far := engineIn(t, here, engine.WithJournal(dir)), engineIn(t, there)
	path := places(t, 1)[0]
	const before = `commit(link("eth0", up = True), addr("192.0.2.2/24", dev = "eth0"))`
	mustRun(t, e, before, nil)
	// A run that waits to be confirmed, whose process is gone, has the same journal.
	s := engine.Script{Name: "dies.star", Confirm: time.Hour, Params: map[string]any{"b": at(there), "c": path}, Source: []byte(`
b, c = param("b"), param("c")
commit(
    link("v0", kind = kind.veth(peer = {"name": "e0", "netns": c}), netns = None),
    netns(b, link("br0", kind = kind.bridge(), up = True), addr("10.0.0.1/24", dev = "br0")),
    netns(c, link("e0", up = True), addr("10.1.0.2/24", dev = "e0")),
    link("eth0", netns = b, up = True),
)
commit(netns(b, addr("10.9.0.1/32", dev = "lo"), link("br1", kind = kind.bridge())), addr("10.8.0.1/32", dev = "lo"))
`)}
	die := mortalWatcher(t, e)
	if _, err := e.Run(context.Background(), s); err != nil {
		t.Fatalf("%+v", err)
	}
	die()
	if !has(t, far, "eth0") || !has(t, far, "br1") {
		t.Fatal("the run did not take effect")
	}
	// Another run in a namespace that it changed has to wait for it.
	other, _ := home(t, engine.WithJournal(dir))
	_, err := other.Run(context.Background(), engine.Script{Name: "b.star", Params: map[string]any{"b": at(there)}, Source: []byte(`commit(netns(param("b"), link("br2", kind = kind.bridge())))`)})
	if err == nil || !strings.Contains(err.Error(), "has not ended") {
		t.Errorf("a run in a namespace that waits: %v", err)
	}
	_, err = engineIn(t, there, engine.WithJournal(dir)).Run(context.Background(), engine.Script{Name: "b.star", Source: []byte(`commit(link("br2", kind = kind.bridge()))`)})
	if err == nil || !strings.Contains(err.Error(), "this network namespace") {
		t.Errorf("a run that works in it: %v", err)
	}
	r, err := e.Recover(context.Background())
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if r.Outcome != "rolled_back" {
		t.Errorf("outcome %s", r.Outcome)
	}
	absentFile(t, path)
	if journals(t, dir) != 0 {
		t.Error("the journal is left")
	}
	if has(t, far, "eth0") || has(t, far, "br0") || has(t, far, "br1") || has(t, e, "v0") {
		t.Error("links are left behind")
	}
	if text := planned(t, e, before); text != "" {
		t.Errorf("not as before:\n%s", text)
	}
	if text := planned(t, far, `commit(absent(addr("10.9.0.1/32", dev = "lo")))`); text != "" {
		t.Errorf("there:\n%s", text)
	}
}

// A link can be made where it shall be, and in an attempt all of it goes again.
func TestNetNSAttempt(t *testing.T) {
	e, _ := home(t)
	path := places(t, 1)[0]
	mustRun(t, e, `
c = param("c")
failed = attempt(netns(c, link("br0", kind = kind.bridge()), route("10.0.0.0/8", via = "192.0.2.1")))
if not failed:
    fail("a route by nothing")
commit(netns(c), link("br1", netns = c, kind = kind.bridge(), mtu = 1400, up = True, alias = "made from outside"),
    netns(c, addr("10.0.0.1/24", dev = "br1")))
commit(link("br1", netns = c, mtu = 1300))
`, map[string]any{"c": path})
	if r := mustRun(t, e, `
c = param("c")
commit(netns(c, link("br1", mtu = 1300, up = True, alias = "made from outside"), addr("10.0.0.1/24", dev = "br1"), absent(link("br0"))))
`, map[string]any{"c": path}); r.Outcome != "unchanged" {
		t.Errorf("%s\n%s", r, r.Plan)
	}
	_, err := e.Run(context.Background(), engine.Script{Name: "x.star", Params: map[string]any{"c": path + "x"}, Source: []byte(`commit(link("br1", netns = param("c"), kind = kind.bridge()))`)})
	if err == nil || !strings.Contains(err.Error(), "no network namespace") {
		t.Errorf("a namespace that is not there: %v", err)
	}
}

// A lab is taken down; when that fails at any message it stands again, cables
// between namespaces included.
func TestNetNSTeardown(t *testing.T) {
	here, there := calm(t), calm(t)
	e, far := engineIn(t, here), engineIn(t, there)
	b := map[string]any{"b": at(there)}
	const there0 = `commit(
    link("e0", up = True, mtu = 1400),
    addr("192.0.2.2/24", dev = "e0"),
    route("198.51.100.0/24", via = "192.0.2.1"),
)`
	mustRun(t, e, `
b = param("b")
commit(link("v0", kind = kind.veth(peer = {"name": "e0", "netns": b}), up = True, address = "02:00:00:00:00:07"), addr("192.0.2.1/24", dev = "v0"))
`, b)
	mustRun(t, far, there0, nil)
	down := engine.Script{Name: "down.star", Params: b, Source: []byte(`
b = param("b")
commit(netns(b, absent(route("198.51.100.0/24"))), absent(link("v0")), netns(b, addr("10.0.0.1/32", dev = "lo")), addr("10.0.0.2/32", dev = "lo"))
`)}
	p, err := e.Plan(context.Background(), down)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if !strings.Contains(p.String(), "note: its other end, link e0 netns ") {
		t.Errorf("the other end is not told of:\n%s", p)
	}
	enginetest.EveryFailure(t, e, down)
	if text := planned(t, far, there0); text != "" {
		t.Errorf("the other end is not as before:\n%s", text)
	}
	mustRun(t, e, string(down.Source), b)
	if has(t, far, "e0") || has(t, e, "v0") {
		t.Error("the cable is there")
	}
}

// mortalWatcher gives an engine's run a watcher that dies without doing anything.
func mortalWatcher(t *testing.T, e *engine.Engine) (die func()) {
	var watcher *os.File
	e.SetWatcher(func(_, alive *os.File) error {
		fd, err := unix.Dup(int(alive.Fd()))
		if err != nil {
			return err
		}
		watcher = os.NewFile(uintptr(fd), "alive")
		_, err = watcher.Write([]byte{0})
		return err
	})
	return func() {
		if err := watcher.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A run over two namespaces that nobody confirms is undone in both by its watcher.
func TestNetNSConfirm(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	here, there := calm(t), calm(t)
	e, watcher, far := engineIn(t, here, engine.WithJournal(dir)), engineIn(t, here, engine.WithJournal(dir)), engineIn(t, there)
	path := places(t, 1)[0]
	done := make(chan error, 1)
	e.SetWatcher(func(journal, alive *os.File) error {
		var files [2]*os.File
		for i, f := range []*os.File{journal, alive} {
			fd, err := unix.Dup(int(f.Fd()))
			if err != nil {
				return err
			}
			files[i] = os.NewFile(uintptr(fd), f.Name())
		}
		go func() { done <- watcher.Watch(context.Background(), files[0], files[1]) }()
		return nil
	})
	_, err := e.Run(context.Background(), engine.Script{Name: "c.star", Confirm: 200 * time.Millisecond, Params: map[string]any{"b": at(there), "c": path}, Source: []byte(`
b, c = param("b"), param("c")
commit(netns(b, link("v0", kind = kind.veth(peer = {"name": "e0", "netns": c}), up = True)), netns(c, link("e0", up = True), addr("10.0.0.1/24", dev = "e0")))
`)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if !has(t, far, "v0") {
		t.Error("it did not take effect")
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("watcher: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the watcher did not end")
	}
	if has(t, far, "v0") {
		t.Error("it was not undone")
	}
	absentFile(t, path)
}

// Ops made in Go can be in another namespace, too.
func TestNetNSOp(t *testing.T) {
	e, _ := home(t)
	path := places(t, 1)[0]
	op, err := engine.NewOp("link", "br0", map[string]any{"kind": map[string]any{"kind": "bridge"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Commit(context.Background(), op.In(path))
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if has(t, e, "br0") {
		t.Error("it is here")
	}
	if err := r.Undo(context.Background()); err != nil {
		t.Fatalf("%+v", err)
	}
	absentFile(t, path)
	if _, err := e.Commit(context.Background(), op.In("../x")); err == nil || !strings.Contains(err.Error(), "cannot be the name") {
		t.Errorf("a name that leaves the directory: %v", err)
	}
}
