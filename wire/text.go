package wire

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Names tells the name of a device by its index, "" when it has none. A nil
// Names knows no device.
type Names func(index uint32) string

func (n Names) text(v *Value) string {
	if v.Type == Name {
		return v.S
	}
	if v.N == 0 {
		return "none"
	}
	if n != nil {
		if s := n(uint32(v.N)); s != "" {
			return s
		}
	}
	return strconv.FormatUint(v.N, 10)
}

// Label is the row's name as text: without the underscore Starlark needs.
func (f *Field) Label() string { return strings.TrimSuffix(f.Name, "_") }

// Pair is the field with its value as people read it: "mtu 1500", "up".
func (f *Field) Pair(v Value, names Names) string {
	if f.Kind == Flag || f.Kind.isBit() {
		if v.True() {
			return f.Label()
		}
		return f.Label() + " off"
	}
	return f.Label() + " " + f.Text(v, names)
}

// Text is the value as people read it, in the words and units scripts use.
func (f *Field) Text(v Value, names Names) string {
	if f.Notation != nil {
		if s, ok := f.Notation.Text(v); ok {
			return s
		}
	}
	switch f.Kind {
	case U8, S8, U16, BE16, U32, S32, BE32, U64, S64, BE64:
		if n := uint64(uint32(v.N)); f.Index && n >= unlinked {
			return names.text(&Value{Type: Int, N: n})
		}
		return f.intText(&v)
	case Bool:
		return strconv.FormatUint(v.N, 10)
	case Flag, Bit8, Bit16, Bit32:
		if v.True() {
			return "on"
		}
		return "off"
	case Str, Text:
		return quote(v.S)
	case Bytes:
		return hex.EncodeToString([]byte(v.S))
	case MAC:
		return net.HardwareAddr(v.S).String()
	case IP, IP4, IP6:
		return v.A.String()
	case Prefix:
		return prefixText(&v)
	case Dev:
		return names.text(&v)
	case Nest, Struct:
		return "{" + v.Sub.Text(names) + "}"
	case Union:
		return strings.TrimSpace(v.Sub.Table.Name + " " + v.Sub.Text(names))
	case List, Array, Multi:
		return listText(v.L, func(e Value) string { return f.Elem.Text(e, names) })
	case Range:
		if f.Single(v) || len(v.L) == 1 {
			return f.Elem.Text(v.L[0], names)
		}
		return f.Elem.Text(v.L[0], names) + "-" + f.Elem.Text(v.L[1], names)
	case Custom:
		if t, ok := f.Codec.(Texter); ok {
			return t.Text(v)
		}
		return v.text(names)
	}
	return "?"
}

func (f *Field) intText(v *Value) string {
	s := f.number(v.N)
	if v.HasMask {
		return s + "/" + f.number(v.M)
	}
	return s
}

