// Package docs checks the documentation: what can be derived from the tables is,
// and scripts, plans and Go programs in it are run.
//
//	go test ./docs -update    writes the derived part of docs/language.md
package docs

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/builtins"
)

var update = flag.Bool("update", false, "write the derived part of docs/language.md")

// marker begins the derived part.
const marker = "<!-- What follows is made from the tables by go test ./docs -update. Do not edit it. -->\n"

func TestLanguageIsFresh(t *testing.T) {
	const file = "language.md"
	have := read(t, file)
	head, _, ok := strings.Cut(have, marker)
	if !ok {
		t.Fatalf("%s has no line %q", file, marker)
	}
	want := head + marker + reference(builtins.NewSchema())
	if have == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the tables say; run go test ./docs -update", file)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestReferenceIsWhole: every object, verb, kind, function and keyword of the
// schema is in the reference.
func TestReferenceIsWhole(t *testing.T) {
	s := builtins.NewSchema()
	text := reference(s)
	want := func(what, s string) {
		if !strings.Contains(text, s) {
			t.Errorf("the reference does not have %s: no %q", what, s)
		}
	}
	for _, o := range s.Objects {
		want(o.Name, "### "+o.Name+"\n")
		for _, v := range o.Verbs {
			want(o.Name, "| `"+o.Name+"."+v.Name+"` |")
		}
		for _, a := range o.Attrs {
			want(a.Path, "`"+a.Name+"`")
		}
	}
	for _, k := range s.Kinds {
		want(k.Name, "### "+k.Name+"\n")
		for _, a := range k.Attrs {
			want(a.Path, "`"+a.Name+"`")
		}
	}
	for _, f := range s.Functions {
		want(f.Name, "`"+f.Usage+"`")
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
