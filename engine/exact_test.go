package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

const exactBefore = `commit(
    link("br0", kind = kind.bridge(), address = "02:00:00:00:00:b0", up = True),
    link(["eth1", "eth2"], master = "br0", up = True),
    link("eth0", up = True),
    addr(["10.0.0.1/24", "10.0.0.2/24", "10.1.0.1/24", "2001:db8::1/64"], dev = "eth0", nodad = True),
    addr("10.5.0.1/24", dev = "br0"),
    [route("10.%d.0.0/16" % i, via = "10.0.0.9", table = 100) for i in range(20, 24)],
    route("10.20.0.0/16", via = "10.0.0.9", table = 101),
    route("2001:db8:4::/48", via = "2001:db8::9", table = 100),
    route("10.40.0.0/16", via = "10.0.0.9"),
    route("10.41.0.0/16", via = "10.1.0.9", protocol = "static"),
    [rule(from_ = "10.%d.0.0/16" % i, table = 100, priority = 1000 + i) for i in range(3)],
    rule(from_ = "10.0.0.0/16", table = 100, priority = 2500),
    nexthop([1, 2, 3], via = "10.0.0.9", dev = "eth0"),
    nexthop(10, group = [1, 2]),
    neigh(["10.0.0.8", "10.0.0.9"], dev = "eth0", lladdr = "02:00:00:00:00:09"),
    neigh("10.5.0.9", dev = "br0", lladdr = "02:00:00:00:00:09"),
    bridge.fdb(["02:00:00:00:00:01", "02:00:00:00:00:02"], dev = "eth1", master = True, state = "static"),
    bridge.fdb("02:00:00:00:00:03", dev = "eth2", master = True, state = "static"),
)`

