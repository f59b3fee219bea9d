package builtins

import (
	"errors"
	"fmt"
	"slices"

	"go.starlark.net/starlark"
)

// absentOf is absent(ops...): these objects shall not be. Only their keys
// count. What was made last goes first.
func absentOf(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := scriptOf(thread)
	if err == nil && len(kwargs) > 0 {
		name := string(kwargs[0][0].(starlark.String))
		err = &ArgError{Arg: name, Err: fmt.Errorf("unknown keyword %s, there are none; write absent(route(..., %[1]s = ...))", name)}
	}
	out := &opList{name: "absent"}
	for i, v := range args {
		if err != nil {
			break
		}
		if err = flatten(v, out.gone); err != nil {
			err = &ArgError{Index: i, Err: fmt.Errorf("argument %d: %w", i+1, err)}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	site := s.site(thread)
	slices.Reverse(out.ops)
	for i := range out.ops {
		out.ops[i].Site = site
	}
	s.made(site, fn.Name(), len(out.ops))
	return out, nil
}

// gone adds the op that the object of op shall not be.
func (l *opList) gone(op *Op) error {
	switch {
	case op.Wait != nil:
		return errWaitAbsent
	case op.Cutover != nil:
		return errCutoverAbsent
	case op.NetNS:
		return errors.New("a network namespace is not removed: what is in it could not be put back")
	case op.Exact != nil:
		return errors.New("exact says what shall not be already")
	case op.Sysctl != nil:
		return errors.New("a sysctl cannot be absent, only have another value")
	case op.Verb != nil:
		return fmt.Errorf("%s is sent as it is; write absent(%s(...)), or %s.delete(...)", short(op.String()), op.Object.Name, op.Object.Name)
	case op.Object != nil && op.Object.Table.Options:
		return fmt.Errorf("%s: options are there as long as what they are of; write what they shall be", short(op.String()))
	case op.Absent:
		return fmt.Errorf("%s is absent already", short(op.String()))
	}
	op.use()
	gone := *op
	gone.Absent, gone.used = true, false
	l.ops = append(l.ops, gone)
	return nil
}
