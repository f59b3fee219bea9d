package builtins

import (
	"fmt"
	"reflect"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// repeatName is what a multiplication calls. No script can write it.
const repeatName = "*"

// Guard makes every multiplication of a file a call, at the same position, that
// bounds what it makes: [0] * 1000000000 is one step and 16 GB.
func Guard(file *syntax.File) { guard(reflect.ValueOf(file)) }

// guard goes through what v refers to.
func guard(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			if a, ok := v.Interface().(*syntax.AssignStmt); ok {
				guardAssign(a)
			}
			guard(v.Elem())
		}
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		guard(v.Elem())
		if b, ok := v.Interface().(*syntax.BinaryExpr); ok && b.Op == syntax.STAR && v.CanSet() {
			v.Set(reflect.ValueOf(repeatCall(b.X, b.Y, b.OpPos)))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				guard(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			guard(v.Index(i))
		}
	}
}

// guardAssign writes x *= y as x = x * y, of names, which have no effects.
func guardAssign(a *syntax.AssignStmt) {
	if id, ok := a.LHS.(*syntax.Ident); ok && a.Op == syntax.STAR_EQ {
		a.Op = syntax.EQ
		a.RHS = &syntax.BinaryExpr{X: &syntax.Ident{NamePos: id.NamePos, Name: id.Name}, OpPos: a.OpPos, Op: syntax.STAR, Y: a.RHS}
	}
}

func repeatCall(x, y syntax.Expr, pos syntax.Position) *syntax.CallExpr {
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: pos, Name: repeatName}, Lparen: pos, Args: []syntax.Expr{x, y}, Rparen: pos}
}

// repeat is the multiplication.
func repeat(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	x, y := args[0], args[1]
	for _, p := range [][2]starlark.Value{{x, y}, {y, x}} {
		n, ok := p[1].(starlark.Int)
		if !ok {
			continue
		}
		switch p[0].(type) {
		case *starlark.List, starlark.Tuple:
			if times, ok := n.Int64(); ok && times > 0 && int64(starlark.Len(p[0])) > maxElements/times {
				return nil, fmt.Errorf("%d times %d elements are too many, at most %d", times, starlark.Len(p[0]), maxElements)
			}
		}
	}
	return starlark.Binary(syntax.STAR, x, y)
}
