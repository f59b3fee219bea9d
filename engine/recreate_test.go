package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

const recreateBefore = `commit(
    sysctl("net.ipv4.conf.default.rp_filter", 0),
    link("lo", up = True),
    link("br0", kind = kind.bridge(ageing_time = "500s", mcast_snooping = False), up = True, address = "02:00:00:00:01:00", alias = "all", altnames = ["lan"]),
    link("br1", kind = kind.bridge(forward_delay = "4s"), up = True, address = "02:00:00:00:01:01"),
    link("v0", kind = kind.veth(peer = {"name": "v1", "address": "02:00:00:00:00:11", "txqueuelen": 500}), address = "02:00:00:00:00:10", up = True, inet = {"rp_filter": 1}),
    link("v1", master = "br0", mtu = 1400, up = True),
    link("w0", kind = kind.veth(peer = {"name": "w1", "address": "02:00:00:00:00:21", "up": True}), address = "02:00:00:00:00:20", up = True, master = "br0"),
    link("v1", port = port.bridge(cost = 7, isolated = True)),
    link("w0", port = port.bridge(learning = False)),
    link("mv", link = "br0", kind = kind.macvlan(mode = "private"), address = "02:00:00:00:00:30", up = True),
    link("vx", kind = kind.vxlan(id = 9, dstport = 4789, local = "10.0.0.1", remote = "10.0.0.6", learning = False, ttl = 5), address = "02:00:00:00:00:40", up = True, master = "br1", group = 5),
    link("vx", port = port.bridge(hairpin = True)),
    sysctl("net.ipv6.conf.vx.accept_ra", 2),
    sysctl("net.ipv6.neigh.v1.app_solicit", 3),
    addr(["10.0.0.1/24", "10.0.0.2/24", "2001:db8::1/64", "2001:db8::2/64"], dev = "v0", nodad = True),
    addr(["10.1.0.1/24", "2001:db8:1::1/64"], dev = "br0", nodad = True),
    addr("10.2.0.1/24", dev = "mv"),
    addr("10.3.0.1/24", dev = "w1"),
    nexthop([1, 2], via = "10.0.0.20", dev = "v0"),
    nexthop(3, via = "10.3.0.20", dev = "w1"),
    nexthop(7, group = [1, 3]),
    route("172.16.0.1", dev = "v0"),
    route("10.9.0.0/16", via = "172.16.0.1", dev = "v0", metric = 50),
    route("10.9.0.0/16", via = "10.0.0.9", src = "10.0.0.2"),
    route.append("10.9.0.0/16", via = "10.0.0.8"),
    route("10.10.0.0/16", nhid = 7),
    route("10.11.0.0/16", nhid = 2),
    route("10.12.0.0/16", via = "10.1.0.9", table = 100),
    route("2001:db8:9::/48", via = "2001:db8::9", src = "2001:db8::2"),
    route("2001:db8:8::/48", via = "2001:db8:1::9"),
    neigh("10.0.0.9", dev = "v0", lladdr = "02:00:00:00:00:99"),
    neigh("10.0.0.77", dev = "v0", proxy = True),
    bridge.fdb("02:00:00:00:00:31", dev = "v1", master = True, state = "static"),
    bridge.fdb("02:00:00:00:00:32", dev = "vx", dst = "10.0.0.10"),
    qdisc("v0", parent = "root", handle = "1:", kind = sch.htb(default = "1:30")),
    class_("v0", classid = "1:30", parent = "1:", kind = sch.htb_class(rate = "5mbit")),
)`

