package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
)

// Ops reach another process as the script that says the same.
func TestScriptOfOps(t *testing.T) {
	op := func(object, subject string, attrs map[string]any) Op {
		op, err := NewOp(object, subject, attrs)
		if err != nil {
			t.Fatal(err)
		}
		return op
	}
	route := op("route", "10.9.0.0/16", map[string]any{"via": "10.7.0.9", "table": 100})
	ops := []Op{
		op("link", "br7", map[string]any{"kind": "bridge", "up": true}),
		route.In("blue"),
		route.Absent(),
		op("route", "10.8.0.0/16", map[string]any{"via": "10.7.0.9", "append": true}).Irreversible("link wg0"),
		op("sysctl", "net.ipv4.ip_forward", map[string]any{"value": 1}),
		op("exact", "route", map[string]any{"ops": []Op{route}, "table": 100}),
		op("check.route_get", "10.9.0.1", map[string]any{"within": "7s"}),
	}
	const want = `commit([link("br7", up = True, kind = kind.bridge()),
netns("blue", route("10.9.0.0/16", table = 100, via = "10.7.0.9")),
absent(route("10.9.0.0/16", table = 100, via = "10.7.0.9")),
route("10.8.0.0/16", via = "10.7.0.9", append = True),
sysctl("net.ipv4.ip_forward", "1"),
exact(route, [route("10.9.0.0/16", table = 100, via = "10.7.0.9")], table = 100)], checks = [check.route_get("10.9.0.1")], irreversible = ["link wg0"], within = "7000ms")
`
	if s := scriptOf(ops); string(s.Source) != want {
		t.Errorf("%s\nwant\n%s", s.Source, want)
	}
}

// Ops are rehearsed by another process as scripts are, and told of as in this one.
func TestRehearsalOfOpsBeside(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("eth0")
	e, err := New(WithNetNS(ns.FD()))
	if err != nil {
		t.Fatal(err)
	}
	op := func(object, subject string, attrs map[string]any) Op {
		op, err := NewOp(object, subject, attrs)
		if err != nil {
			t.Fatal(err)
		}
		return op
	}
	good := []Op{op("link", "br7", map[string]any{"kind": "bridge", "up": true}), op("addr", "10.7.0.1/24", map[string]any{"dev": "br7"}), op("route", "10.8.0.0/16", map[string]any{"dev": "eth0", "table": 9})}
	bad := append(slices.Clone(good), op("route", "10.9.0.0/16", map[string]any{"via": "192.0.2.1"}))
	r, err := e.RehearseBeside(t.Context(), scriptOf(good))
	if err != nil || !r.held || r.Links != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	_, own := e.Rehearse(t.Context(), bad...)
	_, err = e.rehearseBeside(t.Context(), scriptOf(bad), true)
	var failed *Error
	if !errors.As(err, &failed) || err.Error() != own.Error() || failed.Pos != "" || !strings.Contains(failed.status, "nothing was sent") || strings.Contains(fmt.Sprintf("%+v", err), "fail(") {
		t.Errorf("%+v\nin this process:\n%+v", err, own)
	}
	_, err = e.rehearseBeside(t.Context(), scriptOf([]Op{good[0].In("blue")}), true)
	if err == nil || !strings.Contains(err.Error(), "network namespace blue: to work in it takes CAP_SYS_ADMIN") {
		t.Error(err)
	}
	if _, err := e.Rehearse(t.Context(), Op{}); err == nil || strings.Contains(err.Error(), "rehears") {
		t.Errorf("an op that is none: %v", err)
	}
}
