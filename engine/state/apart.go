package state

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Apart lets the state do without links until somebody asks for one: a route is
// none the better for a list of ten thousand devices. It is for plans that change
// nothing that goes with a link.
func (st *State) Apart() {
	if !st.loaded[Scope{Object: rtnl.Link}.String()] {
		st.apart = true
	}
}

// asked reads the links after all. When that fails there are none: what needs one
// does not find it.
func (st *State) asked(o *wire.Object) {
	if o != rtnl.Link || !st.apart {
		return
	}
	st.apart = false
	clear(st.entries[rtnl.Link])
	clear(st.names)
	clear(st.index)
	st.Load(context.Background())
}

// byName reads one link.
func (st *State) byName(name string) *Entry {
	src, ok := st.src.(Getter)
	if !ok || name == "" || len(name) >= unix.IFNAMSIZ {
		return nil
	}
	s := wire.NewSet(rtnl.Link.Table)
	s.PutName("name", wire.StrVal(name))
	s.PutName("ext_mask", wire.IntVal(extMask))
	var b wire.Builder
	if rtnl.Link.Append(&b, rtnl.Link.Get, unix.NLM_F_REQUEST, s) != nil {
		return nil
	}
	req, _, err := b.Last()
	if err != nil {
		return nil
	}
	msg, err := src.Get(req)
	if err != nil {
		return nil
	}
	st.reported(rtnl.Link, msg, decode(rtnl.Link, msg))
	return st.names[name]
}
