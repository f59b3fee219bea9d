package rtnl

import (
	"testing"

	"github.com/nlscript/nlscript/wire"
)

func TestRuleOracle(t *testing.T) {
	said := map[string]func([]string) bool{
		"table": says("table", "lookup"),
		"type":  says(wordsOf(ruleTypes[3:6], "nop")...),
		// ip sends a prefix without -6 as inet, and the kernel refuses it.
		"family": says("-4", "-6"),
	}
	for _, c := range oracle(t, "rule/") {
		for _, m := range c.Messages {
			s := checkRoundTrip(t, Rule, &c, &m)
			if c.ID == "rule/v6/023" || c.ID == "rule/v6/024" {
				if s.Uint("family") != 2 {
					t.Errorf("%s is no case of its own", c.ID)
				}
				continue
			}
			checkFinish(t, Rule, &c, &m, said)
		}
	}
}

func TestRuleCanon(t *testing.T) {
	for _, c := range []struct {
		row  []any
		want string
	}{
		{[]any{"from_", "all", "table", 100}, "family inet table 100 type unicast"},
		{[]any{"from_", "10.0.0.0/8"}, "family inet table main type unicast from 10.0.0.0/8"},
		{[]any{"to", "2001:db8::/32", "type", "prohibit", "realms", 3}, "family inet6 type prohibit to 2001:db8::/32"},
		{[]any{"fwmark", 1}, "family inet table main type unicast fwmark 0x1/0xffffffff"},
		{[]any{"fwmark", wire.Value{Type: wire.Int, N: 1, HasMask: true, M: 0xff}}, "family inet table main type unicast fwmark 0x1/0xff"},
		{[]any{"fwmark", 0, "suppress_ifgroup", wire.IntVal(1<<32 - 1)}, "family inet table main type unicast"},
		{[]any{"l3mdev", 1, "priority", 1000}, "family inet type unicast priority 1000 l3mdev 1"},
		{[]any{"goto", 500, "not_", true, "iif", "lo"}, "family inet type goto not iif lo goto 500"},
		{[]any{"suppress_prefixlength", 0}, "family inet table main type unicast suppress_prefixlength 0"},
	} {
		if got := canonText(t, Rule, rowsOf(t, Rule.Table, c.row...)); got != c.want {
			t.Errorf("%v:\n got  %s\n want %s", c.row, got, c.want)
		}
	}
}
