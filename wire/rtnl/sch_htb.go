package rtnl

import (
	"encoding/binary"
	"math"

	"github.com/nlscript/nlscript/wire"
)

// TCA_HTB_*.
const (
	htbParms      = 1
	htbInit       = 2
	htbCtab       = 3
	htbRtab       = 4
	htbDirectQlen = 5
	htbRate64     = 6
	htbCeil64     = 7
	htbOffload    = 9

	htbGlobLen = 20 // struct tc_htb_glob: version, rate2quantum, defcls, debug, direct_pkts
	htbOptLen  = 44 // struct tc_htb_opt: two ratespecs, buffer, cbuffer, quantum, level, prio

	htbVersion = 3
	htbR2Q     = 10
	htbMTU     = 1600 // longest packet, unless mtu says another
)

var (
	htbGlob = &wire.Place{Type: htbInit, Len: htbGlobLen}
	htbOpt  = &wire.Place{Type: htbParms, Len: htbOptLen}
)

var schHTB = &wire.Table{
	Name: "htb", Doc: "a tree of token buckets: classes with a rate that borrow up to a ceiling", Always: true, Codec: htb{},
	Immutable: true, // struct Qdisc_ops has no change
	Fields: []wire.Field{
		{Name: "default", Kind: wire.U32, At: htbGlob, Off: 8, Handle: true, Immutable: true, Doc: `class of packets that no filter puts into one: "1:30", of which only the minor number counts`},
		{Name: "r2q", Kind: wire.U32, At: htbGlob, Off: 4, Min: 1, Immutable: true, Doc: "quantum of a class is its rate in bytes per second divided by this; 10 by default"},
		{Name: "debug", Kind: wire.U32, At: htbGlob, Off: 12, WO: true, Doc: "ignored by the kernel"},
		{Name: "direct_pkts", Kind: wire.U32, At: htbGlob, Off: 16, RO: true, Volatile: true, Doc: "packets that no class got"},
		{Name: "direct_qlen", Type: htbDirectQlen, Kind: wire.U32, Immutable: true, Loose: true, Doc: "packets that may wait without a class; follows the device's txqueuelen by default"},
		{Name: "offload", Type: htbOffload, Kind: wire.Flag, Immutable: true, Doc: "let the hardware do it"},
	},
}

// htb writes TCA_HTB_INIT with tc's defaults, also when nothing is said.
type htb struct{}

func (htb) Append(b *wire.Builder, s *wire.Set) error {
	r2q := uint64(htbR2Q)
	if s.Has("r2q") {
		r2q = s.Uint("r2q")
	}
	p := b.Attr(htbInit, htbGlobLen)
	for i, n := range []uint64{htbVersion, r2q, s.Uint("default") & tcMinor, s.Uint("debug"), s.Uint("direct_pkts")} {
		binary.NativeEndian.PutUint32(p[4*i:], uint32(n))
	}
	if s.Has("direct_qlen") {
		b.Uint32(htbDirectQlen, uint32(s.Uint("direct_qlen")))
	}
	if s.Uint("offload") != 0 {
		b.Attr(htbOffload, 0)
	}
	return nil
}

func (htb) Decode(payload []byte, s *wire.Set) error {
	ne := binary.NativeEndian
	for a, err := range wire.Attrs(payload) {
		switch {
		case err != nil:
			return err
		case a.Type == htbInit && len(a.Data) == htbGlobLen:
			for i, name := range []string{"", "r2q", "default", "debug", "direct_pkts"} {
				n := uint64(ne.Uint32(a.Data[4*i:]))
				if name != "" && n != 0 && (name != "r2q" || n != htbR2Q) {
					s.PutName(name, wire.IntVal(n))
				}
			}
		case a.Type == htbDirectQlen && len(a.Data) == 4:
			s.PutName("direct_qlen", wire.IntVal(uint64(ne.Uint32(a.Data))))
		case a.Type == htbOffload && len(a.Data) == 0:
			s.PutName("offload", wire.BoolVal(true))
		default:
			keep(s, a)
		}
	}
	return nil
}

// schHTBClass: as in schTBF the codec computes what the rows mean.
var schHTBClass = &wire.Table{
	Name: "htb_class", Tag: "htb", Doc: "a class of htb: a rate, and a ceiling up to which it borrows from the class above", Codec: htbClass{},
	Lazy: func() []wire.Field {
		return append([]wire.Field{
			{Name: "rate", Type: htbRate64, Kind: wire.U64, Rate: true, Min: 1, Doc: "what the class gets when it needs it"},
			{Name: "ceil", Type: htbCeil64, Kind: wire.U64, Rate: true, Min: 1, Doc: "up to what it borrows; rate by default"},
			{Name: "burst", Kind: wire.U32, At: htbOpt, Off: 24, Size: true, Doc: "size of the bucket of rate; mtu and a little by default; the kernel keeps it as a time"},
			{Name: "burst_cell", Kind: wire.U32, At: htbOpt, Off: 0, Size: true, WO: true, Doc: "steps of the rate table, a power of two, which tc writes burst/cell; current kernels use no table"},
			{Name: "cburst", Kind: wire.U32, At: htbOpt, Off: 28, Size: true, Doc: "size of the bucket of ceil; as burst by default"},
			{Name: "cburst_cell", Kind: wire.U32, At: htbOpt, Off: 12, Size: true, WO: true, Doc: "steps of the table of ceil"},
			{Name: "mtu", Kind: wire.U32, At: htbOpt, Off: 4, Size: true, WO: true, When: never, Doc: "longest packet, 1600 by default: from it follow burst and the steps of the tables"},
			{Name: "quantum", Kind: wire.U32, At: htbOpt, Off: 32, Size: true, Loose: true, Doc: "bytes sent before it is the next class's turn; rate divided by r2q by default"},
			{Name: "level", Kind: wire.U32, At: htbOpt, Off: 36, RO: true, Volatile: true, Doc: "height above the leaves"},
			{Name: "prio", Kind: wire.U32, At: htbOpt, Off: 40, Doc: "what is left goes to the lowest number first, 0 to 7"},
			{Name: "offload", Type: htbOffload, Kind: wire.Flag, RO: true, Volatile: true, Doc: "the hardware does it"},
		}, rateRows(htbOpt)...)
	},
}

