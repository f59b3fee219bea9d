package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

// looks is what a script in a namespace sees of it, as the error it ends with.
const looks = `
def see(objects):
    return "\n".join(sorted([str(o) for o in objects]))

fail("\n".join([
    see(link.list()), see(addr.list()), see(route.list()), see(rule.list()), see(nexthop.list()),
    see([n for n in neigh.list() if "permanent" in str(n)]), see(qdisc.list()),
] + [str(sysctl.get(s)) for s in [
    "net.ipv4.conf.all.promote_secondaries", "net.ipv6.conf.eth1.keep_addr_on_down", "net.ipv6.conf.eth0.keep_addr_on_down",
    "net.ipv6.conf.eth0.disable_ipv6", "net.ipv6.conf.default.addr_gen_mode",
]]))
`

func TestRehearsalSeesTheSame(t *testing.T) {
	e := furnish(t)
	_, real := e.Run(t.Context(), engine.Script{Name: "looks.star", Source: []byte(looks)})
	_, copied := rehearse(t, e, looks)
	a, b := lines(t, real), lines(t, copied)
	for l := range a {
		if !b[l] {
			t.Errorf("the copy lacks: %s", l)
		}
	}
	for l := range b {
		if !a[l] {
			t.Errorf("only the copy has: %s", l)
		}
	}
	if len(a) < 20 {
		t.Errorf("only %d lines were compared", len(a))
	}
}

func lines(t *testing.T, err error) map[string]bool {
	t.Helper()
	var e *engine.Error
	if !errors.As(err, &e) {
		t.Fatalf("no error to read: %v", err)
	}
	m := map[string]bool{}
	for _, l := range strings.Split(e.Message, "\n") {
		m[l] = true
	}
	return m
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
	before := seen(t, e)
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
	if after := seen(t, e); after != before {
		t.Errorf("the namespace has changed:\n%s\n%s", before, after)
	}
	b, err := json.Marshal(failed)
	if err != nil || !strings.Contains(string(b), `"rehearsal":{"held":false,"links":7,`) || !strings.Contains(string(b), `"messages":0,"undone":0,"residue":[]`) {
		t.Errorf("%s %v", b, err)
	}
}

// seen is what looks finds.
func seen(t *testing.T, e *engine.Engine) string {
	t.Helper()
	_, err := e.Run(t.Context(), engine.Script{Name: "looks.star", Source: []byte(looks)})
	var failed *engine.Error
	if !errors.As(err, &failed) {
		t.Fatalf("no error to read: %v", err)
	}
	return failed.Message
}

// An embedder's policy hears of the commit that is for the namespace itself only,
// and nothing is announced there when the rehearsal fails.
func TestRehearsalSendsNothing(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	asked := 0
	e, err := engine.New(engine.WithNetNS(ns.FD()), engine.WithPolicy(func(context.Context, *engine.Plan) error { asked++; return nil }))
	if err != nil {
		t.Fatal(err)
	}
	heard, err := nlconn.Dial(nlconn.Config{NetNS: ns.FD(), Groups: []uint32{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE}})
	if err != nil {
		t.Fatal(err)
	}
	defer heard.Close()
	ops := `addr("10.7.0.1/24", dev = "eth0"), link("br7", kind = kind.bridge())`
	if _, err := rehearse(t, e, `commit(`+ops+`)
fail("no")`); err == nil || asked != 0 {
		t.Errorf("%v, policy asked %d times", err, asked)
	}
	if n := ours(t, heard); n != 0 {
		t.Errorf("%d changes were announced", n)
	}
	if _, err := rehearse(t, e, `commit(`+ops+`)`); err != nil || asked != 1 {
		t.Errorf("%v, policy asked %d times", err, asked)
	}
	if n := ours(t, heard); n == 0 {
		t.Error("nothing was announced when it held")
	}
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
