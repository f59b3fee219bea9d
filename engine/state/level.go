package state

import (
	"slices"

	"github.com/nlscript/nlscript/wire"
)

// A level is where the order of objects counts, and where the kernel looks for the
// first that a deletion fits: the rules of a family with one priority. They come and
// go, and are never changed in place (Object.Replace).
type level struct {
	object           *wire.Object
	family, priority uint64
}

func levelOf(o *wire.Object, s *wire.Set) level {
	return level{o, s.Uint("family"), s.Uint("priority")}
}

// Level returns the objects on the level of s in the kernel's order; nil when a
// deletion names one alone. Do not change it.
func (st *State) Level(o *wire.Object, s *wire.Set) []*Entry {
	if o.Hits == nil {
		return nil
	}
	return st.levels[levelOf(o, s)]
}

func (st *State) enter(e *Entry, s *wire.Set) {
	if e.Object.Hits != nil {
		at := levelOf(e.Object, s)
		st.levels[at] = append(st.levels[at], e)
	}
}

func (st *State) leave(e *Entry) {
	if e.Object.Hits != nil {
		at := levelOf(e.Object, e.Set())
		st.levels[at] = slices.DeleteFunc(slices.Clone(st.levels[at]), func(x *Entry) bool { return x == e })
	}
}
