package wire

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Decode reads a payload that t describes into s, which is reset. What t does
// not know, or does not understand, is kept in s.Extra and is no error; an error
// means that the payload is not well formed.
func (t *Table) Decode(payload []byte, s *Set) error { return t.decode(payload, s, false) }

// DecodeState is Decode for a message in which the kernel reports an object:
// all bits of a masked field count, whatever the mask says.
func (t *Table) DecodeState(payload []byte, s *Set) error { return t.decode(payload, s, true) }

func (t *Table) decode(payload []byte, s *Set, state bool) error {
	s.Reset(t)
	if t.Codec != nil {
		return t.Codec.Decode(payload, s)
	}
	if len(payload) < t.Fixed {
		return fmt.Errorf("%s: %d bytes, %s has %d", t.Name, len(payload), t.Head, t.Fixed)
	}
	h, attrs := payload[:t.Fixed], payload[min(align(t.Fixed), len(payload)):]
	if cap(s.Ents) == 0 {
		s.Ents = make([]Entry, 0, min(guess(h, attrs), len(t.flat)))
	}
	t.readFixed(h, s, state)
	return t.root.decode(attrs, h, s, state)
}

// guess is about how many fields a payload sets: the bytes of the fixed struct
// that are not zero, and the attributes. Sets are kept by the million.
func guess(h, attrs []byte) int {
	n := 0
	for _, c := range h {
		if c != 0 {
			n++
		}
	}
	for off := 0; len(attrs)-off >= attrHeader; n++ {
		off += align(max(int(getU16(attrs[off:])), attrHeader))
	}
	return n
}

// readFixed sets the fields of a fixed struct that are not zero.
func (t *Table) readFixed(h []byte, s *Set, state bool) {
	rows := t.root.fields
	for i := 0; i < len(rows); i++ {
		f := rows[i]
		switch {
		case f.Off >= len(h):
		case f.how == asByte:
			if n := uint64(h[f.Off]); n != 0 {
				s.putInt(f, n-uint64(f.Scale))
			}
		case f.At.Spill != 0:
			f.setInt(s, uint64(h[f.Off]))
		case f.run > 1 && f.Off+f.Kind.size() <= len(h) && getBits(h[f.Off:], f) == 0:
			i += f.run - 1
		default:
			f.read(h, s, state)
		}
	}
}

// setInt sets a field that shares an integer.
func (f *Field) setInt(s *Set, n uint64) {
	switch {
	case f.Kind.isBit():
		if n&uint64(f.Bit) != 0 {
			s.Put(f, BoolVal(!f.Not))
		}
	case n != 0:
		s.Put(f, IntVal(n-uint64(f.Scale)))
	}
}

// read sets a field of a struct, unless it is zero.
func (f *Field) read(d []byte, s *Set, state bool) {
	if f.Off+f.Kind.size() > len(d) {
		return
	}
	p := d[f.Off:]
	switch {
	case f.Kind.isBit():
		on := getBits(p, f)&uint64(f.Bit) != 0
		counts := on
		switch {
		case f.At.Mask == 0:
		case state:
			counts = on != f.Not
		default:
			counts = getBits(d[f.At.Mask:], f)&uint64(f.Bit) != 0
		}
		if counts {
			s.Put(f, BoolVal(on != f.Not))
		}
	case f.Kind == MAC:
		n := min(6, len(p))
		s.Put(f, StrVal(string(p[:n])))
	case f.Kind == Bytes:
		s.Put(f, StrVal(string(p)))
	case f.Kind == Str:
		p, _, _ = bytes.Cut(p, []byte{0})
		s.Put(f, StrVal(string(p)))
	default:
		v, ok := f.fixed(p[:f.Kind.size()])
		if ok && (f.At == nil || !f.At.Header() || v.N+uint64(f.Scale) != 0 || v.A.IsValid()) {
			s.Put(f, v)
		}
	}
}

func getBits(p []byte, f *Field) uint64 {
	switch f.Kind {
	case Bit8:
		return uint64(p[0])
	case Bit16:
		return uint64(getU16(p))
	}
	return uint64(getU32(p))
}

