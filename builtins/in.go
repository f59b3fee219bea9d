package builtins

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"

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
		if f.Notation != nil {
			return wire.Value{}, wrong(v, "a string: "+valueForm(f))
		}
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

// countError says that a list has a number of elements that is not legal.
func countError(f *wire.Field, n int) error {
	err := f.CheckLen(n)
	if err != nil {
		err = fmt.Errorf("%d elements; %w", n, lengthError(f, err))
	}
	return err
}
