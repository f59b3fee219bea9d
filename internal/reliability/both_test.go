package reliability

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// TestKillsOfBoth kills runs that have no watcher, as if that had been killed with
// them. recover restores the state before, or leaves and lists what the datagram
// made that was under way: nobody can tell whether another program did.
func TestKillsOfBoth(t *testing.T) {
	testnet.NotInVM(t) // each kill takes most of a minute there
	base, all := transactions(t)
	var mu sync.Mutex
	var kills, restored, unsure int
	t.Run("of", func(t *testing.T) {
		for i := 0; i < len(all); i += often(4, 9) {
			t.Run(all[i].name, func(t *testing.T) {
				t.Parallel()
				v := &victim{t: t, x: all[i], base: base, mark: aloneMark}
				v.furnish()
				run := v.trace(toTheEnd)
				if !run.ended {
					t.Fatal("the run had no journal, or did not end it")
				}
				v.furnish()
				for _, at := range []int{run.sent, run.sent + 1, run.sent + 2, run.sent + 3, run.n / 2} {
					if v.trace(at).ended {
						break
					}
					clean, ok := v.recovered(fmt.Sprintf("at place %d of %d, sent at %d", at, run.n, run.sent))
					if !ok {
						break
					}
					mu.Lock()
					kills++
					if clean {
						restored++
					} else {
						unsure++
					}
					mu.Unlock()
					if !clean {
						v.furnish()
					}
				}
			})
		}
	})
	t.Logf("killed with the watcher: %d kills, %d states as before, %d with objects left that nobody can tell from another program's", kills, restored, unsure)
	if unsure == 0 && !t.Failed() {
		t.Error("no kill was within a datagram")
	}
}

// recovered recovers what a run without a watcher has left. clean is false when
// something had to be left; ok when all that is left is listed for that reason.
func (v *victim) recovered(where string) (clean, ok bool) {
	v.t.Helper()
	_, err := v.e.Recover(v.t.Context())
	if err == nil {
		d := v.before.differs()
		if d != "" {
			v.t.Errorf("killed %s: the state is not as before:\n%s", where, d)
		}
		return true, d == ""
	}
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "residue" || len(failed.Residue) == 0 {
		v.t.Errorf("killed %s: recover: %+v", where, err)
		return false, false
	}
	for _, r := range failed.Residue {
		if !strings.Contains(r.Key, "nobody can tell") {
			v.t.Errorf("killed %s: recover: %+v", where, err)
			return false, false
		}
	}
	if err := v.e.Forget(v.t.Context()); err != nil {
		v.t.Error(err)
		return false, false
	}
	return false, true
}
