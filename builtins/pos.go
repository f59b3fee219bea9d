package builtins

import (
	"strings"

	"go.starlark.net/syntax"
)

// ArgPos returns where in a file an argument stands: that of the call at pos,
// which is where a stack frame says the call is, then the argument of the call
// in its value, as far down path as the source is made of calls: for
// link("vx0", kind = kind.vxlan(id = 9)) the path kind, id leads to id. A first
// element of "" is positional argument index. False when there is no such call.
func ArgPos(f *syntax.File, pos syntax.Position, index int, path ...string) (syntax.Position, bool) {
	at, found := pos, false
	for call := callAt(f, pos); call != nil && len(path) > 0; {
		arg, value := argument(call, path[0], index)
		if arg == nil {
			break
		}
		at, _ = arg.Span()
		found, path, index = true, path[1:], 0
		call, _ = value.(*syntax.CallExpr)
		// Between a row and those of its union an error's path has the kind.
		if call != nil && len(path) > 0 && path[0] == calledName(call) {
			path = path[1:]
		}
	}
	return at, found
}

// ErrorPath splits the path of a wire.AttrError for ArgPos: indexes of elements
// have no keyword.
func ErrorPath(path string) []string {
	var l []string
	for _, p := range strings.Split(path, ".") {
		p, _, _ = strings.Cut(p, "[")
		if p != "" {
			l = append(l, p)
		}
	}
	return l
}

// calledName is the last name of what is called: vxlan of kind.vxlan(...).
func calledName(c *syntax.CallExpr) string {
	switch fn := c.Fn.(type) {
	case *syntax.DotExpr:
		return strings.TrimSuffix(fn.Name.Name, "_")
	case *syntax.Ident:
		return strings.TrimSuffix(fn.Name, "_")
	}
	return ""
}

// callAt finds the call whose parenthesis is at pos.
func callAt(f *syntax.File, pos syntax.Position) *syntax.CallExpr {
	var found *syntax.CallExpr
	syntax.Walk(f, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.CallExpr); ok && c.Lparen.Line == pos.Line && c.Lparen.Col == pos.Col {
			found = c
		}
		return found == nil
	})
	return found
}

// argument finds an argument by its keyword, or with the name "" by its index;
// a keyword that may come from **dict is that dict.
func argument(c *syntax.CallExpr, name string, index int) (arg, value syntax.Expr) {
	n := 0
	var dict syntax.Expr
	for _, a := range c.Args {
		switch a := a.(type) {
		case *syntax.BinaryExpr:
			if id, ok := a.X.(*syntax.Ident); ok && a.Op == syntax.EQ {
				if name != "" && strings.TrimSuffix(id.Name, "_") == strings.TrimSuffix(name, "_") {
					return a, a.Y
				}
				continue
			}
		case *syntax.UnaryExpr:
			if a.Op == syntax.STARSTAR {
				dict = a
				continue
			}
		}
		if name == "" && n == index {
			return a, a
		}
		n++
	}
	if name == "" || dict == nil {
		return nil, nil
	}
	return dict, dict
}
