package state

import (
	"cmp"
	"context"
	"slices"

	"github.com/nlscript/nlscript/wire"
)

// Report puts in an object as the kernel reported it.
func (st *State) Report(o *wire.Object, msg []byte) { st.reported(o, msg, decode(o, msg)) }

// Expect notes a scope as loaded: what Report says of it is all there is.
func (st *State) Expect(sc Scope) {
	st.loaded[sc.String()] = true
	st.scopes = append(st.scopes, sc)
}

// NewEntry is an object as the kernel reports it, outside of a state.
func NewEntry(o *wire.Object, msg []byte, names wire.Names) *Entry {
	s := decode(o, msg)
	msg = unlabelled(o, msg, s, names)
	return &Entry{Object: o, Key: KeyOf(o, s), msg: msg, set: s}
}

// EntryOf is an object by itself: s is canonical, devices by index.
func EntryOf(o *wire.Object, s *wire.Set) *Entry { return &Entry{Object: o, Key: KeyOf(o, s), set: s} }

// From changes where the state is read from.
func (st *State) From(src Source) { st.src = src }

// Scopes returns what has been loaded.
func (st *State) Scopes() []Scope { return st.scopes }

// Again returns the state of the same scopes, read anew. Where tells, if not nil,
// says that what a look-up found of a route is not enough, its table is read.
func (st *State) Again(ctx context.Context, tells func(sc Scope, found []*Entry) bool) (*State, error) {
	n := New(st.src)
	n.tells, n.apart = tells, st.apart
	// Look-ups need the rules.
	scopes := slices.Clone(st.scopes)
	slices.SortStableFunc(scopes, func(a, b Scope) int { return cmp.Compare(len(a.Route), len(b.Route)) })
	return n, n.Load(ctx, scopes...)
}

// AgainWhole is Again, but reads whole tables where the state was looked up route
// by route.
func (st *State) AgainWhole(ctx context.Context) (*State, error) {
	n := New(st.src)
	for _, sc := range st.scopes {
		sc.Route = ""
		if err := n.Load(ctx, sc); err != nil {
			return nil, err
		}
	}
	return n, nil
}
