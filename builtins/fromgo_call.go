package builtins

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// opsWord is the key, among what a call from Go is given, of the ops that a script
// writes without a keyword.
const opsWord = "ops"

// Made is what a call from Go makes: ops, or a check of the commit and how long it
// has.
type Made struct {
	Ops    []*Op
	Check  *Check
	Within time.Duration
}

// Call calls a function of scripts that is no constructor of an object: sysctl,
// exact, cutover, wait.carrier, check.ping and their like. The subject is the first
// argument, of exact the object; the ops that others are made of are the key "ops".
// False: there is no such function.
func (s *Script) Call(objects []*wire.Object, name, subject string, attrs map[string]any) (m Made, ok bool, err error) {
	fn := callable(objects, name)
	if fn == nil {
		return m, false, nil
	}
	var args starlark.Tuple
	switch {
	case subject == "":
	case name == "exact":
		c, err := findConstructor(objects, subject)
		if err != nil {
			return m, true, fmt.Errorf("%s: %w", name, err)
		}
		args = append(args, c)
	default:
		args = append(args, starlark.String(subject))
	}
	var kwargs []starlark.Tuple
	for _, key := range slices.Sorted(maps.Keys(attrs)) {
		v, err := FromGo(attrs[key])
		switch {
		case err != nil:
			return m, true, fmt.Errorf("%s: %s: %w", name, key, err)
		case key == opsWord:
			args = append(args, v)
		case key == "within" && strings.HasPrefix(name, "check."):
			if err := durationInto(&m.Within)(v); err != nil {
				return m, true, fmt.Errorf("%s: %w", name, argError(key, err))
			}
		default:
			kwargs = append(kwargs, starlark.Tuple{starlark.String(key), v})
		}
	}
	thread := &starlark.Thread{Name: name}
	SetScript(thread, s)
	v, err := starlark.Call(thread, fn, args, kwargs)
	if err != nil {
		if e, ok := err.(*starlark.EvalError); ok {
			err = e.Unwrap()
		}
		return m, true, err
	}
	if c, ok := v.(*Check); ok {
		c.Site = nil
		m.Check = c
		return m, true, nil
	}
	err = flatten(v, func(op *Op) error {
		op.Site = nil
		m.Ops = append(m.Ops, op)
		return nil
	})
	return m, true, err
}

// callable is what Call can call by a name; nil: nothing.
func callable(objects []*wire.Object, name string) starlark.Callable {
	switch ns, member, _ := strings.Cut(name, "."); {
	case name == "sysctl", name == "exact", name == "cutover":
		fn, _ := env(objects, nil)[name].(starlark.Callable)
		return fn
	case ns == "wait":
		fn, _ := waitNamespace().members()[member].(starlark.Callable)
		return fn
	case ns == "check":
		fn, _ := checkNamespace().members()[member].(starlark.Callable)
		return fn
	}
	return nil
}

// Gone are the ops that the objects of ops shall not be, the last first.
func Gone(ops []*Op) ([]*Op, error) {
	out := &opList{name: "absent"}
	for i := len(ops) - 1; i >= 0; i-- {
		if err := out.gone(ops[i]); err != nil {
			return nil, err
		}
	}
	l := make([]*Op, len(out.ops))
	for i := range out.ops {
		l[i] = &out.ops[i]
	}
	return l, nil
}
