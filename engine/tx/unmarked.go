package tx

import (
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
)

// unmarked reports whether an IPv6 address may be the kernel's own though it is not
// marked so: Linux marks none before 5.18 (IFA_PROTO), and later none that a tunnel has
// from the IPv4 addresses there are (add_v4_addrs).
func (p *Plan) unmarked(e *state.Entry) bool {
	local, _ := e.Set().Get("local")
	if !local.A.Is6() {
		return false
	}
	if l := p.st.LinkByIndex(uint32(e.Set().Uint("dev"))); l != nil {
		switch l.Set().Uint("link_type") {
		case unix.ARPHRD_SIT, unix.ARPHRD_IPGRE, unix.ARPHRD_IP6GRE:
			return local.A.IsLinkLocalUnicast() || v4Compatible.Contains(local.A)
		}
	}
	return !marking() && (local.A.IsLinkLocalUnicast() || local.A.IsLoopback())
}

// v4Compatible are the addresses ::192.0.2.1.
var v4Compatible = netip.PrefixFrom(netip.IPv6Unspecified(), 96)

// marking reports whether the running kernel marks its own addresses.
var marking = sync.OnceValue(func() bool {
	var u unix.Utsname
	return unix.Uname(&u) != nil || !before(unix.ByteSliceToString(u.Release[:]), 5, 18)
})

// before reports whether a release of Linux is older than another; one that cannot be
// read is not.
func before(release string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(release, "%d.%d", &a, &b); n < 2 {
		return false
	}
	return a < major || a == major && b < minor
}
