package engine_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
)

// optionsNet is vlanNet with a multicast database for each VLAN.
func optionsNet(t *testing.T) *engine.Engine {
	t.Helper()
	e := vlanNet(t)
	_, err := e.Run(t.Context(), engine.Script{Name: "options.star", Source: []byte(`commit(link("br0", kind = kind.bridge(mcast_vlan_snooping = True)))`)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	return e
}

// What a script says of the options of VLANs is planned VLAN by VLAN, told and sent
// in ranges, and then so. What it does not mention stays.
func TestVLANOptions(t *testing.T) {
	for _, tt := range []struct {
		name, before, ops string
		changes           string // what the plan does
		messages          int
		after             string // what nlscript export says of options then
	}{
		{"as they begin", "", `bridge.vlan_options("10-20", dev = "eth0", state = "forwarding", mcast_router = 1, mcast_max_groups = 0, neigh_suppress = False), ` +
			`bridge.vlan_global(5, dev = "br0", mcast_snooping = True, mcast_startup_query_interval = "31250ms", msti = 0)`, "", 0, ""},
		{"all", "", `bridge.vlan_options("10-12", dev = "eth0", state = "blocking", mcast_router = 2, mcast_max_groups = 7, neigh_suppress = True)`,
			"change bridge.vlan_options 10-12 dev eth0", 1,
			`bridge.vlan_options("10-12", dev = "eth0", state = "blocking", mcast_router = 2, mcast_max_groups = 7, neigh_suppress = True)`},
		{"part of a range", `bridge.vlan_options("10-15", dev = "eth0", mcast_router = 2)`,
			`bridge.vlan_options("12-17", dev = "eth0", state = "disabled"), bridge.vlan_options(10, dev = "eth0", mcast_router = 1)`,
			"change bridge.vlan_options 12-17 dev eth0, change bridge.vlan_options 10 dev eth0", 2,
			`bridge.vlan_options(11, dev = "eth0", mcast_router = 2), bridge.vlan_options("12-15", dev = "eth0", state = "disabled", mcast_router = 2), bridge.vlan_options("16-17", dev = "eth0", state = "disabled")`},
		{"of the bridge", "", `bridge.vlan_options(5, dev = "br0", state = "learning"), bridge.vlan_options(5, dev = "br0", mcast_router = 0)`,
			"change bridge.vlan_options 5 dev br0, change bridge.vlan_options 5 dev br0", 2,
			`bridge.vlan_options(5, dev = "br0", state = "learning", mcast_router = 0)`},
		{"once for all ports", "", `bridge.vlan_global("10-11", dev = "br0", mcast_snooping = False, mcast_igmp_version = 3, mcast_mld_version = 2, mcast_last_member_count = 3, ` +
			`mcast_startup_query_count = 4, mcast_last_member_interval = "2s", mcast_membership_interval = "100s", mcast_querier_interval = "90s", mcast_query_interval = "60s", ` +
			`mcast_query_response_interval = "5s", mcast_startup_query_interval = "20s", mcast_querier = True), bridge.vlan_global(30, dev = "br0", msti = 4)`,
			"change bridge.vlan_global 10-11 dev br0, change bridge.vlan_global 30 dev br0", 2,
			`bridge.vlan_global("10-11", dev = "br0", mcast_snooping = False, mcast_igmp_version = 3, mcast_mld_version = 2, mcast_last_member_count = 3, ` +
				`mcast_startup_query_count = 4, mcast_last_member_interval = "2s", mcast_membership_interval = "100s", mcast_querier_interval = "90s", mcast_query_interval = "60s", ` +
				`mcast_query_response_interval = "5s", mcast_startup_query_interval = "20s", mcast_querier = True), bridge.vlan_global(30, dev = "br0", msti = 4), ` +
				`bridge.vlan_options(30, dev = "eth0", state = "disabled")`},
		{"with a new VLAN", "", `bridge.vlan("40-41", dev = "eth1"), bridge.vlan_options("40-41", dev = "eth1", state = "blocking"), bridge.vlan_global(41, dev = "br0", mcast_querier = True)`,
			"create bridge.vlan 40-41 dev eth1, change bridge.vlan_options 40-41 dev eth1, change bridge.vlan_global 41 dev br0", 3,
			`bridge.vlan_global(41, dev = "br0", mcast_querier = True), bridge.vlan_options("40-41", dev = "eth1", state = "blocking")`},
		{"go with the VLAN", `bridge.vlan_options("10-20", dev = "eth0", state = "blocking"), bridge.vlan_global("19-20", dev = "br0", mcast_querier = True), bridge.vlan(20, dev = "br0", self = True)`,
			`absent(bridge.vlan("12-20", dev = "eth0"))`, "delete bridge.vlan 12-20 dev eth0", 1,
			`bridge.vlan_global(20, dev = "br0", mcast_querier = True), bridge.vlan_options("10-11", dev = "eth0", state = "blocking")`},
		{"begin anew with it", `bridge.vlan_options(10, dev = "eth0", state = "blocking")`, `bridge.vlan.delete(10, dev = "eth0"), bridge.vlan(10, dev = "eth0")`,
			"send bridge.vlan.delete 10 dev eth0, create bridge.vlan 10 dev eth0", 2, ""},
		{"a port leaves", `bridge.vlan_options("10-20", dev = "eth0", state = "blocking"), bridge.vlan_global([5, 10], dev = "br0", mcast_querier = True)`,
			`link("eth0", master = 0)`, "change link eth0", 1, `bridge.vlan_global(5, dev = "br0", mcast_querier = True)`},
		{"the default pvid changes", `bridge.vlan_options(1, dev = "br0", state = "blocking")`, `link("br0", kind = kind.bridge(vlan_default_pvid = 40))`, "change link br0", 1, ""},
		{"a bridge is made again", `bridge.vlan_options("10-12", dev = "eth0", state = "blocking"), bridge.vlan_options(5, dev = "br0", mcast_router = 2), bridge.vlan_global([5, 10], dev = "br0", mcast_querier = True)`,
			`link("br0", kind = kind.bridge(), numtxqueues = 2, recreate = True)`, "change link br0", 17,
			`bridge.vlan_global(5, dev = "br0", mcast_querier = True), bridge.vlan_global(10, dev = "br0", mcast_querier = True), ` +
				`bridge.vlan_options(5, dev = "br0", mcast_router = 2), bridge.vlan_options("10-12", dev = "eth0", state = "blocking")`},
		{"verbs", `bridge.vlan_options(10, dev = "eth0", mcast_router = 2)`, `bridge.vlan_options.set(10, dev = "eth0", state = "blocking"), bridge.vlan_global.set(10, dev = "br0", msti = 0)`,
			"send bridge.vlan_options.set 10 dev eth0, send bridge.vlan_global.set 10 dev br0", 2,
			`bridge.vlan_options(10, dev = "eth0", state = "blocking", mcast_router = 2)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := optionsNet(t)
			if tt.before != "" {
				if _, err := e.Run(t.Context(), engine.Script{Name: "b.star", Source: []byte("commit(" + tt.before + ")")}); err != nil {
					t.Fatalf("%+v", err)
				}
			}
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
			if p, err = e.Plan(t.Context(), script); err != nil || !p.Empty() && !strings.Contains(tt.changes, "send") {
				t.Errorf("once more: %v\n%s", err, p)
			}
			want := ""
			if tt.after != "" {
				want = "commit(" + tt.after + ")"
			}
			if text := flat(export(t, e, false, "bridge.vlan_options", "bridge.vlan_global")); text != want {
				t.Errorf("exported: %s\nwant:     %s", text, want)
			}
		})
	}
}

// What the kernel refuses, or cannot be, is told with the option; what it keeps
// without an effect is told in the plan.
func TestVLANOptionsErrors(t *testing.T) {
	e := vlanNet(t)
	run := func(ops string) error {
		_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + ops + ")")})
		return err
	}
	for ops, want := range map[string]string{
		`bridge.vlan_options(40, dev = "eth0", state = "blocking")`:                                                             "vid: eth0 has no VLAN 40",
		`bridge.vlan_global("29-30", dev = "br0", mcast_querier = True)`:                                                        "vid: br0 has no VLAN 29",
		`bridge.vlan_options("10-12", dev = "eth0", mcast_router = 2), bridge.vlan_options(12, dev = "eth0", mcast_router = 0)`: "mcast_router: bridge.vlan_options 12 dev eth0 is given twice",
		`bridge.vlan_options(10, dev = "eth0", mcast_max_groups = 5)`:                                                           "Multicast snooping disabled on this VLAN",
		`bridge.vlan_options(5, dev = "br0", neigh_suppress = True)`:                                                            "Can't set neigh_suppress for non-port vlans",
		`link("br0", kind = kind.bridge(stp_state = True)), bridge.vlan_options(10, dev = "eth0", state = "blocking")`:          "Can't modify vlan state when using kernel STP",
		`absent(bridge.vlan(10, dev = "eth0")), bridge.vlan_options(10, dev = "eth0", mcast_router = 2)`:                        "has no VLAN 10",
		`bridge.vlan_options.set(40, dev = "eth0", state = "blocking")`:                                                         "doesn't exist, can't process options",
	} {
		if err := run(ops); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", ops, err, want)
		}
	}
	p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(
		bridge.vlan_options(10, dev = "eth0", neigh_suppress = True, mcast_router = 2), bridge.vlan_global(10, dev = "br0", mcast_querier = True))`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"neigh_suppress has no effect until eth0 has neigh_vlan_suppress", "mcast_router has no effect until br0 has mcast_vlan_snooping",
		"mcast_querier has no effect until br0 has mcast_vlan_snooping"} {
		if !strings.Contains(p.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, p)
		}
	}
	// A state cannot be set again while the spanning tree is the kernel's.
	if err := run(`bridge.vlan_options(10, dev = "eth0", state = "blocking"), link("br0", kind = kind.bridge(stp_state = True))`); err != nil {
		t.Fatal(err)
	}
	for _, ops := range []string{`absent(bridge.vlan(10, dev = "eth0"))`, `link("eth0", master = 0)`, `absent(link("br0"))`} {
		if err := run(ops); err == nil || !strings.Contains(err.Error(), "cannot be restored: its state, while the spanning tree is the kernel's") {
			t.Errorf("%s: %v", ops, err)
		}
	}
	if err := run(`bridge.vlan_options(10, dev = "eth1", state = "blocking")`); !errors.Is(err, unix.ENOENT) && (err == nil || !strings.Contains(err.Error(), "no VLAN")) {
		t.Errorf("%v", err)
	}
}

// Reads give the options that are not as they begin.
func TestVLANOptionsReads(t *testing.T) {
	e := optionsNet(t)
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`
commit(bridge.vlan_options("10-12", dev = "eth0", state = "blocking"), bridge.vlan_global(10, dev = "br0", mcast_querier = True))
l = bridge.vlan_options.list(dev = "eth0")
if [o.vid for o in l] != [10, 11, 12] or l[0].state != "blocking" or l[0].mcast_router != None:
    fail(l)
o = bridge.vlan_global.get(10, dev = "br0")
if not o.mcast_querier:
    fail(o)
commit(bridge.vlan("2-3", dev = "eth1"), l[0].with_(dev = "eth1", vid = 2))
if [o.vid for o in bridge.vlan_options.list(dev = "eth1")] != [2]:
    fail(bridge.vlan_options.list())
`)})
	if err != nil {
		t.Errorf("%+v", err)
	}
}

// What is exported makes the same options elsewhere, and a rehearsal's copy has them.
func TestVLANOptionsExport(t *testing.T) {
	e := optionsNet(t)
	if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(bridge.vlan_options("10-12", dev = "eth0", state = "blocking", mcast_max_groups = 9),
		bridge.vlan_options(5, dev = "br0", mcast_router = 2), bridge.vlan_global("10-20", dev = "br0", mcast_query_interval = "60s"))`)}); err != nil {
		t.Fatalf("%+v", err)
	}
	text := export(t, e, false)
	second := emptyNet(t)
	if _, err := second.Run(t.Context(), engine.Script{Name: "again.star", Source: []byte(text)}); err != nil {
		t.Fatalf("%+v\n%s", err, text)
	}
	if again := export(t, second, false); again != text {
		t.Errorf("exported, made and exported again:\n%s\nfirst:\n%s", again, text)
	}
	if !strings.Contains(text, `bridge.vlan_options("10-12", dev = "eth0", state = "blocking", mcast_max_groups = 9)`) {
		t.Error(text)
	}
}
