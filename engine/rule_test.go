package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

// The kernel removes the first rule that a deletion fits, and refuses a new one
// for which a narrower one is there: nlscript means the one that is written, and
// the others keep their order.
func TestRulesBehindNarrowerOnes(t *testing.T) {
	const before = `commit(
    rule(iif = "eth0", table = 5, priority = 5),
    rule(from_ = "10.5.0.0/16", table = 5, priority = 5),
    rule(table = 5, priority = 5),
    rule(fwmark = 1, table = 5, priority = 5),
    rule(iif = "eth0", not_ = True, table = 5, priority = 5),
)`
	const iif, from, all, mark, not = `iif = "eth0"`, `from_ = "10.5.0.0/16"`, ``, `fwmark = "0x1/0xffffffff"`, `not_ = True, iif = "eth0"`
	for _, tt := range []struct {
		name, do string
		want     []string
		messages int
	}{
		{"the first", `absent(rule.list(priority = 5)[0])`, []string{from, all, mark, not}, 1},
		{"behind two", `absent(rule.list(priority = 5)[2])`, []string{iif, from, mark, not}, 9},
		{"behind its opposite", `absent(rule.list(priority = 5)[4])`, []string{iif, from, all, mark}, 9},
		{"beside", `absent(rule.list(priority = 5)[3])`, []string{iif, from, all, not}, 1},
		{"all", `exact([], priority = 5)`, nil, 5},
		{"some", `exact(rule(fwmark = 1, table = 5, priority = 5), rule(iif = "eth0", table = 5, priority = 5), priority = 5)`, []string{iif, mark}, 7},
		{"the kernel's word", `rule.delete(table = 5, priority = 5)`, []string{from, all, mark, not}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := emptyNet(t)
			run(t, e, before)
			if got := rulesOf(t, e); !slices.Equal(got, []string{iif, from, all, mark, not}) {
				t.Fatalf("before: %q", got)
			}
			broken := "commit(" + tt.do + ")\ncommit(link.add(\"lo\", kind = kind.bridge()))"
			if r, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(broken)}); err == nil || r != nil && len(r.Residue) > 0 {
				t.Fatalf("a run that must fail: %+v, %v", r, err)
			}
			if got := rulesOf(t, e); !slices.Equal(got, []string{iif, from, all, mark, not}) {
				t.Fatalf("after undo: %q", got)
			}
			r := run(t, e, "commit("+tt.do+")")
			if got := rulesOf(t, e); !slices.Equal(got, tt.want) {
				t.Errorf("left are %q, want %q", got, tt.want)
			}
			if n := len(r.Plan.Messages); n != tt.messages {
				t.Errorf("%d messages, want %d", n, tt.messages)
			}
		})
	}
}

func run(t *testing.T, e *engine.Engine, src string) *engine.Result {
	t.Helper()
	r, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	return r
}

// A rule of the kernel's stays unless a script says that it is about that one, and
// comes back with an undo.
func TestRuleOfKernel(t *testing.T) {
	const rule = `rule(priority = 32766, protocol = "kernel")`
	for _, tt := range []struct {
		do   string
		goes bool
	}{
		{`absent(rule(priority = 32766))`, false},
		{`absent(` + rule + `)`, true},
		{`rule.delete(priority = 32766)`, true},
	} {
		e := emptyNet(t)
		there := func() bool { return !strings.Contains(export(t, e, false), "absent("+rule+")") }
		if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + tt.do + "); fail()")}); err == nil || !there() {
			t.Errorf("%s, undone: %v, the rule is there: %v", tt.do, err, there())
		}
		if run(t, e, "commit("+tt.do+")"); there() == tt.goes {
			t.Errorf("%s: the rule is there: %v", tt.do, there())
		}
	}
}

// rulesOf are the selectors of the rules of priority 5.
func rulesOf(t *testing.T, e *engine.Engine) []string {
	t.Helper()
	var l []string
	for _, s := range strings.Split(export(t, e, false, "rule"), "\n") {
		if strings.Contains(s, "priority = 5") {
			s = strings.NewReplacer("    rule(", "", "),", "", "table = 5", "", "priority = 5", "").Replace(s)
			var rest []string
			for _, part := range strings.Split(s, ",") {
				if part = strings.TrimSpace(part); part != "" {
					rest = append(rest, part)
				}
			}
			l = append(l, strings.Join(rest, ", "))
		}
	}
	return l
}
