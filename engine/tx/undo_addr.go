package tx

import (
	"net/netip"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Of the IPv4 addresses of a network on a device the first is primary, and the others
// go with it. One that another program has added since stays, and where it stands the
// undo does not change.

// A subnet is what IPv4 addresses are primary and secondary in.
type subnet struct {
	dev uint64
	net netip.Prefix
}

func subnetOf(e *state.Entry) subnet { return subnet{e.Set().Uint("dev"), network(e)} }

// strangers are the IPv4 addresses that other programs have added.
func (u *undoer) strangers() map[subnet][]*state.Entry {
	l := map[subnet][]*state.Entry{}
	for _, e := range u.now.All(rtnl.Addr) {
		if isIPv4(e) && (u.plan.heardOf(e) || len(u.plan.st.Held(e.Object, e.Key)) == 0 && u.plan.whose(e) == byOthers) {
			l[subnetOf(e)] = append(l[subnetOf(e)], e)
		}
	}
	return l
}

// keeps takes the strangers that go with an address into the state before: the next
// round makes them again.
func (u *undoer) keeps(e *state.Entry, strangers map[subnet][]*state.Entry) {
	if e.Object != rtnl.Addr || !isIPv4(e) {
		return
	}
	for _, x := range strangers[subnetOf(e)] {
		u.plan.touch.key(rtnl.Addr, x.Key)
		if len(u.plan.st.Held(rtnl.Addr, x.Key)) == 0 {
			u.plan.st.SetBefore(x, true)
		}
	}
}

// unbidden reports whether the kernel made a link-local address in another way than its
// device was to. One that gets IPv6 again begins with the mode of devices to come, and
// with an address, before its own mode can be written (addrconf_notify); another mode
// that the commit wrote may have made one beside what there was.
func (u *undoer) unbidden(e *state.Entry) bool {
	if e.Object != rtnl.Addr || e.Set().Uint("proto") != rtnl.ProtoKernelLL || len(u.plan.st.Held(e.Object, e.Key)) > 0 {
		return false
	}
	l := u.now.LinkByIndex(uint32(e.Set().Uint("dev")))
	if l == nil {
		return false
	}
	was := u.plan.before(l)
	if was == nil || !was.Has("addrgenmode") {
		return false
	}
	mode := was.Uint("addrgenmode")
	return mode == addrGenNone || (mode != addrGenEUI64) != (e.Set().Uint("stable_privacy") != 0)
}

// ousted reports whether there is such an address in the place of one that was there:
// none comes by itself then.
func (u *undoer) ousted(e *state.Entry) bool {
	return e.Object == rtnl.Addr && e.Set().Uint("proto") == rtnl.ProtoKernelLL && len(u.now.Find(e.Object, e.Key)) == 0 &&
		slices.ContainsFunc(u.now.All(rtnl.Addr), func(x *state.Entry) bool {
			return x.Set().Uint("dev") == e.Set().Uint("dev") && u.unbidden(x)
		})
}

const (
	addrGenEUI64 = 0 // IN6_ADDR_GEN_MODE_*
	addrGenNone  = 1
)
