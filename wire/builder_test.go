package wire

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestBuilder(t *testing.T) {
	if IsBigEndian {
		t.Skip("the bytes are little-endian")
	}
	var b Builder
	m := b.Begin(16, 5)
	copy(b.Fixed(3), "abc")
	b.Uint8(1, 0x11)
	b.Uint16(2, 0x2211)
	b.Uint32(3, 0x44332211)
	b.Uint64(4, 0x8877665544332211)
	b.String(5, "hi")
	b.Text(6, "hi")
	n := b.Nest(7)
	b.Addr(8, netip.MustParseAddr("192.0.2.1"))
	f, p := b.Framed(4)
	p[3] = 9
	b.device(9, "eth0")
	b.End(f)
	b.End(n)
	b.End(m)
	got, rel, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	want := "60000000 1000 0500 00000000 00000000 61626300" +
		"0500 0100 11000000 0600 0200 11220000 0800 0300 11223344 0c00 0400 1122334455667788" +
		"0700 0500 68690000 0600 0600 68690000" +
		"1800 0780 0800 0800 c0000201 0c00 0009 0800 0900 00000000"
	if s := fmt.Sprintf("%x", got); s != strings.ReplaceAll(want, " ", "") {
		t.Errorf("got  %s\nwant %s", s, strings.ReplaceAll(want, " ", ""))
	}
	if len(rel) != 1 || rel[0] != (Reloc{0x5c, "eth0"}) {
		t.Errorf("relocations %v", rel)
	}
	Patch(got, rel, func(string) uint32 { return 7 })
	if got[0x5c] != 7 {
		t.Errorf("the relocation is not where the index belongs: %x", got)
	}
}

func TestBuilderLimits(t *testing.T) {
	var b Builder
	m := b.Begin(16, 0)
	if n := len(b.Attr(1, maxAttr-attrHeader)); n != 65531 {
		t.Errorf("the longest attribute has %d bytes", n)
	}
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	if n := len(b.Attr(77, maxAttr-attrHeader+1)); n != 65532 || b.Err() == nil || !strings.Contains(b.Err().Error(), "attribute 77") {
		t.Errorf("%d bytes, %v", n, b.Err())
	}
	b.String(78, strings.Repeat("x", 1<<16)) // the first error stays
	if err := b.Err(); !strings.Contains(err.Error(), "attribute 77") {
		t.Error(err)
	}
	b.End(m)
	if _, err := b.Bytes(); err == nil {
		t.Error("bytes in spite of an error")
	}
	if _, _, err := b.Last(); err == nil {
		t.Error("a message in spite of an error")
	}

	b.Reset()
	m = b.Begin(16, 0)
	n := b.Nest(55)
	for range 2 {
		b.Attr(1, 32767-attrHeader)
	}
	b.End(n)
	if b.Err() == nil || !strings.Contains(b.Err().Error(), "nest 55") {
		t.Errorf("a nest of 65540 bytes: %v", b.Err())
	}
	b.Cancel(m)
	if b.Err() != nil {
		t.Errorf("a cancelled message leaves %v", b.Err())
	}
}

