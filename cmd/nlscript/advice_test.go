package main

import "testing"

func TestWhenBack(t *testing.T) {
	for want, gone := range map[string][]string{
		"":                          nil,
		"when eth2 is back ":        {"eth2"},
		"when eth2, eth3 are back ": {"eth2", "eth3"},
	} {
		if got := whenBack(gone); got != want {
			t.Errorf("%v: %q, want %q", gone, got, want)
		}
	}
}
