package tx

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// NSID returns the number by which the namespace of a socket calls the one of a
// descriptor; false when it has none.
func NSID(c *nlconn.Conn, fd int) (uint64, bool) {
	ask := wire.NewSet(rtnl.NSID.Table)
	ask.PutName("fd", wire.IntVal(uint64(fd)))
	var b wire.Builder
	if rtnl.NSID.Append(&b, rtnl.NSID.Get, unix.NLM_F_REQUEST, ask) != nil {
		return 0, false
	}
	req, _, err := b.Last()
	if err != nil {
		return 0, false
	}
	msg, err := c.Get(req)
	if err != nil {
		return 0, false
	}
	got := wire.NewSet(rtnl.NSID.Table)
	if rtnl.NSID.Table.DecodeState(msg[wire.HeaderLen:], got) != nil {
		return 0, false
	}
	id := got.Uint("nsid")
	return id, int32(id) >= 0
}

// reaches reports whether the other end of a veth can be in a namespace: the nsid
// that the kernel reports of it is the number of that one.
func reaches(e *state.Entry, from, to *Space) bool {
	id := e.Set().Uint("link_netnsid")
	switch {
	case int32(id) < 0:
		return id == plannedNSID(to)
	case from.Kernel.Conn == nil || to.Kernel.Conn == nil:
		return true // of facts, which do not say
	}
	got, ok := NSID(from.Kernel.Conn, to.FD())
	return ok && got == id
}
