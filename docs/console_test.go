package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// TestConsole runs what the documentation shows on a console and compares what
// is said. The blocks of a page are one session, in a directory that has the
// first script of README.md as site.star. With -update the pages are written.
func TestConsole(t *testing.T) {
	testnet.NotInVM(t)
	testnet.New(t) // or skip: most of it runs in sandboxes
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "../cmd/nlscript")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	scripts, err := filepath.Abs("../scripts")
	if err != nil {
		t.Fatal(err)
	}
	site := blocks(t, "python")[0].text
	for _, page := range pages {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "site.star"), []byte(site), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(scripts, filepath.Join(dir, "scripts")); err != nil {
			t.Fatal(err)
		}
		have := read(t, page)
		want := consoles.ReplaceAllStringFunc(have, func(block string) string {
			return "```console\n" + session(t, dir, bin, block) + "```\n"
		})
		switch {
		case steady(have) == steady(want):
		case *update:
			if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s does not show what is said; run go test ./docs -update\n%s", page, firstDifference(steady(have), steady(want)))
		}
	}
}

var consoles = regexp.MustCompile("(?s)```console\n.*?```\n")

// session runs the commands of a block.
func session(t *testing.T, dir, bin, block string) string {
	var out strings.Builder
	for line := range strings.Lines(block) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "NO_COLOR=1")
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("$ %s%v\n%s", command, err, said)
		}
		out.WriteString(line)
		out.Write(said)
	}
	return out.String()
}

// steady leaves out what differs from run to run: durations.
func steady(s string) string { return durations.ReplaceAllString(s, "N ms") }

var durations = regexp.MustCompile(`\b[0-9]+ ms\b`)

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return "page: " + x[i] + "\nsaid: " + y[i]
		}
	}
	return "one goes on where the other ends"
}
