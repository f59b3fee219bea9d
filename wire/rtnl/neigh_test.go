package rtnl

import "testing"

func TestNeighOracle(t *testing.T) {
	for _, c := range oracle(t, "neigh/") {
		for _, m := range c.Messages {
			checkRoundTrip(t, Neigh, &c, &m)
		}
	}
}

func TestFDBOracle(t *testing.T) {
	for _, c := range oracle(t, "bridge/fdb/") {
		for _, m := range c.Messages {
			checkRoundTrip(t, FDB, &c, &m)
		}
	}
}
