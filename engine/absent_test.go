package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// What absent() removes where the key is given in part, as ip has it, and what it
// leaves; all comes back with an undo, and a second run changes nothing.
func TestAbsentInPart(t *testing.T) {
	testnet.NotInVM(t)
	const rules = `
    rule(priority = 700, table = 100),
    rule(priority = 700, from_ = "10.5.0.0/16", table = 100),
    rule(priority = 700, from_ = "10.5.0.0/16", iif = "eth0", table = 101),
    rule(priority = 700, type = "blackhole", fwmark = "0x1/0xff"),
    rule(priority = 700, table = "main"),
    rule(priority = 701, table = 100, protocol = 99),
    rule(priority = 700, table = 100, family = "inet6"),`
	const routes = `
    addr(["192.0.2.1/24", "2001:db8::1/64"], dev = "eth0"),
    route("10.8.0.0/16", via = "192.0.2.8"),
    route("10.8.0.0/16", via = "192.0.2.9", metric = 50),
    route("10.8.0.0/16", dev = "eth1", metric = 60),
    route("10.9.0.0/16", via = "192.0.2.9", metric = 70),
    route("10.8.0.0/16", dev = "eth0", table = 100, metric = 5),
    route("10.8.0.0/16", dev = "eth0", table = 100, metric = 6, tos = 8),
    route("10.8.0.0/24", via = "192.0.2.9", metric = 50),
    route("192.0.2.0/24", dev = "eth1", metric = 9),
    route("2001:db8:8::/48", via = "2001:db8::8"),
    route("2001:db8:8::/48", via = "2001:db8::9", metric = 2000),
    route("2001:db8:9::/48", via = "2001:db8::9", metric = 2000),`
	const addrs = `
    addr(["192.0.2.1/24", "192.0.2.1/32", "192.0.2.2/24"], dev = "eth0"),
    addr("192.0.2.1/24", dev = "eth1"),
    addr("192.0.2.7", peer = "192.0.2.8/32", dev = "eth1"),`
	tests := []struct {
		before, absent string
		gone           []string // titles of what goes
		notes          []string
	}{
		{rules, `rule(priority = 700)`, []string{"rule table 100 priority 700", "rule table 100 from 10.5.0.0/16 priority 700", "rule table 101 from 10.5.0.0/16 priority 700 iif eth0", "rule type blackhole priority 700 fwmark 0x1/0xff", "rule table main priority 700"}, nil},
		{rules, `rule(priority = 700, family = "inet6")`, []string{"rule family inet6 table 100 priority 700"}, nil},
		{rules, `rule(priority = 700, family = ["inet", "inet6"], table = 100)`, []string{"rule table 100 priority 700", "rule table 100 from 10.5.0.0/16 priority 700", "rule family inet6 table 100 priority 700"}, nil},
		{rules, `rule(table = 100)`, []string{"rule table 100 priority 700", "rule table 100 from 10.5.0.0/16 priority 700", "rule table 100 priority 701"}, nil},
		{rules, `rule(from_ = "10.5.0.0/16")`, []string{"rule table 100 from 10.5.0.0/16 priority 700", "rule table 101 from 10.5.0.0/16 priority 700 iif eth0"}, nil},
		{rules, `rule(priority = 700, table = "main")`, []string{"rule table main priority 700"}, nil},
		{rules, `rule(table = "main")`, []string{"rule table main priority 700"}, []string{"rule table main priority 32766 belongs to the kernel or a daemon (protocol kernel) and stays; a verb removes it"}},
		{rules, `rule(priority = 700).with_(table = "main")`, []string{"rule table main priority 700"}, nil},
		{rules, `rule(priority = 700, table = "main").with_(priority = 701)`, nil, nil},
		{rules, `rule(priority = 700, table = 100).with_(priority = 701, table = None)`, []string{"rule table 100 priority 701"}, nil},
		{rules, `rule(from_ = "10.5.0.0/16").with_(priority = 700)`, []string{"rule table 100 from 10.5.0.0/16 priority 700", "rule table 101 from 10.5.0.0/16 priority 700 iif eth0"}, nil},
		{addrs, `addr("192.0.2.1", dev = "eth1").with_(dev = "eth0")`, []string{"addr 192.0.2.1/24 dev eth0", "addr 192.0.2.1 dev eth0"}, nil},
		{addrs, `addr("192.0.2.1", dev = "eth0").with_(local = "192.0.2.1/32")`, []string{"addr 192.0.2.1 dev eth0"}, nil},
		{addrs, `addr("192.0.2.9/32", dev = "eth0").with_(local = "192.0.2.1")`, []string{"addr 192.0.2.1/24 dev eth0", "addr 192.0.2.1 dev eth0"}, nil},
		{rules, `rule(protocol = 99)`, []string{"rule table 100 priority 701"}, nil},
		{rules, `rule(priority = 32767)`, nil, []string{"rule table default priority 32767 belongs to the kernel or a daemon (protocol kernel) and stays; a verb removes it"}},
		{rules, `rule(priority = 702)`, nil, nil},

		{routes, `route("10.8.0.0/16")`, []string{"route 10.8.0.0/16", "route 10.8.0.0/16", "route 10.8.0.0/16"}, nil},
		{routes, `route("10.8.0.0/16", metric = 50)`, []string{"route 10.8.0.0/16"}, nil},
		{routes, `route("10.8.0.0/16", metric = 0)`, []string{"route 10.8.0.0/16"}, nil},
		{routes, `route("10.8.0.0/16", via = "192.0.2.9")`, []string{"route 10.8.0.0/16", "route 10.8.0.0/16"}, nil},
		{routes, `route("10.9.0.0/16")`, []string{"route 10.9.0.0/16"}, nil},
		{routes, `route("10.9.0.0/16", via = "192.0.2.8")`, nil, nil},
		{routes, `route("10.8.0.0/16", table = 100)`, []string{"route 10.8.0.0/16"}, nil},
		{routes, `route("192.0.2.0/24")`, []string{"route 192.0.2.0/24"}, []string{"route 192.0.2.0/24 belongs to the kernel or a daemon (protocol kernel) and stays; a verb removes it"}},
		{routes, `route("2001:db8:8::/48")`, []string{"route 2001:db8:8::/48", "route 2001:db8:8::/48"}, nil},
		{routes, `route("2001:db8:9::/48")`, []string{"route 2001:db8:9::/48"}, nil},

		{addrs, `addr("192.0.2.1", dev = "eth0")`, []string{"addr 192.0.2.1/24 dev eth0", "addr 192.0.2.1 dev eth0"}, nil},
		{addrs, `addr("192.0.2.1/32", dev = "eth0")`, []string{"addr 192.0.2.1 dev eth0"}, nil},
		{addrs, `addr("192.0.2.1/25", dev = "eth0")`, nil, nil},
		{addrs, `addr("192.0.2.7", dev = "eth1")`, []string{"addr 192.0.2.7 dev eth1"}, nil},
		{addrs, `addr("127.0.0.1", dev = "lo")`, []string{"addr 127.0.0.1/8 dev lo"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.absent, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, `commit(sysctl("net.ipv4.conf.all.promote_secondaries", 1), sysctl("net.ipv4.conf.eth0.promote_secondaries", 1))
commit(`+tt.before+")", nil)
			before := enginetest.Take(t, e)
			src := "commit(absent(" + tt.absent + "))"
			p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
			if err != nil {
				t.Fatalf("%+v", err)
			}
			var gone []string
			for _, c := range p.Changes {
				if c.Action == "delete" {
					gone = append(gone, c.Key)
				}
			}
			slices.Sort(gone)
			want := slices.Sorted(slices.Values(tt.gone))
			if !slices.Equal(gone, want) {
				t.Errorf("goes\n  %s\nwant\n  %s", strings.Join(gone, "\n  "), strings.Join(want, "\n  "))
			}
			for _, n := range tt.notes {
				if !strings.Contains(p.String(), "note: "+n) {
					t.Errorf("no note %q in\n%s", n, p)
				}
			}
			if strings.Count(p.String(), "note: ") != len(tt.notes) {
				t.Error(p)
			}
			_, err = e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src + "\n" + `commit(route("10.77.0.0/16", via = "198.51.100.1"))`)})
			if err == nil || !strings.Contains(sprint(err), "the network is as it was") {
				t.Fatalf("%+v", err)
			}
			if d := before.Differs(t, e); d != "" {
				t.Errorf("undone, it is not as it was:\n%s", d)
			}
			r := mustRun(t, e, src, nil)
			if r.Plan.String() != p.String() {
				t.Errorf("the run is another than the plan:\n%s\n%s", p, r.Plan)
			}
			if r := mustRun(t, e, src, nil); r.Outcome != "unchanged" {
				t.Errorf("again: %s\n%s", r, r.Plan)
			}
			mustRun(t, e, `commit(`+tt.before+")", nil)
			if len(tt.gone) < 2 && !strings.Contains(tt.absent, "127") {
				if d := before.Differs(t, e); d != "" {
					t.Errorf("something else went:\n%s", d)
				}
			}
		})
	}
}

