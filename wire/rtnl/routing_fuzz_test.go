package rtnl

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// FuzzRouting: whatever can be decoded can be encoded, what comes of that
// decodes to the same, and what is canonical stays as it is.
func FuzzRouting(f *testing.F) {
	objects := []*wire.Object{Route, Rule, Nexthop}
	for i, pairs := range [][]any{
		{"dst", "10.0.0.0/8", "via", "192.0.2.1", "mtu", 1400, "lock", 4},
		{"from_", "10.0.0.0/8", "fwmark", 1, "sport", ports(1, 2)},
		{"id", 1, "group", "1,300/2"},
	} {
		s := rowsOf(f, objects[i].Table, pairs...)
		var b wire.Builder
		if err := objects[i].Append(&b, objects[i].New, 0, s); err != nil {
			f.Fatal(err)
		}
		msg, _, _ := b.Last()
		f.Add(byte(i), msg[wire.HeaderLen:])
	}
	for i, e := range encapTables {
		var b wire.Builder
		m := b.Begin(Route.New, 0)
		b.Fixed(routeTable.Fixed)
		b.Uint16(Encaps.Tag, e.TagN)
		n := b.Nest(unix.RTA_ENCAP)
		b.Uint32(uint16(1+i%3), 1) // an attribute that most have
		b.End(n)
		b.End(m)
		msg, _, _ := b.Last()
		f.Add(byte(0), msg[wire.HeaderLen:])
	}
	f.Fuzz(func(t *testing.T, which byte, payload []byte) {
		o := objects[int(which)%len(objects)]
		s := wire.NewSet(o.Table)
		if o.Table.Decode(payload, s) != nil {
			return
		}
		// What no row understands loses its prefix length and its place among
		// others, once: the second message is as the third.
		for range 2 {
			s = recoded(t, o, s)
		}
		first := encoded(t, o, s)
		again := recoded(t, o, s)
		if second := encoded(t, o, again); !bytes.Equal(first, second) {
			t.Fatalf("%s\n%x\n%s\n%x", s.Text(nil), first, again.Text(nil), second)
		}
		if len(unknown(again, "")) > 0 {
			return // an attribute that came twice would take the place of one that Canon drops
		}
		o.Canon(again)
		canon := encoded(t, o, again)
		again = recoded(t, o, again)
		o.Canon(again)
		if twice := encoded(t, o, again); !bytes.Equal(canon, twice) {
			t.Fatalf("Canon is not stable: %s\n%x\n%x", again.Text(nil), canon, twice)
		}
	})
}

func encoded(t *testing.T, o *wire.Object, s *wire.Set) []byte {
	t.Helper()
	var b wire.Builder
	if err := o.Append(&b, o.New, 0, s); err != nil {
		t.Fatalf("%s: %v", s.Text(nil), err)
	}
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// recoded is the set that comes of sending s.
func recoded(t *testing.T, o *wire.Object, s *wire.Set) *wire.Set {
	t.Helper()
	again := wire.NewSet(o.Table)
	if err := o.Decode(encoded(t, o, s), nil, again); err != nil {
		t.Fatal(err)
	}
	return again
}
