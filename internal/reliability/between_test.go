package reliability

import (
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// TestKilledBesideAnother has another program add an address while a run of two
// commits is on its way, which is killed there or later. What the other program added
// is there in the end, also where it is secondary to what is taken back, and nothing
// of the run.
func TestKilledBesideAnother(t *testing.T) {
	testnet.NotInVM(t)
	x := transaction{name: "two commits", before: `commit(link("eth0", up = True), addr("10.0.0.1/24", dev = "eth0"))`,
		after: `commit(addr("192.0.2.1/24", dev = "eth0"), link("eth0", mtu = 1400))
commit(link("lo", group = 7))`}
	const theirs, ours = `addr("192.0.2.77/24", dev = "eth0")`, `absent(addr("192.0.2.1/24", dev = "eth0")), link("eth0", mtu = 1500), link("lo", group = 0)`
	for _, mark := range []string{watchedMark, aloneMark} {
		t.Run(mark, func(t *testing.T) {
			t.Parallel()
			v := &victim{t: t, x: x, mark: mark}
			v.furnish()
			all := v.trace(toTheEnd)
			holds := func(src string) bool {
				p, err := v.sc.e.Plan(t.Context(), engine.Script{Name: "b.star", Source: []byte("commit(" + src + ")")})
				return err == nil && p.Empty()
			}
			kills, unsure, steps := 0, 0, often(6, 2)
			for i := range steps {
				act := all.sent + i*(all.n-all.sent-1)/steps
				for _, kill := range []int{act + 1, (act + all.n) / 2, all.n - 2} {
					if kill <= act || kill >= all.n {
						continue
					}
					v.furnish()
					var err error
					tr := &tracer{at: kill, act: act, do: func() {
						_, err = v.sc.e.Run(t.Context(), engine.Script{Name: "b.star", Source: []byte("commit(" + theirs + ")")})
					}}
					v.follow(tr)
					if err != nil {
						t.Fatalf("the other program: %+v", err)
					}
					kills++
					if _, err := v.e.Recover(t.Context()); err != nil {
						if mark == watchedMark {
							t.Errorf("killed at %d, the other at %d: recover: %+v", kill, act, err)
						}
						unsure++
						continue
					}
					if tr.ended {
						continue
					}
					if !holds(theirs) || !holds(ours) {
						t.Errorf("killed at %d, the other at %d of %d: theirs is there %v, ours is gone %v", kill, act, all.n, holds(theirs), holds(ours))
					}
				}
			}
			t.Logf("%d kills; %d times nobody could tell whose something was", kills, unsure)
		})
	}
}
