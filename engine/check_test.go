package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// A run in a namespace, of scripts that are given as text.
type runner struct {
	t   *testing.T
	e   *engine.Engine
	ctx context.Context
}

func newRunner(t *testing.T, ns *testnet.NS, opts ...engine.Option) runner {
	t.Helper()
	e, err := engine.New(append(opts, engine.WithNetNS(ns.FD()))...)
	if err != nil {
		t.Fatal(err)
	}
	return runner{t, e, t.Context()}
}

func (r runner) run(src string) (*engine.Result, error) {
	return r.e.Run(r.ctx, engine.Script{Name: "a.star", Source: []byte(src)})
}

func (r runner) must(src string) *engine.Result {
	r.t.Helper()
	res, err := r.run(src)
	if err != nil {
		r.t.Fatalf("%s\n%+v", src, err)
	}
	return res
}

// same fails the test unless a script has nothing to do.
func (r runner) same(src string) {
	r.t.Helper()
	p, err := r.e.Plan(r.ctx, engine.Script{Name: "same.star", Source: []byte(src)})
	if err != nil {
		r.t.Fatal(err)
	}
	if !p.Empty() {
		r.t.Errorf("not as it was:\n%s", p)
	}
}

// Two namespaces would be needed for an answer from afar: what is on lo answers
// by the same code.
const checkBase = `commit(link("eth0", up = True, mtu = 1500), addr(["192.0.2.1/24", "198.51.100.1/24"], dev = "eth0"), addr("2001:db8::1/64", dev = "eth0", nodad = True))`

func TestChecksHold(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0", "eth1")
	r := newRunner(t, ns)
	r.must(checkBase)
	var l, l6 net.Listener
	ns.Do(func() {
		var err error
		if l, err = net.Listen("tcp", "192.0.2.1:0"); err == nil {
			l6, err = net.Listen("tcp", "[2001:db8::1]:0")
		}
		if err != nil {
			t.Error(err)
		}
	})
	defer l.Close()
	defer l6.Close()
	src := fmt.Sprintf(`commit(route("10.0.0.0/8", via = "192.0.2.9"), link("eth1", mtu = 1400), checks = [
    check.ping("192.0.2.1"), check.ping("2001:db8::1"), check.tcp(%q), check.tcp(%q), check.carrier("eth0"),
    check.route_get("10.1.2.3", dev = "eth0", via = "192.0.2.9", src = "192.0.2.1"), check.route_get("2001:db8::7", dev = "eth0"),
])`, l.Addr(), l6.Addr())
	if got := r.must(src).Outcome; got != "committed" {
		t.Errorf("outcome %s", got)
	}
	// The checks are tried again, and nothing changes.
	if got := r.must(src).Outcome; got != "unchanged" {
		t.Errorf("the second time: outcome %s", got)
	}
}

func TestCheckFails(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	r := newRunner(t, ns)
	r.must(checkBase)
	var closed string
	ns.Do(func() {
		l, err := net.Listen("tcp", "192.0.2.1:0")
		if err != nil {
			t.Error(err)
			return
		}
		closed = l.Addr().String()
		l.Close()
	})
	for _, tt := range []struct{ check, want string }{
		{`check.ping("192.0.2.77")`, "check ping 192.0.2.77: "},
		{`check.ping("203.0.113.1")`, "check ping 203.0.113.1: network is unreachable (ENETUNREACH), within 600ms"},
		{`check.ping("2001:db8::77")`, "check ping 2001:db8::77: "},
		{`check.tcp("` + closed + `")`, "connection refused (ECONNREFUSED), within 600ms"},
		{`check.route_get("10.1.2.3", dev = "eth0p")`, "the route is by eth0, not eth0p, within 600ms"},
		{`check.route_get("10.1.2.3", via = "192.0.2.8")`, "the route is via 192.0.2.9, not 192.0.2.8, within"},
		{`check.route_get("10.1.2.3", src = "198.51.100.1")`, "the route is from 192.0.2.1, not 198.51.100.1, within"},
		{`check.route_get("203.0.113.1")`, "etwork is unreachable (ENETUNREACH), within"},
		{`check.carrier("eth9")`, "check carrier eth9: there is no device eth9, within 600ms"},
	} {
		t.Run(tt.check, func(t *testing.T) {
			begin := time.Now()
			_, err := r.run("commit(link(\"eth0\", alias = \"first\"))\ncommit(\n    route(\"10.0.0.0/8\", via = \"192.0.2.9\"),\n    label = \"uplink\",\n    checks = [\n        " + tt.check + ",\n    ], within = \"600ms\")")
			var failed *engine.Error
			if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
				t.Fatalf("got %+v, want a failure that is undone", err)
			}
			if s := failed.Error(); !strings.HasPrefix(s, "a.star:6:") || !strings.Contains(s, `commit "uplink": `) || !strings.Contains(s, tt.want) {
				t.Errorf("got %q, want %q in it, at line 6", s, tt.want)
			}
			if took := time.Since(begin); took < 600*time.Millisecond || took > 8*time.Second {
				t.Errorf("took %v", took)
			}
			r.same(checkBase + "\ncommit(absent(route(\"10.0.0.0/8\")), link(\"eth0\", alias = \"\"))")
		})
	}
}

