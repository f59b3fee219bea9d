package reliability

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// A transaction is one of the matrices: a script, and the one that made what it
// changes.
type transaction struct {
	name          string
	before, after string
	lacks         string // what it needs that this kernel does not have
}

// transactions reads testdata/cases.txt, kinds.txt and netns.txt.
func transactions(t *testing.T) (base string, l []transaction) {
	t.Helper()
	var b []byte
	for _, file := range []string{"testdata/cases.txt", "testdata/kinds.txt", "testdata/netns.txt"} {
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
	lacks := lacking(t)
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
		case !ok:
			t.Fatalf("%s: no =>", name)
		case testnet.InVM() && !ofKinds(text): // runs on the host
		default:
			l = append(l, transaction{name, script(before), script(after), lacks(text)})
		}
	}
	if testnet.InVM() {
		l = append(l, scripts(t)...)
	}
	return base, l
}

// scripts are those that people start from, of kinds that not every kernel has.
func scripts(t *testing.T) (l []transaction) {
	t.Helper()
	all, err := filepath.Glob("../../scripts/*.star")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if x := (transaction{name: filepath.Base(path), after: string(src)}); x.ofKinds() {
			l = append(l, x)
		}
	}
	if len(l) == 0 {
		t.Fatal("no scripts")
	}
	return l
}

// kinds are what not every kernel has, and how to ask for it.
var kinds = []struct{ word, ask string }{
	{"kind.bond(", `link("x", kind = kind.bond())`},
	{"kind.dummy(", `link("x", kind = kind.dummy())`},
	{"kind.macvtap(", `link("x", link = "eth0", kind = kind.macvtap())`},
	{"kind.vlan(", `link("x", link = "eth0", kind = kind.vlan(id = 1))`},
	{"kind.vrf(", `link("x", kind = kind.vrf(table = 1))`},
	{"vlan_filtering = True", `link("x", kind = kind.bridge(vlan_filtering = True))`},
}

// ofKinds reports whether a transaction needs what not every kernel has. The
// emulated machine of test/vm, which is slow, runs only these.
func ofKinds(text string) bool {
	return slices.ContainsFunc(kinds, func(k struct{ word, ask string }) bool { return strings.Contains(text, k.word) })
}

func (x transaction) ofKinds() bool { return ofKinds(x.before + x.after) }

// lacking says of a transaction what it needs that this kernel does not have.
func lacking(t *testing.T) func(text string) string {
	t.Helper()
	e := enginetest.Sandbox(t, "eth0")
	none := map[string]bool{}
	for _, k := range kinds {
		_, err := e.Run(t.Context(), engine.Script{Name: "ask.star", Source: []byte("commit(" + k.ask + ")\ncommit(absent(link(\"x\")))")})
		none[k.word] = err != nil && strings.Contains(err.Error(), "EOPNOTSUPP")
		if err != nil && !none[k.word] {
			t.Fatalf("%+v", err)
		}
	}
	return func(text string) string {
		for _, k := range kinds {
			if none[k.word] && strings.Contains(text, k.word) {
				return k.word
			}
		}
		return ""
	}
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
