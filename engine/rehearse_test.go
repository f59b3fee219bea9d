package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

func rehearse(t *testing.T, e *engine.Engine, src string) (*engine.Result, error) {
	t.Helper()
	return e.Run(t.Context(), engine.Script{Name: "rehearse.star", Source: []byte(src), Rehearse: true})
}

// inside is a host with a bridge and a little of everything.
const inside = `
commit(
    sysctl("net.ipv4.conf.all.promote_secondaries", 1),
    sysctl("net.ipv6.conf.eth1.keep_addr_on_down", 1),
    link("br0", kind = kind.bridge(ageing_time = "500s"), up = True),
    link("eth1", master = "br0", mtu = 1400, alias = "uplink", up = True),
    link("v0", index = 77, kind = kind.veth(peer = {"name": "v1", "index": 79}), up = True),
    addr(["10.0.0.1/24", "10.0.0.2/24", "2001:db8::1/64"], dev = "eth0"),
    addr("10.1.0.1/24", dev = "br0"),
    route("10.9.0.0/16", via = "10.0.0.9"),
    route("default", via = "10.1.0.9", table = 100),
    route("2001:db8:9::/48", via = "2001:db8::9", src = "2001:db8::1"),
    rule(priority = 500, from_ = "10.1.0.0/24", table = 100),
    nexthop(7, via = "10.0.0.7", dev = "eth0"),
    neigh("10.0.0.9", dev = "eth0", lladdr = "02:00:00:00:00:09", nud = "permanent"),
    qdisc("eth0", parent = "root", handle = "1:", kind = sch.htb(default = 16)),
    class_("eth0", parent = "1:", classid = "1:10", kind = sch.htb_class(rate = "10mbit")),
)
`

func furnish(t *testing.T) *engine.Engine {
	t.Helper()
	e := enginetest.Sandbox(t, "eth0", "eth1")
	if _, err := e.Run(t.Context(), engine.Script{Name: "inside.star", Source: []byte(inside)}); err != nil {
		t.Fatalf("%+v", err)
	}
	return e
}

func TestRehearsalSeesTheSame(t *testing.T) {
	e := furnish(t)
	if links, standIns := sameCopy(t, e); links != 7 || len(standIns) != 0 {
		t.Errorf("%d links, %v stand in", links, standIns)
	}
}

// sameCopy fails when a copy is not as the engine's namespace, attribute by
// attribute as the kernel reports them; but names what may differ. It returns how
// many links there are, and which of them stand in.
func sameCopy(t *testing.T, e *engine.Engine, but ...string) (links int, standIns []string) {
	t.Helper()
	before := enginetest.Take(t, e)
	c, r, end, err := e.Duplicate(t.Context(), engine.Script{})
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	for _, n := range r.Notes {
		t.Errorf("note: %s", n)
	}
	if d := before.Differs(t, c, append(but, "/accept_dad = ")...); d != "" {
		t.Error(d)
	}
	return r.Links, r.StandIns
}

func TestRehearsalHolds(t *testing.T) {
	e := furnish(t)
	r, err := rehearse(t, e, `commit(addr("10.0.0.5/24", dev = "eth0"), link("br1", kind = kind.bridge(), up = True))`)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if r.Outcome != "committed" || r.Rehearsal == nil || r.Rehearsal.Links != 7 || len(r.Rehearsal.StandIns) != 0 {
		t.Errorf("%s, %+v", r.Outcome, r.Rehearsal)
	}
	for _, n := range r.Rehearsal.Notes {
		t.Errorf("note: %s", n)
	}
	if _, err := e.Run(t.Context(), engine.Script{Source: []byte(`link.get("br1")`)}); err != nil {
		t.Error(err)
	}
	b, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(b), `"rehearsal":{"held":true,"links":7,"stand_ins":[],"notes":[],`) {
		t.Errorf("%s %v", b, err)
	}
	if s := r.Rehearsal.String(); !strings.HasPrefix(s, "rehearsed: held in a copy of this namespace (7 links), ") {
		t.Error(s)
	}
}

