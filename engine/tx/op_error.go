package tx

import (
	"errors"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/wire"
)

// An OpError is what is wrong with one op.
type OpError struct {
	Op   *builtins.Op
	Path string // field, in the script's words; may be empty
	Err  error
}

func (e *OpError) Error() string {
	s := Title(e.Op)
	if e.Path != "" {
		s += ": " + e.Path
	}
	return s + ": " + e.Err.Error()
}

func (e *OpError) Unwrap() error { return e.Err }

// opError puts the path of a field's error where it belongs.
func opError(op *builtins.Op, err error) error {
	var a *wire.AttrError
	if errors.As(err, &a) {
		return &OpError{op, a.Path, a.Err}
	}
	return &OpError{op, "", err}
}
