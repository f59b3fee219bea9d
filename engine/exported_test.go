package engine_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

func export(t *testing.T, e *engine.Engine, all bool, kinds ...string) string {
	t.Helper()
	var b strings.Builder
	if err := e.Export(t.Context(), &b, all, kinds...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What export writes makes in an empty namespace what export writes.
func TestExportAgain(t *testing.T) {
	if text := export(t, emptyNet(t), false); text != "" {
		t.Errorf("of an empty namespace:\n%s", text)
	}
	for _, name := range []string{"export.star", "export_kinds.star", "export_mpls.star", "export_sysctl.star"} {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			first := emptyNet(t)
			_, err = first.Run(t.Context(), engine.Script{Name: name, Source: src})
			if lacks(err) {
				testnet.Lacks(t, err.Error())
				return
			}
			if err != nil {
				t.Fatalf("%+v", err)
			}
			text := export(t, first, false)
			second := emptyNet(t)
			if _, err := second.Run(t.Context(), engine.Script{Name: "again.star", Source: []byte(text)}); err != nil {
				t.Fatalf("%+v\n%s", err, text)
			}
			if again := export(t, second, false); again != text {
				t.Errorf("exported, made and exported again:\n%s\nfirst:\n%s", again, text)
			}
			t.Log(text)
			p, err := first.Plan(t.Context(), engine.Script{Name: "again.star", Source: []byte(text)})
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if !p.Empty() {
				t.Errorf("changes where it came from:\n%s", p)
			}
		})
	}
}

// lacks reports whether a run failed because the kernel lacks a kind of link, or MPLS.
func lacks(err error) bool {
	var failed *engine.Error
	return errors.As(err, &failed) && (strings.Contains(failed.Message, "Unknown device type") || strings.Contains(failed.Message, "no such sysctl"))
}

// emptyNet is a namespace as it is made, with lo down.
func emptyNet(t *testing.T) *engine.Engine {
	t.Helper()
	ns := testnet.New(t)
	e, err := engine.New(engine.WithNetNS(ns.FD()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Run(t.Context(), engine.Script{Name: "lo.star", Source: []byte(`commit(link("lo", up = False))`)}); err != nil {
		t.Fatalf("%+v", err)
	}
	return e
}

// A new link of a kind is written as its kind: the tables know what it has.
func TestExportDefaults(t *testing.T) {
	tests := []struct{ name, src string }{
		{"bridge", `link("x", kind = kind.bridge())`},
		{"veth", `link("x", kind = kind.veth(peer = {"name": "y"}))`},
		{"vxlan", `link("x", kind = kind.vxlan(id = 9, dstport = 8472))`},
		{"vxlan external", `link("x", kind = kind.vxlan(id = 0, dstport = 8472, external = True))`},
		{"ifb", `link("x", kind = kind.ifb())`},
		{"macvlan", `link("a", mtu = 1400, kind = kind.veth(peer = {"name": "y"})), link("x", link = "a", kind = kind.macvlan(mode = "bridge"))`},
		{"dummy", `link("x", kind = kind.dummy())`},
		{"vrf", `link("x", addrgenmode = "none", kind = kind.vrf(table = 9))`},
		{"bond", `link("x", kind = kind.bond())`},
		{"vlan", `link("a", kind = kind.veth(peer = {"name": "y"})), link("x", link = "a", kind = kind.vlan(id = 7))`},
		{"port", `link("br0", kind = kind.bridge()), link("x", master = "br0", kind = kind.veth(peer = {"name": "y"}))`},
		{"bond port", `link("bond0", kind = kind.bond(mode = "active-backup")), link("x", up = True, master = "bond0", kind = kind.dummy())`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := emptyNet(t)
			_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + tt.src + ")")})
			if lacks(err) {
				testnet.Lacks(t, tt.name)
				return
			}
			if err != nil {
				t.Fatalf("%+v", err)
			}
			got := flat(addresses.ReplaceAllString(flat(export(t, e, false)), ""))
			if want := flat("commit(" + tt.src + ")"); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// flat is a script without line breaks.
func flat(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer("( ", "(", ", )", ")", ",)", ")", " )", ")").Replace(s)
}

var addresses = regexp.MustCompile(`(, )?"?address"?(: | = )"[0-9a-f:]+"`)

// With all, what the kernel and daemons made is there too.
func TestExportAll(t *testing.T) {
	e := emptyNet(t)
	src := `commit(link("lo", up = True), link("a", up = True, kind = kind.veth(peer = {"name": "b", "up": True})),
    addr("10.0.0.1/24", dev = "a", valid_lft = "3000s", preferred_lft = "3000s"), addr("10.1.0.1/24", dev = "a"))`
	if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)}); err != nil {
		t.Fatalf("%+v", err)
	}
	without, with := export(t, e, false), export(t, e, true)
	for _, want := range []string{`addr("10.0.0.1/24"`, `addr("127.0.0.1/8"`, `protocol = "kernel"`, `table = "local"`} {
		if strings.Contains(without, want) || !strings.Contains(with, want) {
			t.Errorf("%s: is in the export, or not in the one of all\n%s\n%s", want, without, with)
		}
	}
	for _, text := range []string{without, with} {
		if r := run(t, e, text); r.Outcome != "unchanged" {
			t.Errorf("where it comes from: %s\n%s", r, r.Plan)
		}
	}
}

