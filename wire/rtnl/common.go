package rtnl

import (
	"errors"
	"slices"
	"sync"

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
	rankVLAN  = 15
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

func drop(s *wire.Set, names ...string) {
	for _, n := range names {
		s.Del(n)
	}
}

func delZero(s *wire.Set, names ...string) {
	for _, n := range names {
		if s.Uint(n) == 0 {
			s.Del(n)
		}
	}
}

// A lazyRow is a row of a table, found when it is first asked for: programs start
// without what they may not need.
type lazyRow struct {
	table *wire.Table
	name  string
	once  sync.Once
	row   *wire.Field
}

func (r *lazyRow) f() *wire.Field {
	r.once.Do(func() { r.row = r.table.Row(r.name) })
	return r.row
}

// A rowSet is rows of one table: drop and delZero for objects of which there are
// millions.
type rowSet struct {
	table *wire.Table
	names []string
	also  func(*wire.Field) bool // further ones; nil none
	once  sync.Once
	has   []bool // by their ids
}

func (r *rowSet) ids() []bool {
	r.once.Do(func() {
		r.has = make([]bool, len(r.table.Rows()))
		for _, n := range r.names {
			r.has[r.table.Row(n).ID()] = true
		}
		for i, f := range r.table.Rows() {
			r.has[i] = r.has[i] || r.also != nil && r.also(f)
		}
	})
	return r.has
}

func (r *rowSet) drop(s *wire.Set) {
	has := r.ids()
	for i := len(s.Ents) - 1; i >= 0; i-- {
		if has[s.Ents[i].F.ID()] {
			s.Ents = slices.Delete(s.Ents, i, i+1)
		}
	}
}

func (r *rowSet) dropZero(s *wire.Set) {
	has := r.ids()
	for i := len(s.Ents) - 1; i >= 0; i-- {
		if e := &s.Ents[i]; has[e.F.ID()] && e.V.N == 0 {
			s.Ents = slices.Delete(s.Ents, i, i+1)
		}
	}
}
