package builtins

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/wire"
)

var (
	_ starlark.Comparable = (*Op)(nil)
	_ starlark.HasAttrs   = (*Op)(nil)
)

// String is the op as a script would write it.
func (op *Op) String() string {
	s, err := op.Source(nil)
	if err != nil {
		return "<op " + err.Error() + ">"
	}
	return s
}

func (op *Op) Type() string         { return "op" }
func (op *Op) Freeze()              {}
func (op *Op) Truth() starlark.Bool { return true }

func (op *Op) Hash() (uint32, error) {
	h := fnv.New32a()
	h.Write(op.Msg)
	for _, r := range op.Rel {
		h.Write([]byte(r.Name))
	}
	switch {
	case op.Sysctl != nil:
		h.Write([]byte(op.Sysctl.Path))
	case op.plain():
		h.Write([]byte(op.String()))
	}
	return h.Sum32(), nil
}

// asks are the flags by which an op asks for something.
func (op *Op) asks() OpFlags {
	if op.Absent {
		return Recreate | Appended | Selects | Unsaid
	}
	return Recreate | Appended
}

// Equal reports whether two ops ask for the same, wherever they were made.
func (op *Op) Equal(o *Op) bool {
	if op.NetNS != o.NetNS || !op.Place.Same(o.Place) || op.Object != o.Object || op.Exact != o.Exact || op.Absent != o.Absent || (op.Flags^o.Flags)&op.asks() != 0 || !bytes.Equal(op.Msg, o.Msg) || !slices.Equal(op.Rel, o.Rel) {
		return false
	}
	if !op.plainEqual(o) {
		return false
	}
	if (op.Verb == nil) != (o.Verb == nil) || op.Verb != nil && (op.Verb.Name != o.Verb.Name || op.Verb.Flags != o.Verb.Flags) {
		return false
	}
	if op.Sysctl == nil || o.Sysctl == nil {
		return op.Sysctl == o.Sysctl
	}
	return op.Sysctl.Path == o.Sysctl.Path && op.Sysctl.Value == o.Sysctl.Value
}

func (op *Op) CompareSameType(tok syntax.Token, y starlark.Value, _ int) (bool, error) {
	return equality(tok, op.Equal(y.(*Op)), op)
}

// Attributes of ops that are no rows. A row of the same name wins.
const (
	attrHex    = "hex"
	attrText   = "text"
	attrObject = "object"
	attrWith   = "with_"
)

func (op *Op) AttrNames() []string {
	l := []string{attrHex, attrObject, attrText, attrWith}
	switch {
	case op.Exact != nil, op.plain():
		l = []string{attrObject, attrText}
	case op.Sysctl != nil:
		l = []string{"name", attrObject, attrText, "value"}
	case op.Object != nil:
		for _, f := range op.Object.Table.Rows() {
			l = append(l, f.Name)
		}
	}
	return l
}

// Attr reads a row of the op back, None when it was not written, or one of the
// op's own attributes.
func (op *Op) Attr(name string) (starlark.Value, error) {
	if op.plain() {
		return op.plainAttr(name)
	}
	if op.Sysctl != nil {
		switch name {
		case "name":
			return starlark.String(op.Sysctl.Name), nil
		case "value":
			return starlark.String(op.Sysctl.Value), nil
		case attrObject:
			return starlark.String("sysctl"), nil
		case attrText:
			return starlark.String(op.String()), nil
		}
		return nil, nil
	}
	if op.Exact != nil {
		switch name {
		case attrObject:
			return starlark.String("exact"), nil
		case attrText:
			return starlark.String(op.String()), nil
		}
		return nil, nil
	}
	if f := op.Object.Table.Row(name); f != nil {
		var set wire.Set
		if err := op.Set(&set); err != nil {
			return nil, err
		}
		return rowValue(&set, f)
	}
	switch name {
	case attrHex:
		return starlark.String(hex.EncodeToString(op.Msg)), nil
	case attrText:
		return starlark.String(op.Text()), nil
	case attrObject:
		return starlark.String(op.Object.Name), nil
	case attrWith:
		return starlark.NewBuiltin(attrWith, withOf).BindReceiver(op), nil
	}
	return nil, fmt.Errorf("op of %s has no %s%s", op.Object.Name, name, hint(op.Object.Table, name))
}

// Text is the annotated dump of the op's bytes, the golden format.
func (op *Op) Text() string {
	if op.Sysctl != nil || op.Exact != nil || op.plain() {
		return op.String()
	}
	var w strings.Builder
	if err := op.Object.Dump(&w, op.Msg, op.Rel, nil); err != nil {
		return err.Error()
	}
	return w.String()
}

// withOf is op.with_(table = 100): the op with other values in some rows. None
// takes a row away.
func withOf(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := scriptOf(thread)
	var out *Op
	if err == nil {
		out, err = s.with(fn.Receiver().(*Op), args, kwargs)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	out.Site = s.site(thread)
	s.made(out.Site, out.Object.Name, 1)
	return out, nil
}

// unsaid is the flag Unsaid of the op when these rows of it are written anew, as they
// are in set.
func (op *Op) unsaid(set *wire.Set, anew []string) OpFlags {
	written := func(row string) bool { return slices.Contains(anew, row) }
	if !slices.ContainsFunc(op.Object.Tacit, written) {
		return op.Flags & Unsaid
	}
	if slices.ContainsFunc(op.Object.Tacit, func(row string) bool { return says(set, row) && (written(row) || op.Flags&Unsaid == 0) }) {
		return 0
	}
	return Unsaid
}

func (s *Script) with(op *Op, args starlark.Tuple, kwargs []starlark.Tuple) (*Op, error) {
	if len(args) > 0 {
		return nil, &ArgError{Err: errors.New("got a positional argument, want keywords only")}
	}
	if op.Object == nil || op.Object.New == 0 {
		return nil, errors.New("only ops of objects can be changed")
	}
	var full wire.Set
	if err := op.Set(&full); err != nil {
		return nil, err
	}
	// What Finish added must follow from the new values.
	set, err := written(op.Object, op.Verb, false, &full)
	if err != nil && op.Verb == nil {
		set, err = written(op.Object, nil, true, &full)
	}
	if err != nil {
		return nil, err
	}
	b := build{s: s, c: &constructor{obj: op.Object, verb: op.Verb}, flags: op.Flags}
	var names []string
	for i, kv := range kwargs {
		if err := given(kwargs, i); err != nil {
			return nil, err
		}
		name := string(kv[0].(starlark.String))
		names = append(names, name)
		if name == op.Object.Subject {
			f := b.c.subject()
			if kv[1] == starlark.None {
				set.Del(f.Name)
				continue
			}
			b.byWord = true
			if err := b.put(set, kv[1]); err != nil {
				return nil, err
			}
			continue
		}
		if kv[1] == starlark.None && set.Table.Row(name) != nil {
			set.Del(name)
			continue
		}
		if err := b.r.keyword(set, name, kv[1]); err != nil {
			return nil, err
		}
	}
	if b.flags&Selects != 0 {
		b.flags = b.flags&^Unsaid | op.unsaid(set, names)
	}
	out := &Op{}
	if err := b.encode(out, set); err != nil {
		return nil, err
	}
	out.Absent, out.Place = op.Absent, op.Place
	op.use()
	return out, nil
}
