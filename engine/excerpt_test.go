package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// whyNot is all that is said of a script that cannot be evaluated.
func whyNot(t *testing.T, source string) string {
	t.Helper()
	e, err := New(WithFacts(Facts{StandIns: true}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Plan(context.Background(), Script{Name: "a.star", Source: []byte(source)})
	if err == nil {
		t.Fatalf("%.80q has a plan", source)
	}
	return fmt.Sprintf("%+v", err)
}

func TestExcerpt(t *testing.T) {
	ones := strings.Repeat("1, ", 5000)
	for _, c := range []struct{ what, source, want string }{
		{"a program", "\x7fELF\x02\x01\x00\x00", "a.star:1:7: error: this is no script: it is not text in UTF-8"},
		{"a tail of zeros", "x = 1\ncommit()\n\x00\ngarbage ((((\n", "a.star:3:1: error: this is no script: it is not text in UTF-8"},
		{"a zero in a text", "x = 1\ny = \"\u00e4\x00\"", "a.star:2:7: error: this is no script"},
		{"a byte in a text that is none", "x = \"\ufffd\xe4\"", "a.star:1:7: error: this is no script"},
		{"another encoding", "\xff\xfe#\x00", "a.star:1:1: error: this is no script: it is not text in UTF-8"},
		{"a long sum", "x = 0" + strings.Repeat("+1", 30000), "a.star:1:20008: error: syntax error: nested too deep, more than 20000 levels"},
		{"a long chain", "x = a" + strings.Repeat(".a", 30000), "syntax error: nested too deep"},
		{"many branches", "if 1:\n\tpass\n" + strings.Repeat("elif 1:\n\tpass\n", 30000), "a.star:39997:6: error: syntax error: nested too deep"},
		{"the beginning of a long line", "x = [rute, " + ones + "]",
			"      x = [rute, " + ones[:189] + "...\n           ^"},
		{"the middle of a long line", "x = [" + ones + "rute, " + ones + "]",
			"      ..." + ones[len(ones)-100:] + "rute, " + ones[:91] + "...\n" + strings.Repeat(" ", 6+3+100) + "^"},
		{"control characters", "rute(\"\x1b[2J\x07\")", "      rute(\"?[2J?\")\n      ^"},
		{"a byte order mark", "\ufeffcommit()", `unexpected input character '\ufeff'; save the file without a byte order mark`},
		{"a space that is none", "commit(\u00a0)", "; this is a space that is none, write a plain one"},
		{"too many arguments", "commit(" + strings.Repeat("None, ", 300) + ")", "limit is 255; put them in a list: [...]"},
		{"a namespace that is called", "bridge()", "bridge is no function; there are bridge.fdb"},
		{"another", "link(\"br0\", kind = bridge())", "the kind of a link is kind.bridge(...)"},
	} {
		if got := whyNot(t, c.source); !strings.Contains(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.what, got, c.want)
		}
	}
}
