package coverage

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/fixture"
	"github.com/nlscript/nlscript/internal/golden"
)

var update = flag.Bool("update", false, "write the golden files")

// goldens is where the fixtures are: one script a kind or a theme, its golden
// file beside it.
const goldens = root + "/testdata/golden"

// TestGolden: every script sends what its golden file says.
func TestGolden(t *testing.T) {
	for _, file := range files(t) {
		t.Run(strings.TrimPrefix(file, goldens+"/"), func(t *testing.T) {
			diff, err := fixture.Check(t.Context(), inOwnOrder(t, strings.TrimSuffix(file, ".golden")+".star"), nil, *update)
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if diff != "" && !*update {
				t.Errorf("go test ./internal/coverage -update writes what is right now:\n%s", diff)
			}
		})
	}
}

// files are the golden files by what Find finds, which refuses one without script.
func files(t *testing.T) (l []string) {
	t.Helper()
	scripts, err := golden.Find(goldens)
	if err != nil {
		t.Fatal(err)
	}
	if len(scripts) < 50 {
		t.Fatalf("only %d scripts", len(scripts))
	}
	for _, s := range scripts {
		l = append(l, golden.Path(s))
	}
	return l
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestGoldenToScript: a golden file decoded is a script that sends the same
// bytes to the same devices.
func TestGoldenToScript(t *testing.T) {
	skipBigEndian(t)
	for _, file := range files(t) {
		t.Run(strings.TrimPrefix(file, goldens+"/"), func(t *testing.T) {
			text := read(t, file)
			messages, err := builtins.Decode(text)
			if err != nil {
				t.Fatal(err)
			}
			want := entries(t, text)
			if len(messages) != len(want) {
				t.Fatalf("%d messages, want %d", len(messages), len(want))
			}
			var src strings.Builder
			for first, e := range want {
				if first > 0 && want[first-1].Commit == e.Commit {
					continue
				}
				n := slices.IndexFunc(want[first:], func(x golden.Entry) bool { return x.Commit != e.Commit })
				if n < 0 {
					n = len(want) - first
				}
				if err := (&builtins.Printer{}).Script(&src, messages[first:first+n]); err != nil {
					t.Fatal(err)
				}
			}
			if r := raw.FindString(src.String()); r != "" && !strings.Contains(file, "/raw/") {
				t.Errorf("something has no name:\n%s", src.String())
			}
			p, err := plan(t, "decoded.star", src.String(), engine.Facts{StandIns: true})
			if err != nil {
				t.Fatalf("%+v\n%s", err, src.String())
			}
			again, err := p.Golden("decoded.star")
			if err != nil {
				t.Fatal(err)
			}
			got := entries(t, again)
			if len(got) != len(want) {
				t.Fatalf("%d messages, want %d\n%s", len(got), len(want), src.String())
			}
			for i := range want {
				if g, w := got[i], want[i]; !bytes.Equal(g.Msg, w.Msg) || !slices.Equal(g.Rel, w.Rel) || g.Text != w.Text {
					t.Errorf("%s:\ngot  %x %v %s\nwant %x %v %s\n%s", w.Summary, g.Msg, g.Rel, g.Text, w.Msg, w.Rel, w.Text, src.String())
				}
			}
		})
	}
}

func entries(t *testing.T, text string) []golden.Entry {
	t.Helper()
	_, l, err := golden.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
