package wire

import (
	"strings"
	"testing"
)

// TestLocate: the path of every attribute of a message, in the order they stand.
func TestLocate(t *testing.T) {
	o := testThing()
	s := fullThing(o)
	s.Extra = []Raw{{Type: 99, Data: []byte{1}}, {Type: 98, Nested: true, Sub: []Raw{{Type: 3, Data: []byte{1}}}}}
	msg, rel := encode(t, o, s)
	var got []string
	last := -1
	for off := range msg { // an extended ack points at attribute headers
		x := o.at(msg, off)
		if x.off != off || off <= last || off < HeaderLen {
			continue
		}
		last = off
		got = append(got, o.Locate(msg, off))
	}
	const want = `family type to from u8 u16 u32 u32 u64 s8 s32 s64 be16 be32 be64 bool flag str text bytes ip ip4 ip6 mac dev quad
		names names[0] names[1] peers peers[0] peers[0] peers[0].mtu devs quads many[0] many[1]
		each[0] each[0] each[0].name each[1] each[1] each[1].mtu range
		hops hops[0] hops[0].via hops[1] hops[1].via odd gvrp,mvrp a,hw,tag linkinfo kind kind.tun kind.tun.id kind.tun.local kind.tun.port
		kind.tun.dev kind.tun.learning kind.tun.peer kind.tun.peer kind.tun.peer.mtu port port.br port.br.cost deep depth note encap encap.mpls
		encap.mpls.ttl attr(99) attr(98) attr(98).attr(3)`
	if w := strings.Fields(want); strings.Join(got, " ") != strings.Join(w, " ") {
		t.Errorf("got\n%s\nwant\n%s\n%s", strings.Join(got, " "), strings.Join(w, " "), dumpText(t, o, msg, rel))
	}
}

func TestLocateInside(t *testing.T) {
	o := testThing()
	msg, rel := encode(t, o, fullThing(o))
	find := func(pattern string, add int) int { // offset of the line with this annotation
		t.Helper()
		for l := range strings.Lines(dumpText(t, o, msg, rel)) {
			if strings.Contains(l, pattern) {
				n := 0
				for _, c := range l[:4] {
					n = n<<4 | strings.IndexRune("0123456789abcdef", c)
				}
				return n + add
			}
		}
		t.Fatalf("no %s", pattern)
		return 0
	}
	for _, c := range []struct {
		off  int
		want string
		row  string // "" none
		val  string
	}{
		{-1, "", "", ""},
		{0, "", "", ""},
		{16, "family", "family", "inet"},
		{17, "to", "to", ""},
		{19, "type", "type", ""},
		{20, "index", "index", ""},
		{25, "up", "up", "on"},
		{33, "", "", ""},
		{len(msg), "", "", ""},
		{find("# u8 one", 0), "u8", "u8", "one"},
		{find("# u8 one", 4), "u8", "u8", "one"},
		{find("# u8 one", 6), "u8", "u8", "one"},
		{find("# quad", 6), "quad.high", "high", "2"},
		{find("# gvrp", 4), "gvrp", "gvrp", "on"},
		{find("# a 4", 6), "hw", "hw", "61:62:63:64:65:66"},
		{find("  id 42", 0), "kind.tun.id", "id", "42"},
		{find("  kind tun", 0), "kind", "kind", ""},
		{find("  kind tun", 5), "kind", "kind", ""},
		{find("  peermsg index", 4), "kind.tun.peer.index", "index", ""},
		{find("[1] hopmsg", 3), "hops[1].weight", "weight", "5"},
		{find("linkinfo:", 0), "linkinfo", "", ""},
	} {
		if got := o.Locate(msg, c.off); got != c.want {
			t.Errorf("offset %#x is %q, want %q", c.off, got, c.want)
		}
		f, v := o.Row(msg, c.off)
		switch {
		case f == nil:
			if c.row != "" {
				t.Errorf("offset %#x has no row, want %s", c.off, c.row)
			}
		case f.Label() != c.row:
			t.Errorf("offset %#x is row %s, want %q", c.off, f.Label(), c.row)
		case c.val != "" && (v.Type == None || f.Text(v, nil) != c.val):
			t.Errorf("offset %#x: value %+v, want %s", c.off, v, c.val)
		}
	}
	for _, c := range []struct {
		nest, typ int
		want      string
	}{
		{-1, 10, "u8"},
		{-1, 1, "to"},
		{-1, 60, "gvrp"},
		{-1, 50, "linkinfo"},
		{-1, 71, "encap"},
		{-1, 99, "attr(99)"},
		{-1, -1, ""},
		{find("linkinfo:", 0), 1, "kind"},
		{find("linkinfo:", 0), 7, "note"},
		{find("linkinfo:", 0), 9, "deep"},
		{find("  tun:", 0), 1, "kind.tun.id"},
		{find("  tun:", 0), 77, "kind.tun.attr(77)"},
		{find("    peer:", 0), 3, "kind.tun.peer.name"},
		{find("[1] hopmsg", 0), 1, "hops[1].via"},
		{find("# hops:", 0), 1, "hops"},
		{len(msg), 1, ""},
	} {
		if got := o.LocateMissing(msg, c.nest, c.typ); got != c.want {
			t.Errorf("attribute %d missing at %#x is %q, want %q", c.typ, c.nest, got, c.want)
		}
	}
}
