package builtins

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// Keywords that every constructor takes beside the rows of its table.
const (
	attrsWord    = "attrs"    // raw attributes
	recreateWord = "recreate" // an immutable difference deletes and adds
	appendWord   = "append"   // one of several of its key; where there can be several
)

// keywords binds the keyword arguments of a call to the rows of set's table.
func (r *reader) keywords(set *wire.Set, kwargs []starlark.Tuple) error {
	for i, kv := range kwargs {
		if err := given(kwargs, i); err != nil {
			return err
		}
		if err := r.keyword(set, string(kv[0].(starlark.String)), kv[1]); err != nil {
			return err
		}
	}
	return nil
}

// given refuses keyword i when an earlier one has its name, which happens
// through **dict: the interpreter does not look.
func given(kwargs []starlark.Tuple, i int) error {
	name := kwargs[i][0].(starlark.String)
	for _, kv := range kwargs[:i] {
		if kv[0].(starlark.String) == name {
			return &ArgError{Arg: string(name), Err: fmt.Errorf("%s is given twice", name.GoString())}
		}
	}
	return nil
}

// keyword sets one row, or adds raw attributes. None is absence.
func (r *reader) keyword(set *wire.Set, name string, v starlark.Value) error {
	f := set.Table.Row(name)
	if f == nil {
		if name == attrsWord {
			if err := addAttrs(set, v); err != nil {
				return argError(name, err)
			}
			return nil
		}
		if f = alias(set.Table, name); f == nil {
			return unknown(set.Table, name)
		}
		if _, twice := set.At(f); twice {
			return &ArgError{Arg: name, Err: fmt.Errorf("%s and %s are the same", name, f.Name)}
		}
	}
	err := r.row(set, f, v)
	if a, ok := err.(*ArgError); ok && a.Arg == f.Name {
		a.Arg = name // as the script spells it
	}
	return err
}

// alias is the row of a word that ip itself has in two forms.
func alias(t *wire.Table, name string) *wire.Field {
	switch name {
	case "proto":
		return t.Row("protocol")
	case "protocol":
		return t.Row("proto")
	}
	return nil
}

func (r *reader) row(set *wire.Set, f *wire.Field, v starlark.Value) error {
	if v == starlark.None {
		return nil
	}
	if f.RO && !r.filter {
		return &ArgError{Arg: f.Name, Err: fmt.Errorf("%s is only reported by the kernel and cannot be set", f.Name)}
	}
	w, err := r.value(f, v)
	if err != nil {
		return argError(f.Name, err)
	}
	if f.Kind == wire.Flag && !w.True() {
		set.Del(f.Name)
		return nil // a flag that is off is not in the message
	}
	set.Put(f, w)
	return nil
}

// unknown answers a keyword that t does not have.
func unknown(t *wire.Table, name string) error {
	return &ArgError{Arg: name, Err: fmt.Errorf("unknown keyword %s%s", name, hint(t, name))}
}

var errTwoSubjects = errors.New("is given twice, as the positional argument and by its keyword")
