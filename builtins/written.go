package builtins

import "github.com/nlscript/nlscript/wire"

// Written returns the fields that a script has to write for the op, devices by
// name: without what the constructor fills in by itself.
func (op *Op) Written() *wire.Set {
	full := wire.NewSet(op.Object.Table)
	if op.Set(full) != nil {
		return full
	}
	if set, err := written(op.Object, op.Verb, false, full); err == nil {
		return set
	}
	return full
}
