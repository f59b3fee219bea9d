package engine

import (
	"context"
	"os"
	"strings"
	"testing"
)

// What NewOp takes from Go is what a script would write.
func TestNewOp(t *testing.T) {
	for _, c := range []struct {
		object, subject string
		attrs           map[string]any
		want            string
	}{
		{"route", "10.0.0.0/8", map[string]any{"nexthops": []map[string]any{{"via": "10.1.0.2", "weight": uint8(2)}, {"via": "10.1.0.3"}}},
			`route("10.0.0.0/8", nexthops = [hop(weight = 2, via = "10.1.0.2"), hop(via = "10.1.0.3")])`},
		{"route", "10.0.0.0/8", map[string]any{"nexthops": []any{map[string]any{"dev": "eth0"}}},
			`route("10.0.0.0/8", nexthops = [hop(dev = "eth0")])`},
		{"rule", "", map[string]any{"from_": "10.0.0.0/8", "table": int32(7), "priority": uint(5)},
			`rule(table = 7, from_ = "10.0.0.0/8", priority = 5)`},
		{"nexthop", "", map[string]any{"id": int16(9), "group": []int{1, 2}}, `nexthop(9, group = "1/2")`},
		{"nexthop.delete", "9", nil, `nexthop.delete(9)`},
		{"link", "br0", map[string]any{"kind": "bridge"}, `link("br0", kind = kind.bridge())`},
		{"bridge.vlan", "101-139", map[string]any{"dev": "eth0"}, `bridge.vlan("101-139", dev = "eth0")`},
		{"sysctl", "net.ipv4.ip_forward", map[string]any{"value": 1}, `sysctl("net.ipv4.ip_forward", "1")`},
	} {
		op, err := NewOp(c.object, c.subject, c.attrs)
		if err != nil || op.String() != c.want {
			t.Errorf("%s %s %v: %v, %v, want %s", c.object, c.subject, c.attrs, op, err, c.want)
		}
	}
	if _, err := NewOp("sysctl", "net.ipv4.ip_forward", nil); err == nil || !strings.Contains(err.Error(), "value") {
		t.Error(err)
	}
	if _, err := NewOp("route", "10.0.0.0/8", map[string]any{"nexthops": []any{map[string]any{"gw": "10.1.0.2"}}}); err == nil ||
		err.Error() != "route: nexthops[0]: unknown keyword gw; say via" {
		t.Error(err)
	}
}

func TestZeroOp(t *testing.T) {
	e, err := New(WithFacts(Facts{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Commit(context.Background(), Op{}.Absent().In("blue")); err == nil || !strings.Contains(err.Error(), "op 0 is none") {
		t.Error(err)
	}
}

// A descriptor that is no network namespace is found by New, not by the first run.
func TestNetNSDescriptor(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := New(WithNetNS(int(f.Fd()))); err == nil || !strings.Contains(err.Error(), "is not one") {
		t.Error(err)
	}
}