func (f *Field) number(n uint64) string {
	if w := f.Words.Name(n); w != "" && !f.Bits {
		return w
	}
	switch {
	case f.Bits:
		names, rest := f.BitNames(n)
		if rest != 0 {
			names = append(names, fmt.Sprintf("%#x", rest))
		}
		return strings.Join(names, ",")
	case f.Time != 0:
		return TimeText(n, f.Time)
	case f.Rate:
		return RateText(n)
	case f.Size:
		return SizeText(n)
	case f.Handle:
		return HandleText(n)
	case f.Hex || f.Mask != 0:
		return fmt.Sprintf("%#x", n)
	case f.Kind.signed():
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatUint(n, 10)
}

// BitNames splits a Bits value into the names of its bits and what has no name.
func (f *Field) BitNames(n uint64) (names []string, rest uint64) {
	rest = n
	for _, w := range f.Words {
		if w.N != 0 && rest&w.N == w.N {
			names = append(names, w.Name)
			rest &^= w.N
		}
	}
	return names, rest
}

func prefixText(v *Value) string {
	switch v.Type {
	case AnyNet:
		return "default"
	case EmptyNet:
		return "all"
	case Net:
		if int(v.N) == v.A.BitLen() {
			return v.A.String()
		}
		return netip.PrefixFrom(v.A, int(v.N)).String()
	}
	return "all"
}

func listText(l []Value, text func(Value) string) string {
	s := make([]string, len(l))
	for i, e := range l {
		s[i] = text(e)
	}
	return strings.Join(s, ",")
}

// text writes a value by what it holds, for codecs without a text of their own.
func (v Value) text(names Names) string {
	switch v.Type {
	case Int:
		return strconv.FormatUint(v.N, 10)
	case String, Name:
		return quote(v.S)
	case Addr:
		return v.A.String()
	case Net, AnyNet, EmptyNet:
		return prefixText(&v)
	case SetVal:
		return "{" + v.Sub.Text(names) + "}"
	case ListVal:
		return listText(v.L, func(e Value) string { return e.text(names) })
	}
	return "none"
}

func quote(s string) string {
	for _, r := range s {
		if r <= ' ' || r == '"' || r == '#' || r == '{' || r == '}' || r == 0x7f || r == 0xfffd {
			return strconv.Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// Text is all fields of the set as people read them. An entry of a table
// without name is left out.
func (s *Set) Text(names Names) string {
	var p []string
	for _, e := range s.Ents {
		p = append(p, e.F.Pair(e.V, names))
	}
	for _, r := range s.Extra {
		p = append(p, r.text())
	}
	return strings.Join(p, " ")
}

func (r *Raw) text() string {
	if !r.Nested {
		return fmt.Sprintf("attr %d %s", r.Type&typeMask, hex.EncodeToString(r.Data))
	}
	s := make([]string, len(r.Sub))
	for i := range r.Sub {
		s[i] = r.Sub[i].text()
	}
	return fmt.Sprintf("attr %d {%s}", r.Type&typeMask, strings.Join(s, " "))
}

// Legal says what values the field takes: "0..65535" or a list of words; "" when
// anything of the kind goes.
func (f *Field) Legal() string {
	var p []string
	if n := len(f.Words); n > 0 {
		var w []string
		for _, x := range f.Words {
			w = append(w, x.Name)
		}
		p = append(p, strings.Join(w, " "))
	}
	if f.Kind.bits() > 0 && !f.Closed && !f.Bits && f.Time == 0 && !f.Rate && !f.Handle {
		lo, hi := f.limits()
		if f.Kind.signed() {
			p = append(p, fmt.Sprintf("%d..%d", int64(lo), int64(hi)))
		} else {
			p = append(p, fmt.Sprintf("%d..%d", lo, hi))
		}
	}
	return strings.Join(p, ", ")
}

// limits returns the smallest and largest legal value of an integer kind.
func (f *Field) limits() (lo, hi uint64) {
	bits := f.Kind.bits()
	lo, hi = 0, 1<<bits-1
	if bits == 64 {
		hi = 1<<64 - 1
	}
	if f.Kind.signed() {
		hi >>= 1
		lo = ^hi
	}
	if f.Min != 0 {
		lo = f.Min
	}
	if f.Max != 0 {
		hi = f.Max
	}
	if f.Scale != 0 && f.Max == 0 {
		hi -= uint64(f.Scale)
	}
	if f.Scale < 0 && lo < uint64(-f.Scale) {
		lo = uint64(-f.Scale)
	}
	return lo, hi
}

// CheckInt reports whether n is legal for an integer field.
func (f *Field) CheckInt(n uint64) error {
	if f.Words.Name(n) != "" && !f.Bits {
		return nil
	}
	if f.Closed && !f.Bits {
		return fmt.Errorf("%s is not legal; legal are %s", f.number(n), f.Legal())
	}
	lo, hi := f.limits()
	if f.Kind.signed() {
		if int64(n) < int64(lo) || int64(n) > int64(hi) {
			return fmt.Errorf("%d is out of range (%d..%d)", int64(n), int64(lo), int64(hi))
		}
		return nil
	}
	if n < lo || n > hi {
		if f.Time != 0 {
			return fmt.Errorf("%s is out of range (%s..%s)", f.number(n), f.number(lo), f.number(hi))
		}
		return fmt.Errorf("%d is out of range (%d..%d)", n, lo, hi)
	}
	return nil
}

// CheckLen reports whether the length of a string, of bytes or of a list is legal.
func (f *Field) CheckLen(n int) error {
	switch {
	case f.Max != 0 && uint64(n) > f.Max:
		return fmt.Errorf("%d is too long, at most %d fit", n, f.Max)
	case uint64(n) < f.Min:
		return fmt.Errorf("%d is too short, at least %d are needed", n, f.Min)
	}
	return nil
}