// What is missing is told, too, where the time ends while a check looks again:
// beside a program that has the kernel announce links all the time.
func TestCheckBesideAnnouncements(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	r, other := newRunner(t, ns), newRunner(t, ns)
	r.must(checkBase)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := other.run(fmt.Sprintf(`commit(link("eth0p", alias = "n%d"))`, i)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for _, tt := range []struct{ check, want string }{
		{`check.carrier("eth9")`, "check carrier eth9: there is no device eth9, within 30ms"},
		{`check.route_get("192.0.2.1", dev = "eth0")`, "the route is by lo, not eth0, within 30ms"},
	} {
		for range 30 {
			_, err := r.run(`commit(checks = [` + tt.check + `], within = "30ms")`)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%s: %v, want %s", tt.check, err, tt.want)
			}
		}
	}
	stop()
	<-done
}

// What a check waits for may come late; attempt catches one that fails.
func TestCheckWaits(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	r, other := newRunner(t, ns), newRunner(t, ns)
	r.must(checkBase)
	r.must(`commit(link("eth0p", up = False))`)
	late := make(chan error, 1)
	go func() {
		time.Sleep(300 * time.Millisecond)
		_, err := other.run(`commit(link("eth0p", up = True), route("203.0.113.0/24", via = "198.51.100.9"))`)
		late <- err
	}()
	begin := time.Now()
	r.must(`commit(link("eth0", alias = "x"), checks = [check.carrier("eth0"), check.route_get("203.0.113.7", via = "198.51.100.9")], within = "20s")`)
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("took %v: not told of the changes", took)
	}
	if err := <-late; err != nil {
		t.Errorf("the other program: %v", err)
	}
	r.must(`
e = attempt(link("eth0", alias = "y"), checks = [check.carrier("eth8")], within = "100ms")
if not e or "eth8" not in e.message:
    fail("no failure: %s" % e)
commit(link("eth0", mtu = 1400))
`)
	r.same(`commit(link("eth0", mtu = 1400, alias = "x"))`)
}

// A cancelled run does not wait for its checks, nor for its waits.
func TestCheckCancelled(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	r := newRunner(t, ns)
	r.must(checkBase)
	r.must(`commit(link("eth0p", up = False))`)
	for _, src := range []string{
		`commit(link("eth0", alias = "x"), checks = [check.ping("192.0.2.77"), check.tcp("192.0.2.77:1"), check.carrier("eth8")], within = "1h")`,
		`commit(link("eth0", alias = "x"), wait.carrier("eth0", within = "1h"), link("eth0p", alias = "y"))`,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		_, err := r.e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(src)})
		cancel()
		if err == nil || !strings.Contains(err.Error(), "interrupted") {
			t.Errorf("%s\n%v", src, err)
		}
		r.same(`commit(link("eth0", alias = ""))`)
	}
}

