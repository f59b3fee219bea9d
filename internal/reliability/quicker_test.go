package reliability

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// TestQuicker has another program make the very object that a run is about to
// make, at places between the run's look and its end, and kills the run at the
// same place and at those after it. When the other was first the object is its
// own, and is there in the end: also where the kernel announces nothing, or bears
// nobody's mark, and content tells nothing.
func TestQuicker(t *testing.T) {
	testnet.NotInVM(t)
	var kills, theirs, unsure int
	var mu sync.Mutex
	t.Run("to make", func(t *testing.T) {
		quickest(t, func(q *quicker) {
			mu.Lock()
			defer mu.Unlock()
			kills, theirs, unsure = kills+q.places, theirs+q.theirs, unsure+q.unsure
		})
	})
	t.Logf("identical objects made by another program: %d kills, %d times it was first; %d times nobody could tell, and the object was left", kills, theirs, unsure)
}

func quickest(t *testing.T, count func(*quicker)) {
	lacks := lacking(t)
	for _, tt := range []struct{ name, op string }{
		{"route", `route("10.77.0.0/16", via = "10.0.0.7")`},
		{"route of IPv6", `route("2001:db8:77::/48", via = "2001:db8::7")`},
		{"address", `addr("10.77.0.1/24", dev = "eth0")`},
		{"address of IPv6", `addr("2001:db8:77::1/64", dev = "eth0")`},
		{"rule", `rule(from_ = "10.77.0.0/16", table = 100, priority = 1000)`},
		{"neighbour", `neigh("10.0.0.77", lladdr = "02:00:00:00:00:77", dev = "eth0", nud = "permanent")`},
		{"forwarding entry", `bridge.fdb("02:00:00:00:00:78", dev = "eth2", master = True, state = "static")`},
		{"next hop", `nexthop(77, via = "10.0.0.7", dev = "eth0")`},
		{"link", `link("br77", kind = kind.bridge())`},
		{"bond", `link("bond77", kind = kind.bond(mode = "802.3ad"))`},
		{"VLAN", `link("eth0.77", link = "eth0", kind = kind.vlan(id = 77))`},
		{"VRF", `link("red", kind = kind.vrf(table = 77))`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := transaction{name: tt.name, before: `commit(
    link("eth0", up = True), link("br0", kind = kind.bridge(), up = True), link("eth2", master = "br0", up = True),
    addr(["10.0.0.1/24", "2001:db8::1/64"], dev = "eth0"),
)`, after: "commit(" + tt.op + ")", lacks: lacks(tt.op)}
			for _, mark := range []string{watchedMark, aloneMark} {
				q := &quicker{victim: victim{t: t, x: x, mark: mark}}
				q.furnish()
				q.matrix()
				count(q)
				if q.theirs == 0 {
					t.Errorf("%s: the other program was never first", mark)
				}
			}
		})
	}
}

// A quicker is a victim beside a program that wants the same.
type quicker struct {
	victim
	theirs, unsure int
}

// matrix has the other program act at places spread over the run and at all of
// those about its message, and kills at the same place, and about the message.
func (q *quicker) matrix() {
	all := q.trace(toTheEnd)
	if all.sent == 0 {
		q.t.Fatal("the run sent nothing")
	}
	q.undone()
	var acts []int
	for i := range often(5, 2) {
		acts = append(acts, i*(all.n-1)/often(5, 2))
	}
	about := []int{-2, -1, 0, 1, 2, 3, 5}
	if !thorough() {
		about = []int{0, 1, 3}
	}
	for _, i := range about {
		acts = append(acts, all.sent+i)
	}
	for _, act := range acts {
		kills := []int{act, (act + all.n) / 2}
		for _, i := range about {
			kills = append(kills, all.sent+i)
		}
		for _, kill := range kills {
			if kill >= act && kill < all.n && !q.once(act, kill) {
				return
			}
		}
	}
	if d := q.before.differs(); d != "" {
		q.t.Errorf("the object is not all there was to undo:\n%s", d)
	}
}

// once lets the other program act at one place and kills the run at another.
func (q *quicker) once(act, kill int) bool {
	q.t.Helper()
	first := false
	tr := &tracer{at: kill, act: act, do: func() { first = q.other(q.x.after) == "committed" }}
	q.follow(tr)
	q.places++
	where := fmt.Sprintf("%s: the other program at place %d, killed at %d, sent at %d", q.mark, act, kill, tr.sent)
	_, err := q.e.Recover(q.t.Context())
	if err != nil && q.mark == watchedMark {
		q.t.Errorf("%s: recover: %+v", where, err)
		return false
	}
	switch there := q.holds(); {
	case first && !there:
		q.t.Errorf("%s: what it made is gone", where)
		return false
	case first:
		q.theirs++
	case err == nil && there && !tr.ended:
		q.t.Errorf("%s: it was not first, and what the run made is there", where)
		return false
	}
	if err != nil {
		q.unsure++
		if err := q.e.Forget(q.t.Context()); err != nil {
			q.t.Fatal(err)
		}
	}
	q.undone()
	return true
}

// undone takes the object away.
func (q *quicker) undone() {
	q.t.Helper()
	q.other("commit(absent(" + strings.TrimPrefix(q.x.after, "commit(") + ")")
	if q.holds() {
		q.t.Fatal("the object is still there")
	}
	if l, _ := filepath.Glob(filepath.Join(q.dir, "*.journal")); len(l) > 0 {
		q.t.Fatalf("journals are left: %s", l)
	}
}

// other is what the other program does, and what came of it.
func (q *quicker) other(src string) string {
	q.t.Helper()
	e, err := engine.New(engine.WithNetNS(q.e.NetNS()))
	if err != nil {
		q.t.Fatal(err)
	}
	r, err := e.Run(q.t.Context(), engine.Script{Name: "other.star", Source: []byte(src)})
	if err != nil {
		q.t.Fatalf("%+v", err)
	}
	return r.Outcome
}
