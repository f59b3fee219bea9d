package wire

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
	one := NewSet(s.Table)
	rng, known := f.endRows(d, one)
	bits := getU16(d[e.Off:])
	v, _ := one.At(rng)
	old, had := s.At(rng)
	switch {
	case bits&^known != 0 || bits&e.First != 0 && bits&e.Last != 0:
		return false
	case bits&e.Last != 0:
		if len(old.L) != 1 || old.L[0].N >= v.L[0].N {
			return false
		}
		for r := f; r != nil; r = r.next {
			a, _ := s.At(r)
			if b, _ := one.At(r); r != rng && !a.Equal(b) {
				return false
			}
		}
		s.Put(rng, ListOf(old.L[0], v.L[0]))
		return true
	case had:
		return false
	case bits&e.First != 0:
		one.Put(rng, ListOf(v.L[0]))
	}
	for _, x := range one.Ents {
		s.Put(x.F, x.V)
	}
	return true
}

// endRows reads the rows of one struct, a range as the number that is in it, and
// returns its row and the bits of the marked word that rows or marks are.
func (f *Field) endRows(d []byte, s *Set) (rng *Field, known uint16) {
	known = f.At.Ends.First | f.At.Ends.Last
	for r := f; r != nil; r = r.next {
		if r.Kind != Range {
			r.read(d, s, false)
			if r.Off == f.At.Ends.Off {
				known |= uint16(r.Bit)
			}
			continue
		}
		rng = r
		n := r.Elem.Kind.size()
		v := IntVal(r.Elem.int(d[r.Off : r.Off+n]))
		s.Put(r, ListOf(v, v))
	}
	return rng, known
}

// endText says which end of a range a struct is.
func (p *Place) endText(d []byte) string {
	if p.Ends == nil || len(d) < p.Ends.Off+2 {
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
