package engine_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

const vlanBefore = `commit(
    link("br0", kind = kind.bridge(vlan_filtering = True), address = "02:00:00:00:00:b0", up = True),
    link(["eth0", "eth1"], master = "br0", up = True),
    bridge.vlan("10-20", dev = "eth0"),
    bridge.vlan(30, dev = "eth0", pvid = True, untagged = True),
    bridge.vlan([5, 7], dev = "br0", self = True),
    absent(bridge.vlan(1, dev = "eth1")),
)`

// vlanNet is a namespace whose bridge knows VLANs.
func vlanNet(t *testing.T) *engine.Engine {
	t.Helper()
	ns := testnet.New(t)
	for _, name := range []string{"eth0", "eth1", "eth2"} {
		ns.Veth(name)
	}
	e, err := engine.New(engine.WithNetNS(ns.FD()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Run(t.Context(), engine.Script{Name: "before.star", Source: []byte(vlanBefore)})
	if errors.Is(err, unix.EOPNOTSUPP) {
		testnet.Lacks(t, "VLANs of bridges")
		t.SkipNow()
	}
	if err != nil {
		t.Fatalf("%+v", err)
	}
	return e
}

// What a script says of VLANs is planned VLAN by VLAN, told and sent in ranges,
// and then so.
func TestVLAN(t *testing.T) {
	for _, tt := range []struct {
		name, ops string
		changes   string // what the plan does
		messages  int
		after     string // what nlscript export says of VLANs then
	}{
		{"nothing", `bridge.vlan("12-14", dev = "eth0")`, "", 0,
			`bridge.vlan(5, dev = "br0", self = True), bridge.vlan(7, dev = "br0", self = True), ` +
				`bridge.vlan(1, dev = "eth0", untagged = True), bridge.vlan("10-20", dev = "eth0"), bridge.vlan(30, dev = "eth0", pvid = True, untagged = True), absent(bridge.vlan(1, dev = "eth1"))`},
		{"part of a range", `bridge.vlan("15-25", dev = "eth0"), bridge.vlan("10-12", dev = "eth0", untagged = True)`,
			`create bridge.vlan 21-25 dev eth0, change bridge.vlan 10-12 dev eth0`, 2,
			`bridge.vlan(1, dev = "eth0", untagged = True), bridge.vlan("10-12", dev = "eth0", untagged = True), bridge.vlan("13-25", dev = "eth0")`},
		{"another pvid", `bridge.vlan(15, dev = "eth0", pvid = True), bridge.vlan("2-3", dev = "eth1")`,
			`change bridge.vlan 15 dev eth0, create bridge.vlan 2-3 dev eth1`, 2,
			`bridge.vlan("10-14", dev = "eth0"), bridge.vlan(15, dev = "eth0", pvid = True), bridge.vlan("16-20", dev = "eth0"), bridge.vlan(30, dev = "eth0", untagged = True), absent(bridge.vlan(1, dev = "eth1")), bridge.vlan("2-3", dev = "eth1")`},
		{"absent", `absent(bridge.vlan(["4-8", 9], dev = "br0", self = True), bridge.vlan("1-4094", dev = "eth0"))`,
			`delete bridge.vlan 1 dev eth0, delete bridge.vlan 10-20 dev eth0, delete bridge.vlan 30 dev eth0, delete bridge.vlan 5 dev br0, delete bridge.vlan 7 dev br0`, 2,
			`absent(bridge.vlan(1, dev = "eth0")), absent(bridge.vlan(1, dev = "eth1"))`},
		{"exact", `exact(bridge.vlan(["18-21", 30], dev = "eth0"), dev = "eth0")`,
			`create bridge.vlan 21 dev eth0, change bridge.vlan 30 dev eth0, delete bridge.vlan 1 dev eth0, delete bridge.vlan 10-17 dev eth0`, 4,
			`absent(bridge.vlan(1, dev = "eth0")), bridge.vlan("18-21", dev = "eth0"), bridge.vlan(30, dev = "eth0"), absent(bridge.vlan(1, dev = "eth1"))`},
		{"none of the bridge", `exact(bridge.vlan, dev = "br0")`,
			`delete bridge.vlan 1 dev br0, delete bridge.vlan 5 dev br0, delete bridge.vlan 7 dev br0`, 3, `absent(bridge.vlan(1, dev = "br0", self = True)), bridge.vlan(1, dev = "eth0"`},
		{"a new port", `link("eth2", master = "br0", up = True), bridge.vlan("2-9", dev = "eth2"), absent(bridge.vlan(1, dev = "eth2"))`,
			`change link eth2, create bridge.vlan 2-9 dev eth2, delete bridge.vlan 1 dev eth2`, 3, `absent(bridge.vlan(1, dev = "eth2")), bridge.vlan("2-9", dev = "eth2")`},
		{"as it begins", `link("eth2", master = "br0", up = True), bridge.vlan(1, dev = "eth2", pvid = True, untagged = True)`,
			`change link eth2`, 1, `absent(bridge.vlan(1, dev = "eth1"))`},
		{"another default pvid", `link("br0", kind = kind.bridge(vlan_default_pvid = 40)), absent(bridge.vlan(40, dev = "br0", self = True))`,
			`change link br0, delete bridge.vlan 40 dev br0`, 2, `bridge.vlan(7, dev = "br0", self = True), absent(bridge.vlan(40, dev = "br0", self = True)), bridge.vlan(1, dev = "eth0"`},
		{"a bridge is made again", `link("br0", kind = kind.bridge(), numtxqueues = 2, recreate = True)`, `change link br0`, 13,
			`bridge.vlan(5, dev = "br0", self = True), bridge.vlan(7, dev = "br0", self = True), ` +
				`bridge.vlan(1, dev = "eth0", untagged = True), bridge.vlan("10-20", dev = "eth0"), bridge.vlan(30, dev = "eth0", pvid = True, untagged = True), absent(bridge.vlan(1, dev = "eth1"))`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := vlanNet(t)
			script := engine.Script{Name: "a.star", Source: []byte("commit(" + tt.ops + ")")}
			p, err := e.Plan(t.Context(), script)
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if got := does(p); got != tt.changes {
				t.Errorf("does: %s\nwant: %s\n%s", got, tt.changes, p)
			}
			if len(p.Messages) != tt.messages {
				t.Errorf("%d messages, want %d\n%s", len(p.Messages), tt.messages, p)
			}
			if _, err := e.Run(t.Context(), script); err != nil {
				t.Fatalf("%+v", err)
			}
			if p, err = e.Plan(t.Context(), script); err != nil || !p.Empty() {
				t.Errorf("once more: %v\n%s", err, p)
			}
			if text := flat(export(t, e, false, "bridge.vlan")); !strings.Contains(text, tt.after) {
				t.Errorf("exported: %s\nwant:     %s", text, tt.after)
			}
		})
	}
}

// does lists what a plan does, and not what it leaves alone.
func does(p *engine.Plan) string {
	var l []string
	for _, c := range p.Changes {
		if c.Action != "unchanged" {
			l = append(l, c.Action+" "+c.Key)
		}
	}
	return strings.Join(l, ", ")
}

func TestVLANErrors(t *testing.T) {
	e := vlanNet(t)
	for ops, want := range map[string]string{
		`bridge.vlan("10-20", dev = "eth0"), bridge.vlan(15, dev = "eth0", untagged = True)`:     "bridge.vlan 15 dev eth0 is given twice in this commit with different values",
		`bridge.vlan("10-20", dev = "eth0"), absent(bridge.vlan("5-10", dev = "eth0"))`:          "is given twice in this commit with different values",
		`bridge.vlan(10, dev = "eth0", pvid = True), bridge.vlan(11, dev = "eth0", pvid = True)`: "bridge.vlan 11 dev eth0: pvid: bridge.vlan 10 dev eth0 is to be it too",
		`bridge.vlan(10, dev = "eth0"), exact(bridge.vlan(11, dev = "eth0"), dev = "eth0")`:      "bridge.vlan 10 dev eth0 is not among the ops, but wanted by",
		`exact(bridge.vlan(11, dev = "eth1"), dev = "eth0")`:                                     "is outside: its dev is eth1, not eth0",
		`bridge.vlan(10, dev = "eth2")`:                                                          "EOPNOTSUPP",
	} {
		_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + ops + ")")})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", ops, err, want)
		}
	}
}

