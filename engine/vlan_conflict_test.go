package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

// A writer that changes a VLAN, or options of one, that a commit writes, between its
// plan and its send, is a conflict: ours is undone, its value stays. What it does
// beside is none of our business.
func TestVLANConflict(t *testing.T) {
	other := optionsNet(t)
	ctx := context.Background()
	run := func(e *engine.Engine, src string) error {
		_, err := e.Run(ctx, engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")})
		return err
	}
	meddle := func(src string) *engine.Engine {
		var once sync.Once
		e, err := engine.New(engine.WithNetNS(other.NetNS()), engine.WithPolicy(func(context.Context, *engine.Plan) error {
			once.Do(func() {
				if err := run(other, src); err != nil {
					t.Errorf("the other program: %v", err)
				}
			})
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, tt := range []struct{ name, ours, theirs, object string }{
		{"flags", `bridge.vlan("10-12", dev = "eth0", untagged = True), bridge.vlan(40, dev = "eth1")`, `bridge.vlan(11, dev = "eth0", untagged = True, pvid = True)`, "bridge.vlan 11 dev eth0"},
		{"gone", `bridge.vlan(13, dev = "eth0", untagged = True)`, `absent(bridge.vlan(13, dev = "eth0"))`, "bridge.vlan 13 dev eth0"},
		{"made", `bridge.vlan("40-50", dev = "eth0")`, `bridge.vlan(45, dev = "eth0", untagged = True)`, "bridge.vlan 45 dev eth0"},
		{"of the bridge", `bridge.vlan(7, dev = "br0", self = True, untagged = True)`, `bridge.vlan(7, dev = "br0", self = True, untagged = True, pvid = True)`, "bridge.vlan 7 dev br0"},
		{"the pvid is taken", `bridge.vlan(14, dev = "eth0", pvid = True)`, `bridge.vlan(15, dev = "eth0", pvid = True)`, ""},
		{"options", `bridge.vlan_options("16-18", dev = "eth0", state = "blocking", mcast_max_groups = 7)`, `bridge.vlan_options(17, dev = "eth0", mcast_max_groups = 9)`, "bridge.vlan_options 17 dev eth0"},
		{"options of a bridge", `bridge.vlan_global(18, dev = "br0", mcast_query_interval = "60s")`, `bridge.vlan_global(18, dev = "br0", mcast_query_interval = "50s")`, "bridge.vlan_global 18 dev br0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := run(meddle(tt.theirs), tt.ours)
			var failed *engine.Error
			if !errors.As(err, &failed) || failed.Outcome != "conflict" || !strings.Contains(err.Error(), tt.object) {
				t.Fatalf("got %+v, want a conflict about %s", err, tt.object)
			}
			p, err := other.Plan(ctx, engine.Script{Name: "stays.star", Source: []byte("commit(" + tt.theirs + ")")})
			if err != nil || !p.Empty() {
				t.Errorf("what the other program made is not there: %v\n%s", err, p)
			}
			if p, err = other.Plan(ctx, engine.Script{Name: "ours.star", Source: []byte("commit(" + tt.ours + ")")}); err != nil || p.Empty() {
				t.Errorf("ours is there: %v", err)
			}
		})
	}
	if err := run(meddle(`bridge.vlan(60, dev = "eth1"), bridge.vlan_options(19, dev = "eth0", mcast_router = 2), bridge.vlan_options(20, dev = "eth0", state = "blocking")`),
		`bridge.vlan(61, dev = "eth1"), bridge.vlan_options(19, dev = "eth0", state = "blocking")`); err != nil {
		t.Errorf("changes beside ours: %+v", err)
	}
	if text := flat(export(t, other, false, "bridge.vlan_options")); !strings.Contains(text, `bridge.vlan_options(19, dev = "eth0", state = "blocking", mcast_router = 2), bridge.vlan_options(20, dev = "eth0", state = "blocking")`) {
		t.Error(text)
	}
	// A failure later keeps what was done beside.
	if err := run(meddle(`bridge.vlan_options(12, dev = "eth0", mcast_router = 2)`), `bridge.vlan_options(12, dev = "eth0", state = "blocking"), bridge.vlan_options.set(99, dev = "eth0", state = "blocking")`); err == nil {
		t.Error("it did not fail")
	}
	if text := flat(export(t, other, false, "bridge.vlan_options")); !strings.Contains(text, `bridge.vlan_options(12, dev = "eth0", mcast_router = 2)`) {
		t.Error("undone with ours:", text)
	}
}

// A new bridge, and a port that joins one, tell of their VLANs before these are as
// they will be: nobody else did it.
func TestVLANsOfNewBridge(t *testing.T) {
	e := optionsNet(t)
	_, err := e.Run(context.Background(), engine.Script{Name: "a.star", Source: []byte(`commit(
    link("br9", kind = kind.bridge(vlan_filtering = True, vlan_default_pvid = 5), up = True),
    link("v9", kind = kind.veth(peer = "v10"), master = "br9"),
    bridge.vlan(7, dev = "br9", self = True, pvid = True), bridge.vlan(7, dev = "v9", pvid = True),
)`)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
}
