package builtins

import (
	"strings"
	"testing"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

func testObjects() []*wire.Object { return rtnl.Objects }

type echoCodec struct{}

func (echoCodec) Append(b *wire.Builder, f *wire.Field, v wire.Value) error {
	b.String(f.Type, v.S)
	return nil
}
func (echoCodec) Decode(_ *wire.Field, p []byte) (wire.Value, error) {
	return wire.StrVal(strings.TrimRight(string(p), "\x00")), nil
}

// samples has, for every kind, a row and a value as a script writes it.
func samples() map[wire.Kind]struct {
	f   *wire.Field
	src string
} {
	at := &wire.Place{}
	inner := &wire.Table{Name: "inner", Fixed: 4, Fields: []wire.Field{{Name: "n", Kind: wire.U32, At: at}}}
	nest := &wire.Table{Name: "nest", Fields: []wire.Field{{Name: "n", Kind: wire.U32, Type: 1}}}
	u := &wire.OneOf{Name: "kind", Tag: 1, Tables: []*wire.Table{nest}}
	num := &wire.Field{Name: "e", Kind: wire.U16}
	type sample = struct {
		f   *wire.Field
		src string
	}
	m := map[wire.Kind]sample{
		wire.Bool: {&wire.Field{}, "True"}, wire.Flag: {&wire.Field{}, "True"},
		wire.Bit8: {&wire.Field{Bit: 1}, "False"}, wire.Bit16: {&wire.Field{Bit: 1}, "True"}, wire.Bit32: {&wire.Field{Bit: 1}, "True"},
		wire.Str: {&wire.Field{}, `"a"`}, wire.Text: {&wire.Field{}, `"a b"`}, wire.Bytes: {&wire.Field{}, `"0a0b"`},
		wire.IP: {&wire.Field{}, `"2001:db8::1"`}, wire.IP4: {&wire.Field{}, `"192.0.2.1"`}, wire.IP6: {&wire.Field{}, `"::1"`},
		wire.Prefix: {&wire.Field{}, `"10.0.0.0/8"`}, wire.MAC: {&wire.Field{}, `"02:00:00:00:00:01"`}, wire.Dev: {&wire.Field{}, `"eth0"`},
		wire.Nest: {&wire.Field{Of: nest}, `{"n": 3}`}, wire.Struct: {&wire.Field{Of: inner}, `{"n": 3}`},
		wire.Union: {&wire.Field{OneOf: u}, "kind.nest(n = 3)"},
		wire.List:  {&wire.Field{Elem: num}, "[1, 2]"}, wire.Array: {&wire.Field{Elem: num}, "[1, 2]"}, wire.Multi: {&wire.Field{Elem: num}, "[3]"},
		wire.Range: {&wire.Field{Elem: num}, `"3-9"`}, wire.Custom: {&wire.Field{Codec: echoCodec{}}, `"x"`},
	}
	for k := wire.U8; k <= wire.BE64; k++ {
		m[k] = sample{&wire.Field{}, "7"}
	}
	return m
}

// TestInOutTotal: every kind is read from a script and written as one. Kinds
// are those that wire's text knows, so a new one fails here until it is in.
func TestInOutTotal(t *testing.T) {
	all := samples()
	names := starlark.StringDict{"kind": env([]*wire.Object{{Name: "o", Table: &wire.Table{Name: "o", Fields: []wire.Field{
		{Name: "kind", Kind: wire.Union, Type: 2, OneOf: all[wire.Union].f.OneOf}}}}}, []*wire.OneOf{all[wire.Union].f.OneOf})["kind"]}
	n := 0
	for k := wire.Kind(1); k < 255; k++ {
		s, ok := all[k]
		if !ok {
			if (&wire.Field{Kind: k, Elem: &wire.Field{Kind: wire.U8}}).Text(wire.ListOf(wire.IntVal(0), wire.IntVal(0)), nil) != "?" {
				t.Errorf("kind %d has no sample", k)
			}
			continue
		}
		n++
		s.f.Kind, s.f.Name = k, "row"
		v, err := starlark.EvalOptions(FileOptions(), &starlark.Thread{}, "x", s.src, names)
		if err != nil {
			t.Fatal(err)
		}
		w, err := (&reader{}).value(s.f, v)
		if err != nil {
			t.Errorf("kind %d: %s: %v", k, s.src, err)
			continue
		}
		back, err := scriptValue(s.f, w)
		if err != nil {
			t.Errorf("kind %d: %v", k, err)
			continue
		}
		if got := render((outer{}).valueNode(s.f, back), 0); got != s.src {
			t.Errorf("kind %d: %s comes back as %s", k, s.src, got)
		}
		if _, err := (&reader{}).value(s.f, starlark.Float(1.5)); err == nil {
			t.Errorf("kind %d takes a float", k)
		}
	}
	if n != len(all) {
		t.Errorf("%d kinds, %d samples", n, len(all))
	}
}

// TestRowNames: every row can be written as a keyword, no row hides what every
// constructor takes, and none an op's own attribute.
func TestRowNames(t *testing.T) {
	taken := map[string]bool{attrsWord: true, recreateWord: true, appendWord: true, attrHex: true, attrText: true, attrWith: true, attrObject: true}
	seen := map[*wire.Table]bool{}
	rows := 0
	var walk func(t *wire.Table)
	walk = func(tab *wire.Table) {
		if tab == nil || seen[tab] {
			return
		}
		seen[tab] = true
		if tab.Subject != "" && tab.Row(tab.Subject) == nil {
			t.Errorf("%s: no row %s", tab.Name, tab.Subject)
		}
		for _, f := range tab.Rows() {
			rows++
			if _, err := new(syntax.FileOptions).ParseExpr("", "f("+f.Name+" = 1)", 0); err != nil {
				t.Errorf("%s: row %q is no keyword: %v", tab.Name, f.Name, err)
			}
			if taken[f.Name] {
				t.Errorf("%s: row %q has a meaning of its own", tab.Name, f.Name)
			}
			for ; f != nil; f = f.Elem {
				walk(f.Of)
				if f.OneOf != nil {
					for _, m := range f.OneOf.Tables {
						walk(m)
					}
				}
			}
		}
	}
	for _, o := range rtnl.Objects {
		walk(o.Table)
		for _, v := range append([]wire.Verb{{Name: o.Name}}, o.Verbs...) {
			if _, err := new(syntax.FileOptions).ParseExpr("", v.Name+"()", 0); err != nil {
				t.Errorf("%s: verb %q cannot be called: %v", o.Name, v.Name, err)
			}
		}
		if o.Subject != "" && o.Table.Row(o.Subject) == nil {
			t.Errorf("%s: no row %s", o.Name, o.Subject)
		}
	}
	if rows < 300 {
		t.Errorf("only %d rows", rows)
	}
}

// TestClosedNames: the names a script sees are these and no others.
func TestClosedNames(t *testing.T) {
	got := strings.Join(sortedKeys(Predeclared()), " ")
	for _, name := range strings.Fields("absent addr attempt attr bridge class_ commit encap hop ip json kind link mac math message neigh nexthop param port qdisc route rule sch struct sysctl") {
		if !strings.Contains(" "+got+" ", " "+name+" ") {
			t.Errorf("no %s in %s", name, got)
		}
	}
	for _, name := range strings.Fields("time random env os open") {
		if strings.Contains(" "+got+" ", " "+name+" ") {
			t.Errorf("%s is not for scripts", name)
		}
	}
}
