package rtnl

import (
	"errors"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Flags of the verbs that most objects have.
const (
	flagsAdd     = unix.NLM_F_CREATE | unix.NLM_F_EXCL
	flagsReplace = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
)

// userHZ is what the kernel counts clock_t in towards programs.
const userHZ = 100

// Ranks of what these files describe; links have 10, next hops, routes and
// rules 40 to 60.
const (
	rankAddr  = 20
	rankNeigh = 30
	rankQdisc = 70
	rankClass = 71
)

var errMissing = errors.New("is missing")

// fullLength returns the prefix in a row, and gives an address that was written
// without a length the one of a host.
func fullLength(s *wire.Set, name string) (wire.Value, bool) {
	v, ok := s.Get(name)
	if ok && v.Type == wire.Addr {
		v = wire.Value{Type: wire.Net, A: v.A, N: uint64(v.A.BitLen())}
		s.PutName(name, v)
	}
	return v, ok && v.Type == wire.Net
}
