package tx

import (
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// touch is what a commit can have changed: what its ops name, and what the
// cascades reach from there. Undo looks at nothing else.
type touch struct {
	all     bool
	keys    map[*wire.Object]map[string]bool
	indexes map[uint32]bool // links whose objects may go or come
	links   map[string]bool // names of links the commit makes
}

func newTouch() *touch {
	return &touch{keys: map[*wire.Object]map[string]bool{}, indexes: map[uint32]bool{}, links: map[string]bool{}}
}

func (t *touch) key(o *wire.Object, key string) {
	m := t.keys[o]
	if m == nil {
		m = map[string]bool{}
		t.keys[o] = m
	}
	m[key] = true
}

func (t *touch) link(index uint32) {
	if index != 0 {
		t.indexes[index] = true
	}
}

// has reports whether an object may have been changed by the commit.
func (t *touch) has(e *state.Entry) bool {
	if t.all || t.keys[e.Object][e.Key] {
		return true
	}
	if e.Object == rtnl.Link && (t.links[e.Name()] || t.indexes[e.Index()]) {
		return true
	}
	if len(t.indexes) == 0 || e.Object == rtnl.Link {
		return false
	}
	return usesOne(e, func(i uint32) bool { return t.indexes[i] })
}