// What was read is about that object and no other; contradictions are refused.
func TestAbsentOfRead(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(rule(priority = 700, table = 100), rule(priority = 700, from_ = "10.5.0.0/16", table = 100), route("10.8.0.0/16", dev = "eth0"), route("10.8.0.0/16", dev = "eth0", metric = 5))`, nil)
	mustRun(t, e, `
commit(absent([r for r in rule.list(priority = 700) if "from_" not in str(r)]))
commit(absent([r for r in route.list(dst = "10.8.0.0/16") if "metric" not in str(r)]))
if len(rule.list(priority = 700)) != 1 or len(route.list(dst = "10.8.0.0/16")) != 1:
    fail(str([rule.list(priority = 700), route.list(dst = "10.8.0.0/16")]))
`, nil)
	for src, want := range map[string]string{
		`commit(absent(rule()))`:                 "says of no rule which; give a priority, a table or a selector",
		`commit(absent(rule(family = "inet6")))`: "says of no rule which; give a priority, a table or a selector",
		`commit(absent(route("10.8.0.0/16")), route("10.8.0.0/16", dev = "eth0", metric = 5))`: "is given twice in this commit with different values",
		`commit(absent(route("10.8.0.0/16")), route("10.8.0.0/16", dev = "eth0", metric = 6))`: "this commit makes route 10.8.0.0/16",
		`commit(route("10.8.0.0/16", dev = "eth0", metric = 6), absent(route("10.8.0.0/16")))`: "is given twice in this commit with different values",
		`commit(rule(priority = 900, table = 9), absent(rule(priority = 900)))`:                "is given twice in this commit with different values",
	} {
		before := enginetest.Take(t, e)
		if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
		if d := before.Differs(t, e); d != "" {
			t.Errorf("%s: %s", src, d)
		}
	}
	mustRun(t, e, `commit(rule(priority = 901, table = 9), absent(rule(priority = 900)))`, nil)
}

// A rule that says less than one behind it, of the same priority, comes back before it.
func TestRulesInOrder(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(
    rule(priority = 700, table = 100), rule(priority = 700, from_ = "10.5.0.0/16", table = 100), rule(priority = 700, from_ = "10.5.0.0/16", iif = "eth0", table = 100),
    rule(priority = 701, table = 100), rule(priority = 702, table = 100, protocol = 99))`, nil)
	before := enginetest.Take(t, e)
	for _, change := range []string{
		`rule.delete(priority = 700, table = 100)`,
		`absent([r for r in rule.list(priority = 700) if "from_" not in str(r)])`,
		`absent([r for r in rule.list(priority = 700) if "from_" in str(r) and "iif" not in str(r)])`,
		`absent(rule(priority = 701))`, `absent(rule(protocol = 99))`, `absent(rule(table = 100))`,
	} {
		_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + change + ")\n" + `commit(route("10.77.0.0/16", via = "198.51.100.1"))`)})
		if err == nil || !strings.Contains(sprint(err), "the network is as it was") {
			t.Errorf("%s: %+v", change, err)
		}
		if d := before.Differs(t, e); d != "" {
			t.Fatalf("%s: %s", change, d)
		}
	}
}

// With the first address of a network the kernel takes the others: what the commit
// ensures of them, and of what goes with the last one, is there again.
func TestAbsentFirstAddress(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(link("eth0", up = True), addr(["192.0.2.1/24", "192.0.2.3/24"], dev = "eth0"), route("10.1.0.0/16", via = "192.0.2.9"))`, nil)
	s := engine.Script{Name: "a.star", Source: []byte(`commit(
    addr("192.0.2.2/24", dev = "eth0"),
    route("10.2.0.0/16", via = "192.0.2.9"),
    neigh("192.0.2.9", lladdr = "02:00:00:00:00:09", dev = "eth0"),
    absent(addr("192.0.2.1/24", dev = "eth0")),
)`)}
	enginetest.EveryFailure(t, e, s)
	keptTo(t, e, s)
	if text := planned(t, e, `commit(absent(addr("192.0.2.3/24", dev = "eth0"), route("10.1.0.0/16")))`); text != "" {
		t.Errorf("what no op ensures is made again:\n%s", text)
	}
}