// A link that is made again keeps what is not mentioned: options of its kind and
// as a port, addresses, routes, neighbours, qdiscs, its ports, the other end of a
// veth, links above and what is on all of them. An undo has it all as before.
func TestRecreate(t *testing.T) {
	tests := []struct {
		name, op   string
		from, into string // of the export
	}{
		{"vxlan id", `link("vx", kind = kind.vxlan(id = 10), recreate = True)`, "id = 9,", "id = 10,"},
		{"vxlan remote to group", `link("vx", kind = kind.vxlan(id = 10, group = "239.1.1.1", dev = "v0"), recreate = True)`, "", "id = 10"},
		{"veth queues", `link("v0", kind = kind.veth(), numtxqueues = 3, recreate = True)`, "", "numtxqueues = 3"},
		{"the other end", `link("v1", kind = kind.veth(peer = {"name": "v0"}), numrxqueues = 3, recreate = True)`, "", `"numrxqueues": 3`},
		{"bridge with ports", `link("br0", kind = kind.bridge(), numtxqueues = 2, recreate = True)`, "", "numtxqueues = 2"},
		{"macvlan to another device", `link("mv", link = "br1", kind = kind.macvlan(), recreate = True)`, "", `link = "br1"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := emptyNet(t)
			if _, err := e.Run(t.Context(), engine.Script{Name: "before.star", Source: []byte(recreateBefore)}); err != nil {
				t.Fatalf("%+v", err)
			}
			before := export(t, e, false)
			for _, fails := range []string{`commit(route("10.77.0.0/16", via = "192.0.2.1"))`, ""} {
				_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + tt.op + ")\n" + fails)})
				if fails != "" {
					if err == nil || !strings.Contains(sprint(err), "the network is as it was") {
						t.Fatalf("%+v", err)
					}
					if after := export(t, e, false); after != before {
						t.Fatalf("undone, it is not as it was: %s", differ(before, after))
					}
					continue
				}
				if err != nil {
					t.Fatalf("%+v", err)
				}
			}
			after := export(t, e, false)
			if !strings.Contains(after, tt.into) {
				t.Errorf("no %s in\n%s", tt.into, after)
			}
			d := differ(before, after)
			t.Log(d)
			if tt.from != "" && strings.Replace(before, tt.from, tt.into, 1) != after || strings.Count(d, "\n") > 6 || strings.Contains(d, "bridge.fdb") {
				t.Errorf("more is different: %s", d)
			}
			for path, want := range map[string]string{"net.ipv6.conf.vx.accept_ra": "2", "net.ipv6.neigh.v1.app_solicit": "3"} {
				if _, err := e.Run(t.Context(), engine.Script{Source: []byte(`
have = sysctl.get("` + path + `")
if have != "` + want + `":
    fail("` + path + ` is " + have)`)}); err != nil {
					t.Error(err)
				}
			}
			p, err := e.Plan(t.Context(), engine.Script{Source: []byte("commit(" + tt.op + ")")})
			if err != nil || !p.Empty() {
				t.Errorf("again: %v\n%s", err, p)
			}
		})
	}
}

func sprint(err error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v", err)
	return b.String()
}

// differ lists the lines that one of two texts has.
func differ(a, b string) string {
	var d strings.Builder
	for _, x := range []struct{ sign, in, notIn string }{{"- ", a, b}, {"+ ", b, a}} {
		for l := range strings.Lines(x.in) {
			if !strings.Contains(x.notIn, l) {
				d.WriteString("\n" + x.sign + strings.TrimSpace(l))
			}
		}
	}
	return d.String()
}

// A link that shall not be and shall be is what no plan can come to.
func TestAbsentAndNot(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(link("br0", kind = kind.bridge(), up = True))`, nil)
	before := enginetest.Take(t, e)
	for _, src := range []string{
		`commit(absent(link("br0")), link("br0", kind = kind.vxlan(id = 5)))`,
		`commit(link("br0", mtu = 1400), absent(link("br0")))`,
	} {
		_, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
		if err == nil || !strings.Contains(err.Error(), "link br0 is given twice in this commit with different values") {
			t.Errorf("%s: %v", src, err)
		}
	}
	mustRun(t, e, `commit(absent(link("br0")), absent(link("br0")))
commit(link("br0", kind = kind.vxlan(id = 5)))`, nil)
	if !before.Changed(t, e) {
		t.Error("nothing has changed")
	}
}

// A port that is made again backs those that it backed.
func TestRecreateBackupPort(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1")
	backed := `commit(link("eth0p", port = port.bridge(backup_port = "eth1p")))`
	mustRun(t, e, `commit(link("br0", kind = kind.bridge(), up = True), link(["eth0p", "eth1p"], master = "br0"))`, nil)
	mustRun(t, e, backed, nil)
	for _, src := range []string{`link("eth1p", numtxqueues = 5, recreate = True)`, `link("eth1", numtxqueues = 6, recreate = True)`} {
		enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
		mustRun(t, e, "commit("+src+")", nil)
		if p := planned(t, e, backed); p != "" {
			t.Errorf("%s:\n%s", src, p)
		}
	}
}

// Of a veth that becomes something else the other end goes, with what is on it: nothing
// puts that back, what is on the veth itself stays, and an undo makes both ends again.
func TestRecreateVethAsAnother(t *testing.T) {
	const before = `commit(
    link("v0", kind = kind.veth(peer = {"name": "v1"}), up = True),
    link("v1", up = True, inet = {"rp_filter": 1}),
    link("m1", link = "v1", kind = kind.macvlan(mode = "bridge"), up = True),
    sysctl("net.ipv6.conf.v1.accept_ra", 2),
    addr("10.2.0.1/24", dev = "v0"), addr("10.1.0.1/24", dev = "v1"), addr("10.3.0.1/24", dev = "m1"),
    nexthop(1, via = "10.2.0.9", dev = "v0"), nexthop(2, via = "10.1.0.9", dev = "v1"), nexthop(3, group = [1, 2]),
    route("10.9.0.0/16", nhid = 2), route("10.10.0.0/16", via = "10.2.0.9", src = "10.3.0.1"), route("10.11.0.0/16", via = "10.2.0.9"),
)`
	for name, tt := range map[string]struct {
		op         string
		goes, back int
	}{
		"macvlan": {`link("v0", link = "eth0", kind = kind.macvlan(mode = "bridge"), recreate = True)`, 7, 4},
		"bridge":  {`absent(nexthop(1)), link("v0", kind = kind.bridge(), recreate = True)`, 8, 2},
		"vxlan":   {`link("v0", kind = kind.vxlan(id = 5, dstport = 4789), recreate = True)`, 7, 4},
		"the other end is another": {
			`link("v0", link = "eth0", kind = kind.macvlan(mode = "bridge"), recreate = True), link("v1", kind = kind.veth(peer = {"name": "v2"})), addr("10.1.0.1/24", dev = "v2")`, 7, 4},
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, before, nil)
			s := engine.Script{Name: "a.star", Source: []byte("commit(" + tt.op + ")")}
			text := planned(t, e, string(s.Source))
			if n := strings.Count(text, "goes with it"); n != tt.goes {
				t.Errorf("%d go with it, want %d:\n%s", n, tt.goes, text)
			}
			if n := strings.Count(text, "lost meanwhile, put back"); n != tt.back {
				t.Errorf("%d are put back, want %d:\n%s", n, tt.back, text)
			}
			enginetest.EveryFailure(t, e, s)
			keptTo(t, e, s)
			if has(t, e, "veth0") || has(t, e, "m1") || has(t, e, "v1") != has(t, e, "v2") {
				t.Error("there are links that nobody asked for")
			}
		})
	}
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, before, nil)
	_, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(link("v0", link = "m1", kind = kind.macvlan(), recreate = True))`)})
	if err == nil || !strings.Contains(err.Error(), "link: m1 is the other end of v0, or on that, and goes") {
		t.Errorf("on what goes: %v", err)
	}
}

// A macvlan becomes a veth: what it was on is no other end.
func TestRecreateAsVeth(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(link("m0", link = "eth0", kind = kind.macvlan(mode = "bridge"), up = True), addr("10.1.0.1/24", dev = "m0"))`, nil)
	s := engine.Script{Name: "a.star", Source: []byte(`commit(link("m0", recreate = True, kind = kind.veth(peer = {"name": "m1", "up": True})), addr("10.1.0.2/24", dev = "m1"))`)}
	enginetest.EveryFailure(t, e, s)
	keptTo(t, e, s)
}

