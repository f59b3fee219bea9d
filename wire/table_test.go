package wire

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// The test objects: a thing has every kind of row, in the shapes the real tables have.

var (
	thingmsg  = &Place{Mask: 12}
	thingType = &Place{Spill: 90}
	flags     = &Place{Type: 60, Len: 8, Mask: 4}
	params    = &Place{Type: 61, Len: 12, Init: func() []byte { return []byte{9} }}
)

func testThing() *Object {
	quad := &Table{Name: "quad", Fixed: 8, Head: "quad", Fields: []Field{
		{Name: "low", Kind: U16, At: &Place{}, Off: 0},
		{Name: "high", Kind: BE16, At: &Place{}, Off: 2},
		{Name: "addr", Kind: IP4, At: &Place{}, Off: 4},
	}}
	hop := &Table{Name: "hop", Fixed: 8, Head: "hopmsg", Fields: []Field{
		{Name: "weight", Kind: U8, At: &Place{}, Off: 3, Scale: -1},
		{Name: "dev", Kind: Dev, At: &Place{}, Off: 4},
		{Name: "via", Type: 1, Kind: IP},
	}}
	peer := &Table{Name: "peer", Fixed: 8, Head: "peermsg", Fields: []Field{
		{Name: "index", Kind: U32, At: &Place{}, Off: 4},
		{Name: "mtu", Type: 4, Kind: U32},
		{Name: "name", Type: 3, Kind: Str},
	}}
	kinds := &OneOf{Name: "kind", Tag: 1, Tables: []*Table{
		{Name: "tun", Fields: []Field{
			{Name: "id", Type: 1, Kind: U32, Max: 1<<24 - 1},
			{Name: "local", Type: 2, Alt: 3, Kind: IP},
			{Name: "port", Type: 4, Kind: BE16},
			{Name: "dev", Type: 5, Kind: Dev},
			{Name: "learning", Type: 6, Kind: Bool},
			{Name: "peer", Type: 7, Kind: Nest, Of: peer},
		}},
		{Name: "plain"},
		{Name: "always", Always: true, Fields: []Field{{Name: "x", Type: 1, Kind: Flag}}},
		{Name: "rated", Codec: ratedCodec{}, Fields: []Field{
			{Name: "rate", Kind: U32, Rate: true},
			{Name: "burst", Kind: U32, Size: true},
		}},
	}}
	ports := &OneOf{Name: "port", Tag: 4, SetTag: 1, Suffix: "_port", Tables: []*Table{
		{Name: "br", Fields: []Field{{Name: "cost", Type: 1, Kind: U32}}},
	}}
	encaps := &OneOf{Name: "encap", Tag: 70, TagU16: true, Tables: []*Table{
		{Name: "mpls", TagN: 1, Fields: []Field{{Name: "ttl", Type: 2, Kind: U8}}},
	}}
	t := &Table{Name: "thing", Fixed: 20, Head: "thingmsg", Fields: []Field{
		{Name: "family", At: &Place{}, Off: 0, Kind: U8, Words: Words{{"inet", 2}, {"inet6", 10}}},
		{Name: "type", At: thingType, Off: 3, Kind: U32},
		{Name: "index", At: &Place{}, Off: 4, Kind: Dev},
		{Name: "up", At: thingmsg, Off: 8, Kind: Bit32, Bit: 1},
		{Name: "arp", At: thingmsg, Off: 8, Kind: Bit32, Bit: 0x80, Not: true},
		{Name: "stp", At: &Place{}, Off: 16, Kind: Bit8, Bit: 2},
		{Name: "far", At: &Place{}, Off: 18, Kind: Bit16, Bit: 0x100},

		{Name: "to", Type: 1, Off: 1, Kind: Prefix, Zero: true},
		{Name: "from_", Type: 2, Off: 2, Kind: Prefix},
		{Name: "u8", Type: 10, Kind: U8, Enum: []string{"zero", "one"}},
		{Name: "u16", Type: 11, Kind: U16},
		{Name: "u32", Type: 12, Kind: U32, Mask: 36},
		{Name: "u64", Type: 13, Kind: U64, Time: 1000},
		{Name: "s8", Type: 14, Kind: S8},
		{Name: "s32", Type: 15, Kind: S32},
		{Name: "s64", Type: 16, Kind: S64},
		{Name: "be16", Type: 17, Kind: BE16},
		{Name: "be32", Type: 18, Kind: BE32, Bits: true, Words: Words{{"a", 1}, {"b", 2}}},
		{Name: "be64", Type: 19, Kind: BE64, Hex: true},
		{Name: "bool", Type: 20, Kind: Bool},
		{Name: "flag", Type: 21, Kind: Flag},
		{Name: "str", Type: 22, Kind: Str},
		{Name: "text", Type: 23, Kind: Text},
		{Name: "bytes", Type: 24, Kind: Bytes},
		{Name: "ip", Type: 25, Alt: 26, Kind: IP},
		{Name: "ip4", Type: 27, Kind: IP4},
		{Name: "ip6", Type: 28, Kind: IP6},
		{Name: "mac", Type: 29, Kind: MAC},
		{Name: "dev", Type: 30, Kind: Dev},
		{Name: "quad", Type: 31, Kind: Struct, Of: quad},
		{Name: "names", Type: 32, Kind: List, From: 1, Elem: &Field{Kind: Str}},
		{Name: "peers", Type: 33, Kind: List, Elem: &Field{Type: 5, Kind: Nest, Of: peer}},
		{Name: "devs", Type: 34, Kind: Array, Elem: &Field{Kind: Dev}},
		{Name: "quads", Type: 35, Kind: Array, Elem: &Field{Kind: Struct, Of: quad}},
		{Name: "many", Type: 37, Kind: Multi, Elem: &Field{Kind: U16}},
		{Name: "each", Type: 38, Kind: Multi, Elem: &Field{Kind: Nest, Of: peer}},
		{Name: "range", Type: 39, Kind: Range, Elem: &Field{Kind: BE16}},
		{Name: "hops", Type: 40, Kind: Custom, Codec: hopsCodec{hop}},
		{Name: "odd", Type: 41, Kind: U32, When: func(v Value) bool { return v.N&1 == 1 }},
		{Name: "even", Type: 41, Kind: U32, When: func(v Value) bool { return v.N&1 == 0 }},

		{Name: "gvrp", At: flags, Off: 0, Kind: Bit32, Bit: 2},
		{Name: "a", At: params, Off: 1, Kind: U8},
		{Name: "linkinfo", Type: 50, Kind: Nest, Inline: true, Of: &Table{Fields: []Field{
			{Name: "kind", Type: 2, Kind: Union, OneOf: kinds},
			{Name: "port", Type: 5, Kind: Union, OneOf: ports},
			{Name: "deep", Type: 9, Kind: Nest, Inline: true, Of: &Table{Fields: []Field{
				{Name: "depth", Type: 1, Kind: U32},
			}}},
			{Name: "note", Type: 7, Kind: Str},
		}}},
		{Name: "mvrp", At: flags, Off: 0, Kind: Bit32, Bit: 8},
		{Name: "hw", At: params, Off: 2, Kind: MAC},
		{Name: "tag", At: params, Off: 8, Kind: Str},
		{Name: "encap", Type: 71, Kind: Union, OneOf: encaps},
	}}
	return &Object{Name: "thing", Table: t, New: 16, Del: 17, Get: 18, Verbs: []Verb{{Name: "set", Type: 19}}}
}

