package state

import (
	"slices"

	"github.com/nlscript/nlscript/wire"
)

// Akin returns the objects whose keys are that of s but for what Object.Open takes out,
// in the kernel's order.
func (st *State) Akin(o *wire.Object, s *wire.Set) []*Entry {
	if st.akin[o] == nil {
		if st.akin == nil {
			st.akin = map[*wire.Object]map[string][]*Entry{}
		}
		st.akin[o] = map[string][]*Entry{}
		for _, l := range st.entries[o] {
			for _, e := range l {
				st.joins(e)
			}
		}
	}
	return sorted(slices.Clone(st.akin[o][OpenKey(o, s)]))
}

// OpenKey is KeyOf without what Object.Open takes out.
func OpenKey(o *wire.Object, s *wire.Set) string {
	s = s.Clone()
	o.Open(s)
	return KeyOf(o, s)
}

// joins and leaves keep what Akin looks in, once it was asked for.
func (st *State) joins(e *Entry) {
	if m := st.akin[e.Object]; m != nil {
		k := OpenKey(e.Object, e.Set())
		m[k] = append(m[k], e)
	}
}

func (st *State) leaves(e *Entry) {
	if m := st.akin[e.Object]; m != nil {
		k := OpenKey(e.Object, e.Set())
		m[k] = slices.DeleteFunc(m[k], func(x *Entry) bool { return x == e })
	}
}

// SameValue reports whether two values of a key mean the same.
func SameValue(a, b wire.Value) bool {
	return string(appendValue(nil, a)) == string(appendValue(nil, b))
}