type htbClass struct{}

func (htbClass) Append(b *wire.Builder, s *wire.Set) error {
	if rawOnly(s) {
		return nil
	}
	rate := spec(s)
	ceil := rate
	rate.rate, ceil.rate = s.Uint("rate"), s.Uint("ceil")
	if rate.rate == 0 {
		return wire.At("rate", errRateMissing)
	}
	if ceil.rate == 0 {
		ceil.rate = rate.rate
	}
	mtu := uint64(htbMTU)
	if s.Has("mtu") {
		mtu = s.Uint("mtu")
	}
	var err error
	if rate.cellLog, err = cellRow(s, "burst_cell", mtu); err != nil {
		return err
	}
	if ceil.cellLog, err = cellRow(s, "cburst_cell", mtu); err != nil {
		return err
	}

	if rate.rate > math.MaxUint32 {
		b.Uint64(htbRate64, rate.rate)
	}
	if ceil.rate > math.MaxUint32 {
		b.Uint64(htbCeil64, ceil.rate)
	}
	p := b.Attr(htbParms, htbOptLen)
	rate.put(p)
	ceil.put(p[ratespecLen:])
	ne := binary.NativeEndian
	for i, x := range []struct {
		name string
		rate uint64
	}{{"burst", rate.rate}, {"cburst", ceil.rate}} {
		t, err := bucketTicks(x.name, x.rate, htbBurst(s.Uint(x.name), x.rate, mtu))
		if err != nil {
			return err
		}
		ne.PutUint32(p[2*ratespecLen+4*i:], t)
	}
	for i, name := range []string{"quantum", "level", "prio"} {
		ne.PutUint32(p[2*ratespecLen+8+4*i:], uint32(s.Uint(name)))
	}
	rate.table(b, htbRtab)
	ceil.table(b, htbCtab)
	if s.Uint("offload") != 0 {
		b.Attr(htbOffload, 0)
	}
	return nil
}

// htbBurst is tc's default: what a tick of the clock lets through, and a packet.
func htbBurst(n, rate, mtu uint64) uint64 {
	if n != 0 {
		return n
	}
	return rate/pschedHZ + mtu
}

func (htbClass) Decode(payload []byte, s *wire.Set) error {
	var parms []byte
	var rate64, ceil64 uint64
	ne := binary.NativeEndian
	for a, err := range wire.Attrs(payload) {
		switch {
		case err != nil:
			return err
		case a.Type == htbParms && len(a.Data) == htbOptLen:
			parms = a.Data
		case a.Type == htbRate64 && len(a.Data) == 8:
			rate64 = ne.Uint64(a.Data)
		case a.Type == htbCeil64 && len(a.Data) == 8:
			ceil64 = ne.Uint64(a.Data)
		case a.Type == htbOffload && len(a.Data) == 0:
			s.PutName("offload", wire.BoolVal(true))
		case (a.Type == htbRtab || a.Type == htbCtab) && len(a.Data) == rateTableLen:
		default:
			keep(s, a)
		}
	}
	var rate, ceil rateSpec
	if parms != nil {
		rate.get(parms, rate64)
		ceil.get(parms[ratespecLen:], ceil64)
	}
	if rate.rate == 0 {
		return keepAll(payload, s)
	}
	s.PutName("rate", wire.IntVal(rate.rate))
	if ceil.rate != 0 && ceil.rate != rate.rate {
		s.PutName("ceil", wire.IntVal(ceil.rate))
	}
	rate.putRateRows(s)
	rate.putCell(s, "burst_cell", htbMTU)
	ceil.putCell(s, "cburst_cell", htbMTU)
	putHTBBurst(s, "burst", rate.rate, ne.Uint32(parms[24:]))
	putHTBBurst(s, "cburst", max(ceil.rate, 1), ne.Uint32(parms[28:]))
	for i, name := range []string{"quantum", "level", "prio"} {
		if n := ne.Uint32(parms[32+4*i:]); n != 0 {
			s.PutName(name, wire.IntVal(uint64(n)))
		}
	}
	return nil
}

// putHTBBurst finds the bucket that takes the time, unless it is the default.
func putHTBBurst(s *wire.Set, name string, rate uint64, ticks uint32) {
	if ticks == uint32(xmitTicks(rate, htbBurst(0, rate, htbMTU))) {
		return
	}
	of := func(n uint64) uint64 { return xmitTicks(rate, n) }
	s.PutName(name, wire.IntVal(sizeOf(uint64(ticks), of)))
}
