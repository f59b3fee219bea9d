package main

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	now := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
	for want, at := range map[string]time.Time{
		"23:59:30":            now.Add(30 * time.Second),
		"00:00:00":            now.Truncate(24 * time.Hour),
		"2026-03-02 00:00:30": now.Add(90 * time.Second),
		"2027-03-01 23:59:00": now.AddDate(1, 0, 0),
		"2026-02-28 12:00:00": time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC),
		"01:00:00":            time.Date(2026, 3, 2, 1, 0, 0, 0, time.FixedZone("east", 3600*2)),
	} {
		if got := clock(at, now); got != want {
			t.Errorf("%v: %s, want %s", at, got, want)
		}
	}
}
