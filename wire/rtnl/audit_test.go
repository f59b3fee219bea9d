package rtnl

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/wire"
)

// walk calls f for every table that can be reached from t, once.
func walk(t *wire.Table, seen map[*wire.Table]bool, f func(*wire.Table)) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	f(t)
	for i := range t.Declared() {
		walkField(&t.Declared()[i], seen, f)
	}
}

func walkField(row *wire.Field, seen map[*wire.Table]bool, f func(*wire.Table)) {
	walk(row.Of, seen, f)
	if row.OneOf != nil {
		for _, m := range row.OneOf.Tables {
			walk(m, seen, f)
		}
	}
	if row.Elem != nil {
		walkField(row.Elem, seen, f)
	}
}

// TestAudit checks what the compiler cannot: that rows can be told apart, that
// every row is documented, that every name can be written in a script.
func TestAudit(t *testing.T) {
	seen := map[*wire.Table]bool{}
	rows := 0
	for _, o := range Objects {
		auditObject(t, o)
		walk(o.Table, seen, func(tab *wire.Table) {
			rows += len(tab.Declared())
			auditTable(t, o.Name+": "+tab.Name, tab)
		})
	}
	if rows < 100 {
		t.Errorf("only %d rows were looked at", rows)
	}
}

func auditObject(t *testing.T, o *wire.Object) {
	bad := func(format string, args ...any) { t.Errorf(o.Name+": "+format, args...) }
	if o.Doc == "" || o.Table == nil || o.New == 0 {
		bad("incomplete")
	}
	for i, v := range o.Verbs {
		if v.Doc == "" || v.Type == 0 {
			bad("verb %s is incomplete", v.Name)
		}
		if slices.ContainsFunc(o.Verbs[:i], func(w wire.Verb) bool { return w.Name == v.Name }) {
			bad("verb %s twice", v.Name)
		}
		if err := badName(v.Name); err != nil {
			bad("verb %v", err)
		}
	}
	for _, name := range slices.Concat(o.Key, o.Delete, o.Within) {
		if name != "" && o.Table.Row(name) == nil {
			bad("no row %s", name)
		}
	}
	if o.Subject != "" && o.Table.Row(o.Subject) == nil {
		bad("no row %s, which is its subject", o.Subject)
	}
}

func auditTable(t *testing.T, path string, tab *wire.Table) {
	bad := func(format string, args ...any) {
		t.Helper()
		t.Errorf(path+": "+format, args...)
	}
	if tab.Name == "" || tab.Doc == "" || tab.Fixed > 0 && tab.Head == "" {
		bad("no name, documentation or name of the fixed struct")
	}
	func() {
		defer func() {
			if r := recover(); r != nil {
				bad("%v", r)
			}
		}()
		tab.Rows()
	}()
	byType := map[uint16][]*wire.Field{}
	for i := range tab.Declared() {
		f := &tab.Declared()[i]
		if err := badName(f.Name); err != nil {
			bad("%v", err)
		}
		if f.Doc == "" || strings.Contains(f.Doc, "\n") || strings.HasSuffix(f.Doc, ".") {
			bad("%s: documentation is one line without a full stop", f.Name)
		}
		if err := badSince(f.Since); err != nil {
			bad("%s: %v", f.Name, err)
		}
		if f.Elem != nil && f.Elem.Enum != nil {
			bad("%s: Enum is for rows, not for what is in them", f.Name)
		}
		for _, err := range badField(tab, f) {
			bad("%s: %v", f.Name, err)
		}
		for _, n := range numbers(f) {
			byType[n] = append(byType[n], f)
		}
	}
	if tab.Codec != nil {
		return // rows are computed from each other
	}
	for n, fs := range byType {
		if err := ambiguous(fs); err != nil {
			bad("attribute %d: %v", n, err)
		}
	}
}

// badSince: kernels up to 5.10 are not told apart.
func badSince(since string) error {
	if since == "" {
		return nil
	}
	var v [2]int
	if _, err := fmt.Sscanf(since, "%d.%d", &v[0], &v[1]); err != nil || since != fmt.Sprintf("%d.%d", v[0], v[1]) {
		return fmt.Errorf("since %q is no version", since)
	}
	if slices.Compare(v[:], []int{5, 10}) <= 0 {
		return fmt.Errorf("since %s is as if it was not said", since)
	}
	return nil
}

// badName says why a name cannot be a keyword argument.
func badName(name string) error {
	x, err := new(syntax.FileOptions).ParseExpr("row", name, 0)
	if err != nil {
		return fmt.Errorf("name %q: %v", name, err)
	}
	if id, ok := x.(*syntax.Ident); !ok || id.Name != name || strings.ToLower(name) != name {
		return fmt.Errorf("name %q is no lower-case identifier", name)
	}
	if word, ok := strings.CutSuffix(name, "_"); ok {
		if _, err := new(syntax.FileOptions).ParseExpr("row", word, 0); err == nil {
			return fmt.Errorf("name %q: %s is no reserved word", name, word)
		}
	}
	return nil
}

