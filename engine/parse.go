package engine

import (
	"bytes"
	"unicode/utf8"

	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/builtins"
)

// parse parses a file. The parser alone takes a zero byte for the end of the file.
func parse(name string, src []byte) (*syntax.File, error) {
	if err := text(name, src); err != nil {
		return nil, err
	}
	return builtins.FileOptions().Parse(name, src, 0)
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
