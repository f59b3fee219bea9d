package rtnl

import "testing"

func TestNexthopOracle(t *testing.T) {
	for _, c := range oracle(t, "nexthop/") {
		for _, m := range c.Messages {
			checkRoundTrip(t, Nexthop, &c, &m)
		}
	}
}
