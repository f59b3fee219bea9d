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
	t := tree{at: map[place]*state.Entry{}, named: map[*state.Entry]bool{}, depth: map[*state.Entry]int{}}
	qdiscs, err := x.objectsOf(rtnl.Qdisc, x.byDevice)
	if err != nil {
		return err
	}
	classes, err := x.classes(qdiscs)
	if err != nil {
		return err
	}
	t.all = append(slices.Clone(qdiscs), classes...)
	for _, e := range t.all {
		t.at[placeOf(e)] = e
	}
	for _, e := range t.all {
		t.named[t.above(e)] = true
		t.depthOf(e)
	}
	slices.SortStableFunc(t.all, func(a, b *state.Entry) int {
		return cmp.Or(x.byDevice(a, b), cmp.Compare(t.depth[a], t.depth[b]),
			cmp.Compare(a.Set().Uint("parent"), b.Set().Uint("parent")), cmp.Compare(handleOf(a), handleOf(b)))
	})
	for _, e := range t.all {
		set := tx.Writable(e.Set())
		if e.Object == rtnl.Qdisc && handleOf(e) >= firstAutoHandle && !t.named[e] {
			set.Del("handle") // the kernel chose it, and nobody names it
		}
		x.lines = append(x.lines, line{object: e.Object, set: set})
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

// A tree is the qdiscs and classes of devices, by their numbers.
type tree struct {
	all   []*state.Entry
	at    map[place]*state.Entry
	named map[*state.Entry]bool // something is in it
	depth map[*state.Entry]int
}

// A place is the number of a qdisc or class on a device.
type place struct{ dev, handle uint64 }

func placeOf(e *state.Entry) place { return place{e.Set().Uint("dev"), handleOf(e)} }

// handleOf is the number of a qdisc or a class.
func handleOf(e *state.Entry) uint64 {
	if e.Object == rtnl.Class {
		return e.Set().Uint("classid")
	}
	return e.Set().Uint("handle")
}

// above is what a qdisc or a class is in; nil the device. A class right under
// its qdisc says so by parent root.
func (t *tree) above(e *state.Entry) *state.Entry {
	p := place{e.Set().Uint("dev"), e.Set().Uint("parent")}
	switch {
	case p.handle < tcIngress:
	case e.Object == rtnl.Qdisc:
		return nil
	default:
		p.handle = handleOf(e) &^ minor
	}
	if up := t.at[p]; up != nil {
		return up
	}
	p.handle &^= minor // a class that its qdisc made (mq, tbf)
	if up := t.at[p]; up != e {
		return up
	}
	return nil
}

func (t *tree) depthOf(e *state.Entry) int {
	if d, ok := t.depth[e]; ok {
		return d
	}
	t.depth[e] = 0 // ends a loop, which no kernel has
	if up := t.above(e); up != nil {
		t.depth[e] = t.depthOf(up) + 1
	}
	return t.depth[e]
}

const (
	firstAutoHandle = 0x8000 << 16 // qdisc_alloc_handle
	minor           = 0xffff       // TC_H_MIN_MASK
	tcIngress       = 0xfffffff1   // TC_H_INGRESS; TC_H_ROOT is above
)
