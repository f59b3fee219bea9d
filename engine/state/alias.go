package state

import (
	"context"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire/rtnl"
)

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

// PassesOver reports whether look-ups may pass over routes by devices without
// carrier, and so show one that is not the first of its key: some device says so.
func (st *State) PassesOver(family uint8) bool {
	settings := "inet"
	if family == unix.AF_INET6 {
		settings = "inet6"
	}
	return slices.ContainsFunc(st.All(rtnl.Link), func(e *Entry) bool {
		v, _ := e.Set().Get(settings)
		return v.Sub != nil && v.Sub.Uint("ignore_routes_with_linkdown") != 0
	})
}

// ProvesAbsent reports whether a look-up shows that there is no such route. Of
// routes it leaves the state as it is.
func (st *State) ProvesAbsent(ctx context.Context, sc Scope) (bool, error) {
	if st.has(sc) {
		return true, nil // and Find tells
	}
	if err := st.Load(ctx, Scope{Object: rtnl.Rule}); err != nil {
		return false, err
	}
	look := New(st.src)
	look.loaded[Scope{Object: rtnl.Link}.String()] = true
	look.loaded[Scope{Object: rtnl.Rule}.String()] = true
	look.entries[rtnl.Rule] = st.entries[rtnl.Rule]
	known, err := look.probe(ctx, sc)
	return known && len(look.Find(sc.Object, sc.Key())) == 0, err
}
