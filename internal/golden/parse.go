package golden

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nlscript/nlscript/wire"
)

// Parse reads what Render wrote: the script's path and the entries, with Object
// nil. Annotations are not read. An error names the line.
func Parse(text string) (script string, entries []Entry, err error) {
	p := parser{}
	block := ""
	line, start := 0, 1
	flush := func() error {
		if block == "" {
			return nil
		}
		err := p.block(block, start)
		block = ""
		return err
	}
	for l := range strings.Lines(text) {
		line++
		if strings.TrimSpace(l) != "" {
			if block == "" {
				start = line
			}
			block += l
			continue
		}
		if err := flush(); err != nil {
			return "", nil, err
		}
	}
	if err := flush(); err != nil {
		return "", nil, err
	}
	if !p.ended {
		return "", nil, &wire.TextError{Line: line, What: "the count of messages is missing at the end"}
	}
	return p.script, p.entries, nil
}

type parser struct {
	script  string
	begun   bool
	ended   bool
	commit  int
	label   string
	entries []Entry
}

// block reads lines that no blank line is between: headings, an entry or the count.
func (p *parser) block(text string, start int) error {
	e := Entry{}
	heads := 0
	var bytes strings.Builder // the lines that are no comment, and blank ones for the others
	n := start - 1
	fail := func(format string, args ...any) error {
		return &wire.TextError{Line: n, What: fmt.Sprintf(format, args...)}
	}
	for l := range strings.Lines(text) {
		n++
		l = strings.TrimRight(l, "\r\n")
		comment, ok := strings.CutPrefix(l, "# ")
		if p.ended {
			return fail("the count of messages is not at the end")
		}
		switch {
		case !ok && strings.HasPrefix(l, ">"):
			e.Text += strings.TrimPrefix(l[1:], " ") + "\n"
		case !ok:
			bytes.WriteString(l)
		case !p.begun:
			p.script, p.begun = comment, true
		case isCount(comment):
			if want := p.count(); comment != want {
				return fail("%s, but there are %s", comment, want)
			}
			p.ended = true
		case heads == 1 && e.NetNS == "" && strings.HasPrefix(comment, netnsHead):
			e.NetNS = strings.TrimPrefix(comment, netnsHead)
		default:
			is, err := p.heading(comment)
			if err != nil {
				return fail("%v", err)
			}
			if !is {
				e.Summary = comment
				heads++
			}
		}
		bytes.WriteByte('\n')
	}
	dumped, err := wire.ParseDump(bytes.String())
	if err != nil {
		if t, ok := errors.AsType[*wire.TextError](err); ok {
			t.Line += start - 1
		}
		return err
	}
	n = start
	switch {
	case len(dumped) == 0 && e.Text == "" && heads == 0:
		return nil
	case heads != 1:
		return fail("an entry needs one line that says what it is")
	case p.commit == 0:
		return fail("an entry before the first commit")
	case len(dumped) > 1 || len(dumped) == 1 && e.Text != "":
		return fail("several entries without a blank line between")
	case len(dumped) == 1:
		e.Msg, e.Rel = dumped[0].Msg, dumped[0].Rel
	}
	e.Commit, e.Label = p.commit, p.label
	p.entries = append(p.entries, e)
	return nil
}

// heading reads `commit 1 "label"`.
func (p *parser) heading(s string) (bool, error) {
	rest, ok := strings.CutPrefix(s, "commit ")
	if !ok {
		return false, nil
	}
	num, label, labelled := strings.Cut(rest, " ")
	n, err := strconv.Atoi(num)
	if err != nil {
		return false, nil
	}
	p.label = ""
	if labelled {
		if p.label, err = strconv.Unquote(label); err != nil {
			return false, fmt.Errorf("the label of commit %d is not a quoted string", n)
		}
	}
	if n <= p.commit {
		return false, fmt.Errorf("commit %d after commit %d", n, p.commit)
	}
	p.commit = n
	return true, nil
}

// isCount reports whether a comment is the last line of a file.
func isCount(s string) bool {
	num, rest, _ := strings.Cut(s, " ")
	_, err := strconv.Atoi(num)
	return err == nil && strings.HasPrefix(rest, "message")
}

func (p *parser) count() string {
	messages := 0
	for _, e := range p.entries {
		if e.Msg != nil {
			messages++
		}
	}
	return count(messages, len(p.entries)-messages)
}
