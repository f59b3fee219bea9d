package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/nlscript/nlscript/wire"
)

// Rates as tc has sent them since the kernel's clock had another period: a
// struct tc_ratespec and, for kernels before 3.8, a table of how long packets of
// 256 sizes take. Later kernels check the table and compute by themselves.
// Times are psched ticks of 64 ns, on every machine (/proc/net/psched).

const (
	ratespecLen  = 12
	rateTableLen = 1024

	tickNS    = 64
	ticksInUS = 15.625
	pschedHZ  = 1e9 // get_hz of tc, the resolution of the kernel's clock

	linklayerATM = 2

	atmCell    = 53
	atmPayload = 48
)

// tc says adsl and atm for the same.
var linklayers = wire.Words{{Name: "ethernet", N: 1}, {Name: "atm", N: linklayerATM}, {Name: "adsl", N: linklayerATM}}

// A rateSpec is struct tc_ratespec with the rate in 64 bits.
type rateSpec struct {
	rate      uint64 // bytes per second
	cellLog   uint8  // sizes in the table are multiples of 1<<cellLog
	linklayer uint8
	overhead  uint16
	cellAlign int16 // -1 from tc, 0 from the kernel
	mpu       uint16
}

func (r *rateSpec) put(p []byte) {
	ne := binary.NativeEndian
	p[0], p[1] = r.cellLog, r.linklayer
	ne.PutUint16(p[2:], r.overhead)
	ne.PutUint16(p[4:], uint16(r.cellAlign))
	ne.PutUint16(p[6:], r.mpu)
	ne.PutUint32(p[8:], uint32(min(r.rate, math.MaxUint32)))
}

// get reads a spec; rate64 is the rate where 32 bits do not hold it.
func (r *rateSpec) get(p []byte, rate64 uint64) {
	ne := binary.NativeEndian
	*r = rateSpec{
		rate: uint64(ne.Uint32(p[8:])), cellLog: p[0], linklayer: p[1], overhead: ne.Uint16(p[2:]),
		cellAlign: int16(ne.Uint16(p[4:])), mpu: ne.Uint16(p[6:]),
	}
	if rate64 != 0 {
		r.rate = rate64
	}
}

// cellLogFor is the cell of a table whose last entry is for mtu bytes.
func cellLogFor(mtu uint64) uint8 {
	if mtu == 0 {
		mtu = 2047
	}
	var n uint8
	for mtu>>n > 255 {
		n++
	}
	return n
}

// cellRow takes "burst/cell": the cell in bytes that was written, or the one mtu asks for.
func cellRow(s *wire.Set, name string, mtu uint64) (uint8, error) {
	cell := s.Uint(name)
	switch {
	case cell == 0:
		return cellLogFor(mtu), nil
	case bits.OnesCount64(cell) != 1:
		return 0, wire.At(name, fmt.Errorf("%d is not a power of two", cell))
	}
	return uint8(bits.TrailingZeros64(cell)), nil
}

// xmitTicks is how long n bytes take at a rate as tc computes it, which rounds
// down to a microsecond first (tc_calc_xmittime).
func xmitTicks(rate, n uint64) uint64 { return uint64(float64(xmitTime(rate, n)) * ticksInUS) }

// bucketTicks is xmitTicks of a bucket; name is its row.
func bucketTicks(name string, rate, n uint64) (uint32, error) {
	t := xmitTicks(rate, n)
	if t > math.MaxUint32 {
		return 0, wire.At(name, fmt.Errorf("%s take longer than 274s at %s, more than the kernel can report", wire.SizeText(n), wire.RateText(rate)))
	}
	return uint32(t), nil
}

// xmitTime is in microseconds.
func xmitTime(rate, n uint64) uint64 { return uint64(1e6 * (float64(n) / float64(rate))) }