// The ports of a bridge that becomes something which takes none are released, and what
// it had of them goes, as what is in its own forwarding database: the plan says so.
func TestRecreateWithoutPorts(t *testing.T) {
	for name, tt := range map[string]struct {
		before, op string
		goes, back int
	}{
		"vxlan":   {"", `link("br0", kind = kind.vxlan(id = 5, dstport = 4789), recreate = True)`, 2, 2},
		"macvlan": {"", `link("br0", link = "eth1p", kind = kind.macvlan(mode = "bridge"), recreate = True)`, 2, 2},
		"veth":    {"", `link("br0", kind = kind.veth(peer = {"name": "v1"}), recreate = True)`, 2, 2},
		"not all": {`, link("v0", kind = kind.veth(peer = {"name": "v1"}), master = "br0")`, `absent(link("v0")), link("br0", kind = kind.ifb(), recreate = True)`, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			testnet.NotInVM(t) // where entries are there a second time, in a VLAN
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, `commit(
    link("br0", kind = kind.bridge(), address = "02:00:00:00:01:00", up = True, altnames = ["lan"]),
    link("eth0p", master = "br0", port = port.bridge(cost = 7)), link("eth1p", master = "br0"),
    bridge.fdb("02:00:00:00:00:31", dev = "eth0p", master = True, state = "static"),
    bridge.fdb("02:00:00:00:00:32", dev = "br0"),
    addr("10.7.0.1/24", dev = "br0"), addr("10.8.0.1/24", dev = "eth0p"), route("10.9.0.0/16", via = "10.7.0.9")`+tt.before+")", nil)
			s := engine.Script{Name: "a.star", Source: []byte("commit(" + tt.op + ")")}
			text := planned(t, e, string(s.Source))
			for says, want := range map[string]int{"goes with it\n": tt.goes, "lost meanwhile, put back\n": tt.back, "note: link eth0p is released\n": 1, "note: link eth1p is released\n": 1, "is released": 2} {
				if n := strings.Count(text, says); n != want {
					t.Errorf("%d times %q, want %d:\n%s", n, says, want, text)
				}
			}
			enginetest.EveryFailure(t, e, s)
			keptTo(t, e, s)
		})
	}
}

// An entry of a vxlan's own forwarding database is none of what the vxlan becomes.
func TestRecreateVxlanAsAnother(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(
    link("vx", kind = kind.vxlan(id = 5, dstport = 4789, remote = "10.0.0.2"), mtu = 1400, up = True),
    bridge.fdb("02:00:00:00:00:31", dev = "vx", dst = "10.0.0.3"), addr("10.7.0.1/24", dev = "vx"),
)`, nil)
	s := engine.Script{Name: "a.star", Source: []byte(`commit(link("vx", kind = kind.bridge(), recreate = True))`)}
	if text := planned(t, e, string(s.Source)); !strings.Contains(text, "- bridge.fdb 02:00:00:00:00:31 dev vx    goes with it\n") {
		t.Errorf("the entry:\n%s", text)
	}
	enginetest.EveryFailure(t, e, s)
	keptTo(t, e, s)
}
