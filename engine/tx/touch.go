package tx

import (
	"strings"

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
	asked   map[string]bool // keys of routes of the kernel's that ops remove or replace: they do not come back by themselves
	picked  []*state.Entry  // what it makes without a key, as it is before the kernel picks one
}

func newTouch() *touch {
	return &touch{keys: map[*wire.Object]map[string]bool{}, indexes: map[uint32]bool{}, links: map[string]bool{}, asked: map[string]bool{}}
}

func (t *touch) key(o *wire.Object, key string) {
	m := t.keys[o]
	if m == nil {
		m = map[string]bool{}
		t.keys[o] = m
	}
	m[key] = true
}

// ask notes an object that an op removes or replaces by a verb.
func (t *touch) ask(e *state.Entry) {
	t.key(e.Object, e.Key)
	if e.Object == rtnl.Route && e.Foreign() {
		t.asked[e.Key] = true
	}
}

// ours reports whether the undo makes an object again: what is not ours comes and goes
// by itself, but for links, which can be changed all the same, rules, and what was asked.
func (t *touch) ours(e *state.Entry) bool {
	return !e.Foreign() || e.Object.Patch || e.Object == rtnl.Rule || e.Object == rtnl.Route && t.asked[e.Key]
}

func (t *touch) link(index uint32) {
	if index != 0 {
		t.indexes[index] = true
	}
}

// newLink notes a link that the commit makes. One that the kernel names by a pattern
// is told by its index.
func (t *touch) newLink(name string, index uint32) {
	t.links[name] = true
	if strings.Contains(name, "%") {
		t.link(index)
	}
}

// made notes what a message makes, if the kernel is to pick its key.
func (t *touch) made(e *state.Entry) {
	if row := e.Object.Picks; row != "" && !e.Set().Has(row) {
		t.picked = append(t.picked, e)
	}
}

// origin is what was made without a key and is like e, but for the key; nil if nothing.
func (t *touch) origin(e *state.Entry) *state.Entry {
	for _, x := range t.picked {
		if x.Object == e.Object && len(state.Diff(e.Object, x.Set(), e.Set(), state.Patch)) == 0 {
			return x
		}
	}
	return nil
}

// has reports whether an object may have been changed by the commit.
func (t *touch) has(e *state.Entry) bool {
	if t.all || t.keys[e.Object][e.Key] || t.origin(e) != nil {
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
