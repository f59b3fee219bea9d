package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// What no message changes is an error before anything is sent. With recreate = True
// it is made again, with what is on it, and an undo has all as before.
func TestImmutable(t *testing.T) {
	testnet.NotInVM(t)
	const hops = `nexthop(1, via = "10.0.0.2", dev = "eth0"), nexthop(2, via = "10.0.0.3", dev = "eth0"), `
	const tree = `
    class_("eth0", classid = "1:5", parent = "1:", kind = sch.htb_class(rate = "10mbit")),
    class_("eth0", classid = "1:1", parent = "1:5", kind = sch.htb_class(rate = "10mbit")),
    class_("eth0", classid = "1:30", parent = "1:1", kind = sch.htb_class(rate = "5mbit")),
    qdisc("eth0", parent = "1:30", handle = "30:", kind = sch.htb(default = "30:1")),
    class_("eth0", classid = "30:1", parent = "30:", kind = sch.htb_class(rate = "5mbit")),`
	tests := []struct {
		name, before, change string
		path, says           string // of the error
		back                 int    // how many objects are put back
	}{
		{"htb default", `qdisc("eth0", parent = "root", handle = "1:", kind = sch.htb(default = "1:30", direct_qlen = 7)),` + tree,
			`qdisc("eth0", parent = "root", kind = sch.htb(default = "1:1"))`, "kind.htb.default", "on an existing qdisc (0:30 -> 0:1)", 5},
		{"htb default of a number that the kernel chose", `qdisc("eth0", parent = "root", kind = sch.htb())`,
			`qdisc("eth0", parent = "root", kind = sch.htb(default = "1:1"))`, "kind.htb.default", "(none -> 0:1)", 0},
		{"htb r2q", `qdisc("eth0", parent = "root", handle = "1:", kind = sch.htb()),` + tree, `qdisc("eth0", parent = "root", kind = sch.htb(r2q = 7))`, "kind.htb.r2q", "(none -> 7)", 5},
		{"stab of htb", `qdisc("eth0", parent = "root", handle = "1:", kind = sch.htb()),` + tree,
			`qdisc("eth0", parent = "root", kind = sch.htb(), stab = {"overhead": 10, "linklayer": "ethernet"})`, "stab", "(none -> {overhead 10", 5},
		{"block", `qdisc("eth0", kind = sch.clsact(), ingress_block = 5)`, `qdisc("eth0", kind = sch.clsact(), ingress_block = 6)`, "ingress_block", "(5 -> 6)", 0},
		{"parent of a class", `qdisc("eth0", parent = "root", handle = "1:", kind = sch.htb(default = "1:30")),` + tree,
			`class_("eth0", classid = "1:1", parent = "1:", kind = sch.htb_class(rate = "10mbit"))`, "parent", "on an existing class (1:5 -> root)", 3},
		{"next hop to group", hops + `nexthop(5, via = "10.0.0.5", dev = "eth0"), route("10.9.0.0/16", nhid = 5)`,
			`nexthop(5, group = [1, 2])`, "group", "on an existing nexthop (none -> 1/2)", 1},
		{"group to next hop", hops + `nexthop(5, group = [1, 2]), route("10.9.0.0/16", nhid = 5)`, `nexthop(5, via = "10.0.0.5", dev = "eth0")`, "group", "(1/2 -> none)", 1},
		{"type of a group", hops + `nexthop(5, group = [1, 2]), route("10.9.0.0/16", nhid = 5)`, `nexthop(5, group = [1, 2], type = "resilient", buckets = 8)`, "type", "(none -> resilient)", 1},
		{"buckets", hops + `nexthop(5, group = [1, 2], type = "resilient", buckets = 8)`, `nexthop(5, group = [1, 2], type = "resilient", buckets = 16)`, "buckets", "(8 -> 16)", 0},
		{"next hop of a forwarding database", `nexthop(5, via = "10.0.0.5", fdb = True)`, `nexthop(5, via = "10.0.0.5", dev = "eth0")`, "fdb", "(on -> none)", 0},
		{"macvlan to passthru", `link("mv", link = "eth0", kind = kind.macvlan(mode = "bridge")), addr("10.5.0.1/24", dev = "mv")`, `link("mv", kind = kind.macvlan(mode = "passthru"))`, "kind.macvlan.mode", "(bridge -> passthru)", 1},
		{"macvlan from passthru", `link("mv", link = "eth0", kind = kind.macvlan(mode = "passthru"))`, `link("mv", kind = kind.macvlan(mode = "bridge"))`, "kind.macvlan.mode", "(passthru -> bridge)", 0},
		{"family of a vxlan", `link("vx", kind = kind.vxlan(id = 5, local = "10.0.0.1", remote = "10.0.0.9"))`, `link("vx", kind = kind.vxlan(local = "2001:db8::1", remote = "2001:db8::2"))`, "kind.vxlan.remote", "(10.0.0.9 -> 2001:db8::2)", 0},
		{"device of a vxlan", `link("vx", kind = kind.vxlan(id = 5, dev = "eth0"))`, `link("vx", kind = kind.vxlan(dev = 0))`, "kind.vxlan.dev", "(eth0 -> none)", 0},
		{"what a vxlan reports only when it is on", `link("vx", kind = kind.vxlan(external = True))`, `link("vx", kind = kind.vxlan(vnifilter = True))`, "kind.vxlan.vnifilter", "(none -> 1)", 0},
		{"without kind", `link("vx", kind = kind.vxlan(id = 5))`, `link("vx", numtxqueues = 3)`, "numtxqueues", "(1 -> 3)", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, `commit(addr("10.0.0.1/24", dev = "eth0"), `+tt.before+")", nil)
			before := enginetest.Take(t, e)
			for _, f := range []func() error{
				func() error {
					_, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + tt.change + ")")})
					return err
				},
				func() error {
					_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + tt.change + ")")})
					return err
				},
			} {
				var failed *engine.Error
				if err := f(); !errors.As(err, &failed) || failed.Path != tt.path || !strings.Contains(failed.Message, "cannot be changed on an existing ") ||
					!strings.Contains(failed.Message, tt.says) || !strings.Contains(failed.Message, "; recreate = True deletes and makes it again") ||
					strings.Contains(sprint(err), "undone") {
					t.Fatalf("%+v", err)
				}
			}
			again := strings.TrimSuffix(tt.change, ")") + ", recreate = True)"
			p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + again + ")")})
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if n := strings.Count(p.String(), "lost meanwhile, put back"); n != tt.back || !strings.Contains(p.String(), "note: deleted and made again") {
				t.Errorf("%d are put back, want %d:\n%s", n, tt.back, p)
			}
			_, err = e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + again + ")\n" + `commit(route("10.77.0.0/16", via = "192.0.2.1"))`)})
			if err == nil || !strings.Contains(sprint(err), "the network is as it was") {
				t.Fatalf("%+v", err)
			}
			if d := before.Differs(t, e); d != "" {
				t.Errorf("undone, it is not as it was:\n%s", d)
			}
			if r := mustRun(t, e, "commit("+again+")", nil); r.Outcome != "committed" {
				t.Error(r)
			}
			if r := mustRun(t, e, "commit("+tt.change+")", nil); r.Outcome != "unchanged" {
				t.Errorf("again: %s\n%s", r, r.Plan)
			}
		})
	}
}

