package tree

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

const fixed = 12 // of rtmsg

// An attr is written by its payload or by what is in it.
type attr struct {
	typ  uint16
	data string
	in   []attr
	flag uint16
}

func build(t *testing.T, typ, flags uint16, header string, attrs ...attr) []byte {
	t.Helper()
	var b wire.Builder
	m := b.Begin(typ, flags)
	copy(b.Fixed(len(header)), header)
	put(&b, attrs)
	b.End(m)
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(msg)
}

func put(b *wire.Builder, attrs []attr) {
	for _, a := range attrs {
		if a.in != nil {
			m := b.Nest(a.typ | a.flag)
			put(b, a.in)
			b.End(m)
			continue
		}
		copy(b.Attr(a.typ|a.flag, len(a.data)), a.data)
	}
}

func TestDiff(t *testing.T) {
	header := "\x02" + strings.Repeat("\x00", fixed-1)
	want := []attr{
		{typ: 1, data: "\x0a\x00\x00\x00"},
		{typ: 8, in: []attr{{typ: 2, data: "abc\x00"}, {typ: 7, data: "x"}}},
		{typ: 5, data: "first"}, {typ: 5, data: "second"},
	}
	const typ, flags = unix.RTM_NEWROUTE, unix.NLM_F_REQUEST | unix.NLM_F_CREATE
	base := build(t, typ, flags, header, want...)
	for _, c := range []struct {
		what string
		got  []byte
		diff string // "" equal
	}{
		{"itself", base, ""},
		{"an acknowledgement asked for", build(t, typ, flags|unix.NLM_F_ACK, header, want...), ""},
		{"another order of types", build(t, typ, flags, header, want[1], want[2], want[3], want[0]), ""},
		{"a nest that says so, its own order, a string without NUL", build(t, typ, flags, header, want[0],
			attr{typ: 8, flag: wire.Nested, in: []attr{{typ: 7, data: "x"}, {typ: 2, data: "abc"}}}, want[2], want[3]), ""},
		{"another type", build(t, unix.RTM_DELROUTE, flags, header, want...), "type 25, want 24"},
		{"other flags", build(t, typ, flags|unix.NLM_F_EXCL, header, want...), "flags"},
		{"another header", build(t, typ, flags, "\x0a"+header[1:], want...), "header"},
		{"another value", build(t, typ, flags, header, attr{typ: 1, data: "\x0b\x00\x00\x00"}, want[1], want[2], want[3]), "24.1: 4 bytes 0b000000"},
		{"another value in a nest", build(t, typ, flags, header, want[0], attr{typ: 8, in: []attr{{typ: 2, data: "abd\x00"}, {typ: 7, data: "x"}}}, want[2], want[3]), "24.8.2: 4 bytes"},
		{"another order within a type", build(t, typ, flags, header, want[0], want[1], want[3], want[2]), "24.5: 6 bytes"},
		{"one less", build(t, typ, flags, header, want[:3]...), "24.5: missing"},
		{"one less in a nest", build(t, typ, flags, header, want[0], attr{typ: 8, in: []attr{{typ: 2, data: "abc\x00"}}}, want[2], want[3]), "24.8.7: missing"},
		{"one more", build(t, typ, flags, header, append(want[:4:4], attr{typ: 9, data: "zz"})...), "24.9: not wanted"},
		{"one more in a nest", build(t, typ, flags, header, want[0], attr{typ: 8, in: []attr{{typ: 2, data: "abc\x00"}, {typ: 7, data: "x"}, {typ: 7, data: "x"}}}, want[2], want[3]), "24.8.7: not wanted"},
		{"two NULs more", build(t, typ, flags, header, want[0], want[1], attr{typ: 5, data: "first\x00\x00"}, want[3]), "24.5: 7 bytes"},
		{"a cut message", base[:len(base)-4], "message"},
	} {
		got := Diff(base, c.got, fixed)
		if all := strings.Join(got, "\n"); (c.diff == "") != (all == "") || !strings.Contains(all, c.diff) {
			t.Errorf("%s: %q, want %q", c.what, got, c.diff)
		}
	}
}

// The order of next hops counts, whatever they are.
func TestHops(t *testing.T) {
	hop := func(weight, index byte, via string) string {
		h := []byte{0, 0, 0, weight, index, 0, 0, 0}
		if wire.IsBigEndian {
			h[4], h[7] = 0, index
		}
		return string(h) + via
	}
	route := func(hops ...string) []byte {
		var b wire.Builder
		m := b.Begin(unix.RTM_NEWROUTE, 0)
		b.Fixed(fixed)
		n := b.Nest(unix.RTA_MULTIPATH)
		for _, h := range hops {
			f, head := b.Framed(unix.SizeofRtNexthop)
			copy(head[2:], h[2:8])
			copy(b.Attr(unix.RTA_GATEWAY, len(h)-8), h[8:])
			b.End(f)
		}
		b.End(n)
		b.End(m)
		msg, _, err := b.Last()
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(msg)
	}
	one, two := hop(0, 3, "\x0a\x00\x00\x01"), hop(4, 5, "\x0a\x00\x00\x02")
	base := route(one, two)
	for _, c := range []struct {
		what  string
		got   []byte
		equal bool
	}{
		{"itself", base, true},
		{"another order", route(two, one), false},
		{"another weight", route(one, hop(5, 5, "\x0a\x00\x00\x02")), false},
		{"another device", route(one, hop(4, 6, "\x0a\x00\x00\x02")), false},
		{"another gateway", route(one, hop(4, 5, "\x0a\x00\x00\x03")), false},
		{"one less", route(one), false},
		{"one more", route(one, two, one), false},
	} {
		if d := Diff(base, c.got, fixed); (len(d) == 0) != c.equal {
			t.Errorf("%s: %q", c.what, d)
		}
	}
}

// A link that is created may be given an index where iproute2 gave none.
func TestIndexOfNewLink(t *testing.T) {
	link := func(flags uint16, index byte) []byte {
		return build(t, unix.RTM_NEWLINK, flags, "\x00\x00\x00\x00"+string([]byte{0, index, 0, 0})+strings.Repeat("\x00", 8))
	}
	for _, c := range []struct {
		flags     uint16
		want, got byte
		equal     bool
	}{
		{unix.NLM_F_CREATE, 0, 7, true}, {unix.NLM_F_CREATE, 6, 7, false}, {0, 0, 7, false}, {0, 7, 7, true},
	} {
		if d := Diff(link(c.flags, c.want), link(c.flags, c.got), unix.SizeofIfInfomsg); (len(d) == 0) != c.equal {
			t.Errorf("%+v: %q", c, d)
		}
	}
}
