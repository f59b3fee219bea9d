package engine

import (
	"context"

	"github.com/nlscript/nlscript/builtins"
)

// Params runs a script as Plan does and returns the param()s that it declares,
// in order. Beside an error they are those declared before it.
func (e *Engine) Params(ctx context.Context, script Script) ([]*builtins.Param, error) {
	var declared []*builtins.Param
	_, err := e.transact(ctx, true, func(s *session) error {
		defer func() { declared = s.script.Params() }()
		return s.exec(script)
	})
	return declared, err
}
