package tx

import (
	"net/netip"

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
