package wire

import "bytes"

// Places whose attribute is there twice for a range.

// ends is how many marked structs the entries of a place make: one for each end
// of a range, none when it is one number.
func ends(ents []Entry, p *Place) int {
	for i := range ents {
		if e := &ents[i]; e.F.At == p && e.F.Kind == Range && !e.F.Single(e.V) {
			return len(e.V.L)
		}
	}
	return 0
}

// Single reports whether a value of a Range row is one number, in an attribute
// that is there once.
func (f *Field) Single(v Value) bool {
	return f.At != nil && f.At.Ends != nil && len(v.L) == 2 && v.L[0].N == v.L[1].N
}

func (e *Ends) bits(end int) uint16 {
	if end == 0 {
		return e.First
	}
	return e.Last
}

// mark sets the bits of an end.
func (e *Ends) mark(d []byte, end int) {
	if len(d) >= e.Off+2 {
		putU16(d[e.Off:], getU16(d[e.Off:])|e.bits(end))
	}
}

// readEnd reads one struct of a place with ends into s; f is the first row of the
// place. A first one that the last has not followed yet is a list of one. False
// when it is not part of one range.
func (f *Field) readEnd(d []byte, s *Set) bool {
	e := f.At.Ends
	if !f.At.framed(d) {
		return false
	}
	one := NewSet(s.Table)
	known := f.endRows(d, one)
	bits := getU16(d[e.Off:])
	had := false
	for r := f; r != nil; r = r.next {
		if _, ok := s.At(r); ok && r.Kind == Range {
			had = true
		}
	}
	switch {
	case bits&^known != 0 || bits&e.First != 0 && bits&e.Last != 0:
		return false
	case bits&e.Last != 0:
		return f.joinEnds(s, one)
	case had:
		return false
	}
	for _, x := range one.Ents {
		if x.F.Kind == Range && bits&e.First != 0 {
			x.V.L = x.V.L[:1]
		}
		s.Put(x.F, x.V)
	}
	return true
}

// joinEnds makes what begins in s end with the numbers in last.
func (f *Field) joinEnds(s, last *Set) bool {
	for r := f; r != nil; r = r.next {
		a, _ := s.At(r)
		b, _ := last.At(r)
		if r.Kind != Range && !a.Equal(b) || r.Kind == Range && (len(a.L) != 1 || a.L[0].N >= b.L[0].N) {
			return false
		}
	}
	for r := f; r != nil; r = r.next {
		if a, _ := s.At(r); r.Kind == Range {
			b, _ := last.At(r)
			s.Put(r, ListOf(a.L[0], b.L[0]))
		}
	}
	return true
}

// endRows reads the rows of one struct, ranges as the number that is in it, and
// returns the bits of the marked word that are rows or marks.
func (f *Field) endRows(d []byte, s *Set) (known uint16) {
	known = f.At.Ends.First | f.At.Ends.Last
	for r := f; r != nil; r = r.next {
		if r.Kind != Range {
			r.read(d, s, false)
			if r.Off == f.At.Ends.Off {
				known |= uint16(r.Bit)
			}
			continue
		}
		v := IntVal(r.Elem.int(d[r.Off : r.Off+r.Elem.Kind.size()]))
		s.Put(r, ListOf(v, v))
	}
	return known
}

// tails reports whether an attribute has the high number of the range that f is,
// whose struct has the low one.
func (f *Field) tails(typ uint16) bool {
	return f.At.Ends != nil && f.At.Ends.Tail == typ && f.At.Type != typ
}

// readTail makes the range of a struct before it end with a number; false when it
// cannot.
func (f *Field) readTail(d []byte, s *Set) bool {
	v, had := s.At(f)
	if !had || len(d) != f.Elem.Kind.size() || !f.Single(v) || f.Elem.int(d) <= v.L[0].N {
		return false
	}
	s.Put(f, ListOf(v.L[0], IntVal(f.Elem.int(d))))
	return true
}

// saysAll reports whether a struct that f is the first row of has nothing beside its
// rows but what Init says, as Append writes it: a request may have other flags.
func (f *Field) saysAll(d []byte) bool {
	rest := bytes.Clone(d[:f.At.Len])
	for r := f; r != nil; r = r.next {
		switch {
		case r.Kind.isBit():
			putBit(rest[r.Off:], r, false)
		case r.Kind == Range:
			clear(rest[r.Off : r.Off+r.Elem.Kind.size()])
		default:
			clear(rest[r.Off : r.Off+r.width()])
		}
	}
	for i, c := range f.At.initial() {
		rest[i] ^= c
	}
	return zero(rest)
}

// framed reports whether a struct has what Init says beside its fields.
func (p *Place) framed(d []byte) bool {
	for i, c := range p.initial() {
		if c != 0 && d[i] != c {
			return false
		}
	}
	return true
}

// endText says which end of a range a struct is.
func (p *Place) endText(d []byte) string {
	if p.Ends == nil || p.Ends.Tail != 0 || len(d) < p.Ends.Off+2 {
		return ""
	}
	switch bits := getU16(d[p.Ends.Off:]); {
	case bits&p.Ends.First != 0:
		return " (first)"
	case bits&p.Ends.Last != 0:
		return " (last)"
	}
	return ""
}
