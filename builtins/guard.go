package builtins

import (
	"fmt"

	"go.starlark.net/starlark"
)

// maxElements bounds what one call makes of a sequence, a GiB of values. Such a
// call is one step, whatever it makes, and Starlark takes the memory beforehand:
// without a bound list(range(1 << 40)) ends the process.
const maxElements = 1 << 26

// Guarded are Starlark's own functions that copy a sequence, with a bound, and
// what Guard makes files call. They
// stand before the universal ones and are no names of this language: a script
// may bind them.
func Guarded() starlark.StringDict {
	d := starlark.StringDict{repeatName: starlark.NewBuiltin(repeatName, repeat)}
	for _, name := range []string{"bytes", "dict", "enumerate", "list", "reversed", "set", "sorted", "tuple", "zip"} {
		d[name] = guarded(starlark.Universe[name].(*starlark.Builtin))
	}
	return d
}

func guarded(universal *starlark.Builtin) *starlark.Builtin {
	return starlark.NewBuiltin(universal.Name(), func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		for _, v := range args {
			if n := starlark.Len(v); n > maxElements {
				return nil, fmt.Errorf("%s: %d elements are too many, at most %d", universal.Name(), n, maxElements)
			}
		}
		return universal.CallInternal(thread, args, kwargs)
	})
}
