package wire

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestSetPut(t *testing.T) {
	o := testThing()
	rows := o.Table.Rows()
	s := NewSet(o.Table)
	for i := len(rows) - 1; i >= 0; i -= 2 { // backwards, every other
		s.Put(rows[i], IntVal(uint64(i)))
	}
	for i := range rows {
		s.Put(rows[i], IntVal(uint64(2*i)))
	}
	if len(s.Ents) != len(rows) {
		t.Fatalf("%d entries for %d rows", len(s.Ents), len(rows))
	}
	for i, e := range s.Ents {
		if e.F != rows[i] || e.V.N != uint64(2*i) || e.F.ID() != i {
			t.Errorf("entry %d is %s = %d", i, e.F.Name, e.V.N)
		}
	}
	s.Del("u8")
	if s.Has("u8") || len(s.Ents) != len(rows)-1 {
		t.Error("Del did not")
	}
	s.Default("u8", IntVal(7))
	s.Default("u16", IntVal(7))
	if s.Uint("u8") != 7 || s.Uint("u16") == 7 {
		t.Errorf("defaults: u8 %d, u16 %d", s.Uint("u8"), s.Uint("u16"))
	}
	c := s.Clone()
	c.PutName("u8", IntVal(8))
	c.Del("u16")
	if s.Uint("u8") != 7 || !s.Has("u16") {
		t.Error("a clone shares entries")
	}
	if !s.Equal(s.Clone()) || s.Equal(c) {
		t.Error("Equal is wrong")
	}
	s.Reset(o.Table)
	if v, ok := s.Get("family"); !ok || v.N != 0 {
		t.Error("a header field always has a value")
	}
	if _, ok := s.Get("u8"); ok {
		t.Error("an attribute that is not there has none")
	}
}

// TestSpill: values over 255 go to an attribute and leave 0 in the header.
func TestSpill(t *testing.T) {
	o := testThing()
	for _, n := range []uint64{1, 255, 256, 1 << 31} {
		msg, _ := encode(t, o, sub(o.Table, "index", IntVal(5), "type", IntVal(n), "u8", IntVal(1)))
		want := n
		if n > 255 {
			want = 0
		}
		if got := uint64(msg[HeaderLen+3]); got != want {
			t.Errorf("type %d: the header has %d", n, got)
		}
		spilled := 0
		for a := range Attrs(msg[HeaderLen+20:]) {
			if a.Type == 90 {
				spilled++
				if uint64(getU32(a.Data)) != n {
					t.Errorf("type %d: the attribute has %d", n, getU32(a.Data))
				}
			}
		}
		if spilled != map[bool]int{true: 1}[n > 255] {
			t.Errorf("type %d: %d attributes", n, spilled)
		}
		var back Set
		if err := o.Decode(msg, nil, &back); err != nil || back.Uint("type") != n || back.Uint("index") != 5 {
			t.Errorf("type %d is read back as %s, %v", n, back.Text(nil), err)
		}
	}
}

// TestSpillFirst: what spills stands before the attributes, and moves no device
// of the header behind it.
func TestSpillFirst(t *testing.T) {
	o := &Object{Name: "thing", New: 16, Table: &Table{Name: "thing", Fixed: 8, Fields: []Field{
		{Name: "table", At: &Place{Spill: 15}, Kind: U32},
		{Name: "dev", At: &Place{}, Off: 4, Kind: Dev},
		{Name: "to", Type: 1, Kind: Prefix, Off: 1},
		{Name: "n", Type: 2, Kind: U32},
	}}}
	s := NewSet(o.Table)
	s.PutName("n", IntVal(5))
	s.PutName("to", NetVal(netip.MustParsePrefix("10.0.0.0/8")))
	s.PutName("dev", NameVal("eth0"))
	s.PutName("table", IntVal(0x101))
	b := Builder{Chunk: 64} // too small for all: it moves
	if err := o.Append(&b, o.New, 0, s); err != nil {
		t.Fatal(err)
	}
	msg, rel, err := b.Last()
	if err != nil || len(rel) != 1 || rel[0] != (Reloc{HeaderLen + 4, "eth0"}) {
		t.Fatal(rel, err)
	}
	var types []uint16
	for a, err := range Attrs(msg[HeaderLen+8:]) {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, a.Type)
	}
	if fmt.Sprint(types) != "[15 1 2]" || msg[HeaderLen] != 0 || msg[HeaderLen+1] != 8 {
		t.Errorf("attributes %v of %x", types, msg)
	}
	var back Set
	if err := o.Decode(msg, rel, &back); err != nil || !back.Equal(s) {
		t.Errorf("read back %s, %v", back.Text(nil), err)
	}
}

