package engine

import (
	"cmp"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// vlans writes those of bridges and their ports, ranges as one. The one that each
// begins with is left out, and said to be absent where it is not there any more.
func (x *exporter) vlans() error {
	l, err := x.objectsOf(rtnl.VLAN, x.byVLAN)
	if err != nil || !x.objects[rtnl.VLAN] {
		return err
	}
	for _, e := range x.st.All(rtnl.Link) {
		first := x.firstVLAN(e)
		if first != nil && len(x.st.Find(rtnl.VLAN, state.KeyOf(rtnl.VLAN, first))) == 0 {
			l = append(l, state.EntryOf(rtnl.VLAN, first))
		}
	}
	slices.SortStableFunc(l, x.byVLAN)
	var last *line
	for _, e := range l {
		there := x.st.Find(e.Object, e.Key) != nil
		if e.Unasked() && !x.all {
			continue
		}
		if last != nil && there && !last.absent {
			if both := e.Object.Join(last.set, tx.Writable(e.Set())); both != nil {
				last.set = both
				continue
			}
		}
		x.add(e)
		last = &x.lines[len(x.lines)-1]
		if last.absent = !there; last.absent {
			for _, row := range []string{"pvid", "untagged"} {
				last.set.Del(row)
			}
		}
	}
	return nil
}

// tunnels writes what VLANs are mapped to.
func (x *exporter) tunnels() error { return x.ranges(rtnl.TunnelInfo) }

// options writes those of VLANs that are not as they begin. What a bridge has once
// comes first: the state of a VLAN follows from its msti.
func (x *exporter) options() error {
	if err := x.ranges(rtnl.VLANGlobal); err != nil {
		return err
	}
	begin := len(x.lines)
	err := x.ranges(rtnl.VLANOptions)
	for i := range x.lines[begin:] {
		if l := &x.lines[begin+i]; l.set.Has("state") && state.KernelSTP(state.BridgeOf(uint32(l.set.Uint("dev")), x.st.LinkByIndex)) {
			l.note, l.out = "its state cannot be set while the spanning tree is the kernel's", true
		}
	}
	return err
}

// ranges writes objects of VLANs, ranges as one.
func (x *exporter) ranges(o *wire.Object) error {
	l, err := x.objectsOf(o, x.byVLAN)
	begin := len(x.lines)
	for _, e := range l {
		if n := len(x.lines) - 1; n >= begin {
			if both := e.Object.Join(x.lines[n].set, tx.Writable(e.Set())); both != nil {
				x.lines[n].set = both
				continue
			}
		}
		x.add(e)
	}
	return err
}

// firstVLAN is the VLAN that a bridge, or a port of one, begins with; nil: none.
func (x *exporter) firstVLAN(e *state.Entry) *wire.Set {
	br := e
	if kindName(e) != "bridge" {
		br = x.st.LinkByIndex(uint32(e.Set().Uint("master")))
	}
	if br == nil {
		return nil
	}
	if vid := state.DefaultPVID(br); vid != 0 {
		return rtnl.FirstVLAN(e.Index(), br == e, vid)
	}
	return nil
}

func (x *exporter) byVLAN(a, b *state.Entry) int {
	v, _ := a.Set().Get("vid")
	w, _ := b.Set().Get("vid")
	return cmp.Or(x.byDevice(a, b), cmp.Compare(v.L[0].N, w.L[0].N))
}