// numbers are the attributes of its level that a row is about.
func numbers(f *wire.Field) []uint16 {
	var n []uint16
	switch {
	case f.At != nil && f.At.Header():
		if f.At.Spill != 0 {
			n = append(n, f.At.Spill)
		}
	case f.At != nil:
		n = append(n, f.At.Type)
	case f.Kind == wire.Union:
		n = append(n, f.Type, f.OneOf.Tag)
	default:
		n = append(n, f.Type)
	}
	for _, m := range []uint16{f.Alt, f.Mask} {
		if m != 0 {
			n = append(n, m)
		}
	}
	return n
}

// ambiguous reports rows that share an attribute without a way to tell which is
// meant: a common place, or a condition on all but the last.
func ambiguous(fs []*wire.Field) error {
	if len(fs) == 1 || fs[0].At != nil && fs[0].At.Header() {
		return nil
	}
	always := 0
	for i, f := range fs {
		if (f.At == nil) != (fs[0].At == nil) || f.At != fs[0].At {
			return fmt.Errorf("rows %s and %s do not share a place", fs[0].Name, f.Name)
		}
		for _, g := range fs[:i] {
			if f.At != nil && f.Off == g.Off && f.Bit&g.Bit != 0 {
				return fmt.Errorf("rows %s and %s are the same bit", g.Name, f.Name)
			}
			if f.At != nil && f.Off == g.Off && f.Bit == 0 {
				return fmt.Errorf("rows %s and %s are the same bytes", g.Name, f.Name)
			}
		}
		if f.At == nil && f.When == nil {
			always++
		}
	}
	if always > 1 {
		return fmt.Errorf("rows %s and %s both apply always", fs[0].Name, fs[1].Name)
	}
	return nil
}

// badField says what is wrong with a row by itself.
func badField(tab *wire.Table, f *wire.Field) []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	integer := f.Kind.IsInt()
	switch f.Kind {
	case wire.Nest, wire.Struct:
		if f.Of == nil {
			bad("no table")
		} else if f.Kind == wire.Struct && f.Of.Fixed == 0 && f.Of.Codec == nil {
			bad("a struct needs its length")
		}
	case wire.Union:
		if f.OneOf == nil || len(f.OneOf.Tables) == 0 || f.OneOf.Tag == 0 {
			bad("no choice of tables")
		}
	case wire.List, wire.Array, wire.Multi, wire.Range:
		if f.Elem == nil {
			bad("no element")
		} else if f.Elem.Kind == wire.Nest && f.Elem.Of == nil {
			bad("no table of elements")
		}
	case wire.Custom:
		if f.Codec == nil {
			bad("no codec")
		}
	}
	if f.Kind.IsBit() && (f.At == nil || f.Bit == 0) {
		bad("a bit needs a place")
	}
	if f.At != nil {
		size := f.At.Len
		if f.At.Header() && tab.Fixed > 0 {
			size = tab.Fixed
		}
		if f.Off+width(f.Kind) > size {
			bad("ends after %d bytes", size)
		}
	}
	if f.Max != 0 && f.Min > f.Max && integer && int64(f.Min) > int64(f.Max) {
		bad("range %d..%d", f.Min, f.Max)
	}
	if !integer && (f.Bits || f.Hex || f.Time != 0 || f.Rate || f.Size || f.Handle || f.Scale != 0 || f.Mask != 0) {
		bad("only integers have units, bits and masks")
	}
	if f.Closed && len(f.Words) == 0 {
		bad("no words, and nothing else is legal")
	}
	if f.Alt != 0 && f.Kind != wire.IP && f.Kind != wire.Custom {
		bad("only an address of either family, or a codec, has an alternative number")
	}
	if f.Inline && f.Kind != wire.Nest {
		bad("only a nest can be inlined")
	}
	if f.Immutable && f.Stuck != nil {
		bad("cannot be changed at all, and yet from some values to others")
	}
	if tab.Immutable && !f.RO && !f.WO && !f.Immutable {
		bad("cannot be changed, as nothing of its kind, and does not say so")
	}
	if f.RO && (f.WO || f.Late || f.Down || f.Immutable) {
		bad("read-only, and yet written")
	}
	for i, w := range f.Words {
		if w.Name == "" {
			bad("a word is empty")
		}
		if slices.ContainsFunc(f.Words[:i], func(x wire.Word) bool { return x.Name == w.Name }) {
			bad("word %q twice", w.Name)
		}
		if n := 8 * width(f.Kind); integer && n < 64 && w.N>>n != 0 && w.N>>n != 1<<(64-n)-1 {
			bad("word %q has no room in %d bits", w.Name, n)
		}
		if f.Bits && w.N == 0 {
			bad("word %q is no bit", w.Name)
		}
	}
	return errs
}

// width is the length of a value of fixed size, else 0.
func width(k wire.Kind) int {
	switch k {
	case wire.U8, wire.S8, wire.Bool, wire.Bit8:
		return 1
	case wire.U16, wire.BE16, wire.Bit16:
		return 2
	case wire.U32, wire.S32, wire.BE32, wire.Bit32, wire.IP4, wire.Dev:
		return 4
	case wire.U64, wire.S64, wire.BE64:
		return 8
	case wire.IP6:
		return 16
	}
	return 0
}
