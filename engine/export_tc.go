package engine

import (
	"cmp"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// traffic writes qdiscs and classes, each after what it is in.
func (x *exporter) traffic() error {
	qdiscs, err := x.objectsOf(rtnl.Qdisc, x.byDevice)
	if err != nil {
		return err
	}
	classes, err := x.classes(qdiscs)
	if err != nil {
		return err
	}
	all := append(slices.Clone(qdiscs), classes...)
	t, named := state.TreeOf(all), map[*state.Entry]bool{} // named: something is in it
	for _, e := range all {
		named[t.Above(e)] = true
	}
	slices.SortStableFunc(all, func(a, b *state.Entry) int {
		return cmp.Or(x.byDevice(a, b), cmp.Compare(t.Depth(a), t.Depth(b)),
			cmp.Compare(a.Set().Uint("parent"), b.Set().Uint("parent")), cmp.Compare(state.Handle(a), state.Handle(b)))
	})
	for _, e := range all {
		set := tx.Writable(e.Set())
		if e.Object == rtnl.Qdisc && state.Handle(e) >= firstAutoHandle && !named[e] {
			set.Del("handle") // the kernel chose it, and nobody names it
		}
		l := line{object: e.Object, set: set}
		if e.Object == rtnl.Qdisc && e.Foreign() {
			l.note, l.out = "there is no other; one that is made is not the kernel's", true
		}
		if x.live {
			for _, u := range e.Object.Unlisted(e.Set()) {
				n, err := x.st.Counts(x.ctx, u)
				if err != nil {
					return err
				}
				if n > 0 {
					l.note = "its filters are not written, because nothing here makes them"
				}
			}
		}
		x.lines = append(x.lines, l)
	}
	return nil
}

// classes are those of the devices that have a qdisc which somebody made.
func (x *exporter) classes(qdiscs []*state.Entry) ([]*state.Entry, error) {
	if !x.objects[rtnl.Class] {
		return nil, nil
	}
	on := map[uint32]bool{}
	for _, q := range qdiscs {
		on[uint32(q.Set().Uint("dev"))] = true
	}
	for _, l := range x.st.All(rtnl.Link) {
		if x.objects[rtnl.Qdisc] && !on[l.Index()] {
			continue
		}
		if err := x.st.Load(x.ctx, state.Scope{Object: rtnl.Class, Dev: l.Index()}); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(x.st.All(rtnl.Class), (*state.Entry).Foreign), nil
}

const firstAutoHandle = 0x8000 << 16 // qdisc_alloc_handle