func TestRehearsalFails(t *testing.T) {
	e := furnish(t)
	before := enginetest.Take(t, e)
	_, err := rehearse(t, e, `
commit(
    addr("10.0.0.6/24", dev = "eth0"),
    sysctl("net.ipv4.conf.eth0.rp_filter", 2),
    link("eth1", master = 0),
    absent(addr("10.0.0.1/24", dev = "eth0")),
    route("10.66.0.0/16", via = "172.16.0.1"),
)`)
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "rolled_back" || !strings.Contains(err.Error(), "in rehearsal: commit: route 10.66.0.0/16: ") {
		t.Fatalf("%v", err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Errorf("the namespace has changed:\n%s", d)
	}
	b, err := json.Marshal(failed)
	if err != nil || !strings.Contains(string(b), `"rehearsal":{"held":false,"links":7,`) || !strings.Contains(string(b), `"messages":0,"undone":0,"residue":[]`) {
		t.Errorf("%s %v", b, err)
	}
}

// An embedder's policy hears of the commit that is for the namespace itself only,
// and nothing is announced there when the rehearsal fails.
func TestRehearsalSendsNothing(t *testing.T) {
	asked := 0
	e, heard := overheard(t, &asked)
	ops := `addr("10.7.0.1/24", dev = "eth0"), link("br7", kind = kind.bridge())`
	if _, err := rehearse(t, e, `commit(`+ops+`)
fail("no")`); err == nil || asked != 0 {
		t.Errorf("%v, policy asked %d times", err, asked)
	}
	if n := ours(t, heard); n != 0 {
		t.Errorf("%d changes were announced", n)
	}
	if _, err := rehearse(t, e, `commit(`+ops+`)`); err != nil || asked == 0 {
		t.Errorf("%v, policy asked %d times", err, asked)
	}
	if n := ours(t, heard); n == 0 {
		t.Error("nothing was announced when it held")
	}
}

// overheard is an engine whose policy counts how often it is asked, in a namespace
// with eth0, and what is announced there.
func overheard(t *testing.T, asked *int) (*engine.Engine, *nlconn.Conn) {
	t.Helper()
	ns := testnet.New(t)
	ns.Veth("eth0")
	e, err := engine.New(engine.WithNetNS(ns.FD()), engine.WithPolicy(func(context.Context, *engine.Plan) error { *asked++; return nil }))
	if err != nil {
		t.Fatal(err)
	}
	heard, err := nlconn.Dial(nlconn.Config{NetNS: ns.FD(), Groups: []uint32{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { heard.Close() })
	return e, heard
}

// ours counts announcements that are about what the scripts make.
func ours(t *testing.T, c *nlconn.Conn) (n int) {
	t.Helper()
	c.Notify = func(_ int, m wire.Message) {
		if bytes.Contains(m.Bytes, []byte("br7")) || bytes.Contains(m.Bytes, []byte{10, 7, 0}) {
			n++
		}
	}
	if err := c.Drain(func(m wire.Message) { c.Notify(-1, m) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// A device whose other half is elsewhere, as hardware is, and one that no message
// can make have stand-ins with their names, indexes, addresses, mtu and carrier.
func TestRehearsalStandIns(t *testing.T) {
	e := enginetest.Sandbox(t)
	outside := testnet.New(t)
	tun(t, e, "t0")
	ops := fmt.Sprintf(`
commit(
    link("hw0", index = 40, address = "02:00:00:00:00:40", mtu = 9000, numtxqueues = 4, kind = kind.veth(peer = {"name": "far", "netns_fd": %d})),
    link("hw1", index = 42, kind = kind.veth(peer = {"name": "dark", "netns_fd": %[1]d})),
)
commit(
    link("br0", kind = kind.bridge(), up = True),
    link("hw0", master = "br0", alias = "rack 4", up = True),
    link("hw1", up = True),
    link("t0", up = True, mtu = 1300),
    addr("10.4.0.1/24", dev = "br0"),
    addr("10.5.0.1", peer = "10.5.0.2/32", dev = "t0"),
    route("10.6.0.0/16", via = "10.5.0.2", metric = 7),
)
`, outside.FD())
	if _, err := e.Run(t.Context(), engine.Script{Name: "hw.star", Source: []byte(ops)}); err != nil {
		t.Fatalf("%+v", err)
	}
	outside.Do(func() {
		o, err := engine.New()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Run(t.Context(), engine.Script{Source: []byte(`commit(link("far", up = True))`)}); err != nil {
			t.Fatal(err)
		}
	})
	// The other ends of stand-ins have other indexes, and t0 is of another kind.
	sameCopy(t, e, " link hw0: 5=", " link hw1: 5=", " link hw0: 37=", " link hw1: 37=", " link t0: ", " qdisc dev 2 ", "scope link dev 2 ")
	r, err := rehearse(t, e, `commit(link("hw0", mtu = 1500), addr("10.5.0.9/24", dev = "hw1"), link("t0", up = False))`)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if got := fmt.Sprint(r.Rehearsal.Links, r.Rehearsal.StandIns); got != "4 [t0 hw0 hw1]" {
		t.Error(got)
	}
	if s := r.Rehearsal.String(); !strings.HasPrefix(s, "rehearsed: held in a copy of this namespace (4 links, 3 stand in), ") {
		t.Error(s)
	}
	for _, n := range r.Rehearsal.Notes {
		t.Errorf("note: %s", n)
	}
}

// tun makes a device that exists as long as a file is open: of the kinds that a test
// can count on the only one that no message makes. A user namespace gives no right
// to /dev/net/tun; who has it everywhere else has to have it here.
func tun(t *testing.T, e *engine.Engine, name string) {
	t.Helper()
	var fd int
	var err error
	testnet.Do(t, e.NetNS(), func() { fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0) })
	switch ids, _ := os.ReadFile("/proc/self/uid_map"); {
	case err != nil && strings.Join(strings.Fields(string(ids)), " ") != "0 0 4294967295":
		t.Skip("no /dev/net/tun for this user; root's run has it: ", err)
	case err != nil:
		testnet.Refuse(t, "no /dev/net/tun: "+err.Error())
	}
	t.Cleanup(func() { unix.Close(fd) })
	req, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		t.Fatal("TUNSETIFF: ", err)
	}
}

// Whatever there is, is in the copy; kinds that not every kernel has are made, not
// stood in for.
func TestRehearsalOfAll(t *testing.T) {
	scripts, err := filepath.Glob("enginetest/testdata/*.before.star")
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := filepath.Glob("enginetest/testdata/kinds/*.before.star")
	if err != nil || len(scripts) < 8 || len(kinds) < 4 {
		t.Fatalf("%d and %d scripts, %v", len(scripts), len(kinds), err)
	}
	for _, name := range append(scripts, kinds...) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".before.star"), func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0", "eth1", "eth2", "eth3")
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			_, err = e.Run(t.Context(), engine.Script{Name: name, Source: src})
			if err != nil && strings.Contains(err.Error(), "Unknown device type") {
				testnet.Lacks(t, "kind that is in "+name)
				t.SkipNow()
			}
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if _, standIns := sameCopy(t, e); len(standIns) != 0 {
				t.Errorf("stand-ins: %v", standIns)
			}
		})
	}
}

