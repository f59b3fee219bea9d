package wire

import (
	"bytes"
	"strings"
	"testing"
)

func TestDump(t *testing.T) {
	if IsBigEndian {
		t.Skip("the bytes are little-endian")
	}
	o := testThing()
	peer := o.Table.Row("each").Elem.Of
	tun := member(o.Table, "kind", "tun")
	s := sub(o.Table, "family", IntVal(2), "index", NameVal("eth0"), "to", prefix("10.0.0.0/8"), "str", StrVal("a # b"),
		"ip6", addr("::1"), "kind", SubVal(sub(tun, "dev", NameVal("eth1"), "peer", SubVal(sub(peer, "mtu", IntVal(1400))))))
	s.Extra = []Raw{{Type: 99, Data: []byte{1, 2, 3}}, {Type: 7, Nested: true, Sub: []Raw{{Type: 1, Data: []byte("x\x00")}}}}
	msg, rel := encode(t, o, s)
	const want = `
0000  8c 00 00 00 10 00 05 00 00 00 00 00 00 00 00 00             # newthing request|ack
0010  02 08 00 00 {eth0} 00 00 00 00 00 00 00 00                  # thingmsg family inet index eth0
0020  00 00 00 00
0024  08 00 01 00 0a 00 00 00                                     # to 10.0.0.0/8
002c  0a 00 16 00 61 20 23 20 62 00 00 00                         # str "a # b"
0038  14 00 1c 00 00 00 00 00 00 00 00 00 00 00 00 00             # ip6 ::1
0048  00 00 00 01
004c  2c 00 32 80                                                 # linkinfo:
0050    07 00 01 00 74 75 6e 00                                   #   kind tun
0058    20 00 02 80                                               #   tun:
005c      08 00 05 00 {eth1}                                      #     dev eth1
0064      14 00 07 80                                             #     peer:
0068        00 00 00 00 00 00 00 00                               #       peermsg
0070        08 00 04 00 78 05 00 00                               #       mtu 1400
0078  07 00 63 00 01 02 03 00                                     # attr 99
0080  0c 00 07 80                                                 # attr 7:
0084    06 00 01 00 78 00 00 00                                   #   attr 1
`
	if got := dumpText(t, o, msg, rel); got != want[1:] {
		t.Errorf("got\n%s\nwant\n%s", got, want[1:])
	}
}

// TestDumpDamaged: whatever is wrong shows, and every byte is there.
func TestDumpDamaged(t *testing.T) {
	o := testThing()
	build := func(f func(b *Builder)) []byte {
		var b Builder
		m := b.Begin(o.New, 0x105)
		b.Fixed(20)
		f(&b)
		b.End(m)
		msg, _, err := b.Last()
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	for name, c := range map[string]struct {
		msg  []byte
		want string
	}{
		"short header": {[]byte{1, 2, 3}, "# left over"},
		"short struct": {build(func(b *Builder) {})[:20], "length 36 of 20\n0010  00 00 00 00                                                 # left over"},
		"wrong size":   {build(func(b *Builder) { b.Uint16(12, 1) }), "# u32 ?"},
		"wrong length": {build(func(b *Builder) { b.Uint32(50, 0xffffffff) }), "# linkinfo:\n0028    ff ff ff ff                                               #   left over"},
		"cut":          {append(build(func(b *Builder) {}), 8, 0, 1, 0, 1), "length 36 of 41\n"},
		"unknown kind": {build(func(b *Builder) {
			n := b.Nest(50)
			b.Text(1, "no such")
			b.Uint32(2, 1)
			b.End(n)
		}), "#   kind \"no such\"\n0034    08 00 02 00 01 00 00 00                                   #   attr 2"},
		"unknown tag": {build(func(b *Builder) { b.Uint16(70, 9) }), "# encap 9"},
		"odd tag":     {build(func(b *Builder) { b.Uint32(70, 9) }), "# encap ?"},
		"struct":      {build(func(b *Builder) { b.Uint32(31, 9) }), "# quad ?"},
		"place":       {build(func(b *Builder) { b.Uint32(60, 9) }), "# gvrp ?"},
		"mask":        {build(func(b *Builder) { b.Uint16(36, 9) }), "# u32 mask ?"},
		"codec":       {build(func(b *Builder) { n := b.Nest(40); b.Uint32(1, 1); b.Uint32(0, 1); b.End(n) }), "# hops:\n0028    08 00 01 00 01 00 00 00                                   #   [0] hopmsg"},
		"replace":     {build(func(b *Builder) {}), "# newthing request|ack|replace"},
		"rated": {build(func(b *Builder) {
			n := b.Nest(50)
			b.Text(1, "rated")
			d := b.Nest(2)
			b.Uint32(1, 125<<8|4)
			b.End(d)
			b.End(n)
		}), "#   rated rate 1kbit burst 4:"},
	} {
		if IsBigEndian && strings.Contains(c.want, " 00 ") { // native integers
			continue
		}
		got := dumpText(t, o, c.msg, nil)
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: no %q in\n%s", name, c.want, got)
		}
		back, err := ParseDump(got)
		if err != nil || len(back) != 1 || !bytes.Equal(back[0].Msg, c.msg) {
			t.Errorf("%s: read back %v, %v", name, back, err)
		}
	}
}

