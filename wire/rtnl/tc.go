package rtnl

import (
	"errors"
	"fmt"
	"math"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// What qdiscs, classes and filters share: struct tcmsg, whose handles are
// 16 bits of major and of minor number, and the attributes around the options
// of a kind.

// Handles with a meaning of their own.
const (
	tcRoot    = 0xffffffff // TC_H_ROOT
	tcIngress = 0xfffffff1 // TC_H_INGRESS, which TC_H_CLSACT is too

	tcIngressHandle = 0xffff0000
	tcMinor         = 0x0000ffff
)

var (
	tcmsg = &wire.Place{}

	tcParents = wire.Words{{Name: "root", N: tcRoot}, {Name: "ingress", N: tcIngress}, {Name: "clsact", N: tcIngress}, {Name: "none", N: 0}}
)

// tcHead is the part of struct tcmsg that all three have.
func tcHead(family, dev string) []wire.Field {
	return []wire.Field{
		{Name: "family", Kind: wire.U8, At: tcmsg, Off: 0, RO: true, Doc: family},
		{Name: "dev", Kind: wire.Dev, At: tcmsg, Off: 4, Doc: dev},
	}
}

// tcTail is what the kernel reports of any of them.
func tcTail() []wire.Field {
	return []wire.Field{
		{Name: "estimator", Type: unix.TCA_RATE, Kind: wire.Custom, Codec: estimator{}, WO: true,
			Doc: `rate estimator: ["1s", "8s"], how often it samples (250ms to 8s, a power of two) and over what time it averages`},
		{Name: "stats", Type: unix.TCA_STATS, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "struct tc_stats"},
		{Name: "xstats", Type: unix.TCA_XSTATS, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "statistics of the kind"},
		{Name: "stats2", Type: unix.TCA_STATS2, Kind: wire.Bytes, RO: true, Volatile: true, Doc: "statistics, as attributes"},
		{Name: "ext_warn_msg", Type: unix.TCA_EXT_WARN_MSG, Kind: wire.Str, RO: true, Volatile: true, Doc: "warning of the driver"},
	}
}

// estimator is struct tc_estimator: the sampling interval as a power of two of
// seconds, and the weight of a new sample as a negative power of two. Its value
// is the two times tc takes, as texts.
type estimator struct{}

const usPerSecond = 1e6

func (estimator) Append(b *wire.Builder, f *wire.Field, v wire.Value) error {
	if v.Type != wire.ListVal || len(v.L) != 2 {
		return errors.New(`wants two times: ["1s", "8s"]`)
	}
	var t [2]uint64
	for i, e := range v.L {
		n, err := wire.ParseTime(e.S, usPerSecond)
		if err != nil {
			return wire.At(fmt.Sprintf("[%d]", i), err)
		}
		t[i] = n
	}
	const first, last = -2, 3
	interval := first
	for interval <= last && t[0] > intervalTime(interval) {
		interval++
	}
	if interval > last {
		return fmt.Errorf("interval %s is out of range (250ms..8s)", v.L[0].S)
	}
	log := 1
	for log < 32 && float64(t[0])/-math.Log(1-1/float64(uint64(1)<<log)) <= float64(t[1]) {
		log++
	}
	log--
	if log == 0 || log >= 31 {
		return fmt.Errorf("an average over %s is out of range for an interval of %s", v.L[1].S, v.L[0].S)
	}
	p := b.Attr(f.Type, 2)
	p[0], p[1] = byte(int8(interval)), byte(log)
	return nil
}

// intervalTime is 2^n seconds in microseconds, for n from -2.
func intervalTime(n int) uint64 { return usPerSecond / 4 << (n + 2) }

// Decode gives times that Append makes the same bytes of: an average over
// interval << log lies between the limits for log and log+1.
func (estimator) Decode(_ *wire.Field, p []byte) (wire.Value, error) {
	if len(p) != 2 {
		return wire.Value{}, fmt.Errorf("%d bytes, want 2", len(p))
	}
	interval, log := int(int8(p[0])), int(p[1])
	if interval < -2 || interval > 3 || log < 1 || log > 30 {
		return wire.Value{}, fmt.Errorf("interval %d, weight %d are out of range", interval, log)
	}
	t := intervalTime(interval)
	return wire.ListOf(wire.StrVal(wire.TimeText(t, usPerSecond)), wire.StrVal(wire.TimeText(t<<log, usPerSecond))), nil
}
