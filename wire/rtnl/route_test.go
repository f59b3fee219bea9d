package rtnl

import "testing"

func TestRouteOracle(t *testing.T) {
	for _, c := range oracle(t, "route/") {
		for _, m := range c.Messages {
			checkRoundTrip(t, Route, &c, &m)
		}
	}
}