// What goes with a class, a queueing discipline that gets another number, and what is
// in it at any depth come back.
func TestQueuesComeBack(t *testing.T) {
	for _, change := range []string{
		`absent(class_("eth0", classid = "1:1"))`,
		`absent(class_("eth0", classid = "1:30"))`,
		`class_.delete("eth0", classid = "1:30", parent = "1:1")`,
		`absent(qdisc("eth0", parent = "1:30"))`,
		`absent(qdisc("eth0", parent = "root"))`,
		`qdisc("eth0", parent = "root", handle = "2:", kind = sch.htb(default = "1:30"))`,
		`qdisc("eth0", parent = "root", handle = "1:", kind = sch.pfifo(limit = 10))`,
		`qdisc("eth0", parent = "root", kind = sch.pfifo(limit = 10))`,
	} {
		t.Run(change, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, `commit(
    qdisc("eth0", parent = "root", handle = "1:", kind = sch.htb(default = "1:30")),
    class_("eth0", classid = "1:1", parent = "1:", kind = sch.htb_class(rate = "10mbit")),
    class_("eth0", classid = "1:30", parent = "1:1", kind = sch.htb_class(rate = "5mbit")),
    qdisc("eth0", parent = "1:30", handle = "30:", kind = sch.htb(default = "30:1")),
    class_("eth0", classid = "30:1", parent = "30:", kind = sch.htb_class(rate = "5mbit")),
)`, nil)
			before := enginetest.Take(t, e)
			_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + change + ")\n" + `commit(route("10.77.0.0/16", via = "192.0.2.1"))`)})
			if err == nil || !strings.Contains(sprint(err), "the network is as it was") {
				t.Fatalf("%+v", err)
			}
			if d := before.Differs(t, e); d != "" {
				t.Errorf("undone, it is not as it was:\n%s", d)
			}
			mustRun(t, e, "commit("+change+")", nil)
			if strings.Contains(change, "delete") {
				return
			}
			if r := mustRun(t, e, "commit("+change+")", nil); r.Outcome != "unchanged" {
				t.Errorf("again: %s\n%s", r, r.Plan)
			}
		})
	}
}

// A resilient group that does not say its timers has those of a new one, also where
// one took their place, and after an undo.
func TestTimersOfGroup(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	const group = `nexthop(5, group = [1, 2], type = "resilient", buckets = 8`
	mustRun(t, e, `commit(addr("10.0.0.1/24", dev = "eth0"), nexthop(1, via = "10.0.0.2", dev = "eth0"), nexthop(2, via = "10.0.0.3", dev = "eth0"), `+group+`))`, nil)
	before := enginetest.Take(t, e)
	other := group + `, idle_timer = "5s", unbalanced_timer = "7s")`
	if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + other + ")\n" + `commit(route("10.77.0.0/16", via = "192.0.2.1"))`)}); !strings.Contains(sprint(err), "the network is as it was") {
		t.Fatalf("%+v", err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Error(d)
	}
	mustRun(t, e, "commit("+other+")", nil)
	mustRun(t, e, "commit("+group+"))", nil)
	if d := before.Differs(t, e); d != "" {
		t.Error(d)
	}
}

// A route that has no end gets one.
func TestRouteExpires(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(route("2001:db8:5::/48", dev = "eth0"))`, nil)
	mustRun(t, e, `commit(route("2001:db8:5::/48", dev = "eth0", expires = "1000s"))`, nil)
	if r := mustRun(t, e, `commit(route("2001:db8:5::/48", dev = "eth0", expires = "2000s"))`, nil); r.Outcome != "unchanged" || !strings.Contains(r.Plan.String(), "note: of expires 2000s 99") && !strings.Contains(r.Plan.String(), "note: of expires 2000s 1000s") {
		t.Errorf("%s\n%s", r, r.Plan)
	}
}
