package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

func newOp(t *testing.T, object, subject string, attrs map[string]any) engine.Op {
	t.Helper()
	op, err := engine.NewOp(object, subject, attrs)
	if err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	return op
}

// From Go a commit can do what a script's commit can: sysctls, waits, checks, exact
// and cutover, here and in other namespaces.
func TestNewOpOfAll(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	e, err := engine.New(engine.WithNetNS(ns.FD()))
	if err != nil {
		t.Fatal(err)
	}
	type m = map[string]any
	route := func(dst, via string) engine.Op { return newOp(t, "route", dst, m{"via": via, "table": 100}) }
	setup := []engine.Op{
		newOp(t, "sysctl", "net.ipv4.ip_forward", m{"value": 1}),
		newOp(t, "addr", "10.0.0.1/24", m{"dev": "eth0"}),
		newOp(t, "addr", "2001:db8::1/64", m{"dev": "eth0"}),
		newOp(t, "wait.carrier", "eth0", m{"within": "2s"}),
		newOp(t, "wait.dad", "2001:db8::1", nil),
		newOp(t, "exact", "route", m{"ops": []engine.Op{route("10.1.0.0/16", "10.0.0.9"), route("10.2.0.0/16", "10.0.0.9")}, "table": 100}),
		newOp(t, "check.carrier", "eth0", m{"within": "1s"}),
	}
	r, err := e.Commit(t.Context(), setup...)
	if err != nil || r.Outcome != "committed" {
		t.Fatalf("%+v", err)
	}
	if r, err = e.Commit(t.Context(), setup...); err != nil || r.Outcome != "unchanged" {
		t.Errorf("again: %+v\n%s", err, r.Plan)
	}
	// What exact does not name goes.
	r, err = e.Commit(t.Context(), newOp(t, "exact", "", m{"ops": []any{route("10.2.0.0/16", "10.0.0.9")}, "table": 100}))
	if err != nil || goes(r.Plan) != "- route 10.1.0.0/16" {
		t.Errorf("%s, %+v", goes(r.Plan), err)
	}
	r, err = e.Commit(t.Context(), newOp(t, "cutover", "", m{"ops": []engine.Op{newOp(t, "route", "10.3.0.0/16", m{"via": "10.0.0.8"})}}))
	if err != nil || r.Outcome != "committed" {
		t.Errorf("%+v", err)
	}
	// A check that does not hold undoes the commit.
	var failed *engine.Error
	_, err = e.Commit(t.Context(), newOp(t, "addr", "10.7.0.1/24", m{"dev": "eth0"}), newOp(t, "check.route_get", "10.99.0.1", m{"dev": "eth0", "within": "50ms"}))
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "check route_get 10.99.0.1") {
		t.Errorf("%+v", err)
	}
	if text := export(t, e, false, "addr"); strings.Contains(text, "10.7.0.1") {
		t.Error(text)
	}
	at := places(t, 1)[0]
	r, err = e.Commit(t.Context(),
		newOp(t, "link", "lo", m{"up": true}).In(at),
		newOp(t, "exact", "route", m{"ops": []engine.Op{newOp(t, "route", "10.1.0.0/16", m{"type": "blackhole", "table": 100})}, "table": 100}).In(at),
		newOp(t, "check.carrier", "lo", nil).In(at))
	if err != nil || !strings.Contains(r.Plan.String(), "route 10.1.0.0/16 netns "+at) {
		t.Errorf("%+v", err)
	}
	if _, err := e.Commit(t.Context(), setup[6].Absent()); err == nil || !strings.Contains(err.Error(), "a check cannot be absent") {
		t.Errorf("%v", err)
	}
	if _, err := e.Commit(t.Context(), setup[0].Absent()); err == nil || !strings.Contains(err.Error(), "cannot be absent") {
		t.Errorf("%v", err)
	}
}

func TestNewOpStrings(t *testing.T) {
	type m = map[string]any
	a := newOp(t, "route", "10.1.0.0/16", m{"dev": "eth0", "table": 100})
	tests := map[string]engine.Op{
		`sysctl("net.ipv4.ip_forward", "1")`:              newOp(t, "sysctl", "net.ipv4.ip_forward", m{"value": true}),
		`wait.carrier("eth0", within = "2s")`:             newOp(t, "wait.carrier", "eth0", m{"within": "2s"}),
		`check.tcp("192.0.2.1:22", netns = "blue")`:       newOp(t, "check.tcp", "192.0.2.1:22", nil).In("blue"),
		`exact(rule, priority = 1000)`:                    newOp(t, "exact", "rule", m{"priority": 1000}),
		`exact(route, [` + a.String() + `], table = 100)`: newOp(t, "exact", "route", m{"ops": []engine.Op{a}, "table": 100}),
	}
	for want, op := range tests {
		if op.String() != want {
			t.Errorf("got  %s\nwant %s", op, want)
		}
	}
	for _, tt := range []struct {
		object, subject string
		attrs           m
		want            string
	}{
		{"check.png", "192.0.2.1", nil, `there is no object "check.png"`},
		{"check.ping", "nowhere", nil, "nowhere"},
		{"exact", "route", m{"ops": []engine.Op{a}, "tabel": 100}, "tabel"},
		{"exact", "rout", nil, `there is no object "rout"`},
		{"wait.dad", "10.0.0.1", nil, "is of IPv4"},
		{"sysctl", "kernel.hostname", m{"value": 1}, "net."},
		{"route", "10.1.0.0/16", m{"ops": 1}, "ops"},
	} {
		if _, err := engine.NewOp(tt.object, tt.subject, tt.attrs); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.object, err, tt.want)
		}
	}
}
