package reliability

import (
	"os"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
)

// A transaction is one of the matrices: a script, and the one that made what it
// changes.
type transaction struct {
	name          string
	before, after string
}

// transactions reads testdata/cases.txt and netns.txt.
func transactions(t testing.TB) (base string, l []transaction) {
	t.Helper()
	var b []byte
	for _, file := range []string{"testdata/cases.txt", "testdata/netns.txt"} {
		more, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, list, ok := strings.Cut("\n"+string(more), "\n== ") // behind the comment at its head
		if !ok {
			t.Fatalf("%s: no transactions", file)
		}
		b = append(b, "\n== "+list...)
	}
	seen := map[string]bool{}
	for _, part := range strings.Split("\n"+string(b), "\n== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		if seen[name] {
			t.Fatalf("two transactions are called %q", name)
		}
		seen[name] = true
		before, after, ok := strings.Cut(text, "=>\n")
		switch {
		case name == "base":
			base = script(before)
		case elsewhere(name):
		case !ok:
			t.Fatalf("%s: no =>", name)
		default:
			l = append(l, transaction{name, script(before), script(after)})
		}
	}
	return base, l
}

// script makes a script of what may be the ops of one commit, one a line.
func script(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.Contains(s, "commit(") {
		return s
	}
	var b strings.Builder
	b.WriteString("commit(\n")
	for _, line := range strings.Split(s, "\n") {
		b.WriteString("    " + line + ",\n")
	}
	return b.String() + ")\n"
}

// lacking passes over a test of a kind of link that this kernel does not have.
func lacking(t *testing.T, err error) {
	t.Helper()
	if err != nil && (strings.Contains(err.Error(), "Unknown device type") || strings.Contains(err.Error(), "EOPNOTSUPP")) {
		testnet.Lacks(t, err.Error())
		t.SkipNow()
	}
}
