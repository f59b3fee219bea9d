package builtins

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// commitOf is commit(ops..., label = "vlans", checks = [...], within = "5s"): the
// ops as one batch.
func commitOf(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, c, err := newCommit(thread, fn, args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	// The engine's error says where and what; nothing is put before it.
	return starlark.None, s.host.Commit(c)
}

// attemptOf is attempt(ops...): commit, or undo this batch alone and return why.
func attemptOf(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, c, err := newCommit(thread, fn, args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	failure, err := s.host.Attempt(c)
	switch {
	case err != nil:
		return nil, err
	case failure != nil:
		return &failureValue{failure}, nil
	}
	return starlark.None, nil
}

func newCommit(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (*Script, *Commit, error) {
	s, err := hostOf(thread)
	if err != nil {
		return nil, nil, err
	}
	c := &Commit{}
	for i, kv := range kwargs {
		if err := given(kwargs, i); err != nil {
			return nil, nil, err
		}
		name, v := string(kv[0].(starlark.String)), kv[1]
		switch {
		case v == starlark.None:
		case name == "label":
			label, ok := starlark.AsString(v)
			if !ok {
				return nil, nil, argError(name, wrong(v, "a string"))
			}
			c.Label = label
		case name == "checks":
			err = checksInto(&c.Checks)(v)
		case name == "within":
			err = durationInto(&c.Within)(v)
		case name == "irreversible":
			err = namesInto(&c.Irreversible)(v)
		default:
			return nil, nil, &ArgError{Arg: name, Err: fmt.Errorf("unknown keyword %s, there are label, checks, within and irreversible%s", name, didYouMean(name, []string{"label", "checks", "within", "irreversible"}))}
		}
		if err != nil {
			return nil, nil, argError(name, err)
		}
	}
	if c.Within != 0 && len(c.Checks) == 0 {
		return nil, nil, &ArgError{Arg: "within", Err: errors.New("within is for checks, and there are none")}
	}
	for i, v := range args {
		err := flatten(v, func(op *Op) error {
			op.use()
			c.Ops = append(c.Ops, op)
			return nil
		})
		if err != nil {
			return nil, nil, &ArgError{Index: i, Err: fmt.Errorf("argument %d: %w", i+1, err)}
		}
	}
	c.Site = s.site(thread)
	return s, c, nil
}

// namesInto reads a list of names of objects.
func namesInto(to *[]string) func(starlark.Value) error {
	return func(v starlark.Value) error {
		l, ok := list(v)
		if !ok {
			return wrong(v, `a list of names: ["link wg0"]`)
		}
		for i, x := range l {
			name, ok := starlark.AsString(x)
			if !ok {
				return wire.At(fmt.Sprintf("[%d]", i), wrong(x, `a name: "link wg0"`))
			}
			*to = append(*to, name)
		}
		return nil
	}
}

// A failureValue is what attempt returns when the batch was undone.
type failureValue struct{ err error }

var _ starlark.HasAttrs = (*failureValue)(nil)

func (f *failureValue) String() string        { return f.err.Error() }
func (f *failureValue) Type() string          { return "error" }
func (f *failureValue) Freeze()               {}
func (f *failureValue) Truth() starlark.Bool  { return true }
func (f *failureValue) Hash() (uint32, error) { return hashString(f.err.Error()), nil }
func (f *failureValue) AttrNames() []string   { return []string{"message"} }
func (f *failureValue) Attr(name string) (starlark.Value, error) {
	if name == "message" {
		return starlark.String(f.err.Error()), nil
	}
	return nil, nil
}
