package state

import "github.com/nlscript/nlscript/wire/rtnl"

// A Tree is the queueing disciplines and classes of devices, by what they are in.
type Tree struct {
	at    map[place]*Entry
	depth map[*Entry]int
}

// A place is the number of a qdisc or class on a device.
type place struct{ dev, handle uint64 }

// TreeOf is the tree of these queueing disciplines and classes. A class whose number
// is that of its qdisc is that, once more (hfsc).
func TreeOf(l []*Entry) *Tree {
	t := &Tree{at: map[place]*Entry{}, depth: map[*Entry]int{}}
	for _, e := range l {
		if e.Object == rtnl.Class && Handle(e)&minor == 0 {
			continue
		}
		t.at[place{e.Set().Uint("dev"), Handle(e)}] = e
	}
	return t
}

// Handle is the number of a qdisc or a class.
func Handle(e *Entry) uint64 {
	if e.Object == rtnl.Class {
		return e.Set().Uint("classid")
	}
	return e.Set().Uint("handle")
}

// Above is what a qdisc or a class is in; nil the device, or what the tree does not
// have. A class right under its qdisc says so by parent root.
func (t *Tree) Above(e *Entry) *Entry {
	p := place{e.Set().Uint("dev"), e.Set().Uint("parent")}
	switch {
	case p.handle < tcIngress:
	case e.Object == rtnl.Qdisc:
		return nil
	default:
		p.handle = Handle(e) &^ minor
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

// Depth is how many of the tree e is in.
func (t *Tree) Depth(e *Entry) int {
	if d, ok := t.depth[e]; ok {
		return d
	}
	t.depth[e] = 0 // ends a loop, which no kernel has
	if up := t.Above(e); up != nil {
		t.depth[e] = t.Depth(up) + 1
	}
	return t.depth[e]
}

// In reports whether e is in up, or in what is in it.
func (t *Tree) In(e, up *Entry) bool {
	at := t.Above(e)
	for range len(t.at) { // no kernel has a loop
		if at == nil || at == up {
			break
		}
		at = t.Above(at)
	}
	return at != nil && at == up
}

const (
	minor     = 0xffff     // TC_H_MIN_MASK
	tcIngress = 0xfffffff1 // TC_H_INGRESS; TC_H_ROOT is above
)