// TestPrefixNeedsHeader: the length of a prefix has to be somewhere.
func TestPrefixNeedsHeader(t *testing.T) {
	table := &Table{Name: "bare", Fields: []Field{{Name: "to", Type: 1, Kind: Prefix, Off: 1}}}
	s := NewSet(table)
	s.PutName("to", NetVal(netip.MustParsePrefix("10.0.0.0/8")))
	var b Builder
	m := b.Begin(1, 0)
	if err, ok := table.Append(&b, s).(*AttrError); !ok || err.Path != "to" {
		t.Errorf("got %v", err)
	}
	b.Cancel(m)
}

// TestPathOfPlace: an error in a struct that rows share names the row once.
func TestPathOfPlace(t *testing.T) {
	p := &Place{Type: 3, Len: 4}
	table := &Table{Name: "bare", Fields: []Field{{Name: "a", At: p, Kind: U8}, {Name: "b", At: p, Off: 2, Kind: MAC}}}
	s := NewSet(table)
	s.PutName("a", IntVal(1))
	s.PutName("b", StrVal("123456"))
	var b Builder
	b.Begin(1, 0)
	if err, ok := table.Append(&b, s).(*AttrError); !ok || err.Path != "b" {
		t.Errorf("got %v", err)
	}
}

// TestMasks: of a masked field only what is written counts; of a message that
// the kernel reports, all that is on.
func TestMasks(t *testing.T) {
	o := testThing()
	msg, _ := encode(t, o, sub(o.Table, "up", BoolVal(false), "gvrp", BoolVal(true), "u32", Value{Type: Int, N: 1, HasMask: true, M: 3}))
	if flags, change := getU32(msg[HeaderLen+8:]), getU32(msg[HeaderLen+12:]); flags != 0 || change != 1 {
		t.Errorf("flags %#x change %#x", flags, change)
	}
	var s Set
	if err := o.Decode(msg, nil, &s); err != nil || s.Text(nil) != "up off u32 0x1/0x3 gvrp" {
		t.Errorf("%s, %v", s.Text(nil), err)
	}
	var b Builder
	m := b.Begin(16, 0)
	h := b.Fixed(20)
	putU32(h[8:], 1)
	b.End(m)
	msg, _, _ = b.Last()
	if err := o.Table.DecodeState(msg[HeaderLen:], &s); err != nil || s.Text(nil) != "up arp" {
		t.Errorf("reported: %s, %v", s.Text(nil), err)
	}
	if err := o.Table.Decode(msg[HeaderLen:], &s); err != nil || len(s.Ents) != 0 {
		t.Errorf("sent: %s, %v", s.Text(nil), err)
	}
}

// TestPlaces: rows that share an attribute are one attribute, also when other
// rows stand between them.
func TestPlaces(t *testing.T) {
	o := testThing()
	msg, _ := encode(t, o, sub(o.Table, "gvrp", BoolVal(true), "depth", IntVal(1), "mvrp", BoolVal(false), "a", IntVal(7), "tag", StrVal("x")))
	var types []uint16
	for a := range Attrs(msg[HeaderLen+20:]) {
		types = append(types, a.Type)
		if a.Type == 61 && (a.Data[0] != 9 || a.Data[1] != 7 || a.Data[8] != 'x') {
			t.Errorf("params %x", a.Data)
		}
	}
	if fmt.Sprint(types) != "[60 61 50]" {
		t.Errorf("attributes %v", types)
	}
}

// TestUnions: tags are written and read in both forms.
func TestUnions(t *testing.T) {
	o := testThing()
	br := SubVal(sub(member(o.Table, "port", "br"), "cost", IntVal(3)))
	plain := SubVal(NewSet(member(o.Table, "kind", "plain")))
	always := SubVal(NewSet(member(o.Table, "kind", "always")))
	for _, c := range []struct {
		s    *Set
		want string // attributes of linkinfo
	}{
		{sub(o.Table, "port", br), `1 "br_port" 5 8 bytes`},
		{sub(o.Table, "port", br, "kind", plain), `1 "plain" 4 "br" 5 8 bytes`},
		{sub(o.Table, "kind", plain), `1 "plain"`},
		{sub(o.Table, "kind", always), `1 "always" 2 0 bytes`},
	} {
		msg, _ := encode(t, o, c.s)
		var got []string
		for a := range Attrs(msg[HeaderLen+24:]) {
			if a.Type == 1 || a.Type == 4 {
				got = append(got, fmt.Sprintf("%d %q", a.Type, a.Data))
			} else {
				got = append(got, fmt.Sprintf("%d %d bytes", a.Type, len(a.Data)))
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.s.Text(nil), s, c.want)
		}
		var back Set
		if err := o.Decode(msg, nil, &back); err != nil || !back.Equal(c.s) {
			t.Errorf("%s is read back as %s, %v", c.s.Text(nil), back.Text(nil), err)
		}
	}
}

