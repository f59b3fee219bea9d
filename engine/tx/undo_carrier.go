package tx

import (
	"context"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Next hops are refused on a device without carrier (nh_check_dev). One that has just
// come up may get it later: a network card negotiates, a bond looks at its ports from
// time to time (miimon, updelay). Those that are still there go from such a device as
// soon as the kernel looks (linkwatch_event).

// carriers are the devices of next hops that have not yet the carrier that they had.
func (u *undoer) carriers() (l []string) {
	for _, x := range u.plan.st.Before(rtnl.Nexthop) {
		dev := uint32(x.Set().Uint("dev"))
		if dev == 0 || !u.plan.touch.has(x) {
			continue
		}
		had := slices.ContainsFunc(u.plan.st.Before(rtnl.Link), func(e *state.Entry) bool { return e.Index() == dev && e.Set().Uint("lower_up") != 0 })
		if is := u.now.LinkByIndex(dev); had && is != nil && is.Set().Uint("up") != 0 && is.Set().Uint("lower_up") == 0 && !slices.Contains(l, is.Name()) {
			l = append(l, is.Name())
		}
	}
	return l
}

// unsettled tells of what the first sweep over several namespaces did not wait for: there
// is to be another.
func (u *undoer) unsettled() (l []Residue) {
	for _, dev := range u.carriers() {
		l = append(l, Residue{Object: rtnl.Link, Title: rtnl.Link.Name + " " + dev, Text: "had carrier; has none yet"})
	}
	return l
}

// waitCarrier returns when all of the devices have carrier, or after a while.
func waitCarrier(ctx context.Context, k Kernel, devs []string) error {
	return k.poll(ctx, func(st *state.State) bool {
		return !slices.ContainsFunc(devs, func(dev string) bool { return carrier(st, dev) != nil })
	})
}
