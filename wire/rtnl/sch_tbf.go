package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/nlscript/nlscript/wire"
)

// TCA_TBF_*.
const (
	tbfParms   = 1
	tbfRtab    = 2
	tbfPtab    = 3
	tbfRate64  = 4
	tbfPrate64 = 5
	tbfBurst   = 6
	tbfPburst  = 7

	tbfQoptLen = 36 // struct tc_tbf_qopt: two ratespecs, limit, buffer, mtu
)

var tbfQopt = &wire.Place{Type: tbfParms, Len: tbfQoptLen}

// schTBF: the rows are what tc's words mean; the codec computes the rest. Rows
// without bytes of their own (latency) stand where no other row does.
var schTBF = &wire.Table{
	Name: "tbf", Doc: "a token bucket: slows down to a rate, in bursts", Codec: tbf{},
	Lazy: func() []wire.Field {
		return append([]wire.Field{
			{Name: "rate", Type: tbfRate64, Kind: wire.U64, Rate: true, Min: 1, Doc: "how fast"},
			{Name: "burst", Type: tbfBurst, Kind: wire.U32, Size: true, Min: 1, Doc: "size of the bucket, at least the longest packet; tc also says buffer, maxburst"},
			{Name: "burst_cell", Kind: wire.U32, At: tbfQopt, Off: 0, Size: true, WO: true, Doc: "steps of the rate table, a power of two, which tc writes burst/cell; current kernels use no table"},
			{Name: "limit", Kind: wire.U32, At: tbfQopt, Off: 24, Size: true, Doc: "bytes that may wait"},
			{Name: "latency", Kind: wire.U32, At: tbfQopt, Off: 28, Time: usPerSecond, WO: true, When: never, Doc: "how long a packet may wait, instead of limit"},
			{Name: "peakrate", Type: tbfPrate64, Kind: wire.U64, Rate: true, Doc: "how fast a burst may be, more than rate"},
			{Name: "mtu", Type: tbfPburst, Kind: wire.U32, Size: true, Doc: "size of the bucket of peakrate; tc also says minburst"},
			{Name: "mtu_cell", Kind: wire.U32, At: tbfQopt, Off: 12, Size: true, WO: true, Doc: "steps of the table of peakrate"},
		}, rateRows(tbfQopt)...)
	},
}

type tbf struct{}

func (tbf) Append(b *wire.Builder, s *wire.Set) error {
	if rawOnly(s) {
		return nil
	}
	rate := spec(s)
	peak := rate
	rate.rate, peak.rate = s.Uint("rate"), s.Uint("peakrate")
	burst, mtu := s.Uint("burst"), s.Uint("mtu")
	switch {
	case rate.rate == 0:
		return wire.At("rate", errRateMissing)
	case burst == 0:
		return wire.At("burst", errMissing)
	case peak.rate != 0 && mtu == 0:
		return wire.At("mtu", errors.New("is missing; peakrate needs it"))
	}
	limit, err := tbfLimit(s, rate.rate, peak.rate)
	if err != nil {
		return err
	}
	if rate.cellLog, err = cellRow(s, "burst_cell", mtu); err != nil {
		return err
	}
	buffer, err := bucketTicks("burst", min(rate.rate, math.MaxUint32), burst)
	if err != nil {
		return err
	}
	p := b.Attr(tbfParms, tbfQoptLen)
	rate.put(p)
	ne := binary.NativeEndian
	ne.PutUint32(p[24:], limit)
	ne.PutUint32(p[28:], buffer)
	if peak.rate != 0 {
		if peak.cellLog, err = cellRow(s, "mtu_cell", mtu); err != nil {
			return err
		}
		if buffer, err = bucketTicks("mtu", min(peak.rate, math.MaxUint32), mtu); err != nil {
			return err
		}
		peak.put(p[ratespecLen:])
		ne.PutUint32(p[32:], buffer)
	}

	b.Uint32(tbfBurst, uint32(burst))
	if rate.rate > math.MaxUint32 {
		b.Uint64(tbfRate64, rate.rate)
	}
	rate.table(b, tbfRtab)
	if peak.rate != 0 {
		if peak.rate > math.MaxUint32 {
			b.Uint64(tbfPrate64, peak.rate)
		}
		b.Uint32(tbfPburst, uint32(mtu))
		peak.table(b, tbfPtab)
	}
	return nil
}

