package wire

import (
	"errors"
	"fmt"
)

// firstAt reports whether entry i is the first of those that share its place.
func firstAt(ents []Entry, i int) bool {
	for j := i - 1; j >= 0; j-- {
		if ents[j].F.At == ents[i].F.At {
			return false
		}
	}
	return true
}

// place writes the attribute that holds a struct which several fields share.
func (l *levels) place(ents []Entry, p *Place) error {
	n := ends(ents, p)
	if p.Ends != nil && p.Ends.Tail != 0 {
		return l.headAndTail(ents, p, n)
	}
	for end := range max(n, 1) {
		d := l.b.Attr(p.Type, p.Len)
		copy(d, p.initial())
		for i := range ents {
			f, v := ents[i].F, &ents[i].V
			if f.At != p {
				continue
			}
			if f.Kind == Range {
				if end >= len(v.L) {
					return At(f.Name, f.mismatch(v))
				}
				f, v = &Field{Kind: f.Elem.Kind, Off: f.Off}, &v.L[end]
			}
			if err := f.put(l.b, d, align(p.Len), v); err != nil {
				return At(ents[i].F.Name, err)
			}
		}
		if n > 0 {
			p.Ends.mark(d, end)
		}
	}
	return nil
}

// headAndTail writes the attribute of a struct that has the low number of a range,
// and behind it the one of the high number, when there is more than one.
func (l *levels) headAndTail(ents []Entry, p *Place, n int) error {
	d := l.b.Attr(p.Type, p.Len)
	copy(d, p.initial())
	var tail *Field
	var high uint64
	for i := range ents {
		f, v := ents[i].F, &ents[i].V
		if f.At != p {
			continue
		}
		if f.Kind == Range {
			if len(v.L) != 2 {
				return At(f.Name, f.mismatch(v))
			}
			tail, high = f.Elem, v.L[1].N
			f, v = &Field{Kind: f.Elem.Kind, Off: f.Off}, &v.L[0]
		}
		if err := f.put(l.b, d, align(p.Len), v); err != nil {
			return At(ents[i].F.Name, err)
		}
	}
	if n == 0 {
		return nil
	}
	v := IntVal(high)
	return tail.putFixed(l.b.Attr(p.Ends.Tail, tail.Kind.size()), &v)
}

// spilled combines the bits that share a header byte.
func spilled(ents []Entry, p *Place) uint32 {
	var n uint32
	for i := range ents {
		if f := ents[i].F; f.At == p && ents[i].V.True() != f.Not {
			n |= f.Bit
		}
	}
	return n
}

// fill writes the fields of the struct h, which has no attributes.
func (t *Table) fill(b *Builder, h []byte, s *Set) error {
	for i := range s.Ents {
		f, v := s.Ents[i].F, &s.Ents[i].V
		if f.At == nil || !f.At.Header() || f.At.Spill != 0 {
			return At(f.Name, errors.New("is no part of a struct"))
		}
		if err := f.put(b, h, align(t.Fixed), v); err != nil {
			return At(f.Name, err)
		}
	}
	return nil
}

// put writes a field into the struct d, whose padded length is the last thing
// that was appended.
func (f *Field) put(b *Builder, d []byte, padded int, v *Value) error {
	n := f.Kind.size()
	if f.Kind == MAC || f.Kind == Bytes || f.Kind == Str {
		n = len(v.S)
	}
	if f.Off+n > len(d) {
		return fmt.Errorf("%d bytes do not fit", n)
	}
	p := d[f.Off:]
	switch {
	case f.Kind.isBit():
		putBit(p, f, v.True() != f.Not)
		if f.At != nil && f.At.Mask != 0 {
			putBit(d[f.At.Mask:], f, true)
		}
	case f.Kind == MAC || f.Kind == Bytes || f.Kind == Str:
		copy(p, v.S)
	case f.Kind == Dev:
		if v.Type == Name {
			b.relocate(padded-f.Off, v.S)
		} else {
			putU32(p, uint32(v.N))
		}
	default:
		return f.putFixed(p, v)
	}
	return nil
}

func putBit(p []byte, f *Field, on bool) {
	switch f.Kind {
	case Bit8:
		p[0] = setBit(p[0], byte(f.Bit), on)
	case Bit16:
		putU16(p, setBit(getU16(p), uint16(f.Bit), on))
	default:
		putU32(p, setBit(getU32(p), f.Bit, on))
	}
}

func setBit[T uint8 | uint16 | uint32](v, bit T, on bool) T {
	if on {
		return v | bit
	}
	return v &^ bit
}

// putFixed writes a value of fixed size.
func (f *Field) putFixed(p []byte, v *Value) error {
	n := v.N + uint64(f.Scale)
	switch f.Kind {
	case U8, S8, Bool:
		p[0] = byte(n)
	case U16:
		putU16(p, uint16(n))
	case BE16:
		p[0], p[1] = byte(n>>8), byte(n)
	case U32, S32, Dev:
		putU32(p, uint32(n))
	case BE32:
		p[0], p[1], p[2], p[3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	case U64, S64:
		putU64(p, n)
	case BE64:
		for i := range 8 {
			p[i] = byte(n >> (56 - 8*i))
		}
	case IP4:
		a := v.A.As4()
		copy(p, a[:])
	case IP6:
		a := v.A.As16()
		copy(p, a[:])
	default:
		return fmt.Errorf("kind %d has no fixed size", f.Kind)
	}
	return nil
}
