package builtins

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/nlscript/nlscript/wire"
)

// A reader makes wire values of script values. The row that takes a value says
// how it is written; every error says what would be right.
type reader struct {
	filter bool // of a read: rows that the kernel only reports count too
	maps   bool // from Go: a union may be written as a map that names its kind
}

// value is the one switch of script in: TestReaderTotal proves that no kind is missing.
func (r *reader) value(f *wire.Field, v starlark.Value) (wire.Value, error) {
	if f.Notation != nil {
		if s, ok := notation(v); ok {
			if w, ok, err := f.Notation.Parse(s); ok || err != nil {
				return w, err
			}
		}
	}
	switch f.Kind {
	case wire.U8, wire.U16, wire.U32, wire.U64, wire.S8, wire.S32, wire.S64, wire.BE16, wire.BE32, wire.BE64:
		return r.integer(f, v)
	case wire.Bool, wire.Flag, wire.Bit8, wire.Bit16, wire.Bit32:
		return boolean(v)
	case wire.Str, wire.Text:
		return text(f, v)
	case wire.Bytes:
		return rawBytes(f, v)
	case wire.IP, wire.IP4, wire.IP6:
		return address(f, v)
	case wire.Prefix:
		return prefix(v)
	case wire.MAC:
		return linkAddress(f, v)
	case wire.Dev:
		return device(v)
	case wire.Nest, wire.Struct:
		return r.nest(f, v)
	case wire.Union:
		return r.union(f, v)
	case wire.List, wire.Array, wire.Multi:
		return r.list(f, v)
	case wire.Range:
		return r.bounds(f, v)
	case wire.Custom:
		return r.custom(f, v, 0)
	}
	return wire.Value{}, fmt.Errorf("kind %d has no form in scripts", f.Kind)
}

// notation is the text that a row's own notation may read: a string, or a
// number, as for an MPLS label.
func notation(v starlark.Value) (string, bool) {
	switch v := v.(type) {
	case starlark.String:
		return string(v), true
	case starlark.Int:
		return v.String(), true
	}
	return "", false
}

// wrong says that a value is of the wrong type.
func wrong(v starlark.Value, want string) error {
	switch v := v.(type) {
	case starlark.String, starlark.Int, starlark.Bool, starlark.Float:
		return fmt.Errorf("got %s %s, want %s", v.Type(), short(v.String()), want)
	}
	return fmt.Errorf("got %s, want %s", v.Type(), want)
}