func TestWaits(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0", "eth1")
	r := newRunner(t, ns)
	// The address is tentative for a while: IPv6 refuses a route from it.
	r.must(`commit(sysctl("net.ipv6.conf.eth0.accept_dad", 1), sysctl("net.ipv6.conf.eth0.dad_transmits", 1), link("eth0", up = False), link("eth0p", up = False))`)
	src := `commit(
    link("eth0", up = True),
    link("eth0p", up = True),
    wait.carrier("eth0"),
    addr("2001:db8:1::1/64", dev = "eth0"),
    wait.dad("2001:db8:1::1"),
    wait.dad(),
)`
	begin := time.Now()
	r.must(src)
	if took := time.Since(begin); took < 500*time.Millisecond || took > 8*time.Second {
		t.Errorf("took %v: duplicate address detection was not waited for", took)
	}
	ns.Do(func() { // a tentative address cannot be bound to
		l, err := net.Listen("tcp", "[2001:db8:1::1]:0")
		if err != nil {
			t.Error(err)
			return
		}
		l.Close()
	})
	if got := r.must(src).Outcome; got != "unchanged" {
		t.Errorf("the second time: outcome %s", got)
	}
	for _, tt := range []struct{ src, want string }{
		{`commit(link("eth1", up = False), wait.carrier("eth1", within = "200ms"), link("eth1", alias = "x"))`, "wait carrier eth1 within 200ms: eth1 is down after 200ms"},
		{`commit(link("eth1p", up = False), wait.carrier("eth1", within = "200ms"))`, "eth1 has no carrier after 200ms"},
		{`commit(link("eth1", alias = "x"), wait.dad("2001:db8:1::77", within = "200ms"))`, "no device has 2001:db8:1::77 after 200ms"},
		{`commit(wait.dad("2001:db8:1::77", within = "200ms"))`, "no device has 2001:db8:1::77 after 200ms"},
		{`commit(link("eth1", alias = "x"), wait.carrier("eth7"))`, `no device "eth7"`},
	} {
		_, err := r.run(tt.src)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "a.star:1:") {
			t.Errorf("%s\ngot  %v\nwant %q", tt.src, err, tt.want)
		}
		r.same(`commit(link(["eth1", "eth1p"], up = True, alias = ""))`)
	}
}

// Plans, golden files and JSON show checks and waits, and run none.
func TestChecksShown(t *testing.T) {
	e, err := engine.New(engine.WithFacts(engine.Facts{Links: map[string]int{"eth0": 2}}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(
    addr("192.0.2.1/24", dev = "eth0"),
    wait.carrier("eth0"),
    wait.dad(within = "3s"),
    route("10.0.0.0/8", via = "192.0.2.9"),
    checks = [check.ping("192.0.2.9"), check.tcp("192.0.2.9:22")],
    within = "7s",
)
commit(checks = [check.carrier("eth0")])
`)})
	if err != nil {
		t.Fatal(err)
	}
	text := p.String()
	for _, want := range []string{"  : wait carrier eth0   within 5s", "  : wait dad within 3s", "  ? check ping 192.0.2.9 within 7s", "  ? check tcp 192.0.2.9:22 within 7s",
		"  ? check carrier eth0  within 5s", "plan: 2 to add, 0 to change, 0 to delete, 0 unchanged; 2 messages"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	golden, err := p.Golden("a.star")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# wait carrier eth0 :\n> wait carrier eth0\n", "> wait dad within 3s\n", "> check ping 192.0.2.9 within 7s\n", "# commit 2\n\n# check carrier eth0\n> check carrier eth0\n", "# 2 messages, 5 other\n"} {
		if !strings.Contains(golden, want) {
			t.Errorf("no %q in\n%s", want, golden)
		}
	}
	var b bytes.Buffer
	if err := p.WriteBuild(&b); err != nil {
		t.Fatal(err)
	}
	var carriers []string
	for _, l := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		var line struct {
			Carrier string `json:"carrier"`
			Commit  int    `json:"commit"`
		}
		if err := json.Unmarshal([]byte(l), &line); err != nil {
			t.Fatal(err)
		}
		carriers = append(carriers, fmt.Sprintf("%d %s", line.Commit, line.Carrier))
	}
	if got, want := strings.Join(carriers, ", "), "0 route, 0 wait, 0 wait, 0 route, 0 check, 0 check, 1 check"; got != want {
		t.Errorf("build: %s, want %s", got, want)
	}
	j, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"checks":["check ping 192.0.2.9 within 7s","check tcp 192.0.2.9:22 within 7s"]`, `"action":"wait","object":"wait","key":"wait carrier eth0"`} {
		if !strings.Contains(string(j), want) {
			t.Errorf("no %q in\n%s", want, j)
		}
	}
}
