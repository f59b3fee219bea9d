package reliability

import (
	"sync"
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
)

// TestRehearsals carries out each transaction after a rehearsal: the copy has all
// that it needs, and what holds there holds here. Then it is undone.
func TestRehearsals(t *testing.T) {
	testnet.NotInVM(t)
	base, all := transactions(t)
	var mu sync.Mutex
	n := 0
	t.Run("of", func(t *testing.T) {
		for i := 0; i < len(all); i += 9 {
			x := all[i]
			t.Run(x.name, func(t *testing.T) {
				t.Parallel()
				sc := x.scene(t, base)
				before := sc.take()
				s := sc.script()
				s.Rehearse = true
				r, err := sc.e.Run(t.Context(), s)
				if err != nil {
					t.Fatalf("%+v", err)
				}
				if r.Outcome != "committed" || r.Rehearsal == nil || len(r.Rehearsal.StandIns) > 0 && !x.several() {
					t.Errorf("%s, %v", r.Outcome, r.Rehearsal)
				}
				if err := r.Undo(t.Context()); err != nil {
					t.Fatalf("undo: %+v", err)
				}
				if d := before.differs(); d != "" {
					t.Errorf("undone, the state is not as before:\n%s", d)
				}
				mu.Lock()
				defer mu.Unlock()
				n++
			})
		}
	})
	t.Logf("rehearsed and then carried out: %d transactions", n)
}