// table appends the rate table of the spec (tc_calc_rtable). Times too long for
// 32 bits overflow in it as they do in tc.
func (r *rateSpec) table(b *wire.Builder, typ uint16) {
	p := b.Attr(typ, rateTableLen)
	rate := min(r.rate, math.MaxUint32)
	for i := range rateTableLen / 4 {
		n := max(uint64(i+1)<<r.cellLog, uint64(r.mpu))
		if r.linklayer == linklayerATM {
			n = (n + atmPayload - 1) / atmPayload * atmCell
		}
		binary.NativeEndian.PutUint32(p[4*i:], uint32(uint64(float64(uint32(xmitTime(rate, n)))*ticksInUS)))
	}
}

// kernelTicks is how long n bytes take as the kernel computes and reports it
// (psched_ratecfg_precompute, psched_l2t_ns).
func (r *rateSpec) kernelTicks(n uint64) uint64 {
	n += uint64(r.overhead)
	n = max(n, uint64(r.mpu))
	if r.linklayer == linklayerATM {
		n = (n + atmPayload - 1) / atmPayload * atmCell
	}
	factor, shift := uint64(1e9), 0
	mult := factor / r.rate
	for uint32(mult)&(1<<31) == 0 && factor&(1<<63) == 0 {
		factor <<= 1
		shift++
		mult = factor / r.rate
	}
	hi, lo := bits.Mul64(n, uint64(uint32(mult)))
	if shift == 0 {
		return lo / tickNS
	}
	return (hi<<(64-shift) | lo>>shift) / tickNS
}

// sizeOf finds the number of bytes that take the ticks, or the first that takes
// longer. Where several do, it is the roundest.
func sizeOf(ticks uint64, of func(n uint64) uint64) uint64 {
	first := func(want uint64) uint64 {
		lo, hi := uint64(0), uint64(math.MaxUint32)
		for lo < hi {
			if mid := (lo + hi) / 2; of(mid) >= want {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		return lo
	}
	lo, end := first(ticks), first(ticks+1)
	return roundest(lo, max(lo, end-1))
}

// roundest is the number from lo to hi that most zero bits end.
func roundest(lo, hi uint64) uint64 {
	for shift := 63; shift > 0; shift-- {
		if n := hi >> shift << shift; n >= lo && n > 0 {
			return n
		}
	}
	return hi
}

// rateRows are the rows about how packets are counted; the codec of the kind
// puts them into its tc_ratespecs.
func rateRows(parms *wire.Place) []wire.Field {
	return []wire.Field{
		{Name: "mpu", Kind: wire.U16, At: parms, Off: 6, Size: true, Doc: "count every packet as this long at least"},
		{Name: "overhead", Kind: wire.U16, At: parms, Off: 2, Size: true, Doc: "add to the length of every packet"},
		{Name: "linklayer", Kind: wire.U8, At: parms, Off: 1, Words: linklayers, Closed: true, Doc: "ethernet, or atm: count packets in cells of 53 bytes"},
	}
}

// spec returns what rateRows say, without rate.
func spec(s *wire.Set) rateSpec {
	r := rateSpec{linklayer: 1, cellAlign: -1, overhead: uint16(s.Uint("overhead")), mpu: uint16(s.Uint("mpu"))}
	if s.Has("linklayer") {
		r.linklayer = uint8(s.Uint("linklayer"))
	}
	return r
}

// putRateRows is the inverse of spec.
func (r *rateSpec) putRateRows(s *wire.Set) {
	if r.mpu != 0 {
		s.PutName("mpu", wire.IntVal(uint64(r.mpu)))
	}
	if r.overhead != 0 {
		s.PutName("overhead", wire.IntVal(uint64(r.overhead)))
	}
	if r.linklayer == linklayerATM {
		s.PutName("linklayer", wire.IntVal(linklayerATM))
	}
}

// putCell keeps a cell that is not the one mtu asks for.
func (r *rateSpec) putCell(s *wire.Set, name string, mtu uint64) {
	if r.cellAlign != 0 && r.cellLog < 32 && r.cellLog != cellLogFor(mtu) {
		s.PutName(name, wire.IntVal(1<<r.cellLog))
	}
}

var errRateMissing = errors.New("is missing; a rate such as \"10mbit\"")