func TestDumpRelocs(t *testing.T) {
	o := testThing()
	msg, _ := encode(t, o, sub(o.Table, "devs", ListOf(IntVal(1), IntVal(2), IntVal(3), NameVal("a"), NameVal("b"))))
	rel := []Reloc{{52, "a"}, {56, `q"}`}}
	text := dumpText(t, o, msg, rel)
	if !strings.Contains(text, "{a}") || !strings.Contains(text, `{"q\"}"}`) || !strings.Contains(text, `devs 1,2,3,a,q"}`) {
		t.Error(text)
	}
	for _, rel := range [][]Reloc{{{uint32(len(msg)) - 3, "x"}}, {{20, "x"}, {22, "y"}}, {{30, "y"}, {20, "x"}}, {{34, "x"}}} {
		if err := o.Dump(new(bytes.Buffer), msg, rel, nil); err == nil {
			t.Errorf("relocations %v fit", rel)
		}
	}
}

func TestTypeName(t *testing.T) {
	o := testThing()
	for typ, want := range map[uint16]string{16: "newthing", 17: "delthing", 18: "getthing", 19: "setthing", 99: "type 99"} {
		if got := o.TypeName(typ); got != want {
			t.Errorf("type %d is %s, want %s", typ, got, want)
		}
	}
	for _, c := range []struct {
		typ, flags uint16
		want       string
	}{
		{16, 0x605, "request|ack|excl|create"},
		{16, 0xd05, "request|ack|replace|create|append"},
		{17, 0x305, "request|ack|nonrec|bulk"},
		{18, 0x301, "request|root|match"},
		{16, 0x8002, "multi|0x8000"},
		{16, 0, ""},
	} {
		if got := strings.Join(o.FlagNames(c.typ, c.flags), "|"); got != c.want {
			t.Errorf("flags %#x of type %d are %s, want %s", c.flags, c.typ, got, c.want)
		}
	}
}

func TestParseDump(t *testing.T) {
	const plain = "10000000100005000000000000000000"
	text := plain + "  # one\n" +
		"# a comment\n#another\n" +
		"0000  10 00 00 00 10 00\t05 00 # x\r\n0008  {eth0} {\"e # }\"} # y\n" +
		"> something else\n" +
		"0000 1000 0000\n0000  20\n\n" +
		"10 00 00 00 10 00 05 00 00 00 00 00 {x}\n"
	got, err := ParseDump(text)
	if err != nil {
		t.Fatal(err)
	}
	type want struct {
		n, line int
		rel     []Reloc
	}
	wants := []want{{16, 1, nil}, {16, 4, []Reloc{{8, "eth0"}, {12, "e # }"}}}, {4, 7, nil}, {1, 8, nil}, {16, 10, []Reloc{{12, "x"}}}}
	if len(got) != len(wants) {
		t.Fatalf("%d messages: %+v", len(got), got)
	}
	for i, w := range wants {
		g := got[i]
		if len(g.Msg) != w.n || g.Line != w.line || len(g.Rel) != len(w.rel) {
			t.Errorf("message %d is %+v, want %+v", i, g, w)
			continue
		}
		for j := range w.rel {
			if g.Rel[j] != w.rel[j] {
				t.Errorf("message %d: relocation %+v, want %+v", i, g.Rel[j], w.rel[j])
			}
		}
	}
	for _, c := range []struct{ text, want string }{
		{"0000 00\n0002 00\n", "line 2: offset 0002, but the lines before hold 0x1 bytes"},
		{"0004 00\n", "line 1: offset 0004, but the lines before hold 0x0 bytes"},
		{"\n0000 0g\n", `line 2: "0g" is not hexadecimal`},
		{"0000 123\n", `line 1: "123" is not hexadecimal bytes`},
		{"0000 {a b}\n", `line 1: "{a b}" is not {name}`},
		{"0000 {\n", `line 1: "{" is not {name}`},
		{"0000 {}\n", `line 1: "{}" is not {name}`},
		{"0000 {\"x}\n", `line 1: "{\"x}" is not {"name"}`},
		{"0000 {\"x\"\n", `is not {"name"}`},
		{"00 01\n", "line 1: 2 bytes are no message"},
		{"ip link show\n", `line 1: "ip" is not hexadecimal`},
		{"fffffffff 00\n", "line 1: offset fffffffff is too large"},
		{plain[:30] + "\n", "line 1: 15 bytes are no message"},
	} {
		got, err := ParseDump(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %d messages, %v; want %s", c.text, len(got), err, c.want)
		}
	}
}
