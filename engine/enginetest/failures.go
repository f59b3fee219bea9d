package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/faults"
)

// most is up to how many messages each is made to fail; of more it is a spread.
const most = 150

// EveryFailure runs a script once for each of its messages, with that one such
// that the kernel refuses it: an attribute of it has an impossible length, or it
// is of an unknown type. After each run the namespace must be as it was before:
// all links, addresses, routes, rules, neighbours, next hops and queueing
// disciplines, as the kernel reports them, and the sysctls of IPv4 and IPv6. The
// error must have the outcome "rolled_back", name the line that made the op, and
// the attribute where the kernel names it. Of more than 150 messages it is a
// spread. The engine's namespace is left as it was. So are other namespaces that the
// script names; those that it makes must be gone.
//
// First the script must commit, and be undone.
func EveryFailure(t *testing.T, e *engine.Engine, script engine.Script) {
	t.Helper()
	c := failures(t, e, script, 18)
	if !t.Failed() {
		t.Logf("%s: %s", script.Name, c)
	}
}

// failures is EveryFailure; of more messages than most it takes some of them.
func failures(t *testing.T, e *engine.Engine, script engine.Script, some int, elsewhere ...func() string) Failures {
	t.Helper()
	if len(elsewhere) == 0 {
		elsewhere = places(t, e, script)
	}
	f := failer{t: t, e: e, script: script, before: settle(t, e), elsewhere: elsewhere, useless: map[string]bool{}}
	steps := f.succeeds()
	f.Messages = steps
	if t.Failed() {
		return f.Failures
	}
	for _, at := range spread(steps, most, some) {
		if !f.step(at) {
			f.Wrong++
			break
		}
	}
	return f.Failures
}

// succeeds runs the script as it is, undoes it and returns its steps.
func (f *failer) succeeds() (steps int) {
	t := f.t
	t.Helper()
	count := &faults.Fault{At: -1}
	r, err := f.e.Run(faults.With(t.Context(), count), f.script)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if r.Outcome != "committed" || count.Steps() == 0 {
		t.Fatalf("%s: outcome %s, %d messages: nothing to make fail", f.script.Name, r.Outcome, count.Steps())
	}
	if err := r.Undo(t.Context()); err != nil {
		t.Fatalf("undo of a committed run: %+v", err)
	}
	f.same()
	f.other = count.Steps() - len(r.Plan.Messages)
	return count.Steps()
}

// same fails the test when something is not as it was.
func (f *failer) same() bool {
	f.t.Helper()
	ok := same(f.t, f.e, f.before)
	for _, differs := range f.elsewhere {
		if d := differs(); d != "" {
			ok = false
			f.t.Errorf("elsewhere it is not as it was:\n%s", d)
		}
	}
	return ok
}

// spread picks steps: all, or of more than most the first and last and others
// between, some in all.
func spread(n, most, some int) []int {
	var l []int
	next := 0
	for i := range n {
		between := i >= next
		if n <= most || i < 12 || i > n-3 || between {
			l = append(l, i)
		}
		if between {
			next += max(1, n/max(1, some-14))
		}
	}
	return l
}

type failer struct {
	t      *testing.T
	e      *engine.Engine
	script engine.Script
	before image

	elsewhere []func() string // say how other namespaces differ from before

	other   int             // steps that are no messages of commits that held
	useless map[string]bool // spoilings that the kernel takes
	Failures
}

// step makes one step fail, as precisely as the kernel lets it, and in another
// run half way through where that is possible.
func (f *failer) step(at int) bool {
	halved := false
	var taken []string // ways that this message has shown to be useless
	for n := 0; ; n++ {
		var how *spoiling
		fault := &faults.Fault{At: at, Spoil: func(s faults.Step) faults.Step {
			for _, x := range spoilings(s) {
				if !f.useless[x.name] && !(x.half && halved) {
					how = &x
					break
				}
			}
			how.pos = s.Pos
			return how.step
		}}
		r, err := f.e.Run(faults.With(f.t.Context(), fault), f.script)
		if how == nil {
			f.t.Errorf("message %d was not sent", at)
			return false
		}
		if err == nil && (fault.Steps()-len(r.Plan.Messages) > f.other || how.name == unknownName) {
			// An attempt() undid it and the run went on.
			for _, name := range taken {
				delete(f.useless, name)
			}
			if err := r.Undo(context.Background()); err != nil || !f.same() {
				f.t.Errorf("message %d with %s, in an attempt: undo: %v", at, how.name, err)
				return false
			}
			f.Whole++
			return true
		}
		if err == nil {
			// The kernel does not mind.
			f.useless[how.name] = true
			taken = append(taken, how.name)
			if err := r.Undo(context.Background()); err != nil || n == 20 {
				f.t.Errorf("message %d with %s: taken; undo: %v", at, how.name, err)
				return false
			}
			continue
		}
		if !f.check(at, how, err) {
			return false
		}
		switch {
		case how.half:
			f.Half++
			halved = true
			continue
		case how.row != "":
			f.ByAttr++
		default:
			f.Whole++
		}
		return true
	}
}

// check compares an error, and what the run has left, with what shall be.
func (f *failer) check(at int, how *spoiling, err error) bool {
	f.t.Helper()
	var e *engine.Error
	if !errors.As(err, &e) {
		f.t.Errorf("message %d with %s: %v, not an *engine.Error", at, how.name, err)
		return false
	}
	ok := true
	bad := func(format string, args ...any) {
		ok = false
		f.t.Errorf("message %d with %s: %s\n%+v", at, how.name, fmt.Sprintf(format, args...), e)
	}
	if e.Outcome != "rolled_back" {
		bad("outcome %s", e.Outcome)
	}
	if !slices.ContainsFunc(e.Stack, func(s string) bool { return strings.HasPrefix(s, how.pos+":") }) {
		bad("the line is not %s", how.pos)
	}
	if how.row != "" && !slices.Contains(strings.Split(e.Path, "."), how.row) && !(how.silent && e.Path == "") {
		bad("the attribute is %q, not %s", e.Path, how.row)
	}
	if !f.same() {
		bad("not undone")
	}
	return ok
}
