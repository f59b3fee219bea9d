package tx

import (
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Undo makes whole links what they were, and of most changes of links nobody is told
// who made them, of some not even that there was one. A row that follows from nothing
// else and that no message of the plan has was written by another program.
var alone = []string{"alias", "altnames", "group", "txqueuelen"}

// concede takes what others wrote of links into the state before. Of a journal it is
// not known what its messages said.
func (p *Plan) concede(now *state.State) {
	if !p.planned {
		return
	}
	for _, was := range p.st.Before(rtnl.Link) {
		if p.top != nil && slices.ContainsFunc(p.top.moves, func(m move) bool { return m.name == was.Name() && (m.from == p || m.to == p) }) {
			continue // it was written elsewhere
		}
		is := now.LinkByIndex(was.Index())
		if is == nil || is.Name() != was.Name() || !p.touch.has(was) || p.touch.links[was.Name()] || p.stirred[was.Name()] {
			continue // or it is being made, with all that it has
		}
		var s *wire.Set
		for _, name := range alone {
			f := was.Set().Table.Row(name)
			v, there := is.Set().At(f)
			if old, had := was.Set().At(f); there == had && v.Equal(old) || p.wrote(was, f) {
				continue
			}
			if s == nil {
				s = was.Set().Clone()
			}
			s.Del(name)
			if there {
				s.Put(f, v)
			}
		}
		if s != nil {
			p.st.SetBefore(state.EntryOf(rtnl.Link, s), true)
		}
	}
}

// wrote reports whether a message of the plan may have changed a row of a link.
func (p *Plan) wrote(link *state.Entry, f *wire.Field) bool {
	top := p
	if p.top != nil {
		top = p.top
	}
	for i := range top.Steps[:top.handed] {
		s := &top.Steps[i]
		switch {
		case s.part != nil && s.part != p || s.Msg == nil:
			continue
		case s.Object == rtnl.Qdisc && f.Name == "txqueuelen", s.Object == nil: // see lengthensQueue; a message()
			return true
		case s.Object != rtnl.Link:
			continue
		}
		set := wire.NewSet(rtnl.Link.Table)
		if rtnl.Link.Decode(s.Msg, nil, set) != nil {
			return true
		}
		name, named := set.Get("name")
		if index := uint32(set.Uint("index")); index != 0 && index != link.Index() || index == 0 && named && name.S != link.Name() {
			continue
		}
		if _, ok := set.At(f); ok {
			return true
		}
	}
	return false
}
