package state

import (
	"context"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Getter is a Source that can also look up one object, as the kernel does for
// RTM_GETROUTE. A refusal is an error that wraps the errno.
type Getter interface {
	Get(req []byte) (msg []byte, err error)
}

// RouteScope is the scope of one route, described by a canonical set; false when
// a look-up cannot tell of it.
func RouteScope(s *wire.Set) (Scope, bool) {
	sc := Scope{Object: rtnl.Route, Family: uint8(s.Uint("family")), Table: uint32(s.Uint("table"))}
	dst, _ := s.Get("dst")
	if sc.Family != unix.AF_INET && sc.Family != unix.AF_INET6 || sc.Table != unix.RT_TABLE_MAIN ||
		dst.Type == wire.Net && (dst.A.IsMulticast() || dst.A.IsLoopback()) || s.Has("from_") {
		return sc, false
	}
	key := wire.NewSet(s.Table)
	for _, name := range rtnl.Route.Key {
		if v, ok := s.At(s.Table.Row(name)); ok {
			key.PutName(name, v)
		}
	}
	var b wire.Builder
	if rtnl.Route.Append(&b, unix.RTM_NEWROUTE, 0, key) != nil {
		return sc, false
	}
	msg, _, err := b.Last()
	sc.Route = string(msg)
	return sc, err == nil
}

// Key is the key of the one route.
func (sc Scope) Key() string { return KeyOf(sc.Object, decode(sc.Object, []byte(sc.Route))) }

// lookUp is probe, unless what it found is not enough for who asks.
func (st *State) lookUp(ctx context.Context, sc Scope) (known bool, err error) {
	known, err = st.probe(ctx, sc)
	if err != nil || !known || st.tells == nil {
		return known, err
	}
	key := sc.Key()
	if st.tells(sc, st.Find(sc.Object, key)) {
		return true, nil
	}
	delete(st.entries[sc.Object], key) // it comes again with its table
	delete(st.akin, sc.Object)
	return false, nil
}

// probe finds out about one route without reading its table: the kernel looks up
// an address that only this route, or a longer or shorter one, covers (KERNEL.md
// E). known is false when that does not tell: the table has to be read.
func (st *State) probe(ctx context.Context, sc Scope) (known bool, err error) {
	src, ok := st.src.(Getter)
	if !ok {
		return false, nil
	}
	want := decode(sc.Object, []byte(sc.Route))
	key := KeyOf(sc.Object, want)
	dst, _ := want.Get("dst")
	for _, a := range samples(dst, sc.Family) {
		msg, err := src.Get(lookup(sc.Family, a, want.Uint("tos")))
		switch {
		case errors.Is(err, unix.ENETUNREACH):
			return st.reached(ctx, sc.Family) // nothing covers it; IPv6 has other numbers for reject routes (fib6_prop)
		case err != nil:
			return false, nil // a reject route, or what cannot be looked up
		}
		have := decode(sc.Object, msg)
		if have.Uint("table") != uint64(sc.Table) {
			return false, nil
		}
		got, _ := have.Get("dst")
		switch {
		case KeyOf(sc.Object, have) == key:
			st.reported(sc.Object, msg, have)
			return true, nil
		case bits(got) < bits(dst):
			return st.reached(ctx, sc.Family) // a shorter one answers: ours is not there
		case bits(got) == bits(dst):
			return false, nil // another metric hides it
		}
	}
	return false, nil
}

// Exists reports whether the kernel holds a route with the key of sc, also one
// that look-ups pass over: dead, or behind another. The message that asks neither
// makes nor replaces anything and is refused in any case (fib_table_insert,
// fib6_add_rt2node). That there is none IPv6 writes into the kernel's log: ask
// where there was one.
func (st *State) Exists(sc Scope) (bool, error) {
	src, ok := st.src.(Getter)
	if !ok {
		return true, nil
	}
	s := decode(sc.Object, []byte(sc.Route))
	s.PutName("type", wire.IntVal(unix.RTN_BLACKHOLE)) // needs no next hop
	var b wire.Builder
	if err := sc.Object.Append(&b, unix.RTM_NEWROUTE, unix.NLM_F_REQUEST|unix.NLM_F_REPLACE|unix.NLM_F_EXCL, s); err != nil {
		return true, err
	}
	req, _, err := b.Last()
	if err != nil {
		return true, err
	}
	if _, err = src.Get(req); errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if errors.Is(err, unix.EEXIST) {
		err = nil
	}
	return true, err
}

// RouteTo returns the route that the kernel takes to an address, as its table holds
// it; nil when there is none, or nobody to ask.
func (st *State) RouteTo(a netip.Addr) *wire.Set {
	src, ok := st.src.(Getter)
	if !ok {
		return nil
	}
	family := uint8(unix.AF_INET)
	if a.Is6() {
		family = unix.AF_INET6
	}
	msg, err := src.Get(lookup(family, a, 0))
	if err != nil {
		return nil // unreachable, one way or another
	}
	return decode(rtnl.Route, msg)
}

// reached reports whether look-ups of a family come to table main: a rule
// without selectors leads there. If not, what they do not find may be there.
func (st *State) reached(ctx context.Context, family uint8) (bool, error) {
	if err := st.Load(ctx, Scope{Object: rtnl.Rule}); err != nil {
		return false, err
	}
	for _, e := range st.All(rtnl.Rule) {
		s := e.Set()
		if s.Uint("family") != uint64(family) {
			continue
		}
		if s.Uint("table") == unix.RT_TABLE_MAIN && len(selectors(s)) == 0 {
			return true, nil
		}
		if s.Uint("table") != unix.RT_TABLE_LOCAL && len(selectors(s)) == 0 {
			return false, nil // something else answers first
		}
	}
	return false, nil
}

// selectors are the rows by which a rule is picky.
func selectors(s *wire.Set) []string {
	var l []string
	for _, e := range s.Ents {
		switch e.F.Name {
		case "family", "table", "type", "priority", "protocol", "suppress_prefixlength", "suppress_ifgroup":
		default:
			l = append(l, e.F.Name)
		}
	}
	return l
}

func bits(v wire.Value) int {
	if v.Type == wire.Net {
		return int(v.N)
	}
	return 0
}

// samples are addresses that a prefix covers: its first, its last and one between.
func samples(dst wire.Value, family uint8) []netip.Addr {
	p := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if family == unix.AF_INET6 {
		p = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	if dst.Type == wire.Net {
		p = dst.Prefix()
	}
	b := p.Addr().AsSlice()
	last, middle := append([]byte(nil), b...), append([]byte(nil), b...)
	for i := p.Bits(); i < len(b)*8; i++ {
		last[i/8] |= 0x80 >> (i % 8)
		if i > p.Bits() {
			middle[i/8] |= 0x80 >> (i % 8)
		}
	}
	var l []netip.Addr
	for _, x := range [][]byte{b, middle, last} {
		a, _ := netip.AddrFromSlice(x)
		l = append(l, a)
	}
	return l
}

// lookup is the request for the route to an address, as the table holds it.
func lookup(family uint8, a netip.Addr, tos uint64) []byte {
	var b wire.Builder
	m := b.Begin(unix.RTM_GETROUTE, unix.NLM_F_REQUEST)
	h := b.Fixed(unix.SizeofRtMsg)
	h[0], h[1], h[3] = family, byte(a.BitLen()), byte(tos)
	flags := uint32(unix.RTM_F_FIB_MATCH)
	if family == unix.AF_INET {
		flags |= unix.RTM_F_LOOKUP_TABLE
	}
	wire.NativeUint32(h[8:], flags)
	b.Addr(unix.RTA_DST, a)
	b.End(m)
	msg, _, _ := b.Last()
	return msg
}
