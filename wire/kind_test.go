package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestKindsTotal: every kind is written, read, shown and put into JSON. The test
// object has a row of each, so a new kind fails here until it has one too.
func TestKindsTotal(t *testing.T) {
	o := testThing()
	full := fullThing(o)
	rows := map[Kind]*Field{}
	for _, f := range o.Table.Rows() {
		if rows[f.Kind] == nil && full.hasField(f) {
			rows[f.Kind] = f
		}
	}
	inner := o.Table.Row("peers").Elem // a nest that is not inlined
	for k := Kind(1); k < lastKind; k++ {
		f := rows[k]
		if k == Nest {
			f = &Field{Name: "nest", Type: 1, Kind: Nest, Of: inner.Of}
			s := NewSet(&Table{Name: "outer", Fields: []Field{*f}})
			s.PutName("nest", SubVal(sub(inner.Of, "mtu", IntVal(1))))
			f = s.Ents[0].F
			checkKind(t, &Object{Name: "outer", Table: s.Table}, s, f)
			continue
		}
		if f == nil {
			t.Errorf("no row of kind %d", k)
			continue
		}
		s := NewSet(o.Table)
		v, _ := full.At(f)
		if k == Bit8 || k == Bit16 || k == Bit32 {
			v = BoolVal(!f.Not)
		}
		s.Put(f, v)
		checkKind(t, o, s, f)
	}
}

func checkKind(t *testing.T, o *Object, s *Set, f *Field) {
	t.Helper()
	v, _ := s.At(f)
	msg, rel := encode(t, o, s)
	var back Set
	if err := o.Decode(msg, rel, &back); err != nil {
		t.Errorf("kind %d (%s): %v", f.Kind, f.Name, err)
	}
	if got, ok := back.At(f); !ok || !got.Equal(v) {
		t.Errorf("kind %d (%s) is read back as %+v, want %+v", f.Kind, f.Name, got, v)
	}
	if text := f.Text(v, nil); strings.Contains(text, "?") || text == "" {
		t.Errorf("kind %d (%s): text %q", f.Kind, f.Name, text)
	}
	j := f.JSON(v, nil)
	if b, err := json.Marshal(j); j == nil || err != nil || strings.Contains(string(b), "?") {
		t.Errorf("kind %d (%s): JSON %s, %v", f.Kind, f.Name, b, err)
	}
	if text := dumpText(t, o, msg, rel); strings.Contains(text, "?") || !strings.Contains(text, f.Label()) {
		t.Errorf("kind %d (%s) is dumped as\n%s", f.Kind, f.Name, text)
	}
}

// TestText: values in the words and units of scripts.
func TestText(t *testing.T) {
	o := testThing()
	s := fullThing(o)
	got := s.Text(func(n uint32) string { return map[uint32]string{3: "eth9"}[n] })
	for _, want := range []string{"family inet", "type 1000", "index eth0", "up arp off", "stp far", "to 10.0.0.0/8 from all",
		"u8 one u16 2 u32 0x10/0xff u64 30s s8 -1 s32 -2 s64 -3 be16 4789 be32 a,b,0x4 be64 0x10000000000 bool 1 flag",
		`str "a b" text x bytes 00ff ip 2001:db8::1`, "mac 02:00:00:00:00:01", "quad {low 1 high 2 addr 192.0.2.1}", "names one,two",
		"devs eth9,eth2", "many 1,2", "range 1-2", "odd 3 gvrp", "hw 61:62:63:64:65:66", "kind tun id 42 local 10.0.0.2",
		"learning 0 peer {index 3 mtu 1400}", "port br cost 7", "mvrp off", "encap mpls ttl 64"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	j := s.JSON(nil)
	for name, want := range map[string]any{"up": true, "arp": false, "u8": "one", "u16": uint64(2), "s8": int64(-1), "u64": "30s",
		"str": "a b", "many": []any{uint64(1), uint64(2)}, "from": "all", "dev": "eth1",
		"kind": map[string]any{"kind": "tun", "id": uint64(42), "local": "10.0.0.2", "port": uint64(4789), "dev": "eth4",
			"learning": false, "peer": map[string]any{"index": uint64(3), "mtu": uint64(1400)}}} {
		if !reflect.DeepEqual(j[name], want) {
			t.Errorf("%s is %#v, want %#v", name, j[name], want)
		}
	}
}

// TestCheck: what rows refuse, and that they say what is legal.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		f    Field
		n    int64
		want string // "" legal
	}{
		{Field{Kind: U8}, 255, ""},
		{Field{Kind: U8}, 256, "256 is out of range (0..255)"},
		{Field{Kind: U8}, -1, "out of range (0..255)"},
		{Field{Kind: S8}, -128, ""},
		{Field{Kind: S8}, -129, "-129 is out of range (-128..127)"},
		{Field{Kind: U64}, -1, ""},
		{Field{Kind: S64}, -1 << 63, ""},
		{Field{Kind: BE32, Max: 1<<20 - 1}, 1 << 20, "1048576 is out of range (0..1048575)"},
		{Field{Kind: U32, Min: 1}, 0, "0 is out of range (1..4294967295)"},
		{Field{Kind: U32, Min: 1, Words: Words{{"off", 0}}}, 0, ""},
		{Field{Kind: U8, Words: Words{{"a", 0}, {"c", 2}}, Closed: true}, 1, "1 is not legal; legal are a c"},
		{Field{Kind: U8, Words: Words{{"a", 0}, {"c", 2}}, Closed: true}, 2, ""},
		{Field{Kind: U8, Scale: -1}, 0, "0 is out of range (1..256)"},
		{Field{Kind: U8, Scale: -1}, 256, ""},
		{Field{Kind: U32, Time: 100, Max: 100}, 200, "2s is out of range (0s..1s)"},
	} {
		err := c.f.CheckInt(uint64(c.n))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("kind %d, %d: %v, want %q", c.f.Kind, c.n, err, c.want)
		}
	}
	f := Field{Kind: Str, Min: 1, Max: 15}
	if f.CheckLen(0) == nil || f.CheckLen(16) == nil || f.CheckLen(1) != nil || f.CheckLen(15) != nil {
		t.Error("lengths 1 to 15 are legal")
	}
}