// fixed reads a value of fixed size; false when p has another length.
func (f *Field) fixed(p []byte) (Value, bool) {
	if len(p) != f.Kind.size() {
		return Value{}, false
	}
	switch f.Kind {
	case IP4, IP6:
		a, _ := netip.AddrFromSlice(p)
		return AddrVal(a), true
	case Bit8, Bit16, Bit32:
		return Value{}, false
	}
	return IntVal(f.int(p)), len(p) > 0
}

// int reads an integer of the kind's size.
func (f *Field) int(p []byte) uint64 {
	var n uint64
	switch f.Kind {
	case U8, Bool:
		n = uint64(p[0])
	case S8:
		n = uint64(int64(int8(p[0])))
	case U16:
		n = uint64(getU16(p))
	case U32, Dev:
		n = uint64(getU32(p))
	case S32:
		n = uint64(int64(int32(getU32(p))))
	case U64, S64:
		n = getU64(p)
	case BE16, BE32, BE64:
		for _, c := range p {
			n = n<<8 | uint64(c)
		}
	}
	return n - uint64(f.Scale)
}

// decode reads the attributes of one level.
func (n *nest) decode(payload, head []byte, s *Set, state bool) error {
	unions := false
	for off := 0; len(payload)-off >= attrHeader; {
		a := attrAt(payload, off)
		if a.Data == nil {
			return badAttr(payload, off)
		}
		off += align(attrHeader + len(a.Data))
		if f := n.row(a.Type); f != nil && f.readShort(a, head, s) {
			continue
		}
		switch sub := n.sub(a.Type); {
		case sub != nil && framed(a.Data):
			sub.decode(a.Data, head, s, state)
		case sub == nil && n.isUnion(a.Type):
			unions = true
		case sub != nil || !n.attr(a, head, s, state):
			s.Extra = append(s.Extra, a.raw(n))
		}
	}
	if unions {
		n.decodeUnions(payload, s)
	}
	return nil
}

// readShort reads an attribute that Append writes the short way; false when it
// is not such a one, or the second.
func (f *Field) readShort(a Attr, head []byte, s *Set) bool {
	if len(a.Data) != f.size || f.size == 0 || a.Type != f.Type {
		return false
	}
	if f.how == asPrefix && (f.Off >= len(head) || head[f.Off] > 32) {
		return false
	}
	v, had := s.slot(f)
	if had {
		return false
	}
	switch f.how {
	case asAddr:
		*v = Value{Type: Addr, A: netip.AddrFrom4([4]byte(a.Data))}
	case asPrefix:
		*v = Value{Type: Net, A: netip.AddrFrom4([4]byte(a.Data)), N: uint64(head[f.Off])}
	default:
		*v = Value{Type: Int, N: f.int(a.Data)}
	}
	return true
}

// framed reports whether b is attributes.
func framed(b []byte) bool {
	for _, err := range Attrs(b) {
		if err != nil {
			return false
		}
	}
	return true
}

// raw keeps an attribute as it is.
func (a Attr) raw(in *nest) Raw {
	return Raw{Type: a.Type | a.Flags, Data: slices.Clone(a.Data), in: in}
}

// attr reads one attribute; false when no row understands it.
func (n *nest) attr(a Attr, head []byte, s *Set, state bool) bool {
	f := n.row(a.Type)
	if f == nil {
		return false
	}
	switch {
	case f.At != nil && f.At.Header(): // spilled header field
		if len(a.Data) != 4 {
			return false
		}
		for ; f != nil; f = f.next {
			f.setInt(s, uint64(getU32(a.Data)))
		}
		return true
	case f.At != nil && f.tails(a.Type):
		return f.readTail(a.Data, s)
	case f.At != nil:
		if len(a.Data) < f.At.Len || !zero(a.Data[f.At.Len:]) {
			return false
		}
		if f.At.Ends != nil && f.At.Ends.Tail == 0 {
			return f.readEnd(a.Data[:f.At.Len], s)
		}
		if f.placed(s) {
			return false // twice: the second is kept as it is
		}
		if f.At.Ends != nil {
			if !state && !f.saysAll(a.Data) {
				return false
			}
			f.endRows(a.Data[:f.At.Len], s)
			return true
		}
		first, had := f, len(s.Ents)
		for ; f != nil; f = f.next {
			f.read(a.Data[:f.At.Len], s, false)
		}
		if len(s.Ents) == had && first.Kind.isBit() {
			s.Put(first, BoolVal(first.Not)) // flags that are all off: the attribute is there
		}
		return true
	case f.Mask == a.Type && f.Mask != f.Type:
		v, _ := s.At(f)
		m, ok := (&Field{Kind: f.Kind}).fixed(a.Data)
		if !ok || v.HasMask {
			return false
		}
		v.Type, v.HasMask, v.M = Int, true, m.N
		s.Put(f, v)
		return true
	}
	for ; f != nil; f = f.next {
		v, ok := f.value(a.Data, head)
		if !ok || f.When != nil && !f.When(v) {
			continue
		}
		switch old, had := s.At(f); {
		case f.Kind == Multi && had:
			v.L = append(old.L, v.L...)
		case f.Mask != 0 && had:
			v.HasMask, v.M = old.HasMask, old.M
		case had:
			return false // twice: the second is kept as it is
		}
		s.Put(f, v)
		return true
	}
	return false
}

