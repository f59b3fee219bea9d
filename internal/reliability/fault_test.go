package reliability

import (
	"strings"
	"sync"
	"testing"

	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// attempts are transactions of which a commit fails, and which: that no plan knows.
var attempts = map[string]int{"run: attempt that fails": 2}

// TestFaults is the fault matrix: each transaction is planned, and then sends what was
// planned; each message of it is refused in turn, of the large ones 50, and all that
// the namespace holds is as it was.
func TestFaults(t *testing.T) {
	base, all := transactions(t)
	var mu sync.Mutex
	var sum enginetest.Failures
	n := 0
	t.Run("of", func(t *testing.T) {
		for _, x := range all {
			t.Run(x.name, func(t *testing.T) {
				t.Parallel()
				if strings.HasPrefix(x.name, "site") && !thorough() {
					t.Skip("large")
				}
				sc := x.scene(t, base)
				before := sc.take()
				keepsToPlan(t, sc.e, sc.script(), attempts[x.name])
				if d := before.differs(); d != "" {
					t.Fatalf("undone, the state is not as before:\n%s", d)
				}
				f := enginetest.CountFailures(t, sc.e, sc.script(), before.elsewhere)
				mu.Lock()
				defer mu.Unlock()
				n++
				sum.Messages += f.Messages
				sum.ByAttr += f.ByAttr
				sum.Whole += f.Whole
				sum.Half += f.Half
				sum.Wrong += f.Wrong
			})
		}
	})
	t.Logf("fault matrix: %d transactions that keep to their plans, %s: %d cases, %d wrong", n, sum, sum.Cases(), sum.Wrong)
	if n < 60 && !t.Failed() && !testnet.InVM() {
		t.Errorf("%d transactions, want 60", n)
	}
}
