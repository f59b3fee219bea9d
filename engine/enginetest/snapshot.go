package enginetest

import (
	"fmt"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

// Failures counts what was tried to make a script fail.
type Failures struct {
	Messages int // of the script
	ByAttr   int // runs with a message that was refused for one of its attributes
	Whole    int // ... that was refused whole
	Half     int // ... that was refused after it had taken effect
	Wrong    int // runs that left something behind, or told something wrong
}

// Cases is the number of runs that failed.
func (f Failures) Cases() int { return f.ByAttr + f.Whole + f.Half }

func (f Failures) String() string {
	return fmt.Sprintf("%d messages; refused %d by an attribute, %d whole, %d half applied", f.Messages, f.ByAttr, f.Whole, f.Half)
}

// CountFailures is EveryFailure that tells how much was tried: of more than 150
// messages 50 are made to fail. What the script changes in other namespaces is
// compared by elsewhere, each of which says how one differs from before.
func CountFailures(t *testing.T, e *engine.Engine, script engine.Script, elsewhere ...func() string) Failures {
	t.Helper()
	return failures(t, e, script, 50, elsewhere...)
}

// A Snapshot is all that a namespace holds, as EveryFailure compares it.
type Snapshot struct{ im image }

// Take waits until nothing changes by itself any more and reads the engine's
// namespace.
func Take(t testing.TB, e *engine.Engine) Snapshot {
	t.Helper()
	return Snapshot{settle(t, e)}
}

// Differs says how the namespace differs from how it was: "" when it does not,
// or comes to do so soon. Lines with one of but do not count.
func (s Snapshot) Differs(t testing.TB, e *engine.Engine, but ...string) string {
	t.Helper()
	return becomes(t, e, s.im, but...)
}

// Changed reports whether it differs now, without waiting for it not to.
func (s Snapshot) Changed(t testing.TB, e *engine.Engine) bool {
	t.Helper()
	return objects(t, e).withSysctls(t, e).differs(s.im) != ""
}
