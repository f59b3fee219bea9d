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
func (f *Field) begins() (Value, error) {
	switch n, named := f.Words.Number(f.Default); {
	case named:
		return IntVal(n), nil
	case f.Time > 0:
		n, err := ParseTime(f.Default, f.Time)
		return IntVal(n), err
	default:
		n, err := strconv.ParseUint(f.Default, 0, 64)
		return IntVal(n), err
	}
}

// begin notes with what the rows of options begin.
func (t *Table) begin() {
	for _, f := range t.flat {
		if f.Default == "" {
			continue
		}
		v, err := f.begins()
		if err != nil {
			panic(fmt.Sprintf("wire: table %s: row %q begins with %q: %v", t.Name, f.Name, f.Default, err))
		}
		f.first = v
	}
}

// asBegun reports whether a value is what a row of options begins with.
func (f *Field) asBegun(v Value) bool {
	return f.first.Type == Int && (v.N == f.first.N || f.Ticks && v.N+1 == f.first.N)
}

// Begun reports whether all of options is as it begins.
func (s *Set) Begun() bool {
	return !slices.ContainsFunc(s.Ents, func(e Entry) bool { return e.F.first.Type == Int && !e.F.asBegun(e.V) })
}

// Beginning is what the same options begin with.
func (s *Set) Beginning() *Set {
	b := NewSet(s.Table)
	for _, e := range s.Ents {
		if e.F.first.Type == None && !e.F.RO {
			b.Put(e.F, e.V)
		}
	}
	for _, f := range s.Table.flat {
		if f.first.Type == Int {
			b.Put(f, f.first)
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
			e.V = e.F.first
		}
	}
	return c
}

// Unlike is options without what is as it begins.
func (s *Set) Unlike() *Set {
	c := s.Clone()
	c.Ents = slices.DeleteFunc(c.Ents, func(e Entry) bool { return e.F.first.Type == Int && e.F.asBegun(e.V) })
	return c
}
