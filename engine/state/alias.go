package state

import "github.com/nlscript/nlscript/wire/rtnl"

// A look-up shows one route of a key. There may be others behind it, which
// nobody has seen (fib_table_insert: aliases).

// Probed reports whether of an object's key no more than the first was read.
func (st *State) Probed(e *Entry) bool {
	probed := false
	for _, sc := range st.scopes {
		if sc.covers(e.Object, e.Set(), e.Key) {
			if sc.Route == "" {
				return false
			}
			probed = true
		}
	}
	return probed
}

// ProvesAbsent reports whether a look-up shows that there is no such route. It
// leaves the state as it is.
func (st *State) ProvesAbsent(sc Scope) bool {
	if st.has(sc) {
		return true // and Find tells
	}
	look := New(st.src)
	look.loaded[Scope{Object: rtnl.Rule}.String()] = st.loaded[Scope{Object: rtnl.Rule}.String()]
	look.entries[rtnl.Rule] = st.entries[rtnl.Rule]
	known, err := look.probe(sc)
	return err == nil && known && len(look.Find(sc.Object, sc.routeKey())) == 0
}
