package tx

import (
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// onlyFirst leaves out routes behind the one that was looked up before: nobody
// has seen them, and replacing the first does not touch them. Removing it brings
// them to light.
func (u *undoer) onlyFirst(o *wire.Object, diffs map[string]pair) {
	if o != rtnl.Route {
		return
	}
	for k, d := range diffs {
		if len(d.was) != 1 || len(d.is) == 0 || !u.plan.st.Probed(d.was[0]) {
			continue
		}
		if u.behind(d) {
			d.was = append(slices.Clone(d.was), d.is...)
			diffs[k] = d
			continue
		}
		first := d.is[0]
		for _, e := range d.is {
			if len(state.Diff(o, d.was[0].Set(), e.Set(), state.Exact)) == 0 {
				first = e
			}
		}
		d.is = []*state.Entry{first}
		diffs[k] = d
	}
}
