package engine_test

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// apart are two namespaces with a cable between them.
func apart(t *testing.T) (e *engine.Engine, here, there *testnet.NS) {
	t.Helper()
	here, there = calm(t), calm(t)
	e = engineIn(t, here)
	mustRun(t, e, `
b = param("b")
commit(
    link("v0", kind = kind.veth(peer = {"name": "e0", "netns": b}), up = True),
    addr(["192.0.2.1/24", "2001:db8::1/64"], dev = "v0"),
    netns(b,
        link(["lo", "e0"], up = True),
        addr(["192.0.2.2/24", "2001:db8::2/64"], dev = "e0"),
        route(["10.1.0.0/16", "10.2.0.0/16"], via = "192.0.2.1", table = 7),
        sysctl("net.ipv4.ip_forward", 1),
    ),
)
`, map[string]any{"b": at(there)})
	return e, here, there
}

// Reads look in the namespace that netns = names, and what they return is there.
func TestNetNSRead(t *testing.T) {
	e, _, there := apart(t)
	b := map[string]any{"b": at(there), "fd": there.FD()}
	mustRun(t, e, `
b = param("b")
there = netns(path = b)
fd = param("fd", default = 0)
for where in (b, there):
    names = [l.name for l in link.list(netns = where)]
    if names != ["lo", "e0"]:
        fail("links:", names)
    if link.get("e0", netns = where).up != True:
        fail("e0 is not up")
    if route.get("192.0.2.1", netns = where).dev != "e0":
        fail("look-up")
    if [str(r.dst) for r in route.list(table = 7, netns = where)] != ["10.1.0.0/16", "10.2.0.0/16"]:
        fail("routes:", route.list(table = 7, netns = where))
    if sysctl.get("net.ipv4.ip_forward", netns = where) != "1" or sysctl.get("net.ipv4.ip_forward", netns = None) != "0":
        fail("sysctl")
if route.list(table = 7) or [l.name for l in link.list(netns = None)] != ["lo", "v0"]:
    fail("here:", link.list())
# What is read is in its namespace: also in absent and exact, and inside of netns.
commit(absent(route.list(table = 7, dst = "10.2.0.0/16", netns = b)))
kept = route.list(table = 7, netns = b)
commit(exact(kept, table = 7))
commit(cutover([r.with_(metric = 5) for r in kept], table = 7))
commit(netns(b, link.get("e0", netns = b), addr("10.0.0.1/32", dev = "e0")))
if [(str(r.dst), r.metric) for r in route.list(table = 7, netns = b)] != [("10.1.0.0/16", 5)]:
    fail("kept:", route.list(table = 7, netns = b))
if addr.list(local = "10.0.0.1") or not addr.list(dev = "e0", local = "10.0.0.1", netns = b):
    fail("addr")
`, b)
	for src, want := range map[string]string{
		`link.list(netns = "nowhere")`:                         `r.star:1:10: link.list: no network namespace "nowhere"; netns("nowhere") makes it`,
		`link.list(netns = "a/b")`:                             `r.star:1:11: link.list: netns: "a/b" cannot be the name of a network namespace; it is a name of ip netns, or a path that begins with /`,
		`link.list(netns = 7)`:                                 `r.star:1:11: link.list: netns: got int 7, want the name of a network namespace, the path of its file, or netns(...)`,
		`link.list(netns = netns("a", link("eth0")))`:          "want the name of a network namespace",
		`link.list(netns = netns(pid = 4194304))`:              "r.star:1:10: link.list: there is no process 4194304",
		`sysctl.get("net.ipv4.ip_forward", netns = "nowhere")`: `no network namespace "nowhere"`,
		`commit(exact(route("10.0.0.0/8", dev = "lo"), netns("b", route("11.0.0.0/8", dev = "lo")), table = 9))`: "is in another network namespace than what is before it",
	} {
		_, err := e.Run(context.Background(), engine.Script{Name: "r.star", Source: []byte(src)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
}

// In a plan reads see what earlier commits would have made of a namespace, one
// that is made by them included.
func TestNetNSReadPlanned(t *testing.T) {
	e, _, there := apart(t)
	path := places(t, 1)[0]
	src := engine.Script{Name: "p.star", Params: map[string]any{"b": at(there), "c": path}, Source: []byte(`
b, c = param("b"), param("c")
commit(netns(b, absent(route("10.2.0.0/16", table = 7))), netns(c, link("br0", kind = kind.bridge(), up = True), addr("10.3.0.1/24", dev = "br0")))
if len(route.list(table = 7, netns = b)) != 1:
    fail("routes:", route.list(table = 7, netns = b))
commit(netns(b, route([ip.prefix("10.4.0.0/24") + len(addr.list(family = "inet", netns = c))], via = "192.0.2.1")))
if [l.name for l in link.list(netns = c)] != ["lo", "br0"]:
    fail("links:", link.list(netns = c))
commit(absent(link.get("br0", netns = c)))
`)}
	p, err := e.Plan(context.Background(), src)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	for _, want := range []string{"+ route 10.4.1.0/24 netns " + at(there), "- link br0 netns " + path} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("no %q in\n%s", want, p)
		}
	}
	absentFile(t, path)
	r, err := e.Run(context.Background(), src)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if len(r.Plan.Messages) != len(p.Messages) {
		t.Errorf("%d messages were sent, %d planned", len(r.Plan.Messages), len(p.Messages))
	}
	if err := r.Undo(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Facts tell of other namespaces, too.
func TestNetNSReadFacts(t *testing.T) {
	var f engine.Facts
	if err := json.Unmarshal([]byte(`{"links": [{"name": "eth0", "index": 2}], "netns": {"blue": {"links": [{"name": "e0", "index": 7}]}, "/tmp/red": {}}}`), &f); err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.WithFacts(f))
	if err != nil {
		t.Fatal(err)
	}
	run := func(src string) (*engine.Plan, error) {
		return e.Plan(context.Background(), engine.Script{Name: "f.star", Source: []byte(src)})
	}
	p, err := run(`
if [l.name for l in link.list(netns = "blue")] != ["e0", "lo"] or [l.name for l in link.list(netns = "/tmp/red")] != ["lo"]:
    fail("links")
commit(netns("blue", link(link.get("e0", netns = "blue").name, mtu = 1400), route("10.0.0.0/8", dev = "e0")), link("eth0", up = True), checks = [check.carrier("e0", netns = "blue")])
`)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if got := len(p.Messages); got != 3 {
		t.Errorf("%d messages, want 3: the namespace is there\n%s", got, p)
	}
	for src, want := range map[string]string{
		`link.list(netns = "green")`: `no network namespace "green"`,
		`commit(link("eth0", up = True), checks = [check.carrier("e0", netns = "green")])`: `check carrier e0 netns green: no network namespace "green"`,
		`sysctl.get("net.ipv4.ip_forward", netns = "blue")`:                                "the facts hold no sysctls",
	} {
		if _, err := run(src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
	for text, want := range map[string]string{
		`{"netns": {"blue": null}}`:                        `netns: "blue": an object is wanted`,
		`{"netns": {"../x": {}}}`:                          "cannot be the name of a network namespace",
		`{"netns": {"blue": {"netns": {"red": {}}}}}`:      "netns belongs outside",
		`{"netns": {"blue": {"links": [{"name": "e0"}]}}}`: "an index",
	} {
		if err := json.Unmarshal([]byte(text), new(engine.Facts)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// Checks are tried, and waits hold, inside of their namespace.
func TestNetNSChecks(t *testing.T) {
	e, _, there := apart(t)
	var l net.Listener
	there.Do(func() {
		var err error
		if l, err = net.Listen("tcp", "192.0.2.2:0"); err != nil {
			t.Error(err)
		}
	})
	defer l.Close()
	p := map[string]any{"b": at(there), "tcp": l.Addr().String()}
	const head = `
b, tcp = param("b"), param("tcp", default = "")
`
	mustRun(t, e, head+`
commit(netns(b, link("e0", alias = "x"), wait.carrier("e0"), addr("2001:db8:1::1/64", dev = "e0"), wait.dad("2001:db8:1::1")), checks = [
    check.ping("192.0.2.1", netns = b), check.ping("2001:db8::1", netns = netns(path = b)), check.tcp(tcp), check.tcp(tcp, netns = b),
    check.route_get("192.0.2.1", dev = "e0", netns = b), check.carrier("e0", netns = b), check.carrier("v0"),
])`, p)
	for _, c := range []struct{ check, want string }{
		{`check.carrier("v0", netns = b)`, "check carrier v0 netns " + at(there) + ": there is no device v0, within 300ms"},
		{`check.carrier("e0")`, "check carrier e0: there is no device e0, within 300ms"},
		{`check.route_get("192.0.2.2", dev = "e0", netns = b)`, "the route is by lo, not e0, within 300ms"},
		{`check.ping("192.0.2.77", netns = b)`, "check ping 192.0.2.77 netns "},
		{`check.ping("192.0.2.2", netns = "nowhere")`, `check ping 192.0.2.2 netns nowhere: no network namespace "nowhere"`},
	} {
		_, err := e.Run(context.Background(), engine.Script{Name: "c.star", Params: p, Source: []byte(head + `commit(netns(b, link("e0", alias = "y")), checks = [` + c.check + `], within = "300ms")`)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.check, err, c.want)
		}
	}
	if text := planned(t, engineIn(t, there), `commit(link("e0", alias = "x"))`); text != "" {
		t.Errorf("not undone:\n%s", text)
	}
	_, err := e.Run(context.Background(), engine.Script{Name: "w.star", Params: p, Source: []byte(head + `commit(netns(b, wait.carrier("v0", within = "100ms")))`)})
	if err == nil || !strings.Contains(err.Error(), "wait carrier v0") && !strings.Contains(err.Error(), `no device "v0"`) {
		t.Errorf("a wait for a device that is elsewhere: %v", err)
	}
	plan, err := e.Plan(context.Background(), engine.Script{Name: "p.star", Params: p, Source: []byte(head + `commit(netns(b, link("e0", alias = "z")), checks = [check.ping("192.0.2.1", netns = b)])`)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	text, err := plan.Golden("p.star")
	if err != nil || !slices.Contains(strings.Split(text, "\n"), "> check ping 192.0.2.1 netns "+at(there)) {
		t.Errorf("golden: %v\n%s", err, text)
	}
}
