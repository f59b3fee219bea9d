package rtnl

import "testing"

func TestRuleOracle(t *testing.T) {
	for _, c := range oracle(t, "rule/") {
		for _, m := range c.Messages {
			checkRoundTrip(t, Rule, &c, &m)
		}
	}
}
