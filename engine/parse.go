package engine

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/builtins"
)

// parse parses a file. The parser alone takes a zero byte for the end of the file.
func parse(name string, src []byte) (*syntax.File, error) {
	if err := text(name, src); err != nil {
		return nil, err
	}
	file, err := builtins.FileOptions().Parse(name, src, 0)
	if err != nil {
		return nil, err
	}
	return file, deep(file)
}

// maxDeep bounds chains such as 1 + 1 + 1 ... and elif, which are trees as deep as they
// are long: what handles them calls itself until the stack of the process is used up.
// The parser bounds all else.
const maxDeep = 20000

// deep finds what is nested too deep.
func deep(file *syntax.File) (err error) {
	depth := 0
	syntax.Walk(file, func(n syntax.Node) bool {
		switch {
		case err != nil:
			return false
		case n == nil:
			depth--
		case depth == maxDeep:
			err = syntax.Error{Pos: at(file, n), Msg: fmt.Sprintf("nested too deep, more than %d levels", maxDeep)}
			return false
		default:
			depth++
		}
		return true
	})
	return err
}

// at is the place of a link of a chain. Its span is known to its first link only.
func at(file *syntax.File, n syntax.Node) syntax.Position {
	switch n := n.(type) {
	case *syntax.BinaryExpr:
		return n.OpPos
	case *syntax.DotExpr:
		return n.Dot
	case *syntax.CallExpr:
		return n.Lparen
	case *syntax.IndexExpr:
		return n.Lbrack
	case *syntax.SliceExpr:
		return n.Lbrack
	case *syntax.IfStmt:
		return n.If
	case *syntax.Ident:
		return n.NamePos
	case *syntax.Literal:
		return n.TokenPos
	}
	return syntax.MakePosition(&file.Path, 1, 1)
}

// A textError says where a file is not text.
type textError struct{ pos syntax.Position }

func (e *textError) Error() string { return e.pos.String() + ": " + noText }

const noText = "this is no script: it is not text in UTF-8"

// text finds the first byte that no text has.
func text(name string, src []byte) error {
	if bytes.IndexByte(src, 0) < 0 && utf8.Valid(src) {
		return nil
	}
	bad := 0
	for bad < len(src) {
		r, n := utf8.DecodeRune(src[bad:])
		if r == 0 || r == utf8.RuneError && n == 1 {
			break
		}
		bad += n
	}
	before := src[:bad]
	line := 1 + bytes.Count(before, []byte("\n"))
	col := 1 + utf8.RuneCount(before[1+bytes.LastIndexByte(before, '\n'):])
	return &textError{syntax.MakePosition(&name, int32(line), int32(col))}
}
