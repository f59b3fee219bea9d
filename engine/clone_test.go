package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A clone of ns in a namespace where something is already, with at most so many
// routes of a table.
func clone(t *testing.T, src, already string, most int, named func(*state.Entry) bool) (*tx.Clone, *state.State) {
	t.Helper()
	c := &tx.Clone{Most: most, Named: named, Settings: func([]string) []string { return nil }}
	var from *nlconn.Conn
	for _, x := range []struct {
		conn   **nlconn.Conn
		script string
	}{{&from, src}, {&c.To, already}, {&c.Wires, ""}} {
		ns := testnet.New(t)
		e, err := New(WithNetNS(ns.FD()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Run(t.Context(), Script{Name: "clone.star", Source: []byte(x.script)}); err != nil {
			t.Fatalf("%+v", err)
		}
		if *x.conn, err = nlconn.Dial(nlconn.Config{NetNS: ns.FD(), Strict: true}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*x.conn).Close() })
		c.WiresFD = ns.FD()
	}
	c.From = tx.Source{Conn: from}
	if err := c.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := state.New(tx.Source{Conn: c.To})
	if err := st.Load(context.Background(), state.Scope{Object: rtnl.Route}, state.Scope{Object: rtnl.Addr}); err != nil {
		t.Fatal(err)
	}
	return c, st
}

// Of a large table the copy has what the script names, and says that more is
// missing.
func TestCloneOfLargeTable(t *testing.T) {
	c, st := clone(t, `
commit(
    link("v0", kind = kind.veth(peer = {"name": "v1"}), up = True),
    addr("10.0.0.1/24", dev = "v0"),
    [route("10.20.%d.0/24" % i, via = "10.0.0.9", table = 100) for i in range(10)],
    [route("10.30.%d.0/24" % i, via = "10.0.0.9") for i in range(4)],
)`, "", 4, func(e *state.Entry) bool {
		dst, _ := e.Set().Get("dst")
		return strings.HasPrefix(dst.A.String(), "10.20.8.") || strings.HasPrefix(dst.A.String(), "10.20.9.")
	})
	got := map[string]bool{}
	n := map[uint64]int{}
	for _, e := range st.All(rtnl.Route) {
		if !e.Foreign() {
			dst, _ := e.Set().Get("dst")
			got[dst.A.String()] = true
			n[e.Set().Uint("table")]++
		}
	}
	if n[100] != 4 || n[254] != 4 || !got["10.20.8.0"] || !got["10.20.9.0"] || !got["10.20.0.0"] {
		t.Errorf("%v %v", n, got)
	}
	if s := strings.Join(c.Notes, "\n"); s != "of the 10 IPv4 routes of table 100 the copy has 4, those that the script names among them" {
		t.Error(s)
	}
}

// Devices that are in every namespace once their module is there may have the
// index of another; what refers to that one follows.
func TestCloneWhereIndexesAreTaken(t *testing.T) {
	c, st := clone(t, `
commit(
    link("a0", index = 50, kind = kind.veth(peer = {"name": "a1", "index": 51}), up = True),
    link("sit0", index = 60, kind = kind.veth(peer = {"name": "gre0", "index": 61})),
    addr("10.0.0.1/24", dev = "a0"),
    route("10.9.0.0/16", via = "10.0.0.9"),
)`, `commit(link("sit0", index = 50, kind = kind.veth(peer = {"name": "gre0", "index": 51})))`, 0, nil)
	a0 := st.Known("a0")
	if a0 == nil || a0.Index() == 50 || st.Names(50) != "sit0" || c.Links != 2 {
		t.Fatalf("a0 is %v, 50 is %s, %d links", a0, st.Names(50), c.Links)
	}
	found := 0
	for _, e := range append(st.All(rtnl.Addr), st.All(rtnl.Route)...) {
		if !e.Foreign() && uint32(e.Set().Uint("dev")) == a0.Index() {
			found++
		}
	}
	if found != 2 {
		t.Errorf("%d objects are on a0, want its address and its route", found)
	}
	if s := strings.Join(c.Notes, "\n"); s != "a0 has index 1073741823 in the copy, where sit0 has 50\na1 has index 1073741822 in the copy, where gre0 has 51" {
		t.Error(s)
	}
}
