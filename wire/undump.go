package wire

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Dumped is a message read back from text.
type Dumped struct {
	Msg  []byte
	Rel  []Reloc
	Line int // where it begins, from 1
}

// A TextError says which line of a dump cannot be read.
type TextError struct {
	Line int
	What string
}

func (e *TextError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// ParseDump reads what Dump writes, and messages in plain hexadecimal, one a
// line. Blank lines, lines that begin with # and lines that begin with > (what a
// golden file holds beside netlink) separate messages; annotations are not read.
func ParseDump(text string) ([]Dumped, error) {
	var p undump
	for line := range strings.Lines(text) {
		p.line++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == '>':
			p.finish()
		default:
			if err := p.bytes(line); err != nil {
				return nil, &TextError{p.line, err.Error()}
			}
		}
	}
	p.finish()
	return p.done, nil
}

type undump struct {
	line int
	cur  Dumped
	done []Dumped
}

func (p *undump) finish() {
	if len(p.cur.Msg) > 0 {
		p.done = append(p.done, p.cur)
	}
	p.cur = Dumped{}
}

// bytes reads a line with bytes. Its first word is an offset when it has another
// number of digits than a byte and other words follow.
func (p *undump) bytes(line string) error {
	first, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimLeft(rest, " ")
	if len(first) <= 2 || !isHex(first) || rest == "" || rest[0] == '#' {
		p.finish()
		if err := p.tokens(line); err != nil {
			return err
		}
		if len(p.cur.Msg) < HeaderLen {
			return fmt.Errorf("%d bytes are no message; a line without offset holds a whole one", len(p.cur.Msg))
		}
		p.finish()
		return nil
	}
	off, err := strconv.ParseUint(first, 16, 32)
	if err != nil {
		return fmt.Errorf("offset %s is too large", first)
	}
	if off == 0 {
		p.finish()
	}
	if int(off) != len(p.cur.Msg) {
		return fmt.Errorf("offset %s, but the lines before hold %#x bytes", first, len(p.cur.Msg))
	}
	return p.tokens(rest)
}

// tokens adds bytes and relocations up to the annotation.
func (p *undump) tokens(s string) error {
	if len(p.cur.Msg) == 0 {
		p.cur.Line = p.line
	}
	for s != "" && s[0] != '#' {
		switch {
		case s[0] == ' ' || s[0] == '\t':
			s = s[1:]
		case s[0] == '{':
			name, rest, err := cutReloc(s)
			if err != nil {
				return err
			}
			p.cur.Rel = append(p.cur.Rel, Reloc{Off: uint32(len(p.cur.Msg)), Name: name})
			p.cur.Msg = append(p.cur.Msg, 0, 0, 0, 0)
			s = rest
		default:
			n := strings.IndexAny(s, " \t#{")
			if n < 0 {
				n = len(s)
			}
			b, err := hex.DecodeString(s[:n])
			if err != nil {
				return fmt.Errorf("%q is not hexadecimal bytes", clip(s[:n]))
			}
			p.cur.Msg = append(p.cur.Msg, b...)
			s = s[n:]
		}
	}
	return nil
}

// cutReloc reads {name} or {"quoted name"}.
func cutReloc(s string) (name, rest string, err error) {
	if !strings.HasPrefix(s, `{"`) {
		name, rest, ok := strings.Cut(s[1:], "}")
		if !ok || name == "" || strings.ContainsAny(name, " #{") {
			return "", "", fmt.Errorf("%q is not {name}", clip(s))
		}
		return name, rest, nil
	}
	q, err := strconv.QuotedPrefix(s[1:])
	if err == nil {
		name, err = strconv.Unquote(q)
	}
	rest, ok := strings.CutPrefix(s[1+len(q):], "}")
	if err != nil || !ok {
		return "", "", fmt.Errorf("%q is not {\"name\"}", clip(s))
	}
	return name, rest, nil
}

func isHex(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(c byte) bool {
		return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F')
	})
}

// clip shortens what an error quotes.
func clip(s string) string {
	if len(s) > 24 {
		return s[:24] + "..."
	}
	return s
}
