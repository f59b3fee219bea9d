package wire

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// A unit is a suffix and how many base units it makes.
type unit struct {
	name string
	n    uint64
}

// In each list the first unit of a size is the one printed; larger ones first.
var (
	timeUnits = []unit{{"h", 3600e9}, {"min", 60e9}, {"s", 1e9}, {"sec", 1e9}, {"secs", 1e9},
		{"ms", 1e6}, {"msec", 1e6}, {"msecs", 1e6}, {"us", 1e3}, {"usec", 1e3}, {"usecs", 1e3}, {"ns", 1}}
	// Bits a second, as tc: bit is a bit, bps a byte.
	rateUnits = []unit{{"tbit", 1e12}, {"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1},
		{"tibit", 1 << 40}, {"gibit", 1 << 30}, {"mibit", 1 << 20}, {"kibit", 1 << 10},
		{"tbps", 8e12}, {"gbps", 8e9}, {"mbps", 8e6}, {"kbps", 8e3}, {"bps", 8},
		{"tibps", 8 << 40}, {"gibps", 8 << 30}, {"mibps", 8 << 20}, {"kibps", 8 << 10}}
	// Bits, as tc: b is a byte, k is 1024.
	sizeUnits = []unit{{"gb", 8 << 30}, {"mb", 8 << 20}, {"kb", 8 << 10}, {"b", 8},
		{"g", 8 << 30}, {"m", 8 << 20}, {"k", 8 << 10}, {"gbit", 1 << 30}, {"mbit", 1 << 20}, {"kbit", 1 << 10}}
)

// parseUnits reads "1.5ms" as a number of base units times num over den, which
// must be a whole number.
func parseUnits(s string, units []unit, num, den uint64, example string) (uint64, error) {
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if number, ok := strings.CutPrefix(s, "-"); ok && number != "" && number[0] >= '0' && number[0] <= '9' {
		return 0, fmt.Errorf("%q is negative, and has to be positive", s)
	}
	if i <= 0 {
		return 0, fmt.Errorf("%q needs a number and a unit, such as %s", s, example)
	}
	v, ok := new(big.Rat).SetString(s[:i])
	if !ok {
		return 0, fmt.Errorf("%q is not a number", s[:i])
	}
	for _, u := range units {
		if !strings.EqualFold(u.name, s[i:]) {
			continue
		}
		v.Mul(v, new(big.Rat).SetFrac(new(big.Int).SetUint64(u.n), big.NewInt(1)))
		v.Mul(v, new(big.Rat).SetFrac(new(big.Int).SetUint64(num), new(big.Int).SetUint64(den)))
		if !v.IsInt() {
			return 0, errInexact
		}
		if !v.Num().IsUint64() {
			return 0, fmt.Errorf("%q is too large", s)
		}
		return v.Num().Uint64(), nil
	}
	names := make([]string, 0, len(units))
	for _, u := range units {
		names = append(names, u.name)
	}
	if strings.ContainsAny(s, " \t") {
		return 0, fmt.Errorf("%q has a space in it; a unit follows its number at once", s)
	}
	return 0, fmt.Errorf("%q has an unknown unit %q; units are %s", s, s[i:], strings.Join(names, " "))
}

var errInexact = errors.New("is not a whole number of the kernel's units")

// ParseTime reads "30s", "1.5ms" as a number of ticks, perSecond of which make
// a second.
func ParseTime(s string, perSecond uint64) (uint64, error) {
	n, err := parseUnits(s, timeUnits, perSecond, 1e9, `"4s" or "100ms"`)
	if err == errInexact {
		return 0, fmt.Errorf("%q %w, %s", s, err, TimeText(1, perSecond))
	}
	return n, err
}

// ParseRate reads "10mbit", "1mbps" as bytes per second.
func ParseRate(s string) (uint64, error) {
	n, err := parseUnits(s, rateUnits, 1, 8, `"10mbit"`)
	if err == errInexact {
		return 0, fmt.Errorf("%q is not a whole number of bytes a second", s)
	}
	return n, err
}

// ParseSize reads "64kb", "1mb" as bytes.
func ParseSize(s string) (uint64, error) {
	n, err := parseUnits(s, sizeUnits, 1, 8, `"64kb"`)
	if err == errInexact {
		return 0, fmt.Errorf("%q is not a whole number of bytes", s)
	}
	return n, err
}

// TimeText writes ticks with the largest unit that is exact, s at the most. A
// tick that is no whole number of nanoseconds is rounded down.
func TimeText(n, perSecond uint64) string {
	if n == 0 {
		return "0s"
	}
	ns := new(big.Int).Mul(new(big.Int).SetUint64(n), big.NewInt(1e9))
	hz := new(big.Int).SetUint64(max(perSecond, 1))
	var rest big.Int
	for _, u := range timeUnits[2:] {
		q, _ := new(big.Int).QuoRem(ns, new(big.Int).Mul(hz, new(big.Int).SetUint64(u.n)), &rest)
		if rest.Sign() == 0 || u.n == 1 {
			return q.String() + u.name
		}
	}
	return ""
}

// RateText writes bytes per second, SizeText bytes.
func RateText(n uint64) string {
	if n > 1<<60 {
		return strconv.FormatUint(n, 10) + "bps"
	}
	return unitText(n*8, rateUnits[:5])
}

// SizeText writes bytes, with a unit when that is exact.
func SizeText(n uint64) string {
	if n == 0 || n%1024 != 0 || n > 1<<60 {
		return strconv.FormatUint(n, 10)
	}
	return unitText(n*8, sizeUnits[:4])
}

func unitText(n uint64, units []unit) string {
	for _, u := range units {
		if n%u.n == 0 && (n > 0 || u.n == 1) {
			return strconv.FormatUint(n/u.n, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10)
}

// ParseHandle reads a tc handle "1:10", both parts hexadecimal and either empty.
func ParseHandle(s string) (uint64, error) {
	major, minor, ok := strings.Cut(s, ":")
	if !ok {
		return 0, fmt.Errorf(`%q is not a handle; write "1:" or "1:10", hexadecimal`, s)
	}
	var n uint64
	for _, p := range []string{major, minor} {
		n <<= 16
		if p == "" {
			continue
		}
		v, err := strconv.ParseUint(p, 16, 16)
		if err != nil {
			return 0, fmt.Errorf(`%q is not a handle; write "1:" or "1:10", hexadecimal up to ffff:ffff`, s)
		}
		n |= v
	}
	return n, nil
}

// HandleText writes a tc handle.
func HandleText(n uint64) string {
	if n&0xffff == 0 {
		return fmt.Sprintf("%x:", n>>16)
	}
	return fmt.Sprintf("%x:%x", n>>16, n&0xffff)
}
