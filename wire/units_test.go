package wire

import (
	"strings"
	"testing"
)

func TestUnits(t *testing.T) {
	ticks := func(perSecond uint64) func(string) (uint64, error) {
		return func(s string) (uint64, error) { return ParseTime(s, perSecond) }
	}
	ticksText := func(perSecond uint64) func(uint64) string {
		return func(n uint64) string { return TimeText(n, perSecond) }
	}
	for _, c := range []struct {
		parse func(string) (uint64, error)
		text  func(uint64) string
		in    string
		want  uint64
		out   string // "" is in
	}{
		{ticks(1000), ticksText(1000), "4s", 4000, ""},
		{ticks(1000), ticksText(1000), "1.5s", 1500, "1500ms"},
		{ticks(100), ticksText(100), "30ms", 3, ""},
		{ticks(100), ticksText(100), "2min", 12000, "120s"},
		{ticks(100), ticksText(100), "0s", 0, ""},
		{ticks(1), ticksText(1), "1h", 3600, "3600s"},
		{ticks(1e9), ticksText(1e9), "7ns", 7, ""},
		{ticks(1e6), ticksText(1e6), "5US", 5, "5us"},
		{ticks(1e6), ticksText(1e6), "2msecs", 2000, "2ms"},
		{ParseRate, RateText, "10mbit", 1250000, ""},
		{ParseRate, RateText, "1mbps", 1000000, "8mbit"},
		{ParseRate, RateText, "8bit", 1, ""},
		{ParseRate, RateText, "1kibit", 128, "1024bit"},
		{ParseRate, RateText, "2.5gbit", 312500000, "2500mbit"},
		{ParseRate, RateText, "1tbit", 125000000000, ""},
		{ParseSize, SizeText, "64kb", 65536, ""},
		{ParseSize, SizeText, "1m", 1 << 20, "1mb"},
		{ParseSize, SizeText, "1500b", 1500, "1500"},
		{ParseSize, SizeText, "0b", 0, "0"},
		{ParseSize, SizeText, "8kbit", 1024, "1kb"},
		{ParseHandle, HandleText, "1:10", 0x10010, ""},
		{ParseHandle, HandleText, "ffff:fff1", 0xfffffff1, ""},
		{ParseHandle, HandleText, "a:", 0xa0000, ""},
		{ParseHandle, HandleText, ":5", 5, "0:5"},
	} {
		got, err := c.parse(c.in)
		if err != nil || got != c.want {
			t.Errorf("%s is %d, %v; want %d", c.in, got, err, c.want)
		}
		out := c.out
		if out == "" {
			out = c.in
		}
		if s := c.text(c.want); s != out {
			t.Errorf("%d is written %s, want %s", c.want, s, out)
		}
	}
}

func TestUnitsRefuse(t *testing.T) {
	time := func(s string) (uint64, error) { return ParseTime(s, 100) }
	for _, c := range []struct {
		parse func(string) (uint64, error)
		in    string
		want  string
	}{
		{time, "5", "needs a number and a unit"},
		{time, "", "needs a number and a unit"},
		{time, "-5s", "is negative, and has to be positive"},
		{time, "-s", "needs a number and a unit"},
		{time, "5parsec", `unknown unit "parsec"`},
		{time, "1.2.3s", "is not a number"},
		{time, "1ms", "whole number of the kernel's units, 10ms"},
		{time, "999999999999999999999h", "too large"},
		{ParseRate, "1bit", "whole number of bytes a second"},
		{ParseRate, "10", "needs a number and a unit"},
		{ParseSize, "1bit", "unknown unit"},
		{ParseSize, "0.3b", "whole number of bytes"},
		{ParseHandle, "1", "is not a handle"},
		{ParseHandle, "1:10000", "is not a handle"},
		{ParseHandle, "x:", "is not a handle"},
	} {
		n, err := c.parse(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q is %d, %v; want %q", c.in, n, err, c.want)
		}
	}
}

// FuzzUnits: what is written for a number is read as that number.
func FuzzUnits(f *testing.F) {
	for _, n := range []uint64{0, 1, 999, 1000, 1 << 20, 1<<60 + 8, 1<<64 - 1} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n uint64) {
		for _, hz := range []uint64{1, 100, 1000, 1e6, 1e9} {
			if got, err := ParseTime(TimeText(n, hz), hz); err != nil || got != n {
				t.Errorf("%d ticks of 1/%d s are written %s, read as %d, %v", n, hz, TimeText(n, hz), got, err)
			}
		}
		if got, err := ParseRate(RateText(n)); err != nil || got != n {
			t.Errorf("rate %d is written %s, read as %d, %v", n, RateText(n), got, err)
		}
		if h := n & 0xffffffff; true {
			if got, err := ParseHandle(HandleText(h)); err != nil || got != h {
				t.Errorf("handle %d is written %s, read as %d, %v", h, HandleText(h), got, err)
			}
		}
	})
}