// Other namespaces that a script works in are copied too, and those that it makes
// get their names only when it held.
func TestRehearsalOfSeveral(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	l := places(t, 2)
	there := fmt.Sprintf(`
b = %q
commit(
    netns(b, sysctl("net.ipv6.conf.default.disable_ipv6", 1)), # what it does by itself takes its time
    netns(b, link("br0", kind = kind.bridge(), up = True), addr("10.3.0.1/24", dev = "br0"), link("lo", up = True)),
    link("v0", kind = kind.veth(peer = {"name": "e0", "netns": b}), up = True),
)`, l[1])
	if _, err := e.Run(t.Context(), engine.Script{Name: "there.star", Source: []byte(there)}); err != nil {
		t.Fatalf("%+v", err)
	}
	before := enginetest.Take(t, e)
	f, err := os.Open(l[1])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other, err := engine.New(engine.WithNetNS(int(f.Fd())))
	if err != nil {
		t.Fatal(err)
	}
	beside := enginetest.Take(t, other)
	src := fmt.Sprintf(`
a, b = %q, %q
commit(
    netns(a, link("w0", kind = kind.veth(peer = {"name": "w1", "netns": b}), up = True), addr("10.4.0.1/24", dev = "w0")),
    netns(b, route("10.5.0.0/16", via = "10.3.0.9"), link("e0", mtu = 1400)),
    link("eth0", netns = a),
)
commit(netns(a, link("eth0", up = True)), netns(b, absent(link("br0"))))
`, l[0], l[1])
	_, err = rehearse(t, e, src+`commit(netns(b, route("10.6.0.0/16", via = "192.0.2.9")))`)
	if err == nil || !strings.Contains(err.Error(), "in rehearsal: commit: route 10.6.0.0/16 netns ") {
		t.Fatalf("%+v", err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Errorf("the namespace has changed:\n%s", d)
	}
	if d := beside.Differs(t, other); d != "" {
		t.Errorf("the other namespace has changed:\n%s", d)
	}
	if _, err := os.Stat(l[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", l[0], err)
	}
	r, err := rehearse(t, e, src)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if got := fmt.Sprint(r.Rehearsal.Links, r.Rehearsal.StandIns, r.Rehearsal.Notes); got != "5 [] []" {
		t.Error(got)
	}
	if !beside.Changed(t, other) {
		t.Error("nothing has changed when it held")
	}
}

// What a script prints is printed once, and also when it fails in rehearsal;
// checks of what is far away are for the run itself.
func TestRehearsalSays(t *testing.T) {
	var out bytes.Buffer
	ns := testnet.New(t)
	ns.Veth("eth0")
	e, err := engine.New(engine.WithNetNS(ns.FD()), engine.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rehearse(t, e, `print("hello")`); err != nil {
		t.Error(err)
	}
	if _, err := rehearse(t, e, `
print("hello")
fail("no")`); err == nil {
		t.Error("it held")
	}
	if n := strings.Count(out.String(), "msg=hello"); n != 2 {
		t.Errorf("printed %d times: %s", n, &out)
	}
	_, err = rehearse(t, e, `
commit(addr("10.7.0.1/24", dev = "eth0"), checks = [check.ping("10.7.0.2")], within = "100ms")`)
	if err == nil || strings.Contains(err.Error(), "in rehearsal") {
		t.Errorf("%v", err)
	}
	_, err = rehearse(t, e, `
commit(addr("10.7.0.1/24", dev = "eth0"), checks = [check.route_get("10.7.0.2", dev = "lo")], within = "100ms")`)
	if err == nil || !strings.Contains(err.Error(), "in rehearsal: ") {
		t.Errorf("%v", err)
	}
}

// A veth between two namespaces is one in their copies too, whichever the script
// names first, and also when it names but one: with one end the other goes.
func TestRehearsalOfPairs(t *testing.T) {
	testnet.NotInVM(t)
	tests := []struct{ name, src, want string }{
		{"home first", `commit(netns(b, link("e0", alias = "far")), absent(link("v0")))
commit(netns(b, link("e0", mtu = 1400)))`, "no device"},
		{"home last", `commit(netns(b, link("e0", mtu = 1400)))
commit(netns(b, absent(link("e0"))))
commit(link("v0", mtu = 1400))`, "no device"},
		{"not home", `commit(netns(b, link("w0", mtu = 1400)), netns(c, link("w1", mtu = 1400)))
commit(netns(b, absent(link("w0"))))
commit(netns(c, link("w1", mtu = 1300)))`, "no device"},
		{"carrier", `commit(netns(b, link("e0", up = False)))
commit(nexthop(7, via = "10.0.0.9", dev = "v0"))`, "Carrier for nexthop device is down"},
		{"new pair", `commit(netns(b, link("x0", kind = kind.veth(peer = {"name": "x1", "netns": c}))))
commit(netns(c, absent(link("x1"))))
commit(netns(b, link("x0", mtu = 1400)))`, "no device"},
		{"holds", `commit(netns(b, link("e0", mtu = 1400), addr("10.0.0.9/24", dev = "e0")), nexthop(7, via = "10.0.0.9", dev = "v0"))`, ""},
		{"one end goes, nobody names the other", `commit(absent(link("v0")))
commit(link("v0", kind = kind.bridge()))`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := places(t, 2)
			e := enginetest.Sandbox(t, "eth0")
			at := fmt.Sprintf("b, c = %q, %q\n", l[0], l[1])
			if _, err := e.Run(t.Context(), engine.Script{Name: "there.star", Source: []byte(at + `
commit(
    link("v0", kind = kind.veth(peer = {"name": "e0", "netns": b, "up": True}), up = True),
    addr("10.0.0.1/24", dev = "v0"),
    netns(c, link("lo", up = True)),
    netns(b, link("w0", kind = kind.veth(peer = {"name": "w1", "netns": c, "up": True}), up = True), addr("10.1.0.1/24", dev = "w0")),
)`)}); err != nil {
				t.Fatalf("%+v", err)
			}
			// A namespace is found by a process that is in it.
			f, err := os.Open(l[0])
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			there := exec.Command("sleep", "60")
			testnet.Do(t, int(f.Fd()), func() { err = there.Start() })
			if err != nil {
				t.Fatal(err)
			}
			defer func() { there.Process.Kill(); there.Wait() }()
			before := enginetest.Take(t, e)
			heard, err := nlconn.Dial(nlconn.Config{NetNS: e.NetNS(), Groups: []uint32{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_NEXTHOP}})
			if err != nil {
				t.Fatal(err)
			}
			defer heard.Close()
			r, err := rehearse(t, e, at+tt.src)
			if tt.want == "" {
				if err != nil || slices.Contains(r.Rehearsal.StandIns, "v0") {
					t.Errorf("%+v, stand-ins %v", err, r)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "in rehearsal: ") || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%+v", err)
			}
			if d := before.Differs(t, e); d != "" {
				t.Errorf("the namespace has changed:\n%s", d)
			}
			n := 0
			if err := heard.Drain(func(wire.Message) { n++ }); err != nil || n != 0 {
				t.Errorf("%d announcements, %v", n, err)
			}
		})
	}
}

// Ops are rehearsed as scripts are, and what fails there is not sent: nothing is announced, and no policy is asked.
func TestRehearsalOfCommit(t *testing.T) {
	asked := 0
	e, heard := overheard(t, &asked)
	op := func(object, subject string, attrs map[string]any) engine.Op {
		op, err := engine.NewOp(object, subject, attrs)
		if err != nil {
			t.Fatal(err)
		}
		return op
	}
	good := []engine.Op{op("link", "br7", map[string]any{"kind": map[string]any{"kind": "bridge"}, "up": true}), op("addr", "10.7.0.1/24", map[string]any{"dev": "br7"})}
	_, err := e.Rehearse(t.Context(), append(slices.Clone(good), op("route", "10.9.0.0/16", map[string]any{"via": "192.0.2.1"}))...)
	if err == nil || !strings.Contains(err.Error(), "in rehearsal: ") || asked != 0 {
		t.Errorf("%v, policy asked %d times", err, asked)
	}
	if n := ours(t, heard); n != 0 {
		t.Errorf("%d changes were announced", n)
	}
	r, err := e.Rehearse(t.Context(), good...)
	if err != nil || r.Rehearsal == nil || r.Rehearsal.Links != 2 || asked == 0 {
		t.Errorf("%+v, %v, policy asked %d times", r, err, asked)
	}
	if _, err := e.Commit(t.Context(), good[1].Absent(), good[0].Absent()); err != nil {
		t.Errorf("%+v", err)
	}
}