// Each exact leaves what its ops say in its scope, and all outside of it.
func TestExact(t *testing.T) {
	tests := []struct {
		name, exact string
		goes        string // what the plan deletes or releases
		messages    int
		after       string // another script that changes nothing any more
	}{
		{"routes of a table", `exact(route(["10.20.0.0/16", "10.30.0.0/16"], via = "10.0.0.9", table = 100), table = 100)`,
			"- route 10.21.0.0/16, - route 10.22.0.0/16, - route 10.23.0.0/16, - route 2001:db8:4::/48", 5,
			`route("10.20.0.0/16", via = "10.0.0.9", table = 101)`},
		{"of a family", `exact(route([], table = 100), table = 100, family = "inet6")`, "- route 2001:db8:4::/48", 1,
			`[route("10.%d.0.0/16" % i, via = "10.0.0.9", table = 100) for i in range(20, 24)]`},
		{"none of a table", `exact([], table = 100)`,
			"- route 10.20.0.0/16, - route 10.21.0.0/16, - route 10.22.0.0/16, - route 10.23.0.0/16, - route 2001:db8:4::/48", 5,
			`route("10.40.0.0/16", via = "10.0.0.9")`},
		{"routes of a protocol", `exact(route, table = "main", protocol = "static")`, "- route 10.41.0.0/16", 1, `route("10.40.0.0/16", via = "10.0.0.9")`},
		{"a table that is not there", `exact(route, table = 12345)`, "", 0, ``},
		{"no routes but the kernel's", `exact(route, table = "main")`, "- route 10.40.0.0/16, - route 10.41.0.0/16", 2, `addr("10.0.0.1/24", dev = "eth0")`},
		{"addresses of a device", `exact(addr(["10.0.0.1/24", "10.1.0.1/24", "10.7.0.1/24"], dev = "eth0"), dev = "eth0", family = "inet")`,
			"- addr 10.0.0.2/24 dev eth0", 2, `addr("2001:db8::1/64", dev = "eth0", nodad = True), addr("10.5.0.1/24", dev = "br0")`},
		{"the last address of a family", `exact(addr(["10.0.0.1/24", "10.0.0.2/24", "10.1.0.1/24"], dev = "eth0"), dev = "eth0")`,
			"- addr 2001:db8::1/64 dev eth0", 1, ``},
		{"rules of a range", `exact(rule(from_ = "10.1.0.0/16", table = 100, priority = 1001), rule(from_ = "10.0.0.0/16", table = 100, priority = 1500), priority = (1000, 1999))`,
			"- rule table 100 from 10.0.0.0/16 priority 1000, - rule table 100 from 10.2.0.0/16 priority 1002", 3,
			`rule(from_ = "10.0.0.0/16", table = 100, priority = 2500)`},
		{"rules of a priority", `exact(rule, priority = 1001)`, "- rule table 100 from 10.1.0.0/16 priority 1001", 1, `rule(from_ = "10.2.0.0/16", table = 100, priority = 1002)`},
		{"rules from 0 on", `rule(to = "10.6.0.0/16", table = 7, priority = 0), exact(rule(to = "10.6.0.0/16", table = 7, priority = 0), priority = (0, 1000), family = "inet")`,
			"- rule table 100 from 10.0.0.0/16 priority 1000", 2, `rule(from_ = "10.1.0.0/16", table = 100, priority = 1001)`},
		{"no rules but the kernel's", `exact(rule, family = "inet")`,
			"- rule table 100 from 10.0.0.0/16 priority 1000, - rule table 100 from 10.0.0.0/16 priority 2500, - rule table 100 from 10.1.0.0/16 priority 1001, - rule table 100 from 10.2.0.0/16 priority 1002", 4, ``},
		{"nexthops", `exact(nexthop(1, via = "10.0.0.9", dev = "eth0"))`, "- nexthop 10, - nexthop 2, - nexthop 3", 3, ``},
		{"neighbours of a device", `exact(neigh("10.0.0.9", dev = "eth0", lladdr = "02:00:00:00:00:0a"), dev = "eth0")`,
			"- neigh 10.0.0.8 dev eth0", 2, `neigh("10.5.0.9", dev = "br0", lladdr = "02:00:00:00:00:09")`},
		{"entries of a port", `exact(bridge.fdb("02:00:00:00:00:02", dev = "eth1", master = True, state = "static"), dev = "eth1")`,
			"- bridge.fdb 02:00:00:00:00:01 dev eth1", 1, `bridge.fdb("02:00:00:00:00:03", dev = "eth2", master = True, state = "static")`},
		{"ports of a bridge", `exact(link(["eth2", "eth3"], master = "br0"), master = "br0")`, "~ link eth1", 2, `link("br0", up = True), link("eth1", up = True)`},
		{"no ports", `exact([], master = "br0")`, "~ link eth1, ~ link eth2", 2, ``},
		{"a device that is not there", `exact(addr, dev = "nowhere")`, "", 0, ``},
		{"of a device made beside", `link("br1", kind = kind.bridge()), exact(addr("10.9.0.1/24", dev = "br1"), dev = "br1")`, "", 2, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := exactNet(t)
			src := "commit(" + tt.exact + ")"
			p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if got := goes(p); got != tt.goes {
				t.Errorf("goes: %s\nwant: %s\n%s", got, tt.goes, p)
			}
			if len(p.Messages) != tt.messages {
				t.Errorf("%d messages, want %d\n%s", len(p.Messages), tt.messages, p)
			}
			if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)}); err != nil {
				t.Fatalf("%+v", err)
			}
			for _, again := range []string{src, "commit(" + tt.after + ")"} {
				p, err := e.Plan(t.Context(), engine.Script{Name: "again.star", Source: []byte(again)})
				if err != nil {
					t.Fatalf("%+v", err)
				}
				if !p.Empty() {
					t.Errorf("%s\nstill changes something:\n%s", again, p)
				}
			}
		})
	}
}

// exactNet is a namespace with all sorts of objects.
func exactNet(t *testing.T) *engine.Engine {
	ns := testnet.New(t)
	for _, name := range []string{"eth0", "eth1", "eth2", "eth3"} {
		ns.Veth(name)
	}
	e, err := engine.New(engine.WithNetNS(ns.FD()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Run(t.Context(), engine.Script{Name: "before.star", Source: []byte(exactBefore)}); err != nil {
		t.Fatalf("%+v", err)
	}
	return e
}

// goes lists the objects that a plan deletes, and the links it releases.
func goes(p *engine.Plan) string {
	var l []string
	for _, c := range p.Changes {
		switch {
		case c.Action == "delete":
			l = append(l, "- "+c.Key)
		case c.Object == "link" && c.Action == "change" && strings.Contains(c.After.String(), "master = 0"):
			l = append(l, "~ "+c.Key)
		}
	}
	slices.Sort(l)
	return strings.Join(l, ", ")
}

// The first address of a network goes: what the kernel takes with it and shall
// stay is made again, promoted or not.
func TestExactFirstAddress(t *testing.T) {
	for _, promote := range []string{"0", "1"} {
		t.Run("promote "+promote, func(t *testing.T) {
			e := exactNet(t)
			for _, src := range []string{
				`commit(sysctl("net.ipv4.conf.eth0.promote_secondaries", ` + promote + `), absent(route("10.41.0.0/16"), addr("10.1.0.1/24", dev = "eth0")), route("10.42.0.0/16", via = "10.0.0.9", src = "10.0.0.2"))`,
				`commit(exact(addr(["10.0.0.2/24", "10.0.0.3/24"], dev = "eth0"), dev = "eth0", family = "inet"))`,
			} {
				if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)}); err != nil {
					t.Fatalf("%+v", err)
				}
			}
			p, err := e.Plan(t.Context(), engine.Script{Name: "again.star", Source: []byte(`commit(
    exact(addr(["10.0.0.2/24", "10.0.0.3/24"], dev = "eth0"), dev = "eth0", family = "inet"),
    route("10.40.0.0/16", via = "10.0.0.9"),
    route("10.42.0.0/16", via = "10.0.0.9", src = "10.0.0.2"),
    route("10.20.0.0/16", via = "10.0.0.9", table = 100),
    neigh(["10.0.0.8", "10.0.0.9"], dev = "eth0", lladdr = "02:00:00:00:00:09"),
)`)})
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if !p.Empty() {
				t.Errorf("not there any more:\n%s", p)
			}
		})
	}
}

