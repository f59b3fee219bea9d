package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

// What another program adds to the scope of an exact op, after it was read, is a
// conflict: theirs stays, ours is undone, and the next run removes theirs.
// Announced it is seen before anything is sent; proxies, and others of a key that is
// wanted, are found by reading back.
func TestExactIntruder(t *testing.T) {
	tests := []struct {
		name, ours, theirs string
		outside            string // theirs, and no conflict
		sent               string // whether ours was: no, yes, or either, where it is announced behind the answer
	}{
		{"route", `exact(route(["10.20.0.0/16", "10.30.0.0/16"], via = "10.0.0.9", table = 100), table = 100, family = "inet")`,
			`route("10.31.0.0/16", via = "10.0.0.9", table = 100)`, `route("10.31.0.0/16", via = "10.0.0.9", table = 102)`, "no"},
		{"second of a key", `exact(route(["10.20.0.0/16", "10.30.0.0/16"], via = "10.0.0.9", table = 100), table = 100, family = "inet")`,
			`route.append("10.20.0.0/16", via = "10.0.0.8", table = 100)`, `route.append("10.20.0.0/16", via = "10.0.0.8", table = 101)`, "yes"},
		{"rule", `exact(rule(table = 7, priority = 1001), priority = (1000, 1999))`, `rule(table = 8, priority = 1001)`, `rule(table = 8, priority = 2001)`, "no"},
		{"IPv4 address", `exact(addr(["10.0.0.1/24", "10.8.0.1/24"], dev = "eth0"), dev = "eth0", family = "inet")`, `addr("10.9.0.1/24", dev = "eth0")`, `addr("10.9.0.1/24", dev = "eth1")`, "no"},
		{"IPv6 address", `exact(addr("2001:db8::2/64", dev = "eth0", nodad = True), dev = "eth0", family = "inet6")`, `addr("2001:db8::3/64", dev = "eth0", nodad = True)`, `addr("2001:db8::3/64", dev = "eth1", nodad = True)`, "either"},
		{"proxy", `exact(neigh("10.0.0.9", dev = "eth0", lladdr = "02:00:00:00:00:0a"), dev = "eth0")`, `neigh("10.0.0.77", dev = "eth0", proxy = True)`, `neigh("10.0.0.77", dev = "br0", proxy = True)`, "yes"},
		{"port", `exact(link("eth2", master = "br0"), master = "br0"), link("eth1", alias = "free")`, `link("eth3", master = "br0")`, `link("eth3", alias = "theirs")`, "no"},
		{"entry", `exact(bridge.fdb("02:00:00:00:00:02", dev = "eth1", master = True, state = "static"), dev = "eth1")`,
			`bridge.fdb("02:00:00:00:00:77", dev = "eth1", master = True, state = "static")`, `bridge.fdb("02:00:00:00:00:78", dev = "eth2", master = True, state = "static")`, "no"},
		{"nexthop", `exact(nexthop(1, via = "10.0.0.9", dev = "eth0"))`, `nexthop(77, via = "10.0.0.8", dev = "eth0")`, `addr("10.99.0.1/24", dev = "eth0")`, "no"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			other := exactNet(t)
			var meddle string
			e, err := engine.New(engine.WithNetNS(other.NetNS()), engine.WithPolicy(func(ctx context.Context, _ *engine.Plan) error {
				_, err := other.Run(ctx, engine.Script{Name: "theirs.star", Source: []byte("commit(" + meddle + ")")})
				meddle = ""
				return err
			}))
			if err != nil {
				t.Fatal(err)
			}
			run := func(theirs string) error {
				meddle = theirs
				_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + tt.ours + ")")})
				return err
			}
			before := export(t, other, false, "link", "addr", "route", "rule", "neigh", "nexthop", "bridge.fdb")
			if err := run(tt.outside); err != nil {
				t.Fatalf("beside the scope: %+v", err)
			}
			if _, err := other.Run(t.Context(), engine.Script{Source: []byte(exactBefore)}); err != nil {
				t.Fatalf("%+v", err)
			}
			err = run(tt.theirs)
			var failed *engine.Error
			if !errors.As(err, &failed) || failed.Outcome != "conflict" {
				t.Fatalf("got %+v, want a conflict", err)
			}
			text := strings.Split(strings.TrimSpace(strings.TrimPrefix(fmt.Sprintf("%+v", failed), "conflict: ")), "\n")
			status := map[string]string{"no": "nothing of ours was sent, theirs kept", "yes": "ours undone, theirs kept"}
			as := text[len(text)-1]
			if as != status[tt.sent] && (tt.sent != "either" || as != status["no"] && as != status["yes"]) {
				t.Errorf("it ends with %q", as)
			}
			if !strings.Contains(text[0], " added by another program") || !strings.HasPrefix(text[1], "  ours   nothing else in exact ") || slices.Contains(text, "  theirs removed") {
				t.Errorf("%+v", failed)
			}
			after := export(t, other, false, "link", "addr", "route", "rule", "neigh", "nexthop", "bridge.fdb")
			after = strings.ReplaceAll(after, ", append = True", "")
			for _, l := range strings.Split(before, "\n") {
				if !strings.Contains(after, l) {
					t.Errorf("ours was not undone: %q is missing in\n%s", l, after)
				}
			}
			p, err := other.Plan(t.Context(), engine.Script{Source: []byte("commit(" + strings.Replace(tt.theirs, "route.append", "route.delete", 1) + ")")})
			if err != nil || !p.Empty() && !strings.Contains(tt.theirs, "append") {
				t.Errorf("theirs is not there any more: %v\n%s", err, p)
			}
			if err := run(""); err != nil {
				t.Errorf("again: %+v", err)
			}
			if p, err = other.Plan(t.Context(), engine.Script{Source: []byte("commit(" + tt.ours + ")")}); err != nil || !p.Empty() {
				t.Errorf("again it does not hold: %v\n%s", err, p)
			}
		})
	}
}
