// Script in: nests, unions, lists, ranges and what codecs take.

package builtins

import (
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/nlscript/nlscript/wire"
)

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
			if r.maps && t.Name == string(v) {
				return wire.SubVal(wire.NewSet(t)), nil
			}
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
		if t, ok := f.Codec.(wire.Tabler); ok && r.maps {
			set := wire.NewSet(t.Elem())
			return wire.SubVal(set), r.mapping(set, v)
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
