package wire

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// spans is an object with a struct that is there twice for a range, in an
// attribute that has the number 0 beside it.
func spans() *Object {
	first, info := &Place{Attr: true, Len: 2}, &Place{Type: 2, Len: 4, Ends: &Ends{First: 8, Last: 16}}
	return &Object{Name: "span", New: 20, Table: &Table{Name: "span", Fields: []Field{
		{Name: "self", Kind: Bit16, At: first, Bit: 2},
		{Name: "id", Kind: Range, At: info, Off: 2, Elem: &Field{Kind: U16}},
		{Name: "mark", Kind: Bit16, At: info, Bit: 4},
	}}}
}

func span(o *Object, low, high uint64, mark bool) *Set {
	s := NewSet(o.Table)
	s.PutName("id", ListOf(IntVal(low), IntVal(high)))
	if mark {
		s.PutName("mark", BoolVal(true))
	}
	return s
}

func TestEnds(t *testing.T) {
	o := spans()
	for _, c := range []struct {
		low, high uint64
		mark      bool
		want      string
	}{
		{5, 5, false, "08000200 0000 0500"},
		{5, 5, true, "08000200 0400 0500"},
		{5, 9, true, "08000200 0c00 0500 08000200 1400 0900"},
	} {
		s := span(o, c.low, c.high, c.mark)
		s.PutName("self", BoolVal(true))
		msg, _ := encode(t, o, s)
		want := "06000000 0200 0000" + c.want
		if IsBigEndian {
			want = ""
		}
		if got := msg[HeaderLen:]; want != "" && !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%d-%d: %x", c.low, c.high, got)
		}
		var again Set
		if err := o.Decode(msg, nil, &again); err != nil || !again.Equal(s) {
			t.Errorf("%d-%d: read as %s, %v", c.low, c.high, again.Text(nil), err)
		}
	}
}

// What is not one range is kept as it is, and written so.
func TestEndsApart(t *testing.T) {
	if IsBigEndian {
		t.Skip("little-endian bytes")
	}
	o := spans()
	for _, c := range []struct{ bytes, text string }{
		{"08000200 0800 0500", "id 5"},                           // begins and does not end
		{"08000200 1000 0500", "attr 2 10000500"},                // ends and has not begun
		{"08000200 0800 0500 08000200 1000 0500", "id 5 attr 2"}, // holds nothing
		{"08000200 0800 0500 08000200 1400 0900", "id 5 attr 2"}, // two kinds of thing
		{"08000200 0000 0500 08000200 0000 0600", "id 5 attr 2"},
		{"08000200 4000 0500", "attr 2"}, // a bit that nobody knows
		{"08000200 1800 0500", "attr 2"},
	} {
		msg := append(make([]byte, HeaderLen), unhex(t, c.bytes)...)
		var s Set
		if err := o.Table.Decode(msg[HeaderLen:], &s); err != nil {
			t.Fatal(err)
		}
		if got := s.Text(nil); len(got) < len(c.text) || got[:len(c.text)] != c.text {
			t.Errorf("%s: %q, want %q", c.bytes, got, c.text)
		}
		again, _ := encode(t, o, &s)
		if !bytes.Equal(again[HeaderLen:], msg[HeaderLen:]) {
			t.Errorf("%s: written as %x", c.bytes, again[HeaderLen:])
		}
	}
}

// A dump says which end is which.
func TestEndsDump(t *testing.T) {
	o := spans()
	msg, rel := encode(t, o, span(o, 5, 9, true))
	text := dumpText(t, o, msg, rel)
	for _, want := range []string{"id 5 mark (first)", "id 9 mark (last)"} {
		if !bytes.Contains([]byte(text), []byte(want)) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tailed is an object whose range begins in a struct and ends in an attribute.
func tailed() *Object {
	info := &Place{Type: 1, Len: 4, Init: func() []byte { return []byte{0x40, 0, 0, 0} }, Ends: &Ends{Tail: 2}}
	return &Object{Name: "span", New: 20, Table: &Table{Name: "span", Fields: []Field{
		{Name: "id", Kind: Range, At: info, Off: 2, Elem: &Field{Kind: U16}},
		{Name: "mark", Kind: Bit16, At: info, Bit: 4},
		{Name: "more", Type: 3, Kind: U8},
	}}}
}

func TestTail(t *testing.T) {
	if IsBigEndian {
		t.Skip("little-endian bytes")
	}
	o := tailed()
	for _, c := range []struct {
		low, high uint64
		mark      bool
		want      string
	}{
		{5, 5, false, "08000100 4000 0500 05000300 07000000"},
		{5, 5, true, "08000100 4400 0500 05000300 07000000"},
		{5, 9, true, "08000100 4400 0500 06000200 09000000 05000300 07000000"},
	} {
		s := span(o, c.low, c.high, c.mark)
		s.PutName("more", IntVal(7))
		msg, _ := encode(t, o, s)
		if got := msg[HeaderLen:]; !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%d-%d: %x", c.low, c.high, got)
		}
		var again Set
		if err := o.Decode(msg, nil, &again); err != nil || again.Text(nil) != s.Text(nil) && !again.Equal(s) {
			t.Errorf("%d-%d: read as %s, %v", c.low, c.high, again.Text(nil), err)
		}
		if c.low != c.high {
			if text := dumpText(t, o, msg, nil); !strings.Contains(text, "id 5 mark") || !strings.Contains(text, "id to 9") {
				t.Error(text)
			}
			if got := o.Locate(msg, HeaderLen+8); got != "id" {
				t.Errorf("the end of the range is %q", got)
			}
		}
	}
}

// What is not one range is kept as it is, and written so.
func TestTailApart(t *testing.T) {
	if IsBigEndian {
		t.Skip("little-endian bytes")
	}
	o := tailed()
	for _, c := range []struct{ bytes, text string }{
		{"06000200 09000000", "attr 2"},                          // ends and has not begun
		{"08000100 4000 0500 06000200 04000000", "id 5 attr 2"},  // holds nothing
		{"08000100 4000 0500 05000200 09000000", "id 5 attr 2"},  // another size
		{"08000100 4000 0500 08000100 4000 0900", "id 5 attr 1"}, // twice
		{"08000100 0000 0500", "attr 1"},                         // not only options
		{"08000100 4200 0500", "attr 1"},                         // another flag
		{"08000100 0400 0500 06000200 09000000", "attr 1 04000500 attr 2 0900"},
		{"08000100 4000 0500 06000200 09000000 06000200 0a000000", "id 5-9 attr 2"},
	} {
		msg := append(make([]byte, HeaderLen), unhex(t, c.bytes)...)
		var s Set
		if err := o.Table.Decode(msg[HeaderLen:], &s); err != nil {
			t.Fatal(err)
		}
		if got := s.Text(nil); !strings.HasPrefix(got, c.text) {
			t.Errorf("%s: %q, want %q", c.bytes, got, c.text)
		}
		again, _ := encode(t, o, &s)
		if !bytes.Equal(again[HeaderLen:], msg[HeaderLen:]) {
			t.Errorf("%s: written as %x", c.bytes, again[HeaderLen:])
		}
	}
}
