package builtins

import (
	"fmt"
	"maps"

	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// maxNested bounds the lists and objects in each other that json.decode takes, as
// encoding/json does: Starlark's calls itself for each, until the stack of the
// process is used up.
const maxNested = 10000

// jsonModule is Starlark's json with that bound.
func jsonModule() *starlarkstruct.Module {
	m := &starlarkstruct.Module{Name: json.Module.Name, Members: maps.Clone(json.Module.Members)}
	decode := m.Members["decode"].(*starlark.Builtin)
	m.Members["decode"] = starlark.NewBuiltin(decode.Name(), func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if len(args) > 0 {
			if s, ok := starlark.AsString(args[0]); ok && nested(s) > maxNested {
				return nil, fmt.Errorf("%s: nested too deep, at most %d levels", decode.Name(), maxNested)
			}
		}
		return decode.CallInternal(thread, args, kwargs)
	})
	return m
}

// nested is how many lists and objects of a JSON text are in each other.
func nested(s string) (most int) {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted:
			if c == '\\' {
				i++
			}
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			depth++
			most = max(most, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return most
}