// TestUnionKept: what of a union no table knows is kept, every part of it.
func TestUnionKept(t *testing.T) {
	o := testThing()
	build := func(f func(b *Builder)) []byte {
		var b Builder
		m := b.Begin(o.New, 0)
		b.Fixed(20)
		n := b.Nest(50)
		f(&b)
		b.End(n)
		b.End(m)
		msg, _, err := b.Last()
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	cost := func(b *Builder, typ uint16, n uint32) { d := b.Nest(typ); b.Uint32(1, n); b.End(d) }
	for name, c := range map[string]struct {
		f    func(b *Builder)
		want string
	}{
		"unknown":        {func(b *Builder) { b.Text(1, "nosuch"); b.Uint32(2, 1) }, "attr 1 6e6f73756368 attr 2 01000000"},
		"without tag":    {func(b *Builder) { cost(b, 2, 1) }, "attr 2 0800010001000000"},
		"damaged data":   {func(b *Builder) { b.Text(1, "tun"); b.Uint32(2, 0xffff) }, "attr 1 74756e attr 2 ffff0000"},
		"twice":          {func(b *Builder) { b.Text(1, "tun"); cost(b, 2, 1); b.Text(1, "x"); cost(b, 2, 2) }, "kind tun id 1 attr 1 78 attr 2 0800010002000000"},
		"foreign master": {func(b *Builder) { b.Text(1, "nosuch"); b.Text(4, "br"); cost(b, 5, 9) }, "port br cost 9 attr 1 6e6f73756368"},
		"damaged port":   {func(b *Builder) { b.Text(1, "br_port"); b.Uint32(5, 0xffff) }, "attr 1 62725f706f7274 attr 5 ffff0000"},
	} {
		var s, back Set
		if err := o.Decode(build(c.f), nil, &s); err != nil || IsBigEndian == false && s.Text(nil) != c.want {
			t.Errorf("%s: %s, %v; want %s", name, s.Text(nil), err, c.want)
		}
		msg, _ := encode(t, o, &s)
		if err := o.Decode(msg, nil, &back); err != nil || back.Text(nil) != s.Text(nil) {
			t.Errorf("%s: written and read it is %s, %v", name, back.Text(nil), err)
		}
	}
}

// TestExtra: raw attributes stay in their nest, after its rows, however many
// there are and whether rows are there or not.
func TestExtra(t *testing.T) {
	o := testThing()
	for _, rows := range []bool{true, false} {
		var b Builder
		m := b.Begin(o.New, 0)
		b.Fixed(20)
		for i := range 100 {
			b.Uint32(200, uint32(i))
		}
		info := b.Nest(50)
		if rows {
			b.String(7, "n")
		}
		for i := range 100 {
			b.Uint32(201, uint32(i))
		}
		deep := b.Nest(9)
		b.Uint32(202, 1)
		b.End(deep)
		b.End(info)
		b.End(m)
		first, _, _ := b.Last()
		var s Set
		if err := o.Decode(first, nil, &s); err != nil || len(s.Extra) != 201 {
			t.Fatalf("%d kept, %v", len(s.Extra), err)
		}
		msg, _ := encode(t, o, &s)
		if len(msg) != len(first) {
			t.Errorf("rows %v: %d bytes, were %d", rows, len(msg), len(first))
		}
		for typ, want := range map[uint16]int{200: 100, 50: 1} {
			n := 0
			for a := range Attrs(msg[HeaderLen+20:]) {
				if a.Type == typ {
					n++
				}
			}
			if n != want {
				t.Errorf("rows %v: attribute %d is there %d times, want %d", rows, typ, n, want)
			}
		}
		var back Set
		if err := o.Decode(msg, nil, &back); err != nil || len(back.Extra) != 201 || back.Has("note") != rows {
			t.Errorf("rows %v: read back %d, %v", rows, len(back.Extra), err)
		}
	}
}

// TestDevices: every device of a set is met once, and an error says where it is.
func TestDevices(t *testing.T) {
	o := testThing()
	s := fullThing(o)
	met := map[string]int{}
	s.Devices(func(v *Value) error {
		if v.Type == Name {
			met[v.S]++
		}
		return nil
	})
	if fmt.Sprint(met) != "map[eth0:1 eth1:1 eth2:1 eth3:1 eth4:1]" {
		t.Errorf("devices %v", met)
	}
	for name, want := range map[string]string{"eth0": "index", "eth2": "devs[1]", "eth3": "hops[0].dev", "eth4": "kind.tun.dev"} {
		err := s.Devices(func(v *Value) error {
			if v.Type == Name && v.S == name {
				return errOpen
			}
			return nil
		})
		if a, ok := err.(*AttrError); !ok || a.Path != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if err := o.Decode(make([]byte, 3), nil, new(Set)); err == nil {
		t.Error("three bytes are a message")
	}
}
