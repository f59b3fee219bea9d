package builtins

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"
)

// An opList is many ops in one value: what a constructor returns for a list of
// subjects. The ops lie in one piece of memory.
type opList struct {
	name string
	ops  []Op
}

var (
	_ starlark.Indexable = (*opList)(nil)
	_ starlark.Sequence  = (*opList)(nil)
)

func (l *opList) String() string             { return fmt.Sprintf("<%d ops of %s>", len(l.ops), l.name) }
func (l *opList) Type() string               { return "ops" }
func (l *opList) Freeze()                    {}
func (l *opList) Truth() starlark.Bool       { return len(l.ops) > 0 }
func (l *opList) Hash() (uint32, error)      { return 0, fmt.Errorf("unhashable: ops") }
func (l *opList) Len() int                   { return len(l.ops) }
func (l *opList) Index(i int) starlark.Value { return &l.ops[i] }
func (l *opList) Iterate() starlark.Iterator { return &opIterator{l.ops} }

type opIterator struct{ ops []Op }

func (it *opIterator) Done() {}
func (it *opIterator) Next(p *starlark.Value) bool {
	if len(it.ops) == 0 {
		return false
	}
	*p, it.ops = &it.ops[0], it.ops[1:]
	return true
}

// maxNesting bounds lists in lists: a list of Starlark may contain itself.
const maxNesting = 64

var errNesting = errors.New("lists are nested too deep")

// flatten calls yield for every op in v: an op, ops, or lists and tuples of
// those, to any depth. None is nothing.
func flatten(v starlark.Value, yield func(*Op) error) error { return flattenAt(v, "", 0, yield) }

func flattenAt(v starlark.Value, path string, depth int, yield func(*Op) error) error {
	if depth > maxNesting {
		return errNesting
	}
	switch v := v.(type) {
	case *Op:
		return yield(v)
	case starlark.NoneType:
		return nil
	case *opList:
		for i := range v.ops {
			if err := yield(&v.ops[i]); err != nil {
				return err
			}
		}
		return nil
	case *constructor, *member:
		return fmt.Errorf("%sgot the function %s, want the op it returns; write %[2]s(...)", path, v.(starlark.Callable).Name())
	}
	if v.Type() == "check" {
		return fmt.Errorf("%sa check is no op; write checks = [%v]", path, v)
	}
	ok, err := elements(v, func(i int, x starlark.Value) error {
		return flattenAt(x, fmt.Sprintf("%s[%d]", path, i), depth+1, yield)
	})
	if !ok {
		if path != "" {
			path += ": "
		}
		return fmt.Errorf("%s%w", path, wrong(v, "an op or a list of ops"))
	}
	return err
}
