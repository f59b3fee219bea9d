package wire

import (
	"net/netip"
	"slices"
)

// ValueType says which member of a Value holds it.
type ValueType uint8

const (
	None     ValueType = iota
	Int                // N: integers (two's complement), bits, booleans, device indexes. M: a mask, HasMask
	String             // S: strings, bytes, link-layer addresses
	Addr               // A
	Net                // A, N: address and prefix length
	AnyNet             // a prefix that matches everything, written without an address ("default")
	EmptyNet           // the same, sent as an empty attribute ("all")
	Name               // S: a device by its name
	SetVal             // Sub
	ListVal            // L
)

// A Value is the value of one field, between script and wire. It is small and
// made without allocation for anything but sets and lists.
type Value struct {
	Type    ValueType
	HasMask bool
	N       uint64
	M       uint64
	S       string
	A       netip.Addr
	Sub     *Set
	L       []Value
}

// IntVal, StrVal, … make values.
func IntVal(n uint64) Value       { return Value{Type: Int, N: n} }
func StrVal(s string) Value       { return Value{Type: String, S: s} }
func AddrVal(a netip.Addr) Value  { return Value{Type: Addr, A: a} }
func NetVal(p netip.Prefix) Value { return Value{Type: Net, A: p.Addr(), N: uint64(p.Bits())} }
func NameVal(s string) Value      { return Value{Type: Name, S: s} }
func SubVal(s *Set) Value         { return Value{Type: SetVal, Sub: s} }
func ListOf(l ...Value) Value     { return Value{Type: ListVal, L: l} }
func BoolVal(b bool) Value {
	n := uint64(0)
	if b {
		n = 1
	}
	return IntVal(n)
}

// True reports whether an integer value is not zero.
func (v Value) True() bool { return v.N != 0 }

// Prefix returns the value of a Net.
func (v Value) Prefix() netip.Prefix { return netip.PrefixFrom(v.A, int(v.N)) }

// Equal reports whether two values are the same, sets and lists by content.
func (v Value) Equal(w Value) bool {
	if v.Type != w.Type || v.N != w.N || v.HasMask != w.HasMask || v.M != w.M || v.S != w.S || v.A != w.A {
		return false
	}
	if (v.Sub == nil) != (w.Sub == nil) || v.Sub != nil && !v.Sub.Equal(w.Sub) {
		return false
	}
	return slices.EqualFunc(v.L, w.L, Value.Equal)
}

// An Entry is a field and its value.
type Entry struct {
	F *Field
	V Value
}

// A Raw is an attribute that no row describes: written with attr() in a script,
// or met in a message. Exactly one of Data and Sub is used.
type Raw struct {
	Type   uint16 // with NLA_F flags as met; the builder adds NLA_F_NESTED to nested ones
	Data   []byte
	Nested bool
	Sub    []Raw
	in     *nest
}

// A Set is the fields of one table that have a value, in the table's order, and
// the attributes the table does not know.
type Set struct {
	Table *Table
	Ents  []Entry
	Extra []Raw
}

// NewSet returns an empty set of t.
func NewSet(t *Table) *Set { return &Set{Table: t.compiled()} }

// Reset empties the set for a table, keeping its memory.
func (s *Set) Reset(t *Table) {
	s.Table = t.compiled()
	clear(s.Ents)
	s.Ents, s.Extra = s.Ents[:0], s.Extra[:0]
}

// Put sets a field, in its place in the order.
func (s *Set) Put(f *Field, v Value) {
	p, _ := s.slot(f)
	*p = v
}

func (s *Set) putInt(f *Field, n uint64) {
	p, _ := s.slot(f)
	*p = Value{Type: Int, N: n}
}

// slot returns where the value of a field is, or is to be put, and whether it is
// there. It is valid until the next call.
func (s *Set) slot(f *Field) (v *Value, had bool) {
	n := len(s.Ents)
	i := n
	for i > 0 && s.Ents[i-1].F.id > f.id {
		i--
	}
	if i > 0 && s.Ents[i-1].F == f {
		return &s.Ents[i-1].V, true
	}
	if n == cap(s.Ents) {
		s.Ents = slices.Grow(s.Ents, max(n, 4)) // most have a few
	}
	s.Ents = s.Ents[:n+1]
	if i < n {
		copy(s.Ents[i+1:], s.Ents[i:])
	}
	s.Ents[i].F = f
	return &s.Ents[i].V, false
}

