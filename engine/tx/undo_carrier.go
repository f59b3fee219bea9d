package tx

import (
	"context"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Next hops are refused on a device without carrier (nh_check_dev). One that has just
// come up may get it later: a network card negotiates, a bond looks at its ports from
// time to time (miimon, updelay).

// carriers are the devices of next hops still to be made that have not yet the carrier
// that they had.
func (u *undoer) carriers() (l []string) {
	for _, x := range u.left {
		if x.object != rtnl.Nexthop || x.was == nil || x.is != nil {
			continue
		}
		dev := uint32(x.was.Set().Uint("dev"))
		had := slices.ContainsFunc(u.plan.st.Before(rtnl.Link), func(e *state.Entry) bool { return e.Index() == dev && e.Set().Uint("lower_up") != 0 })
		if is := u.now.LinkByIndex(dev); had && is != nil && is.Set().Uint("up") != 0 && is.Set().Uint("lower_up") == 0 {
			l = append(l, is.Name())
		}
	}
	return l
}

// waitCarrier returns when all of the devices have carrier, or after a while.
func waitCarrier(ctx context.Context, k Kernel, devs []string) error {
	return k.poll(ctx, func(st *state.State) bool {
		return !slices.ContainsFunc(devs, func(dev string) bool { return carrier(st, dev) != nil })
	})
}
