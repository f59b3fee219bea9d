package state

import (
	"context"
	"slices"

	"github.com/nlscript/nlscript/wire/rtnl"
)

// Changes returns what has been made or changed and is still there, and what has
// been removed, since it was last called. Only a state that is Ahead notes that.
func (st *State) Changes() (made, gone []*Entry) {
	for _, e := range st.changed {
		if slices.Contains(st.entries[e.Object][e.Key], e) {
			made = append(made, e)
		}
	}
	gone = st.gone
	st.changed, st.gone = nil, nil
	return made, gone
}

// Behind reports whether behind a route that was looked up, among those by device
// dev (0: by any), there is one with its key that is like another.
func (st *State) Behind(ctx context.Context, e *Entry, dev uint32, like func(*Entry) bool) (bool, error) {
	if _, changed := st.before[e.Object][e.Key]; changed || !st.Probed(e) {
		return false, nil
	}
	look := New(st.src)
	look.loaded[Scope{Object: rtnl.Link}.String()] = true
	if err := look.Load(ctx, Scope{Object: e.Object, Family: uint8(e.Set().Uint("family")), Table: uint32(e.Set().Uint("table")), Dev: dev}); err != nil {
		return false, err
	}
	return slices.ContainsFunc(look.Find(e.Object, e.Key), func(x *Entry) bool {
		return len(Diff(e.Object, e.Set(), x.Set(), Exact)) > 0 && like(x)
	}), nil
}

// LoadTable reads the table of a route that was looked up, others of its key among it.
func (st *State) LoadTable(ctx context.Context, e *Entry) error {
	set := e.Set()
	st.scopes = slices.DeleteFunc(st.scopes, func(sc Scope) bool {
		if sc.Route == "" || !sc.covers(e.Object, set, e.Key) {
			return false
		}
		delete(st.loaded, sc.String())
		return true
	})
	delete(st.entries[e.Object], e.Key)
	delete(st.akin, e.Object)
	return st.Load(ctx, Scope{Object: e.Object, Family: uint8(set.Uint("family")), Table: uint32(set.Uint("table"))})
}
