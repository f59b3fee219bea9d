package state

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/nlscript/nlscript/wire"
)

// KeyOf returns what makes the object that s describes, in canonical form, the
// same as another. Key rows that are Loose are left out: see Matches.
func KeyOf(o *wire.Object, s *wire.Set) string {
	var room [64]byte
	key := room[:0]
	for _, f := range o.KeyRows() {
		if f.Loose {
			continue
		}
		v, _ := s.At(f)
		key = appendValue(key, v)
	}
	if o.KeyOf != nil {
		key = o.KeyOf(s, slices.Clone(key)) // room stays on the stack
	}
	return string(key)
}

// Matches reports whether an entry with the key of want agrees with the Loose
// key rows that want gives.
func Matches(want *wire.Set, e *Entry) bool {
	for _, f := range e.Object.KeyRows() {
		if !f.Loose {
			continue
		}
		if v, ok := want.At(f); ok && !equal(v, valueOf(e.Set(), f)) {
			return false
		}
	}
	return true
}

// ID is the key of an entry with its Loose rows: what tells it from others of its key.
func ID(e *Entry) string {
	id := []byte(e.Key)
	for _, f := range e.Object.KeyRows() {
		if f.Loose {
			v, _ := e.Set().At(f)
			id = appendValue(id, v)
		}
	}
	return string(id)
}

// appendValue appends a value so that values that mean the same are the same
// bytes: what is absent is zero, and all ways to write "everything" are one.
func appendValue(b []byte, v wire.Value) []byte {
	switch v.Type {
	case wire.Int:
		b = binary.AppendUvarint(append(b, 'i'), v.N)
		if v.HasMask {
			b = binary.AppendUvarint(append(b, '/'), v.M)
		}
	case wire.String, wire.Name:
		b = append(binary.AppendUvarint(append(b, 's'), uint64(len(v.S))), v.S...)
	case wire.Addr:
		b = appendAddr(append(b, 'a'), v.A)
	case wire.Net:
		if v.N == 0 {
			return append(b, 'i', 0)
		}
		b = binary.AppendUvarint(appendAddr(append(b, 'n'), v.A), v.N)
	case wire.ListVal:
		b = binary.AppendUvarint(append(b, 'l'), uint64(len(v.L)))
		for _, e := range v.L {
			b = appendValue(b, e)
		}
	case wire.SetVal:
		b = append(b, '{')
		for _, e := range v.Sub.Ents {
			b = appendValue(append(append(b, e.F.Name...), '='), e.V)
		}
		b = append(b, '}')
	default:
		b = append(b, 'i', 0)
	}
	return b
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		p := a.As4()
		return append(b, p[:]...)
	}
	p := a.As16()
	return append(b, p[:]...)
}