// Rules that a new namespace has and this one has not are said to be absent, and
// what no script makes is said in a comment.
func TestExportWithout(t *testing.T) {
	const src = `commit(
    rule.delete(table = "main", priority = 32766),
    rule.add(table = "main", priority = 32766),
    rule.delete(family = "inet6", table = "local", priority = 0),
    rule(family = "inet6", table = "local", priority = 10),
    message(72, flags = 0x605, header = "0a0020000000000000000000", attrs = [attr(1, ip = "2001:db8::"), attr(2, u32 = 77)]),
)`
	first := emptyNet(t)
	run(t, first, src)
	text := export(t, first, false)
	note, rest, _ := strings.Cut(text, "\n")
	if want := "# not written, because nothing here makes them: 1 address labels that a new namespace has not"; note != want {
		t.Errorf("got  %s\nwant %s", note, want)
	}
	for _, want := range []string{`absent(rule(priority = 32766, protocol = "kernel"))`, `absent(rule(family = "inet6", table = "local", priority = 0, protocol = "kernel"))`} {
		if !strings.Contains(rest, want) {
			t.Errorf("no %s in\n%s", want, rest)
		}
	}
	if r := run(t, first, text); r.Outcome != "unchanged" {
		t.Errorf("where it comes from: %s", r.Outcome)
	}
	second := emptyNet(t)
	run(t, second, text)
	if got := export(t, second, false); got != rest {
		t.Errorf("again:\n%s\nfirst:\n%s", got, rest)
	}
}

func TestExportKinds(t *testing.T) {
	e := exactNet(t)
	if text := export(t, e, false, "rule"); strings.Count(text, "rule(") != 4 || strings.Contains(text, "link(") {
		t.Errorf("rules:\n%s", text)
	}
	text := export(t, e, false, "addr", "bridge.fdb")
	if strings.Contains(text, "link(") || strings.Contains(text, "route(") || !strings.Contains(text, `addr("10.5.0.1/24", dev = "br0")`) || !strings.Contains(text, "bridge.fdb(") {
		t.Errorf("addresses and entries:\n%s", text)
	}
	err := e.Export(t.Context(), new(strings.Builder), false, "adr")
	if err == nil || !strings.Contains(err.Error(), `there is no object "adr"; there are link, addr`) {
		t.Errorf("an unknown kind: %v", err)
	}
}

// More lines than a call in Starlark takes are one list.
func TestExportMany(t *testing.T) {
	e := emptyNet(t)
	src := `commit(link("a", up = True, kind = kind.veth(peer = {"name": "b", "up": True})), addr("10.0.0.1/24", dev = "a"),
    route(ip.prefix("172.16.0.0/12").subnets(21), via = "10.0.0.2"))`
	if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)}); err != nil {
		t.Fatalf("%+v", err)
	}
	text := export(t, e, false)
	p, err := e.Plan(t.Context(), engine.Script{Name: "again.star", Source: []byte(text)})
	if err != nil || !p.Empty() || len(p.Changes) < 512 {
		t.Errorf("%d changes, %v", len(p.Changes), err)
	}
}

// TestExportWaits: the next hops of a device wait for its carrier, once, which a bond
// that watches its ports has a while after it is up.
func TestExportWaits(t *testing.T) {
	for _, tt := range []struct{ name, dev, src string }{
		{"veth", "a", `link("a", up = True, kind = kind.veth(peer = {"name": "b", "up": True}))`},
		{"bond", "bond0", `
			link("bond0", up = True, kind = kind.bond(mode = "active-backup", miimon = "100ms")),
			link("a", up = True, master = "bond0", kind = kind.veth(peer = {"name": "b", "up": True})),
			wait.carrier("bond0")`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := fmt.Sprintf(`commit(%s, addr("10.0.0.1/24", dev = %q), nexthop(1, via = "10.0.0.9", dev = %[2]q), nexthop(2, via = "10.0.0.8", dev = %[2]q))`, tt.src, tt.dev)
			first := emptyNet(t)
			_, err := first.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
			if lacks(err) {
				testnet.Lacks(t, tt.name)
				return
			}
			if err != nil {
				t.Fatalf("%+v", err)
			}
			text := export(t, first, false)
			want := fmt.Sprintf("    wait.carrier(%q),\n    nexthop(1, ", tt.dev)
			if strings.Count(text, "wait.carrier(") != 1 || !strings.Contains(text, want) {
				t.Errorf("one wait before the next hops was wanted:\n%s", text)
			}
			if res, err := first.Run(t.Context(), engine.Script{Name: "b.star", Source: []byte(text)}); err != nil || res.Outcome != "unchanged" {
				t.Errorf("where it comes from: %+v %v", err, res)
			}
			if _, err := emptyNet(t).Run(t.Context(), engine.Script{Name: "b.star", Source: []byte(text)}); err != nil {
				t.Errorf("%+v\n%s", err, text)
			}
		})
	}
}

