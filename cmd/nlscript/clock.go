package main

import "time"

// clock is what the clock says at t; on another day than now, with the date.
func clock(t, now time.Time) string {
	if now = now.In(t.Location()); t.Year() != now.Year() || t.YearDay() != now.YearDay() {
		return t.Format(time.DateTime)
	}
	return t.Format(time.TimeOnly)
}