// short keeps an error readable.
func short(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

func boolean(v starlark.Value) (wire.Value, error) {
	switch v := v.(type) {
	case starlark.Bool:
		return wire.BoolVal(bool(v)), nil
	case starlark.Int:
		if n, ok := v.Uint64(); ok && n <= 1 {
			return wire.IntVal(n), nil
		}
	}
	return wire.Value{}, wrong(v, "True or False")
}

// number is an integer as its two's complement.
func number(v starlark.Int, signed bool) (uint64, error) {
	if n, ok := v.Uint64(); ok && !(signed && n > 1<<63-1) {
		return n, nil
	}
	if n, ok := v.Int64(); ok && (signed || n >= 0) {
		return uint64(n), nil
	}
	if v.Sign() < 0 {
		return 0, fmt.Errorf("%s is negative", v)
	}
	return 0, fmt.Errorf("%s does not fit 64 bits", v)
}

func (r *reader) integer(f *wire.Field, v starlark.Value) (wire.Value, error) {
	if f.Bits {
		return bits(f, v)
	}
	switch v := v.(type) {
	case starlark.Int:
		switch {
		case f.Time != 0:
			return wire.Value{}, fmt.Errorf(`%s is a time without a unit; write "%[1]ss" or "%[1]sms"`, v)
		case f.Rate:
			return wire.Value{}, fmt.Errorf(`%s is a rate without a unit; write "%[1]sbit" or "%[1]sbps"`, v)
		}
		n, err := number(v, signed(f.Kind))
		if err != nil {
			if lim := f.Legal(); lim != "" {
				err = fmt.Errorf("%s is out of range (%s)", v, lim)
			}
			return wire.Value{}, err
		}
		return wire.IntVal(n), f.CheckInt(n)
	case starlark.Bool:
		return onOff(f, v)
	case starlark.String:
		return word(f, string(v))
	}
	return wire.Value{}, wrong(v, wantInt(f))
}

func signed(k wire.Kind) bool { return k == wire.S8 || k == wire.S32 || k == wire.S64 }

// onOff is a switch that the kernel keeps in a wider integer.
func onOff(f *wire.Field, v starlark.Bool) (wire.Value, error) {
	names := [2]string{"off", "on"}
	i := 0
	if v {
		i = 1
	}
	if n, ok := f.Words.Number(names[i]); ok {
		return wire.IntVal(n), nil
	}
	if f.Max == 1 && f.Scale == 0 {
		return wire.IntVal(uint64(i)), nil
	}
	return wire.Value{}, wrong(v, wantInt(f))
}

func wantInt(f *wire.Field) string {
	switch {
	case len(f.Words) > 0 && f.Closed:
		return "one of " + legal(f)
	case f.Time != 0:
		return `a time such as "30s" or "100ms"`
	case f.Rate:
		return `a rate such as "10mbit"`
	case f.Size:
		return `a size: a number of bytes, or "64kb"`
	case f.Handle:
		return `a handle such as "1:10"`
	case f.Mask != 0:
		return `an integer, or "value/mask"`
	case len(f.Words) > 0:
		return "an integer or one of " + legal(f)
	}
	return "an integer"
}

// legal lists the words of a row, shortened when they are many.
func legal(f *wire.Field) string {
	var l []string
	for _, w := range f.Words {
		l = append(l, strconv.Quote(w.Name))
	}
	if len(l) > 24 {
		l = append(l[:24], "...")
	}
	return strings.Join(l, " ")
}

func wordNames(f *wire.Field) []string {
	var l []string
	for _, w := range f.Words {
		l = append(l, w.Name)
	}
	return l
}

// word reads an integer that is written as text.
func word(f *wire.Field, s string) (wire.Value, error) {
	if n, ok := f.Words.Number(s); ok {
		return wire.IntVal(n), nil
	}
	var n uint64
	var err error
	switch {
	case f.Time != 0:
		n, err = wire.ParseTime(s, f.Time)
	case f.Rate:
		n, err = wire.ParseRate(s)
	case f.Size:
		n, err = wire.ParseSize(s)
	case f.Handle:
		n, err = wire.ParseHandle(s)
	case f.Mask != 0:
		return masked(f, s)
	case f.Hex:
		if n, err = strconv.ParseUint(s, 0, 64); err != nil {
			err = fmt.Errorf("%q is not a number", s)
		}
	default:
		return wire.Value{}, notAWord(f, s)
	}
	if err != nil {
		if len(f.Words) > 0 && !startsDigit(s) {
			err = notAWord(f, s)
		}
		return wire.Value{}, err
	}
	return wire.IntVal(n), f.CheckInt(n)
}

func startsDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func notAWord(f *wire.Field, s string) error {
	if len(f.Words) == 0 {
		if _, err := strconv.ParseInt(s, 0, 64); err == nil {
			return fmt.Errorf("got string %q, want an integer; write %s", s, s)
		}
		return wrong(starlark.String(s), wantInt(f))
	}
	if _, err := strconv.ParseInt(s, 0, 64); err == nil && !f.Closed {
		return fmt.Errorf("got string %q, want %s; write %s", s, wantInt(f), s)
	}
	return fmt.Errorf("%q is not legal; legal are %s%s", s, legal(f), didYouMean(s, wordNames(f)))
}

// masked reads "0x10/0xff". Without a mask all bits count, and none is sent.
func masked(f *wire.Field, s string) (wire.Value, error) {
	val, mask, has := strings.Cut(s, "/")
	n, err := strconv.ParseUint(val, 0, 64)
	if err != nil {
		if w, ok := f.Words.Number(val); ok {
			n, err = w, nil
		} else {
			return wire.Value{}, fmt.Errorf(`%q is not a number, or "value/mask"`, s)
		}
	}
	v := wire.IntVal(n)
	if has {
		if v.M, err = strconv.ParseUint(mask, 0, 64); err != nil {
			return wire.Value{}, fmt.Errorf("the mask %q is not a number", mask)
		}
		v.HasMask = true
		if err := f.CheckInt(v.M); err != nil {
			return v, fmt.Errorf("mask: %w", err)
		}
	}
	return v, f.CheckInt(n)
}

// bits reads a set of words: a list of names, one name, or the number itself.
func bits(f *wire.Field, v starlark.Value) (wire.Value, error) {
	one := func(v starlark.Value) (uint64, error) {
		switch v := v.(type) {
		case starlark.String:
			n, ok := f.Words.Number(string(v))
			if !ok {
				return 0, notAWord(f, string(v))
			}
			return n, nil
		case starlark.Int:
			return number(v, false)
		}
		return 0, wrong(v, "a list of "+legal(f))
	}
	var n uint64
	l, ok := v.(starlark.Iterable)
	if !ok {
		n, err := one(v)
		if err != nil {
			return wire.Value{}, err
		}
		return wire.IntVal(n), f.CheckInt(n)
	}
	it := l.Iterate()
	defer it.Done()
	for x := starlark.Value(nil); it.Next(&x); {
		b, err := one(x)
		if err != nil {
			return wire.Value{}, err
		}
		n |= b
	}
	return wire.IntVal(n), f.CheckInt(n)
}

func text(f *wire.Field, v starlark.Value) (wire.Value, error) {
	s, ok := starlark.AsString(v)
	if !ok {
		return wire.Value{}, wrong(v, "a string")
	}
	if strings.IndexByte(s, 0) >= 0 {
		return wire.Value{}, errors.New("a string cannot hold a zero byte")
	}
	if f.Closed {
		if _, ok := f.Words.Number(s); !ok {
			return wire.Value{}, notAWord(f, s)
		}
	}
	if f.Max == 15 && (f.Name == "name" || f.Name == "newname") {
		return wire.StrVal(s), deviceName(s)
	}
	if err := f.CheckLen(len(s)); err != nil {
		return wire.Value{}, fmt.Errorf("%q: %d bytes; %w", short(s), len(s), lengthError(f, err))
	}
	return wire.StrVal(s), nil
}

// lengthError says the legal length alone; the caller has said the actual one.
func lengthError(f *wire.Field, err error) error {
	switch {
	case f.Min != 0 && f.Max == f.Min:
		return fmt.Errorf("%d are needed", f.Min)
	case f.Max != 0:
		return fmt.Errorf("%d to %d are legal", f.Min, f.Max)
	}
	return err
}

// nest reads a dict or a struct: its keys are the rows of the table.
func (r *reader) nest(f *wire.Field, v starlark.Value) (wire.Value, error) {
	set := wire.NewSet(f.Of)
	switch v := v.(type) {
	case starlark.String:
		// The peer of a veth by its name alone.
		row := f.Of.Row("name")
		if row == nil || row.Kind != wire.Str {
			return wire.Value{}, wrong(v, wantNest(f.Of))
		}
		if err := deviceName(string(v)); err != nil {
			return wire.Value{}, err
		}
		set.Put(row, wire.StrVal(string(v)))
		return wire.SubVal(set), nil
	case *Op:
		return r.opAsNest(f, set, v)
	case *kindValue:
		if v.set.Table == f.Of {
			return wire.SubVal(v.set), nil
		}
	case starlark.IterableMapping:
		return wire.SubVal(set), r.mapping(set, v)
	case *starlarkstruct.Struct:
		for _, name := range v.AttrNames() {
			x, err := v.Attr(name)
			if err != nil {
				return wire.Value{}, err
			}
			if err := r.keyword(set, name, x); err != nil {
				return wire.Value{}, unwrapArg(err)
			}
		}
		return wire.SubVal(set), nil
	}
	return wire.Value{}, wrong(v, wantNest(f.Of))
}

// mapping sets the rows that a dict names.
func (r *reader) mapping(set *wire.Set, m starlark.IterableMapping) error {
	for _, kv := range m.Items() {
		name, ok := starlark.AsString(kv[0])
		if !ok {
			return wrong(kv[0], "a string as key")
		}
		if err := r.keyword(set, name, kv[1]); err != nil {
			return unwrapArg(err)
		}
	}
	return nil
}

// unwrapArg takes off an ArgError of an inner level: only the outermost
// keyword stands in the call.
func unwrapArg(err error) error {
	if a, ok := err.(*ArgError); ok {
		return a.Err
	}
	return err
}

func wantNest(t *wire.Table) string {
	names := rowNames(t)
	if len(names) > 4 {
		names = append(names[:4:4], "...")
	}
	return "a dict with keys " + strings.Join(names, " ")
}

// opAsNest takes the rows of a link op for the peer of a veth.
func (r *reader) opAsNest(f *wire.Field, set *wire.Set, op *Op) (wire.Value, error) {
	if op.Object == nil || f.Of.Row("name") == nil {
		return wire.Value{}, wrong(op, wantNest(f.Of))
	}
	var from wire.Set
	if err := op.Set(&from); err != nil {
		return wire.Value{}, err
	}
	for _, e := range from.Ents {
		row := f.Of.Row(e.F.Name)
		if row == nil {
			return wire.Value{}, fmt.Errorf("%s cannot be given to a peer", e.F.Label())
		}
		set.Put(row, e.V)
	}
	op.use()
	return wire.SubVal(set), nil
}

// union reads a value of the row's namespace, and nothing else.
func (r *reader) union(f *wire.Field, v starlark.Value) (wire.Value, error) {
	ns := f.OneOf.Name
	switch v := v.(type) {
	case *kindValue:
		for _, t := range f.OneOf.Tables {
			if t == v.set.Table {
				return wire.SubVal(v.set), nil
			}
		}
		return wire.Value{}, fmt.Errorf("%s is not one of %s", v.name(), members(f.OneOf))
	case *member:
		for _, t := range f.OneOf.Tables {
			if t == v.table {
				return wire.Value{}, fmt.Errorf("got the function %s, want its value; write %[1]s()", v.Name())
			}
		}
	case starlark.String:
		names := make([]string, 0, len(f.OneOf.Tables))
		for _, t := range f.OneOf.Tables {
			names = append(names, t.Name)
		}
		name := string(v)
		if near := nearest(name, names); near != "" {
			name = near
		}
		for _, n := range names {
			if n == name {
				return wire.Value{}, fmt.Errorf("got string %s; write %s.%s()", v, ns, name)
			}
		}
		return wire.Value{}, fmt.Errorf("got string %s, want one of %s", v, members(f.OneOf))
	case starlark.IterableMapping:
		if r.maps {
			return r.unionMap(f, v)
		}
	}
	return wire.Value{}, wrong(v, "one of "+members(f.OneOf))
}

// members lists a namespace for an error.
func members(u *wire.OneOf) string {
	var l []string
	for _, t := range u.Tables {
		l = append(l, u.Name+"."+t.Name+"()")
	}
	if len(l) > 12 {
		l = append(l[:12], "...")
	}
	return strings.Join(l, " ")
}

// unionMap reads {"kind": "vxlan", "id": 9}, the form Set.JSON writes.
func (r *reader) unionMap(f *wire.Field, m starlark.IterableMapping) (wire.Value, error) {
	tag, ok, err := m.Get(starlark.String(f.OneOf.Name))
	if err != nil {
		return wire.Value{}, err
	}
	name, isString := "", false
	if ok {
		name, isString = starlark.AsString(tag)
	}
	if !isString {
		return wire.Value{}, fmt.Errorf("the map needs %q, the name of one of %s", f.OneOf.Name, members(f.OneOf))
	}
	for _, t := range f.OneOf.Tables {
		if t.Name != name {
			continue
		}
		set := wire.NewSet(t)
		for _, kv := range m.Items() {
			key, _ := starlark.AsString(kv[0])
			if key == f.OneOf.Name {
				continue
			}
			if err := r.keyword(set, key, kv[1]); err != nil {
				return wire.Value{}, unwrapArg(err)
			}
		}
		return wire.SubVal(set), nil
	}
	return wire.Value{}, fmt.Errorf("%q is not one of %s", name, members(f.OneOf))
}

// elements calls yield for the members of a list, tuple, set or other sequence.
func elements(v starlark.Value, yield func(i int, v starlark.Value) error) (ok bool, err error) {
	l, isList := v.(starlark.Iterable)
	if _, isMap := v.(starlark.IterableMapping); !isList || isMap {
		return false, nil
	}
	it := l.Iterate()
	defer it.Done()
	x := starlark.Value(nil)
	for i := 0; it.Next(&x); i++ {
		if err := yield(i, x); err != nil {
			return true, err
		}
	}
	return true, nil
}

func (r *reader) list(f *wire.Field, v starlark.Value) (wire.Value, error) {
	out := wire.Value{Type: wire.ListVal}
	if f.Kind == wire.Multi && f.Elem.Kind == wire.List && !listOfLists(v) {
		// One list is one attribute; [[...], [...]] are several.
		e, err := r.list(f.Elem, v)
		out.L = []wire.Value{e}
		return out, err
	}
	ok, err := elements(v, func(i int, v starlark.Value) error {
		e, err := r.value(f.Elem, v)
		if err != nil {
			return wire.At(fmt.Sprintf("[%d]", i), err)
		}
		out.L = append(out.L, e)
		return nil
	})
	if !ok {
		return out, wrong(v, "a list")
	}
	if err == nil {
		err = countError(f, len(out.L))
	}
	return out, err
}

// listOfLists reports whether v is a list whose elements are lists.
func listOfLists(v starlark.Value) bool {
	all, n := true, 0
	elements(v, func(_ int, v starlark.Value) error {
		ok, _ := elements(v, func(int, starlark.Value) error { return nil })
		all = all && ok
		n++
		return nil
	})
	return all && n > 0
}

// bounds reads "1000-2000", (1000, 2000), or one number for both ends.
func (r *reader) bounds(f *wire.Field, v starlark.Value) (wire.Value, error) {
	var ends []starlark.Value
	switch v := v.(type) {
	case starlark.String:
		lo, hi, two := strings.Cut(string(v), "-")
		if !two {
			hi = lo
		}
		for _, s := range []string{lo, hi} {
			ends = append(ends, rangeEnd(s))
		}
	case starlark.Int:
		ends = []starlark.Value{v, v}
	default:
		if ok, _ := elements(v, func(_ int, v starlark.Value) error { ends = append(ends, v); return nil }); !ok || len(ends) != 2 {
			return wire.Value{}, wrong(v, `a range such as "1000-2000"`)
		}
	}
	out := wire.Value{Type: wire.ListVal, L: make([]wire.Value, 2)}
	for i := range ends {
		e, err := r.value(f.Elem, ends[i])
		if err != nil {
			return out, err
		}
		out.L[i] = e
	}
	if out.L[0].Type == wire.Int && out.L[0].N > out.L[1].N {
		return out, fmt.Errorf("the range %d-%d is empty", out.L[0].N, out.L[1].N)
	}
	return out, nil
}

func rangeEnd(s string) starlark.Value {
	if n, err := strconv.ParseUint(strings.TrimSpace(s), 0, 64); err == nil {
		return starlark.MakeUint64(n)
	}
	return starlark.String(s)
}

// custom makes what a codec can be given: integers, strings, addresses, lists,
// sets of the row's table. A dict of a row without table is a list of pairs.
func (r *reader) custom(f *wire.Field, v starlark.Value, depth int) (wire.Value, error) {
	if depth > maxNesting {
		return wire.Value{}, errNesting
	}
	switch v := v.(type) {
	case starlark.Bool:
		return wire.BoolVal(bool(v)), nil
	case starlark.Int:
		n, err := number(v, true)
		if err != nil {
			n, err = number(v, false)
		}
		return wire.IntVal(n), err
	case starlark.String:
		return wire.StrVal(string(v)), nil
	case starlark.Bytes:
		return wire.StrVal(string(v)), nil
	case addrValue:
		return wire.AddrVal(v.a), nil
	case prefixValue:
		return wire.NetVal(v.p), nil
	case macValue:
		return wire.StrVal(v.String()), nil
	case *kindValue:
		return wire.SubVal(v.set), nil
	case *Op:
		return device(v)
	case starlark.IterableMapping:
		if f.Of != nil {
			return r.nest(f, v)
		}
		out := wire.Value{Type: wire.ListVal}
		for _, kv := range v.Items() {
			key, err := r.custom(f, kv[0], depth+1)
			if err != nil {
				return out, err
			}
			val, err := r.custom(f, kv[1], depth+1)
			if err != nil {
				return out, err
			}
			out.L = append(out.L, wire.ListOf(key, val))
		}
		if depth > 0 {
			return out, nil
		}
		return out, countError(f, len(out.L))
	}
	out := wire.Value{Type: wire.ListVal}
	ok, err := elements(v, func(i int, v starlark.Value) error {
		e, err := r.custom(f, v, depth+1)
		if err != nil {
			return wire.At(fmt.Sprintf("[%d]", i), err)
		}
		out.L = append(out.L, e)
		return nil
	})
	if !ok {
		return out, fmt.Errorf("got %s", v.Type())
	}
	if err == nil && depth == 0 {
		err = countError(f, len(out.L))
	}
	return out, err
}

// countError says that a list has a number of elements that is not legal.
func countError(f *wire.Field, n int) error {
	err := f.CheckLen(n)
	if err != nil {
		err = fmt.Errorf("%d elements; %w", n, lengthError(f, err))
	}
	return err
}