// PutName sets the field of this name; the table must have it.
func (s *Set) PutName(name string, v Value) { s.Put(s.Table.mustRow(name), v) }

// Default sets the named field unless it is set.
func (s *Set) Default(name string, v Value) {
	if f := s.Table.mustRow(name); !s.hasField(f) {
		s.Put(f, v)
	}
}

func (t *Table) mustRow(name string) *Field {
	f := t.Row(name)
	if f == nil {
		panic("wire: table " + t.Name + " has no row " + name)
	}
	return f
}

func (s *Set) hasField(f *Field) bool { _, ok := s.At(f); return ok }

// At returns the value of a field.
func (s *Set) At(f *Field) (Value, bool) {
	for i := range s.Ents {
		if s.Ents[i].F == f {
			return s.Ents[i].V, true
		}
	}
	return Value{}, false
}

// Twin returns the row that a set has in place of f: of rows of one attribute (group
// and remote of a vxlan) the value says which it is. nil when there is none.
func (s *Set) Twin(f *Field) *Field {
	if f.At != nil || f.WO {
		return nil
	}
	for r := f.nest.row(f.Type); r != nil; r = r.next {
		if r == f || r.At != nil || r.WO || r.Kind != f.Kind {
			continue
		}
		if v, ok := s.At(r); ok && (r.When == nil || r.When(v)) {
			return r
		}
	}
	return nil
}

// Of is At, or what the Twin has.
func (s *Set) Of(f *Field) (Value, bool) {
	v, ok := s.At(f)
	if !ok {
		if r := s.Twin(f); r != nil {
			return s.At(r)
		}
	}
	return v, ok
}

// Get returns the value of the field of this name; the table must have it. A
// field of the fixed header always has a value.
func (s *Set) Get(name string) (Value, bool) {
	f := s.Table.mustRow(name)
	v, ok := s.At(f)
	if !ok && f.Header() {
		return IntVal(0), true
	}
	return v, ok
}

// Has reports whether the named field was set.
func (s *Set) Has(name string) bool { return s.hasField(s.Table.mustRow(name)) }

// Uint returns the integer in the named field, or 0.
func (s *Set) Uint(name string) uint64 { v, _ := s.At(s.Table.mustRow(name)); return v.N }

// Del removes a field.
func (s *Set) Del(name string) {
	f := s.Table.mustRow(name)
	for i := range s.Ents {
		if s.Ents[i].F == f {
			s.Ents = slices.Delete(s.Ents, i, i+1)
			return
		}
	}
}

// Clone returns a copy that shares nothing with s that can be changed.
func (s *Set) Clone() *Set {
	c := &Set{Table: s.Table, Ents: slices.Clone(s.Ents), Extra: slices.Clone(s.Extra)}
	for i := range c.Ents {
		c.Ents[i].V = c.Ents[i].V.clone()
	}
	return c
}

func (v Value) clone() Value {
	if v.Sub != nil {
		v.Sub = v.Sub.Clone()
	}
	if v.L != nil {
		v.L = slices.Clone(v.L)
		for i := range v.L {
			v.L[i] = v.L[i].clone()
		}
	}
	return v
}

// Equal reports whether two sets of one table hold the same values.
func (s *Set) Equal(o *Set) bool {
	return s.Table == o.Table && slices.EqualFunc(s.Ents, o.Ents, func(a, b Entry) bool {
		return a.F == b.F && a.V.Equal(b.V)
	}) && slices.EqualFunc(s.Extra, o.Extra, rawEqual)
}

func rawEqual(a, b Raw) bool {
	return a.Type == b.Type && a.Nested == b.Nested && string(a.Data) == string(b.Data) && slices.EqualFunc(a.Sub, b.Sub, rawEqual)
}
