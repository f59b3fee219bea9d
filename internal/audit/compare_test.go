package audit

import (
	"fmt"
	"math"
	"strings"

	"github.com/nlscript/nlscript/wire"
)

// Types of enum netlink_attribute_type (linux/netlink.h).
const (
	tFlag       = 1
	tU8         = 2
	tU16        = 3
	tU32        = 4
	tU64        = 5
	tS8         = 6
	tS16        = 7
	tS32        = 8
	tS64        = 9
	tBinary     = 10
	tString     = 11
	tNulString  = 12
	tNested     = 13
	tNestArray  = 14
	tBitfield32 = 15
	tSint       = 16
	tUint       = 17
)

// A number is an attribute that a row is about.
type number struct {
	typ    uint16
	suffix string // of the path, for those beside the row's own
}

func numbers(f *wire.Field) []number {
	var n []number
	switch {
	case f.At != nil && f.At.Header():
		if f.At.Spill != 0 {
			n = append(n, number{f.At.Spill, ""})
		}
	case f.At != nil:
		n = append(n, number{f.At.Type, ""})
	case f.Type != 0:
		n = append(n, number{f.Type, ""})
	}
	if f.Alt != 0 {
		n = append(n, number{f.Alt, "(ipv6)"})
	}
	if f.Mask != 0 {
		n = append(n, number{f.Mask, "(mask)"})
	}
	return n
}

// check compares a row with the policy of one of its attributes, and returns the
// policy.
func (p *prober) check(path string, f *wire.Field, n number, pol *wire.Policy) *wire.Policy {
	p.t.Helper()
	if pol == nil {
		return nil
	}
	row := strings.TrimPrefix(path, "kind.veth.peer.")
	err, reason := disagree(f, n, pol), known[row]
	switch {
	case err != nil && knownOfSome[row] != "":
		p.t.Logf("%s: %v: %s", path, err, knownOfSome[row])
	case err != nil && reason != "":
		p.t.Logf("%s: %v: %s", path, err, reason)
	case err != nil:
		p.t.Errorf("%s: %v", path, err)
	case reason != "":
		p.t.Errorf("%s: is said to differ, and does not", path)
	}
	return pol
}

// disagree says what a row and the kernel see differently.
func disagree(f *wire.Field, n number, pol *wire.Policy) error {
	if f.Kind == wire.Multi { // each attribute by itself
		f = f.Elem
	}
	lo, hi, size := span(f)
	if f.At != nil && !f.At.Header() {
		size = f.At.Len
	}
	if f.At != nil && f.At.Header() {
		size = 4 // spilled
	}
	if n.suffix == "(ipv6)" {
		size = 16
	}
	switch pol.Type {
	case tFlag:
		return unless(f.Kind == wire.Flag, pol)
	case tU8, tU16, tU32, tU64, tS8, tS16, tS32, tS64, tSint, tUint:
		if f.Kind == wire.Custom {
			return nil
		}
		if size != width(pol.Type) && !(pol.Type >= tSint && (size == 4 || size == 8)) {
			return unless(false, pol)
		}
		if n.suffix != "" || f.Kind.IsBit() || !f.Kind.IsInt() {
			return nil
		}
		return within(f, lo, hi, pol)
	case tBinary:
		return binaryFits(f, size, pol)
	case tString, tNulString:
		if f.Kind != wire.Str && (f.Kind != wire.Text || pol.Type == tNulString) && f.Kind != wire.Custom {
			return unless(false, pol)
		}
		if m := uint64(pol.MaxLen); m != 0 && f.Kind != wire.Custom && (f.Max == 0 || f.Max > m) {
			return fmt.Errorf("at most %d characters, the kernel takes %d", f.Max, m)
		}
	case tNested, tNestArray:
		return unless(f.Kind == wire.Nest || f.Kind == wire.List || f.Kind == wire.Custom, pol)
	case tBitfield32:
		return unless(f.Kind == wire.Custom, pol)
	}
	return nil
}

func unless(ok bool, pol *wire.Policy) error {
	if ok {
		return nil
	}
	return fmt.Errorf("the kernel wants %v", pol)
}

// span is the range of values that a row sends, and their size; 0 when the kind
// has none.
func span(f *wire.Field) (lo, hi int64, size int) {
	switch f.Kind {
	case wire.U8, wire.S8, wire.Bool, wire.Bit8:
		size = 1
	case wire.U16, wire.BE16, wire.Bit16:
		size = 2
	case wire.U32, wire.S32, wire.BE32, wire.Bit32, wire.Dev, wire.IP4, wire.IP, wire.Prefix:
		size = 4
	case wire.U64, wire.S64, wire.BE64:
		size = 8
	case wire.IP6:
		size = 16
	case wire.Struct:
		size = f.Of.Fixed
	case wire.Range:
		_, _, n := span(f.Elem)
		size = 2 * n
	}
	lo, hi = int64(f.Min)+f.Scale, int64(f.Max)+f.Scale
	if f.Closed && len(f.Words) > 0 && !f.Bits {
		lo, hi = math.MaxInt64, math.MinInt64
		for _, w := range f.Words {
			lo, hi = min(lo, int64(w.N)), max(hi, int64(w.N))
		}
	}
	return lo, hi, size
}

// within reports values that a row lets through and the kernel refuses.
func within(f *wire.Field, lo, hi int64, pol *wire.Policy) error {
	if !pol.Ranged || f.Kind == wire.BE16 || f.Kind == wire.BE32 || f.Kind == wire.BE64 {
		return nil
	}
	plo, phi := int64(pol.MinU), int64(min(pol.MaxU, math.MaxInt64))
	if pol.Signed() {
		plo, phi = pol.MinS, pol.MaxS
	}
	whole := f.Min == 0 && f.Max == 0 && !f.Closed
	if whole {
		if _, _, size := span(f); pol.Signed() || plo > 0 || size < 8 && phi < 1<<(8*size)-1 {
			if f.Kind == wire.S32 && plo == math.MinInt32 && phi == math.MaxInt32 || f.Kind == wire.Bool && plo <= 0 && phi >= 1 {
				return nil
			}
			return fmt.Errorf("no range, the kernel takes %d..%d", plo, phi)
		}
		return nil
	}
	if lo < plo || hi > phi {
		return fmt.Errorf("range %d..%d, the kernel takes %d..%d", lo, hi, plo, phi)
	}
	return nil
}

// binaryFits compares lengths.
func binaryFits(f *wire.Field, size int, pol *wire.Policy) error {
	switch f.Kind {
	case wire.Flag, wire.Nest, wire.Str:
		return unless(false, pol)
	case wire.Bytes, wire.Text, wire.MAC, wire.Array, wire.Custom, wire.List:
		if f.Max != 0 && pol.MaxLen != 0 && f.Kind != wire.Array && f.Max > uint64(pol.MaxLen) {
			return fmt.Errorf("at most %d bytes, the kernel takes %d", f.Max, pol.MaxLen)
		}
		return nil
	}
	if size != 0 && (uint32(size) < pol.MinLen || pol.MaxLen != 0 && uint32(size) > pol.MaxLen) {
		return unless(false, pol)
	}
	return nil
}

func width(typ uint32) int {
	switch typ {
	case tU8, tS8:
		return 1
	case tU16, tS16:
		return 2
	case tU32, tS32:
		return 4
	}
	return 8
}