// TestExportGateways: a rule that a gateway is found by comes before the routes, others,
// of which one rejects all, behind them. The gateway of a next hop of a forwarding
// database, and one that is link-local, are never looked for.
func TestExportGateways(t *testing.T) {
	const src = `
commit(
    link("a", up = True, kind = kind.veth(peer = {"name": "b", "up": True, "addrgenmode": "none"})),
    link("vx0", up = True, kind = kind.vxlan(id = 9)),
    addr("10.0.0.1/24", dev = "a"),
    route("192.0.2.0/24", dev = "a", table = 50),
    rule(table = 50, priority = 5),
    route("default", via = "192.0.2.1"),
    route.append("default", via = "10.0.0.9"),
    route("10.1.0.0/16", via = "10.0.0.9"),
    route("10.2.0.0/16", nexthops = [hop(via = "10.0.0.9"), hop(via = "192.0.2.1")]),
    route("2001:db8::/64", via = "fe80::1", dev = "b"),
    nexthop(1, via = "192.0.2.1", dev = "a"),
    nexthop(2, group = [1]),
    route("10.3.0.0/16", nhid = 2),
    nexthop(17, via = "203.0.113.1", fdb = True),
    nexthop(19, group = [17], fdb = True),
    bridge.fdb("02:00:00:00:00:04", dev = "vx0", nhid = 19),
    rule(iif = "lo", type = "prohibit", priority = 900),
)`
	first, second := emptyNet(t), emptyNet(t)
	run(t, first, src)
	text := export(t, first, false)
	if strings.Contains(text, "#") {
		t.Errorf("a comment:\n%s", text)
	}
	if r := run(t, first, text); r.Outcome != "unchanged" {
		t.Errorf("where it comes from: %s", r.Plan)
	}
	run(t, second, text)
	if again := export(t, second, false); again != text {
		t.Errorf("exported, made and exported again:\n%s\nfirst:\n%s", again, text)
	}
	run(t, first, `commit(absent(rule(table = 50, priority = 5)))`)
	if text := export(t, first, false); strings.Count(text, "its gateway is on no network") != 5 {
		t.Errorf("no rule leads to the gateways of three, and two use these:\n%s", text)
	}
}

// TestExportPort: a vxlan has the port that it had, which with gpe is another than it
// would get; made from an export, and by an undo.
func TestExportPort(t *testing.T) {
	const src = `commit(link("vx0", arp = False, kind = kind.vxlan(external = True, gpe = True, learning = False, dstport = 8472)))`
	first, second := emptyNet(t), emptyNet(t)
	run(t, first, src)
	text := export(t, first, false)
	run(t, second, text)
	if again := export(t, second, false); again != text || !strings.Contains(text, "dstport = 8472") {
		t.Errorf("exported, made and exported again:\n%s\nfirst:\n%s", again, text)
	}
	_, err := second.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(absent(link("vx0")), message(0x7f0))`)})
	if err == nil || !strings.Contains(err.Error(), "EOPNOTSUPP") {
		t.Errorf("no such message, and got %v", err)
	}
	if after := export(t, second, false); after != text {
		t.Errorf("undone:\n%s\nbefore:\n%s", after, text)
	}
}

// TestExportOtherThanDefault: what devices have otherwise than those to come do is
// written where these spread to them.
func TestExportOtherThanDefault(t *testing.T) {
	first, second := emptyNet(t), emptyNet(t)
	for _, src := range []string{
		`link("lo", up = True, inet = {"rp_filter": 1}), link("v0", up = True, kind = kind.veth(peer = {"name": "v1", "up": True}))`,
		`link("lo", inet = {"rp_filter": 0})`, // written, it is its own
		`sysctl("net.ipv4.conf.default.rp_filter", 1), sysctl("net.ipv6.conf.default.addr_gen_mode", 1), sysctl("net.ipv6.conf.all.disable_ipv6", 1)`,
		`sysctl("net.ipv6.conf.v0.disable_ipv6", 0)`,
	} {
		run(t, first, "commit("+src+")")
	}
	text := export(t, first, false)
	if !strings.Contains(text, `link("lo", up = True, inet = {"rp_filter": 0})`) {
		t.Fatal(text)
	}
	run(t, second, text)
	if again := export(t, second, false); again != text {
		t.Errorf("again:\n%s\nfirst:\n%s", again, text)
	}
	for _, e := range []*engine.Engine{first, second} {
		if r := run(t, e, text); r.Outcome != "unchanged" {
			t.Errorf("once more: %s\n%s", r.Outcome, r.Plan)
		}
	}
}
