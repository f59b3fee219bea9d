package wire

import (
	"bytes"
	"testing"
)

// seeds are payloads of the test object: the full one, cut and damaged ones.
func seeds(f *testing.F, o *Object) {
	msg, _ := encode(f, o, fullThing(o))
	f.Add(msg)
	f.Add(msg[:len(msg)/2])
	f.Add(msg[:HeaderLen+3])
	var b Builder
	m := b.Begin(o.New, 5)
	b.Fixed(20)
	n := b.Nest(50)
	b.Text(1, "nosuch")
	b.Uint32(2, 1)
	b.Text(1, "tun")
	b.Uint32(2, 2)
	b.End(n)
	n = b.Nest(99)
	b.Uint32(1, 7)
	b.End(n)
	b.Uint32(50, 0xffff) // a nest that is none
	b.Uint32(10, 1)
	b.Uint32(36, 1)
	b.Uint32(36, 2)
	b.End(m)
	f.Add(b.buf)
	f.Add(bytes.Repeat([]byte{4, 0, 50, 0x80}, 30))
}

// FuzzMessages: framing of any bytes ends, and every view is inside.
func FuzzMessages(f *testing.F) {
	o := testThing()
	seeds(f, o)
	f.Fuzz(func(t *testing.T, b []byte) {
		at := 0
		for m, err := range Messages(b) {
			if err != nil {
				break
			}
			if m.Off != at || len(m.Bytes) < HeaderLen || len(m.Data) != len(m.Bytes)-HeaderLen || cap(m.Data) != len(m.Data) {
				t.Fatalf("message at %d: %+v", at, m)
			}
			at += align(len(m.Bytes))
		}
	})
}

// FuzzAttrs: the same for attributes, and what was read can be written again.
func FuzzAttrs(f *testing.F) {
	o := testThing()
	seeds(f, o)
	f.Fuzz(func(t *testing.T, b []byte) {
		at := 0
		var w Builder
		for a, err := range Attrs(b) {
			if err != nil {
				break
			}
			if a.Off != at || cap(a.Data) != len(a.Data) {
				t.Fatalf("attribute at %d: %+v", at, a)
			}
			copy(w.Attr(a.Type|a.Flags, len(a.Data)), a.Data)
			n := len(w.buf)
			if head := w.buf[n-align(len(a.Data))-attrHeader : n-align(len(a.Data))+len(a.Data)]; !bytes.Equal(head, b[at:at+len(head)]) {
				t.Fatalf("attribute at %d is written as %x", at, head)
			}
			at += attrHeader + align(len(a.Data))
		}
	})
}

// FuzzDecode: decoding any bytes and encoding what was read is the identity from
// then on, in bytes and in values; and text and JSON of it can be made.
func FuzzDecode(f *testing.F) {
	o := testThing()
	seeds(f, o)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderLen+3 || b[HeaderLen+1] > 32 || b[HeaderLen+2] > 32 {
			return // a prefix length that no IPv4 address has is not kept
		}
		var first, second, third Set
		if o.Table.Decode(b[HeaderLen:], &first) != nil {
			return
		}
		first.Text(nil)
		first.JSON(nil)
		one, rel := encode(t, o, &first)
		if err := o.Decode(one, rel, &second); err != nil {
			t.Fatalf("%v\n%s", err, dumpText(t, o, one, rel))
		}
		two, rel := encode(t, o, &second)
		if err := o.Decode(two, rel, &third); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, two) || !second.Equal(&third) || len(first.Extra) != len(second.Extra) {
			t.Errorf("not the same again:\n%s\n%s\n%s\n%s", first.Text(nil), dumpText(t, o, one, nil), second.Text(nil), dumpText(t, o, two, nil))
		}
		first.Extra, second.Extra = nil, nil // in the order of their nests now
		if !first.Equal(&second) {
			t.Errorf("decoded %s\nagain   %s", first.Text(nil), second.Text(nil))
		}
	})
}

// FuzzDumpParse: what a dump shows is what ParseDump reads, whatever the bytes
// are; every offset has a path or none, without failing.
func FuzzDumpParse(f *testing.F) {
	o := testThing()
	msg, rel := encode(f, o, fullThing(o))
	f.Add(msg, int(rel[0].Off), "eth0")
	f.Add(msg, int(rel[2].Off), "a } b")
	f.Add(msg, -1, "")
	f.Add(msg[:40], 33, "eth0")
	f.Fuzz(func(t *testing.T, msg []byte, off int, name string) {
		var rel []Reloc
		if off >= 0 && off < 1<<20 {
			rel = []Reloc{{uint32(off), name}}
		}
		o.Locate(msg, off)
		o.LocateMissing(msg, off, off)
		o.Row(msg, off)
		var w bytes.Buffer
		if o.Dump(&w, msg, rel, nil) != nil {
			return // the relocation is out of place
		}
		got, err := ParseDump(w.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, w.String())
		}
		if len(msg) == 0 {
			if len(got) != 0 {
				t.Fatalf("no bytes are %d messages", len(got))
			}
			return
		}
		want := Link(msg, rel, func(string) uint32 { return 0 })
		if len(got) != 1 || !bytes.Equal(got[0].Msg, want) || len(got[0].Rel) != len(rel) || len(rel) > 0 && got[0].Rel[0] != rel[0] {
			t.Fatalf("read back %d messages:\n%x %v\nwant\n%x %v\n%s", len(got), got[0].Msg, got[0].Rel, want, rel, w.String())
		}
	})
}

// FuzzParseDump: any text is messages or an error that names its line.
func FuzzParseDump(f *testing.F) {
	o := testThing()
	msg, rel := encode(f, o, fullThing(o))
	f.Add(dumpText(f, o, msg, rel))
	f.Add("# x\n\n0000  00 {eth0} # y\n0005 zz\n")
	f.Add("{\"a}b\"}00000000000000000000000000000000\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseDump(text)
		if e, ok := err.(*TextError); err != nil && (!ok || e.Line < 1) {
			t.Fatal(err)
		}
		for _, d := range got {
			if len(d.Msg) == 0 || d.Line < 1 {
				t.Fatalf("%+v", d)
			}
		}
	})
}