// Reads give each VLAN as an op.
func TestVLANReads(t *testing.T) {
	e := vlanNet(t)
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`
l = bridge.vlan.list(dev = "eth0")
if len(l) != 13 or str(l[0]) != 'bridge.vlan(1, dev = "eth0", untagged = True)' or l[1].vid != 10:
    fail(l)
v = bridge.vlan.get(30, dev = "eth0")
if not v.pvid or v.vid != 30 or v.dev != "eth0":
    fail(v)
if [v.vid for v in bridge.vlan.list("19-30", dev = "eth0")] != [19, 20, 30]:
    fail(bridge.vlan.list("19-30", dev = "eth0"))
if len(bridge.vlan.list(dev = "br0", self = True)) != 3:
    fail(bridge.vlan.list())
commit([op.with_(dev = "eth1") for op in l])
if len(bridge.vlan.list(dev = "eth1")) != 13:
    fail(bridge.vlan.list(dev = "eth1"))
`)})
	if err != nil {
		t.Errorf("%+v", err)
	}
}

// What is exported makes the same VLANs elsewhere.
func TestVLANExport(t *testing.T) {
	text := export(t, vlanNet(t), false)
	second := emptyNet(t)
	if _, err := second.Run(t.Context(), engine.Script{Name: "again.star", Source: []byte(text)}); err != nil {
		t.Fatalf("%+v\n%s", err, text)
	}
	if again := export(t, second, false); again != text {
		t.Errorf("exported, made and exported again:\n%s\nfirst:\n%s", again, text)
	}
	if !strings.Contains(text, `bridge.vlan("10-20", dev = "eth0")`) {
		t.Error(text)
	}
}

