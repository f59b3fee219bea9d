package docs

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

// pages are the files whose blocks of code are checked.
var pages = []string{"../README.md", "language.md", "commands.md", "go.md", "transactions.md"}

// A block is a fenced piece of a page.
type block struct {
	page string
	line int
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// blocks returns the blocks of all pages in a language.
func blocks(t *testing.T, language string) []block {
	t.Helper()
	var l []block
	for _, page := range pages {
		open := false
		for i, line := range strings.Split(read(t, page), "\n") {
			switch {
			case line == "```"+language && !open:
				open = true
				l = append(l, block{page: page, line: i + 2})
			case line == "```":
				open = false
			case open:
				l[len(l)-1].text += line + "\n"
			}
		}
	}
	if len(l) == 0 {
		t.Fatalf("no page has a block of %s", language)
	}
	return l
}

// TestScriptsBuild: every script in the documentation comes to messages, or says
// something.
func TestScriptsBuild(t *testing.T) {
	e, err := engine.New(engine.WithFacts(engine.Facts{StandIns: true}))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks(t, "python") {
		r, err := e.Run(context.Background(), engine.Script{Name: b.page, Source: []byte(b.text)})
		if err != nil {
			t.Errorf("%s: %+v", b, err)
			continue
		}
		if len(r.Warnings) > 0 {
			t.Errorf("%s: %q", b, r.Warnings)
		}
	}
}

// TestGoIsExample: every piece of Go in the documentation stands in a file that
// is compiled and run by the tests of this directory.
func TestGoIsExample(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "example_test.go") {
			all.WriteString(unindent(read(t, f.Name())))
		}
	}
	for _, b := range blocks(t, "go") {
		for part := range strings.SplitSeq(unindent(b.text), "\n\n") {
			if !strings.Contains(all.String(), strings.TrimSpace(part)) {
				t.Errorf("%s: no example_test.go here has\n%s", b, part)
			}
		}
	}
}

func unindent(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimLeft(line, "\t"))
	}
	return b.String()
}