// hopsCodec packs hops one after the other, as RTA_MULTIPATH does.
type hopsCodec struct{ hop *Table }

func (c hopsCodec) Append(b *Builder, f *Field, v Value) error {
	m := b.Nest(f.Type)
	for i := range v.L {
		h, _ := b.Framed(0)
		if err := c.hop.Append(b, v.L[i].Sub); err != nil {
			return At(fmt.Sprintf("[%d]", i), err)
		}
		b.End(h)
	}
	b.End(m)
	return nil
}

func (c hopsCodec) Decode(_ *Field, p []byte) (Value, error) {
	v := Value{Type: ListVal}
	var err error
	n := 0
	c.Walk(p, func(off int, _ string, t *Table, part []byte) {
		s := NewSet(t)
		if e := t.Decode(part, s); e != nil {
			err = e
		}
		v.L = append(v.L, SubVal(s))
		n = min(off+align(len(part)), len(p))
	})
	if n != len(p) {
		err = fmt.Errorf("bytes left")
	}
	return v, err
}

func (c hopsCodec) Walk(p []byte, visit func(int, string, *Table, []byte)) {
	for off, i := 0, 0; len(p)-off >= 8; i++ {
		n := int(getU16(p[off:]))
		if n < 8 || n > len(p)-off {
			return
		}
		visit(off, fmt.Sprintf("[%d]", i), c.hop, p[off:off+n:off+n])
		off += align(n)
	}
}

// ratedCodec is a nest whose rows are computed: attribute 1 is rate<<8 + burst.
type ratedCodec struct{}

func (ratedCodec) Append(b *Builder, s *Set) error {
	b.Uint32(1, uint32(s.Uint("rate")<<8|s.Uint("burst")&0xff))
	return nil
}

func (ratedCodec) Decode(p []byte, s *Set) error {
	seen := false
	for a, err := range Attrs(p) {
		switch {
		case err != nil:
			return err
		case a.Type == 1 && len(a.Data) == 4 && !seen:
			n := uint64(getU32(a.Data))
			s.PutName("rate", IntVal(n>>8))
			s.PutName("burst", IntVal(n&0xff))
			seen = true
		default:
			s.Extra = append(s.Extra, Raw{Type: a.Type | a.Flags, Data: append([]byte{}, a.Data...)})
		}
	}
	if !seen {
		return fmt.Errorf("no rate")
	}
	return nil
}

