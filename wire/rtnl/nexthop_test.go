package rtnl

import "testing"

func TestNexthopOracle(t *testing.T) {
	said := map[string]func([]string) bool{"family": says("-4", "-6")}
	for _, c := range oracle(t, "nexthop/") {
		for _, m := range c.Messages {
			checkRoundTrip(t, Nexthop, &c, &m)
			checkFinish(t, Nexthop, &c, &m, said)
		}
	}
}

func TestNexthopCanon(t *testing.T) {
	for _, c := range []struct {
		row  []any
		want string
	}{
		{[]any{"id", 1, "via", "2001:db8::1", "dev", "eth0", "protocol", 0}, "family inet6 id 1 via 2001:db8::1 dev eth0"},
		{[]any{"id", 1, "blackhole", true}, "family inet id 1 blackhole"},
		{[]any{"id", 1, "group", "2,1/3", "type", "mpath"}, "id 1 group 2/3"},
		{[]any{"id", 1, "group", "2,300", "type", "resilient", "buckets", 8, "idle_timer", 12000, "unbalanced_timer", 0}, "id 1 group 2,300 type resilient buckets 8 idle_timer 120s unbalanced_timer 0s"},
		{[]any{"id", 1, "group", "2", "type", "resilient", "buckets", 8, "idle_timer", 6000}, "id 1 group 2 type resilient buckets 8 idle_timer 60s unbalanced_timer 0s"},
	} {
		if got := canonText(t, Nexthop, rowsOf(t, Nexthop.Table, c.row...)); got != c.want {
			t.Errorf("%v:\n got  %s\n want %s", c.row, got, c.want)
		}
	}
}

// TestNexthopGroupKeeps: an entry that the value cannot say is no group, so the
// attribute is kept as it is.
func TestNexthopGroupKeeps(t *testing.T) {
	for _, c := range []struct {
		p  []byte
		ok bool
	}{
		{[]byte{1, 0, 0, 0, 255, 0, 0, 0}, true},
		{[]byte{0, 0, 0, 0, 0, 0, 0, 0}, false},
		{[]byte{1, 0, 0, 0, 0, 0, 1, 0}, false},
		{[]byte{1, 0, 0, 0, 0, 0, 0}, false},
	} {
		if _, err := (nexthopGroup{}).Decode(nil, c.p); (err == nil) != c.ok {
			t.Errorf("%x: %v", c.p, err)
		}
	}
}
