package state

import (
	"testing"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

const hRoot = 0xffffffff // TC_H_ROOT

// queue is a queueing discipline or a class of device 2.
func queue(o *wire.Object, number string, handle, parent uint64) *Entry {
	s := wire.NewSet(o.Table)
	s.PutName("dev", wire.IntVal(2))
	s.PutName(number, wire.IntVal(handle))
	s.PutName("parent", wire.IntVal(parent))
	return New(nil).Add(o, s)
}

// hfsc lists a class that has the number of the qdisc (hfsc_init_qdisc).
func TestTreeOfHFSC(t *testing.T) {
	qdisc := queue(rtnl.Qdisc, "handle", 0x10000, hRoot)
	root := queue(rtnl.Class, "classid", 0x10000, hRoot)
	first := queue(rtnl.Class, "classid", 0x10001, 0x10000)
	second := queue(rtnl.Class, "classid", 0x10002, 0x10000)
	inner := queue(rtnl.Class, "classid", 0x10003, 0x10002)
	leaf := queue(rtnl.Qdisc, "handle", 0x20000, 0x10003)
	all := []*Entry{root, leaf, inner, first, qdisc, second}
	for range 2 {
		tree := TreeOf(all)
		for _, c := range []struct {
			e, up *Entry
			in    bool
		}{
			{first, second, false}, {second, first, false}, {inner, second, true}, {leaf, second, true}, {leaf, first, false},
			{leaf, qdisc, true}, {root, qdisc, true}, {qdisc, first, false}, {qdisc, qdisc, false}, {root, first, false},
		} {
			if got := tree.In(c.e, c.up); got != c.in {
				t.Errorf("%x in %x: %v", Handle(c.e), Handle(c.up), got)
			}
		}
		for e, want := range map[*Entry]int{qdisc: 0, root: 1, first: 1, inner: 2, leaf: 3} {
			if got := tree.Depth(e); got != want {
				t.Errorf("%x is %d deep, want %d", Handle(e), got, want)
			}
		}
		all = []*Entry{second, qdisc, first, inner, leaf, root} // whatever comes last
	}
	// What no kernel has ends all the same.
	a, b := queue(rtnl.Class, "classid", 0x10001, 0x10002), queue(rtnl.Class, "classid", 0x10002, 0x10001)
	if tree := TreeOf([]*Entry{a, b}); tree.In(a, qdisc) || !tree.In(a, b) {
		t.Error("a loop")
	}
}
