package tx

import (
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Writable returns what of a reported object can be sent to make it again.
func Writable(s *wire.Set) *wire.Set {
	c := s.Clone()
	if s.Table.Options {
		c = s.Unlike() // the rest is so by itself
	}
	c.Ents = slices.DeleteFunc(c.Ents, func(e wire.Entry) bool { return unwritable(e.F) })
	for i := range c.Ents {
		if v := &c.Ents[i].V; v.Sub != nil {
			v.Sub = Writable(v.Sub)
		}
	}
	c.Extra = nil
	return c
}

func unwritable(f *wire.Field) bool { return f.RO || f.WO || f.Volatile && !f.Header() }

// deletionSet is what a message that deletes the object has to say.
func deletionSet(e *state.Entry) *wire.Set {
	s := e.Set()
	if e.Object.Delete == nil {
		return Writable(s)
	}
	out := wire.NewSet(s.Table)
	for _, name := range e.Object.Delete {
		f := s.Table.Row(name)
		if v, ok := s.At(f); f != nil && ok {
			out.Put(f, v)
		}
	}
	return out
}

// deletion writes the message that deletes an entry. A link whose index is not
// known yet goes by its name.
func (p *planner) deletion(e *state.Entry) ([]byte, []wire.Reloc, error) {
	s := deletionSet(e)
	if e.Object == rtnl.Link {
		s = wire.NewSet(rtnl.Link.Table)
		if p.virtual[e.Index()] {
			s.PutName("name", wire.StrVal(e.Name()))
		} else {
			s.PutName("index", wire.IntVal(uint64(e.Index())))
		}
	}
	return p.build(e.Object, e.Object.Del, 0, s)
}
