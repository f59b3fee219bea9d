package state

import (
	"net/netip"

	"github.com/nlscript/nlscript/wire/rtnl"
)

// ByKernel reports what the kernel makes by itself: what is Foreign, and the
// address that the loopback gets when it comes up. That looks like any other,
// and comes back only if an undo makes it.
func (e *Entry) ByKernel() bool {
	if e.Object != rtnl.Addr {
		return e.Foreign()
	}
	local, _ := e.Set().Get("local")
	return e.Foreign() || e.Set().Uint("dev") == loopback && local.Prefix() == loopbackNet
}

// Mark tells what is in the state now from what a plan puts in later: see Older.
func (st *State) Mark() int { return st.next }

// Older reports whether an object was there at a mark: what was read always was.
func (e *Entry) Older(mark int) bool { return e.Reported() || e.order < mark }

const loopback = 1 // LOOPBACK_IFINDEX

var loopbackNet = netip.MustParsePrefix("127.0.0.1/8")
