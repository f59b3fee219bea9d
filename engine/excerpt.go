package engine

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/builtins"
)

// explainSyntax handles what the parser and the resolver find.
func (s *session) explainSyntax(e *Error, err error) bool {
	var te *textError
	if errors.As(err, &te) {
		e.Pos, e.Message = te.pos.String(), noText
		return true
	}
	var se syntax.Error
	if errors.As(err, &se) {
		file, line, col := se.Pos.Filename(), int(se.Pos.Line), int(se.Pos.Col)
		s.point(e, file, line, col)
		e.Message = "syntax error: " + se.Msg + characterHint(se.Msg) + reservedHint(s.lineOf(file, line), col)
		return true
	}
	var rl resolve.ErrorList
	if errors.As(err, &rl) && len(rl) > 0 {
		file, line, col := rl[0].Pos.Filename(), int(rl[0].Pos.Line), int(rl[0].Pos.Col)
		s.point(e, file, line, col)
		e.Message = rl[0].Msg
		if word, ok := strings.CutPrefix(e.Message, "undefined: "); ok {
			e.Message += builtins.Undefined(word, after(s.lineOf(file, line), col-1+len(word)))
		} else if strings.Contains(e.Message, "positional arguments in call") {
			e.Message += "; put them in a list: [...]"
		}
		return true
	}
	return false
}

// after is the first character of a line behind column i that is no space; 0 when
// there is none.
func after(line string, i int) byte {
	if i > len(line) {
		return 0
	}
	rest := strings.TrimLeft(line[i:], " \t")
	if rest == "" {
		return 0
	}
	return rest[0]
}

// characterHint answers what word processors write for a character of the language.
func characterHint(msg string) string {
	for bad, say := range map[string]string{
		"\u201c": `; write "`, "\u201d": `; write "`, "\u201e": `; write "`, "\u2018": "; write '", "\u2019": "; write '",
		"\u2013": "; write -", "\u00a0": "; this is a space that is none, write a plain one",
	} {
		if strings.HasSuffix(msg, "'"+bad+"'") || strings.HasSuffix(msg, fmt.Sprintf("%+q", []rune(bad)[0])) {
			return say
		}
	}
	if strings.HasSuffix(msg, `'\ufeff'`) {
		return "; save the file without a byte order mark"
	}
	return ""
}

// reserved are words of iproute2 that Starlark keeps for itself.
var reserved = []string{"from", "not", "and", "or", "as", "class", "global", "import", "is", "with"}

// reservedHint says what to write for a keyword that is a reserved word, when a
// syntax error is at it.
func reservedHint(line string, col int) string {
	if col >= 1 && col <= len(line) && strings.HasPrefix(line[col-1:], "class") && after(line, col-1+len("class")) == '(' {
		return "; class is a reserved word: write class_"
	}
	for _, w := range reserved {
		for _, start := range []int{col - 1, col - 1 - len(w)} {
			if start >= 0 && start < len(line) && strings.HasPrefix(strings.TrimLeft(line[start:], " "), w) {
				rest := strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(line[start:], " "), w), " ")
				if strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "==") {
					return fmt.Sprintf("; %s is a reserved word: write %s_", w, w)
				}
			}
		}
		if i := strings.Index(line, w+" ="); i >= 0 && i < col && col <= i+len(w)+3 && !strings.HasPrefix(line[i+len(w)+2:], "=") {
			return fmt.Sprintf("; %s is a reserved word: write %s_", w, w)
		}
	}
	return ""
}

// point sets the position and shows its line.
func (s *session) point(e *Error, file string, line, col int) {
	e.Pos = fmt.Sprintf("%s:%d:%d", file, line, col)
	src := s.lineOf(file, line)
	if src == "" {
		return
	}
	trimmed := strings.TrimLeft(src, " \t")
	indent := col - 1 - (len(src) - len(trimmed))
	text := []rune(printable(trimmed))
	if indent < 0 || indent > len(text) {
		indent = 0
	}
	if from := indent - excerptWidth/2; from > 0 && len(text) > excerptWidth {
		text, indent = append([]rune("..."), text[from:]...), indent-from+len("...")
	}
	if len(text) > excerptWidth {
		text = append(text[:excerptWidth:excerptWidth], []rune("...")...)
	}
	e.excerpt = "      " + string(text) + "\n      " + strings.Repeat(" ", indent) + strings.Repeat("^", wordLen(text[indent:]))
}

// wordLen is how long the keyword, or the name, is that a text begins with; at least
// 1, for whatever else an error may point at.
func wordLen(text []rune) int {
	n := 0
	for n < len(text) && (text[n] == '_' || unicode.IsLetter(text[n]) || n > 0 && unicode.IsDigit(text[n])) {
		n++
	}
	return max(n, 1)
}

// excerptWidth is how much is shown of a line, the place at fault in it.
const excerptWidth = 200

// printable is what of a line may go to a terminal, one character for each.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, line)
}

func (s *session) lineOf(file string, line int) string {
	if s.files == nil {
		return ""
	}
	lines := strings.Split(string(s.files.src[file]), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	return strings.TrimRight(lines[line-1], "\r")
}
