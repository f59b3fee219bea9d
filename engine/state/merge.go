package state

import (
	"cmp"
	"slices"

	"github.com/nlscript/nlscript/wire"
)

// A list whose row says Merge is a map: an element has a key, its first row, and
// a value, its second, of which 0 takes the key away. Sending a list leaves the
// keys that it does not mention. So does a number with a mask leave other bits.

// Merged is what a row has after want was sent to what has have.
func Merged(f *wire.Field, want, have wire.Value) wire.Value {
	if want.HasMask && !have.HasMask {
		return wire.IntVal(have.N&^want.M | want.N&want.M)
	}
	if !f.Merge {
		return want
	}
	l := slices.Clone(have.L)
	for _, w := range want.L {
		l = slices.DeleteFunc(l, func(h wire.Value) bool { return mapKey(h) == mapKey(w) })
		if mapValue(w) != 0 {
			l = append(l, w)
		}
	}
	slices.SortFunc(l, func(a, b wire.Value) int { return cmp.Compare(mapKey(a), mapKey(b)) })
	return wire.ListOf(l...)
}

// missing is what of want has yet to be sent to what has have. Unless want is a
// patch, what it does not mention is to go.
func (d *differ) missing(want, have wire.Value) (l []wire.Value) {
	for _, w := range want.L {
		if mapValue(w) != mapped(have, mapKey(w)) {
			l = append(l, w)
		}
	}
	if d.mode == Patch {
		return l
	}
	for _, h := range have.L {
		if !slices.ContainsFunc(want.L, func(w wire.Value) bool { return mapKey(w) == mapKey(h) }) {
			gone := h.Sub.Clone()
			gone.Put(gone.Table.Rows()[1], wire.IntVal(0))
			l = append(l, wire.SubVal(gone))
		}
	}
	return l
}

func mapped(v wire.Value, key uint64) uint64 {
	for _, e := range v.L {
		if mapKey(e) == key {
			return mapValue(e)
		}
	}
	return 0
}

func mapKey(e wire.Value) uint64   { return mapRow(e, 0) }
func mapValue(e wire.Value) uint64 { return mapRow(e, 1) }

func mapRow(e wire.Value, i int) uint64 {
	v, _ := e.Sub.At(e.Sub.Table.Rows()[i])
	return v.N
}