// Tunnels cannot be changed, and not be made where they are: what differs is sent.
func TestTunnelInfo(t *testing.T) {
	e := vlanNet(t)
	for _, tt := range []struct {
		ops, changes string
		messages     int
		after        string
	}{
		{`link("eth0", port = port.bridge(vlan_tunnel = True)), bridge.tunnel_info("10-14", dev = "eth0", id = "1010-1014")`,
			"change link eth0, create bridge.tunnel_info 10-14 dev eth0", 2, `bridge.tunnel_info("10-14", dev = "eth0", id = "1010-1014")`},
		{`bridge.tunnel_info("12-16", dev = "eth0", id = "1012-1016")`, "create bridge.tunnel_info 15-16 dev eth0", 1, `bridge.tunnel_info("10-16", dev = "eth0", id = "1010-1016")`},
		{`bridge.tunnel_info(11, dev = "eth0", id = 2011)`, "change bridge.tunnel_info 11 dev eth0", 2,
			`bridge.tunnel_info(10, dev = "eth0", id = 1010), bridge.tunnel_info(11, dev = "eth0", id = 2011), bridge.tunnel_info("12-16", dev = "eth0", id = "1012-1016")`},
		{`absent(bridge.vlan("10-12", dev = "eth0"))`,
			"delete bridge.vlan 10-12 dev eth0, delete bridge.tunnel_info 10 dev eth0, delete bridge.tunnel_info 11 dev eth0, delete bridge.tunnel_info 12 dev eth0", 1,
			`bridge.tunnel_info("13-16", dev = "eth0", id = "1013-1016")`},
		{`exact(bridge.tunnel_info(16, dev = "eth0", id = 1016), dev = "eth0")`, "delete bridge.tunnel_info 13-15 dev eth0", 1, `bridge.tunnel_info(16, dev = "eth0", id = 1016)`},
		{`link("eth0", port = port.bridge(vlan_tunnel = False))`, "change link eth0, delete bridge.tunnel_info 16 dev eth0", 1, ""},
	} {
		script := engine.Script{Name: "a.star", Source: []byte("commit(" + tt.ops + ")")}
		p, err := e.Plan(t.Context(), script)
		if err != nil {
			t.Fatalf("%+v", err)
		}
		b, err := p.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if got := doesJSON(t, b); got != tt.changes || len(p.Messages) != tt.messages {
			t.Errorf("does: %s, %d messages\nwant: %s\n%s", got, len(p.Messages), tt.changes, p)
		}
		if _, err := e.Run(t.Context(), script); err != nil {
			t.Fatalf("%+v", err)
		}
		if p, err = e.Plan(t.Context(), script); err != nil || !p.Empty() {
			t.Errorf("once more: %v\n%s", err, p)
		}
		want := ""
		if tt.after != "" {
			want = "commit(" + tt.after + ")"
		}
		if text := flat(export(t, e, false, "bridge.tunnel_info")); text != want {
			t.Errorf("exported: %s\nwant:     %s", text, want)
		}
	}
}

// doesJSON lists what a plan does, and what goes with that.
func doesJSON(t *testing.T, plan []byte) string {
	t.Helper()
	var p struct {
		Commits []struct {
			Changes []struct{ Action, Key string }
		}
	}
	if err := json.Unmarshal(plan, &p); err != nil {
		t.Fatal(err)
	}
	var l []string
	for _, c := range p.Commits[0].Changes {
		if c.Action != "unchanged" {
			l = append(l, c.Action+" "+c.Key)
		}
	}
	return strings.Join(l, ", ")
}
