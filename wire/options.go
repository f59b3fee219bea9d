package wire

import (
	"fmt"
	"slices"
	"strconv"
)

// Options are objects that another one has as long as it is there, as a VLAN its
// state. Nothing makes or removes them; each row that can be written begins with
// its Default.

// begins reads what the Default of a row says.
func (f *Field) begins() (uint64, error) {
	switch n, named := f.Words.Number(f.Default); {
	case named:
		return n, nil
	case f.Time > 0:
		return ParseTime(f.Default, f.Time)
	default:
		return strconv.ParseUint(f.Default, 0, 64)
	}
}

// begin notes with what the rows of options begin, and what is not reported.
func (t *Table) begin() {
	for _, f := range t.flat {
		if f.Default == "" || !t.Options && !f.Silent {
			continue
		}
		n, err := f.begins()
		if err != nil {
			panic(fmt.Sprintf("wire: table %s: row %q begins with %q: %v", t.Name, f.Name, f.Default, err))
		}
		f.first, f.knows = n, true
	}
}

// Unreported is the value of a row that the kernel does not report; None when that is
// not known.
func (f *Field) Unreported() Value {
	if !f.Silent {
		return Value{}
	}
	return IntVal(f.first)
}

// asBegun reports whether a value is what a row of options begins with.
func (f *Field) asBegun(v Value) bool {
	return f.knows && (v.N == f.first || f.Ticks && v.N+1 == f.first)
}

// Begun reports whether all of options is as it begins.
func (s *Set) Begun() bool {
	return !slices.ContainsFunc(s.Ents, func(e Entry) bool { return e.F.knows && !e.F.asBegun(e.V) })
}

// Beginning is what the same options begin with.
func (s *Set) Beginning() *Set {
	b := NewSet(s.Table)
	for _, e := range s.Ents {
		if !e.F.knows && !e.F.RO {
			b.Put(e.F, e.V)
		}
	}
	for _, f := range s.Table.flat {
		if f.knows {
			b.Put(f, IntVal(f.first))
		}
	}
	return b
}

// Filled is options with what they do not mention as it begins.
func (s *Set) Filled() *Set {
	b := s.Beginning()
	for _, e := range s.Ents {
		if !e.F.asBegun(e.V) {
			b.Put(e.F, e.V)
		}
	}
	return b
}

// Even is options with what is as it begins but for a tick as it begins: sent, that
// would be another value.
func (s *Set) Even() *Set {
	c := s.Clone()
	for i := range c.Ents {
		if e := &c.Ents[i]; e.F.asBegun(e.V) {
			e.V = IntVal(e.F.first)
		}
	}
	return c
}

// Unlike is options without what is as it begins.
func (s *Set) Unlike() *Set {
	c := s.Clone()
	c.Ents = slices.DeleteFunc(c.Ents, func(e Entry) bool { return e.F.knows && e.F.asBegun(e.V) })
	return c
}