func TestExactErrors(t *testing.T) {
	e := exactNet(t)
	tests := []struct{ src, want string }{
		{`commit(exact(route("10.0.0.0/8", via = "10.0.0.9"), table = 100))`, "exact route table 100: route 10.0.0.0/8 is outside: its table is main, not 100"},
		{`commit(exact(addr("10.0.0.1/24", dev = "br0"), dev = "eth0"))`, "addr 10.0.0.1/24 dev br0 is outside: its dev is br0, not eth0"},
		{`commit(exact(rule(table = 7), priority = (1000, 1999)))`, "is outside: it has no priority"},
		{`commit(exact(rule(table = 7, priority = 999), priority = (1000, 1999)))`, "exact rule priority 1000-1999: rule table 7 priority 999 is outside: its priority is 999, not 1000 to 1999"},
		{`commit(exact(link("eth1", mtu = 1400), master = "br0"))`, "link eth1 is outside: its master is none, not br0"},
		{`commit(exact(route("fd00::/8", dev = "eth0", table = 100), table = 100, family = "inet"))`, "its family is another"},
		{`commit(route("10.21.0.0/16", via = "10.0.0.9", table = 100), exact(route, table = 100))`, "route 10.21.0.0/16 is not among the ops, but wanted by a.star:1"},
		{`commit(exact(route, table = 100), route("10.21.0.0/16", via = "10.0.0.9", table = 100))`, "is given twice in this commit with different values"},
		{`commit(exact(route, table = 100), route("10.99.0.0/16", via = "10.0.0.9", table = 100))`, "route 10.99.0.0/16: exact route table 100 at a.star:1 names all that shall be there, and not this"},
		{`commit(exact(link("eth1", master = "br0"), master = "br0"), link("eth9", kind = kind.ifb(), master = "br0"))`, "link eth9: exact link master br0 at a.star:1 names all that shall be there, and not this"},
		{`commit(exact(addr("10.9.0.1/24", dev = "nowhere"), dev = "nowhere"))`, `no device "nowhere"`},
	}
	for _, tt := range tests {
		_, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(tt.src)})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\ngot  %v\nwant %s", tt.src, err, tt.want)
		}
	}
}

// In another namespace it is that one's scope.
func TestExactPlace(t *testing.T) {
	e, at := exactNet(t), places(t, 1)[0]
	run := func(src string) *engine.Result {
		t.Helper()
		r, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src), Params: map[string]any{"at": at}})
		if err != nil {
			t.Fatalf("%+v", err)
		}
		return r
	}
	before := export(t, e, false)
	run(`commit(netns(path = param("at"), *[
    link("lo", up = True),
    [route("10.%d.0.0/16" % i, type = "blackhole", table = 100) for i in range(3)],
    rule(table = 7, priority = 1500),
]))`)
	r := run(`commit(netns(exact(route("10.1.0.0/16", type = "blackhole", table = 100), table = 100), exact(rule, priority = (1000, 1999)), path = param("at")))`)
	if got, want := strings.ReplaceAll(goes(r.Plan), " netns "+at, ""), "- route 10.0.0.0/16, - route 10.2.0.0/16, - rule table 7 priority 1500"; got != want {
		t.Errorf("goes: %s\nwant: %s", got, want)
	}
	if after := export(t, e, false); after != before {
		t.Errorf("something changed here:\n%s\nbefore:\n%s", after, before)
	}
}