// tbfLimit is limit, or what the bucket lets through in latency.
func tbfLimit(s *wire.Set, rate, peak uint64) (uint32, error) {
	if n := s.Uint("limit"); n != 0 {
		if s.Has("latency") {
			return 0, wire.At("latency", errors.New("says the same as limit; write one"))
		}
		return uint32(n), nil
	}
	latency := float64(s.Uint("latency"))
	if latency == 0 {
		return 0, wire.At("limit", errors.New("is missing; write limit or latency"))
	}
	lim := float64(rate)*latency/usPerSecond + float64(s.Uint("burst"))
	if peak != 0 {
		lim = min(lim, float64(peak)*latency/usPerSecond+float64(s.Uint("mtu")))
	}
	if lim > math.MaxUint32 {
		return 0, wire.At("latency", fmt.Errorf("%s of traffic are more than the 4 GB that may wait", wire.TimeText(uint64(latency), usPerSecond)))
	}
	return uint32(lim), nil
}

func (tbf) Decode(payload []byte, s *wire.Set) error {
	var parms []byte
	var burst, pburst, rate64, prate64 uint64
	ne := binary.NativeEndian
	for a, err := range wire.Attrs(payload) {
		switch {
		case err != nil:
			return err
		case a.Type == tbfParms && len(a.Data) == tbfQoptLen:
			parms = a.Data
		case a.Type == tbfBurst && len(a.Data) == 4:
			burst = uint64(ne.Uint32(a.Data))
		case a.Type == tbfPburst && len(a.Data) == 4:
			pburst = uint64(ne.Uint32(a.Data))
		case a.Type == tbfRate64 && len(a.Data) == 8:
			rate64 = ne.Uint64(a.Data)
		case a.Type == tbfPrate64 && len(a.Data) == 8:
			prate64 = ne.Uint64(a.Data)
		case (a.Type == tbfRtab || a.Type == tbfPtab) && len(a.Data) == rateTableLen:
		default:
			keep(s, a)
		}
	}
	if parms == nil {
		return keepAll(payload, s)
	}
	var rate, peak rateSpec
	rate.get(parms, rate64)
	peak.get(parms[ratespecLen:], prate64)
	rate.putRateRows(s)
	if n := ne.Uint32(parms[24:]); n != 0 {
		s.PutName("limit", wire.IntVal(uint64(n)))
	}
	putBucket(s, "rate", "burst", &rate, burst, ne.Uint32(parms[28:]))
	putBucket(s, "peakrate", "mtu", &peak, pburst, ne.Uint32(parms[32:]))
	rate.putCell(s, "burst_cell", s.Uint("mtu"))
	peak.putCell(s, "mtu_cell", s.Uint("mtu"))
	return nil
}

// putBucket sets the rows of a rate and the size of its bucket: as it was sent,
// or from the time the kernel reports.
func putBucket(s *wire.Set, rateName, sizeName string, r *rateSpec, size uint64, ticks uint32) {
	if r.rate == 0 {
		return
	}
	s.PutName(rateName, wire.IntVal(r.rate))
	if size == 0 && ticks != 0 {
		size = sizeOf(uint64(ticks), r.kernelTicks)
	}
	if size != 0 {
		s.PutName(sizeName, wire.IntVal(size))
	}
}

// canonTBF: the kernel keeps buckets as times, in which several sizes are one.
func canonTBF(s *wire.Set) {
	r := spec(s)
	for _, row := range [][2]string{{"rate", "burst"}, {"peakrate", "mtu"}} {
		n := s.Uint(row[1])
		if r.rate = s.Uint(row[0]); r.rate == 0 || n == 0 {
			continue
		}
		s.PutName(row[1], wire.IntVal(sizeOf(r.kernelTicks(n), r.kernelTicks)))
	}
	drop(s, "burst_cell", "mtu_cell")
}