func TestBuilderMarks(t *testing.T) {
	for name, f := range map[string]func(b *Builder){
		"outer before inner": func(b *Builder) { m := b.Begin(1, 0); b.Nest(2); b.End(m) },
		"twice":              func(b *Builder) { m := b.Begin(1, 0); n := b.Nest(2); b.End(n); b.End(n); b.End(m) },
		"cancel after end":   func(b *Builder) { m := b.Begin(1, 0); b.End(m); b.Cancel(m) },
		"begin in a message": func(b *Builder) { b.Begin(1, 0); b.Begin(1, 0) },
		"stale": func(b *Builder) {
			b.Begin(1, 0)
			n := b.Nest(2)
			b.Cancel(n)
			b.Uint32(1, 1)
			b.Nest(3)
			b.End(n)
		},
	} {
		var b Builder
		f(&b)
		if b.Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var b Builder
	b.Begin(1, 0)
	if _, err := b.Bytes(); err != errOpen {
		t.Errorf("bytes of an open message: %v", err)
	}
	if _, _, err := b.Last(); err != errOpen {
		t.Errorf("an open message: %v", err)
	}
}

func TestBuilderCancel(t *testing.T) {
	var b Builder
	b.End(b.Begin(1, 0))
	before, _ := b.Bytes()
	before = bytes.Clone(before)
	m := b.Begin(2, 0)
	b.device(1, "eth0")
	b.Text(2, "rest that must not shine through")
	b.Cancel(m)
	if got, err := b.Bytes(); err != nil || !bytes.Equal(got, before) {
		t.Errorf("after cancelling: %x %v, want %x", got, err, before)
	}
	m = b.Begin(3, 0)
	n := b.Nest(1)
	b.device(1, "eth0")
	b.Cancel(n)
	if p := b.Attr(3, 9); !zero(p[:cap(p)]) {
		t.Errorf("an attribute is born with %x", p)
	}
	b.End(m)
	if msg, rel, err := b.Last(); err != nil || len(rel) != 0 || len(msg) != HeaderLen+16 {
		t.Errorf("%x %v %v", msg, rel, err)
	}
	b.Reset()
	if p := b.Fixed(64); !zero(p) {
		t.Errorf("after Reset a header is born with %x", p)
	}
}

// TestBuilderPieces: an arena takes little memory for one message, and large pieces
// for many.
func TestBuilderPieces(t *testing.T) {
	b := Builder{Chunk: 1 << 16}
	for i, most := range map[int]int{0: 512, 1 << 14: 1 << 16} {
		for range i + 1 {
			b.End(b.Begin(1, 0))
		}
		if c := cap(b.buf); c > most || c < most/2 {
			t.Errorf("after %d messages: pieces of %d bytes, want %d", i+1, c, most)
		}
		b = Builder{Chunk: 1 << 16}
	}
}

// TestBuilderArena: with Chunk set, messages that were finished stay as they
// are, whatever comes later.
func TestBuilderArena(t *testing.T) {
	b := Builder{Chunk: 256}
	type kept struct {
		msg  []byte
		rel  []Reloc
		want string
	}
	var all []kept
	for i := range 200 {
		m := b.Begin(uint16(i), 0)
		n := b.Nest(1)
		for j := range i % 40 {
			b.device(uint16(j), fmt.Sprintf("eth%d", i))
		}
		b.End(n)
		if i%7 == 0 {
			b.Cancel(m)
			continue
		}
		b.End(m)
		msg, rel, err := b.Last()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kept{msg, rel, fmt.Sprintf("%x %v", msg, rel)})
		if i%50 == 49 {
			b.Reset()
		}
	}
	for i, k := range all {
		if got := fmt.Sprintf("%x %v", k.msg, k.rel); got != k.want {
			t.Fatalf("message %d became %s, was %s", i, got, k.want)
		}
		if cap(k.msg) != len(k.msg) {
			t.Errorf("message %d can be appended to in place", i)
		}
	}
}

// TestAppendFails: an op that fails leaves the builder as it was.
func TestAppendFails(t *testing.T) {
	o := testThing()
	var b Builder
	good := fullThing(o)
	if err := o.Append(&b, o.New, 0, good); err != nil {
		t.Fatal(err)
	}
	before, _ := b.Bytes()
	before = bytes.Clone(before)
	tun := member(o.Table, "kind", "tun")
	relocs := len(b.rel)
	for want, s := range map[string]*Set{
		"ip4: a value":            sub(o.Table, "u8", IntVal(1), "ip4", addr("::1")),
		"kind.tun.peer: a value":  sub(o.Table, "dev", NameVal("x"), "kind", SubVal(sub(tun, "peer", IntVal(1)))),
		"quads[1]: a value":       sub(o.Table, "quads", ListOf(SubVal(sub(o.Table.Row("quad").Of)), IntVal(1))),
		"attribute 23: 70000":     sub(o.Table, "dev", NameVal("x"), "text", StrVal(strings.Repeat("x", 70000))),
		"attribute 35: 72000":     sub(o.Table, "quads", bigQuads(o)),
		"hw: 15 bytes do not fit": sub(o.Table, "hw", StrVal("123456789012345")),
		"encap: a value":          sub(o.Table, "encap", IntVal(1)),
	} {
		err := o.Append(&b, o.New, 0, s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		got, err := b.Bytes()
		if err != nil || !bytes.Equal(got, before) || len(b.rel) != relocs {
			t.Errorf("%s: the builder changed", want)
		}
	}
}

func bigQuads(o *Object) Value {
	v := ListOf()
	for range 9000 {
		v.L = append(v.L, SubVal(sub(o.Table.Row("quad").Of, "low", IntVal(1))))
	}
	return v
}
