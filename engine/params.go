package engine

import (
	"context"
	"slices"

	"go.starlark.net/syntax"

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

// missingParam finds a value given for a param that the script does not have,
// before anything is done. Where names are computed it cannot tell; what is then
// left over is found at the end.
func missingParam(script Script) error {
	if len(script.Params) == 0 {
		return nil
	}
	file, err := parse(script.Name, script.Source)
	if err != nil {
		return err
	}
	var known []string
	computed := false
	syntax.Walk(file, func(n syntax.Node) bool {
		if id, ok := n.(*syntax.Ident); ok && id.Name == "param" {
			computed = true // unless it is a call, below
		}
		c, ok := n.(*syntax.CallExpr)
		if !ok {
			return true
		}
		if id, ok := c.Fn.(*syntax.Ident); !ok || id.Name != "param" {
			return true
		}
		name, ok := paramName(c)
		if computed = computed || !ok; ok {
			known = append(known, name)
		}
		for _, a := range c.Args {
			syntax.Walk(a, func(n syntax.Node) bool {
				id, ok := n.(*syntax.Ident)
				computed = computed || ok && id.Name == "param"
				return true
			})
		}
		return false
	})
	if computed {
		return nil
	}
	for _, name := range sortedKeys(script.Params) {
		if !slices.Contains(known, name) {
			return unknownParam(name, known)
		}
	}
	return nil
}

// paramName is the name in a call of param, if it is written there.
func paramName(c *syntax.CallExpr) (string, bool) {
	for i, a := range c.Args {
		if b, ok := a.(*syntax.BinaryExpr); ok && b.Op == syntax.EQ {
			if id, ok := b.X.(*syntax.Ident); !ok || id.Name != "name" {
				continue
			}
			a = b.Y
		} else if i > 0 {
			continue
		}
		l, ok := a.(*syntax.Literal)
		if !ok {
			return "", false
		}
		s, ok := l.Value.(string)
		return s, ok
	}
	return "", false
}
