package rtnl

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/nlscript/nlscript/wire"
)

const (
	stabBase = 1 // TCA_STAB_BASE, struct tc_sizespec
	stabData = 2 // TCA_STAB_DATA, u16 for each size

	sizespecLen = 24

	stabMTU      = 2047
	stabTsize    = 512
	stabMaxTsize = 32765 // of 2 bytes each, in an attribute
)

var sizespec = &wire.Place{Type: stabBase, Len: sizespecLen}

// stabTable is a qdisc's table of sizes: how long a packet counts as.
var stabTable = &wire.Table{
	Name: "stab", Doc: "how long packets count as: with the headers and the cells of the link", Codec: stab{},
	Fields: []wire.Field{
		{Name: "overhead", Kind: wire.S32, At: sizespec, Off: 4, Doc: "add to the length of every packet; may be negative"},
		{Name: "linklayer", Kind: wire.U32, At: sizespec, Off: 8, Words: linklayers, Closed: true, Doc: "ethernet, or atm: count packets in cells of 53 bytes"},
		{Name: "mpu", Kind: wire.U32, At: sizespec, Off: 12, Size: true, Doc: "count every packet as this long at least"},
		{Name: "mtu", Kind: wire.U32, At: sizespec, Off: 16, Size: true, Doc: "longest packet in the table; 2047 by default"},
		{Name: "tsize", Kind: wire.U32, At: sizespec, Off: 20, Max: stabMaxTsize, Doc: "entries of the table; 512 by default"},
	},
}

type stab struct{}

// Append computes the table as tc_calc_size_table: none when only overhead
// counts, which the kernel adds by itself.
func (stab) Append(b *wire.Builder, s *wire.Set) error {
	linklayer, mpu := s.Uint("linklayer"), s.Uint("mpu")
	ne := binary.NativeEndian
	p := b.Attr(stabBase, sizespecLen)
	ne.PutUint32(p[4:], uint32(s.Uint("overhead")))
	ne.PutUint32(p[8:], uint32(linklayer))
	if linklayer < linklayerATM && mpu == 0 {
		return nil
	}
	mtu, tsize := s.Uint("mtu"), s.Uint("tsize")
	if mtu == 0 {
		mtu = stabMTU
	}
	if tsize == 0 {
		tsize = stabTsize
	}
	if tsize > stabMaxTsize {
		return wire.At("tsize", fmt.Errorf("%d entries, at most %d fit", tsize, stabMaxTsize))
	}
	cellLog := 0
	for mtu>>cellLog > tsize-1 {
		if cellLog++; cellLog > 31 {
			return wire.At("tsize", fmt.Errorf("%d entries are too few", tsize))
		}
	}
	size := func(i uint64) uint64 {
		n := max((i+1)<<cellLog, mpu)
		if linklayer == linklayerATM {
			n = (n + atmPayload - 1) / atmPayload * atmCell
		}
		return n
	}
	sizeLog := 0
	for size(tsize-1)>>sizeLog > math.MaxUint16 {
		sizeLog++
	}
	p[0], p[1] = byte(cellLog), byte(sizeLog)
	ne.PutUint16(p[2:], math.MaxUint16) // cell_align -1: entry i is for (i+1) cells
	ne.PutUint32(p[12:], uint32(mpu))
	ne.PutUint32(p[16:], uint32(mtu))
	ne.PutUint32(p[20:], uint32(tsize))
	p = b.Attr(stabData, int(2*tsize))
	for i := uint64(0); i < tsize; i++ {
		ne.PutUint16(p[2*i:], uint16(size(i)>>sizeLog))
	}
	return nil
}

func (stab) Decode(payload []byte, s *wire.Set) error {
	ne := binary.NativeEndian
	for a, err := range wire.Attrs(payload) {
		switch {
		case err != nil:
			return err
		case a.Type == stabBase && len(a.Data) == sizespecLen:
			if n := int32(ne.Uint32(a.Data[4:])); n != 0 {
				s.PutName("overhead", wire.IntVal(uint64(int64(n))))
			}
			for _, x := range []struct {
				name string
				off  int
				def  uint32
			}{{"linklayer", 8, 0}, {"mpu", 12, 0}, {"mtu", 16, stabMTU}, {"tsize", 20, stabTsize}} {
				if n := ne.Uint32(a.Data[x.off:]); n != 0 && n != x.def {
					s.PutName(x.name, wire.IntVal(uint64(n)))
				}
			}
		case a.Type == stabData:
		default:
			keep(s, a)
		}
	}
	return nil
}
