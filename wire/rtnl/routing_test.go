package rtnl

import (
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// checkFinish takes from a message of iproute2 what its command line does not
// say, and expects Finish to bring exactly that back, and the verb its flags.
// said tells for a row that Finish may fill whether the command line says it.
func checkFinish(t *testing.T, o *wire.Object, c *oracleCase, m *oracleMessage, said map[string]func(argv []string) bool) {
	t.Helper()
	s := wire.NewSet(o.Table)
	if err := o.Decode(m.bytes, nil, s); err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	for name, f := range said {
		v, _ := s.Get(name)
		switch {
		case !f(c.Argv):
			s.Del(name)
		case o.Table.Row(name).Header():
			s.PutName(name, v) // a zero that was written
		}
	}
	unmarkVia(s)
	v := oracleVerb(o, c.Argv)
	if v == nil {
		t.Fatalf("%s: no verb of %q", c.ID, c.Argv)
	}
	if err := o.Finish(s, v); err != nil {
		t.Errorf("%s: %v", c.ID, err)
		return
	}
	sent := *m
	sent.Type, sent.Flags = v.Type, v.Flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK
	if sent.Type != m.Type || sent.Flags != m.Flags {
		t.Errorf("%s: verb %s has type %d flags %#x, want %d %#x", c.ID, v.Name, sent.Type, sent.Flags, m.Type, m.Flags)
	}
	checkEncodes(t, o, c, m, s)
}

// unmarkVia makes gateways what a script gives: an address that knows no attribute.
func unmarkVia(s *wire.Set) {
	for i, e := range s.Ents {
		if e.F.Name == "via" {
			s.Ents[i].V.N = 0
		}
		for _, h := range e.V.L {
			if h.Sub != nil {
				unmarkVia(h.Sub)
			}
		}
	}
}

// oracleVerb finds the verb in a command line of ip.
func oracleVerb(o *wire.Object, argv []string) *wire.Verb {
	short := map[string]string{"del": "delete", "chg": "change"}
	for _, w := range argv[1:] {
		if long := short[w]; long != "" {
			w = long
		}
		if v := o.Verb(w); v != nil {
			return v
		}
	}
	return nil
}

// says returns a function that looks for one of some words.
func says(words ...string) func([]string) bool {
	return func(argv []string) bool {
		return slices.ContainsFunc(argv, func(w string) bool { return slices.Contains(words, w) })
	}
}

// wordsOf are the names of numbers, as says takes them.
func wordsOf(w wire.Words, more ...string) []string {
	for _, x := range w {
		more = append(more, x.Name)
	}
	return more
}

// rowsOf makes a set of rows from pairs of name and value: a string is parsed as
// address or prefix where the row wants one.
func rowsOf(t testing.TB, tab *wire.Table, pairs ...any) *wire.Set {
	t.Helper()
	s := wire.NewSet(tab)
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		f := tab.Row(name)
		if f == nil {
			t.Fatalf("no row %s", name)
		}
		s.Put(f, valueOf(t, f, pairs[i+1]))
	}
	return s
}

func valueOf(t testing.TB, f *wire.Field, x any) wire.Value {
	t.Helper()
	switch x := x.(type) {
	case wire.Value:
		return x
	case int:
		return wire.IntVal(uint64(x))
	case bool:
		return wire.BoolVal(x)
	case string:
		if f.Notation != nil {
			v, ok, err := f.Notation.Parse(x)
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			if ok {
				return v
			}
		}
		return plainValue(t, f, x)
	}
	t.Fatalf("%s: %T", f.Name, x)
	return wire.Value{}
}

func plainValue(t testing.TB, f *wire.Field, x string) wire.Value {
	t.Helper()
	switch {
	case f.Kind == wire.Prefix && x == "default":
		return wire.Value{Type: wire.AnyNet}
	case f.Kind == wire.Prefix && x == "all":
		return wire.Value{Type: wire.EmptyNet}
	case f.Kind == wire.Prefix:
		return wire.NetVal(prefix(t, x))
	case f.Kind == wire.IP:
		return wire.AddrVal(prefix(t, x).Addr())
	case f.Kind == wire.Dev:
		return wire.NameVal(x)
	case f.Kind == wire.U8 || f.Kind == wire.U16 || f.Kind == wire.U32:
		n, ok := f.Words.Number(x)
		if !ok {
			t.Fatalf("%s: no word %s", f.Name, x)
		}
		return wire.IntVal(n)
	}
	return wire.StrVal(x)
}

// text is a set as text, after Finish and Canon: what the kernel would report.
func canonText(t *testing.T, o *wire.Object, s *wire.Set) string {
	t.Helper()
	if err := o.Finish(s, nil); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(reported(t, o, s).Text(nil))
}

// reported encodes a set, decodes it and makes it canonical.
func reported(t *testing.T, o *wire.Object, s *wire.Set) *wire.Set {
	t.Helper()
	var b wire.Builder
	if err := o.Append(&b, o.New, 0, s); err != nil {
		t.Fatal(err)
	}
	msg, rel, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	r := wire.NewSet(o.Table)
	if err := o.Decode(msg, rel, r); err != nil {
		t.Fatal(err)
	}
	o.Canon(r)
	return r
}