// placed reports whether the struct that f begins was read into s before. Of bits
// only some may be there; of other fields, all.
func (f *Field) placed(s *Set) bool {
	for ; f != nil; f = f.next {
		if s.hasField(f) {
			return true
		}
		if !f.Kind.isBit() {
			return false
		}
	}
	return false
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// value reads a payload; false when it is not as the row says.
func (f *Field) value(p, head []byte) (Value, bool) {
	switch f.Kind {
	case U8, S8, U16, BE16, U32, S32, BE32, U64, S64, BE64, Bool, IP4, IP6, Dev:
		return f.fixed(p)
	case Bit8, Bit16, Bit32:
		return Value{}, false
	case Flag: // a kernel may report a number in its place (vxlan ttl_inherit)
		return BoolVal(len(p) == 0 || !zero(p)), len(p) <= 1
	case Str, Text:
		return StrVal(strings.TrimRight(string(p), "\x00")), true
	case Bytes, MAC:
		return StrVal(string(p)), true
	case IP:
		a, ok := netip.AddrFromSlice(p)
		return AddrVal(a), ok
	case Prefix:
		if len(p) == 0 {
			return Value{Type: EmptyNet}, true
		}
		a, ok := netip.AddrFromSlice(p)
		if !ok || f.Off >= len(head) {
			return Value{}, false
		}
		n := int(head[f.Off])
		if f.Zero && n == 0 && a.Is6() && head[0] == familyIP6 {
			return Value{Type: AnyNet}, a.IsUnspecified()
		}
		return Value{Type: Net, A: a, N: uint64(n)}, n <= a.BitLen()
	case Nest:
		s := NewSet(f.Of)
		return SubVal(s), f.Of.Decode(p, s) == nil
	case Struct:
		if len(p) != f.Of.Fixed {
			return Value{}, false
		}
		s := NewSet(f.Of)
		s.Table.readFixed(p, s, false)
		return SubVal(s), true
	case List:
		return f.list(p)
	case Multi:
		v, ok := f.Elem.value(p, head)
		return ListOf(v), ok
	case Array, Range:
		return f.array(p)
	case Custom:
		v, err := f.Codec.Decode(f, p)
		return v, err == nil
	}
	return Value{}, false // Union: see decodeUnion
}

func (f *Field) list(p []byte) (Value, bool) {
	v := Value{Type: ListVal}
	for a, err := range Attrs(p) {
		if err != nil || f.Elem.Type != 0 && a.Type != f.Elem.Type {
			return v, false
		}
		e, ok := f.Elem.value(a.Data, nil)
		if !ok {
			return v, false
		}
		v.L = append(v.L, e)
	}
	return v, true
}

func (f *Field) array(p []byte) (Value, bool) {
	n := f.elemSize()
	if n == 0 || len(p)%n != 0 || f.Kind == Range && len(p) != 2*n {
		return Value{}, false
	}
	v := Value{Type: ListVal}
	for ; len(p) > 0; p = p[n:] {
		e, ok := f.Elem.value(p[:n:n], nil)
		if !ok {
			return v, false
		}
		v.L = append(v.L, e)
	}
	return v, true
}