// sub makes a set of a table from names and values.
func sub(t *Table, pairs ...any) *Set {
	s := NewSet(t)
	for i := 0; i < len(pairs); i += 2 {
		s.PutName(pairs[i].(string), pairs[i+1].(Value))
	}
	return s
}

func addr(s string) Value   { return AddrVal(netip.MustParseAddr(s)) }
func prefix(s string) Value { return NetVal(netip.MustParsePrefix(s)) }

// member is a table of a union of t.
func member(t *Table, row, name string) *Table { return t.Row(row).OneOf.Table(name) }

// fullThing sets every row.
func fullThing(o *Object) *Set {
	t := o.Table
	peer := t.Row("each").Elem.Of
	hop := t.Row("hops").Codec.(hopsCodec).hop
	quad := SubVal(sub(t.Row("quad").Of, "low", IntVal(1), "high", IntVal(2), "addr", addr("192.0.2.1")))
	return sub(t,
		"family", IntVal(2), "type", IntVal(1000), "index", NameVal("eth0"), "up", BoolVal(true), "arp", BoolVal(false),
		"stp", BoolVal(true), "far", BoolVal(true),
		"to", prefix("10.0.0.0/8"), "from_", Value{Type: EmptyNet}, "u8", IntVal(1), "u16", IntVal(2),
		"u32", Value{Type: Int, N: 0x10, HasMask: true, M: 0xff}, "u64", IntVal(30000), "s8", IntVal(^uint64(0)),
		"s32", IntVal(^uint64(1)), "s64", IntVal(^uint64(2)), "be16", IntVal(4789), "be32", IntVal(7), "be64", IntVal(1<<40),
		"bool", BoolVal(true), "flag", BoolVal(true), "str", StrVal("a b"), "text", StrVal("x"), "bytes", StrVal("\x00\xff"),
		"ip", addr("2001:db8::1"), "ip4", addr("192.0.2.1"), "ip6", addr("::1"), "mac", StrVal("\x02\x00\x00\x00\x00\x01"),
		"dev", NameVal("eth1"), "quad", quad, "names", ListOf(StrVal("one"), StrVal("two")),
		"peers", ListOf(SubVal(sub(peer, "mtu", IntVal(1)))), "devs", ListOf(IntVal(3), NameVal("eth2")), "quads", ListOf(quad, quad),
		"many", ListOf(IntVal(1), IntVal(2)), "each", ListOf(SubVal(sub(peer, "name", StrVal("p"))), SubVal(sub(peer, "mtu", IntVal(9)))),
		"range", ListOf(IntVal(1), IntVal(2)),
		"hops", ListOf(SubVal(sub(hop, "dev", NameVal("eth3"), "via", addr("10.0.0.1"))), SubVal(sub(hop, "weight", IntVal(5), "via", addr("::2")))),
		"odd", IntVal(3), "gvrp", BoolVal(true), "mvrp", BoolVal(false), "a", IntVal(4), "hw", StrVal("abcdef"), "tag", StrVal("t"),
		"kind", SubVal(sub(member(t, "kind", "tun"), "id", IntVal(42), "local", addr("10.0.0.2"), "port", IntVal(4789),
			"dev", NameVal("eth4"), "learning", BoolVal(false), "peer", SubVal(sub(peer, "index", IntVal(3), "mtu", IntVal(1400))))),
		"port", SubVal(sub(member(t, "port", "br"), "cost", IntVal(7))),
		"depth", IntVal(3), "note", StrVal("n"), "encap", SubVal(sub(member(t, "encap", "mpls"), "ttl", IntVal(64))))
}

// encode returns the message of a set and its relocations.
func encode(t testing.TB, o *Object, s *Set) ([]byte, []Reloc) {
	t.Helper()
	var b Builder
	if err := o.Append(&b, o.New, 5, s); err != nil {
		t.Fatal(err)
	}
	msg, rel, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	return msg, rel
}

func dumpText(t testing.TB, o *Object, msg []byte, rel []Reloc) string {
	t.Helper()
	var w strings.Builder
	if err := o.Dump(&w, msg, rel, nil); err != nil {
		t.Fatal(err)
	}
	return w.String()
}

func TestFull(t *testing.T) {
	o := testThing()
	s := fullThing(o)
	msg, rel := encode(t, o, s)
	t.Log("\n" + dumpText(t, o, msg, rel))
	var back Set
	if err := o.Decode(msg, rel, &back); err != nil {
		t.Fatal(err)
	}
	if !back.Equal(s) {
		t.Errorf("decoded:\n%s\nwant:\n%s", back.Text(nil), s.Text(nil))
	}
}
