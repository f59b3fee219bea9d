package rtnl

import (
	"testing"
)

func TestAddrOracle(t *testing.T) {
	for _, c := range oracle(t, "addr/") {
		for _, m := range c.Messages {
			checkRoundTrip(t, Addr, &c, &m)
		}
	}
}
