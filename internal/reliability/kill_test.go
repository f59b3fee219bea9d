package reliability

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// A transaction is killed at so many places between journal and end, and so
// often at any time.
func placesAndHits() (int, int) { return often(9, 2), often(2, 1) }

// A victim is a transaction that is killed, in its namespace.
type victim struct {
	t      *testing.T
	x      transaction
	base   string
	e      *engine.Engine // recovers what the child has left
	dir    string         // of journals
	sc     *scene
	before look
	file   string
	mark   string // what the child is

	Kills
}

// Kills counts what came of kills.
type Kills struct {
	places, hits    int // kills at a system call, at any time
	before, after   int // states that were as before, as after
	journals, wrong int
}

func (k *Kills) add(o Kills) {
	k.places += o.places
	k.hits += o.hits
	k.before += o.before
	k.after += o.after
	k.journals += o.journals
	k.wrong += o.wrong
}

// furnish gives the victim a fresh namespace.
func (v *victim) furnish() {
	v.t.Helper()
	v.sc = v.x.scene(v.t, v.base)
	v.dir = v.t.TempDir()
	v.file = filepath.Join(v.dir, "after.star")
	if err := os.WriteFile(v.file, v.sc.script().Source, 0o600); err != nil {
		v.t.Fatal(err)
	}
	var err error
	if v.e, err = engine.New(engine.WithNetNS(v.sc.e.NetNS()), engine.WithJournal(v.dir)); err != nil {
		v.t.Fatal(err)
	}
	v.before = v.sc.take()
}

func (v *victim) argv() (argv, env []string) {
	return []string{"/proc/self/exe", v.dir, v.file}, append(os.Environ(), childMark+"="+v.mark, "GOMAXPROCS=2")
}

// trace kills the child at a place.
func (v *victim) trace(at int) *tracer {
	v.t.Helper()
	tr := &tracer{at: at}
	v.follow(tr)
	return tr
}

// follow runs the child under a tracer.
func (v *victim) follow(tr *tracer) {
	v.t.Helper()
	argv, env := v.argv()
	var err error
	testnet.Do(v.t, v.e.NetNS(), func() { err = tr.run(argv, env) })
	if err != nil {
		v.t.Fatal(err)
	}
}

// left are the journals that the child has left behind.
func (v *victim) left() int {
	l, err := filepath.Glob(filepath.Join(v.dir, "*.journal"))
	if err != nil {
		v.t.Fatal(err)
	}
	v.journals += len(l)
	return len(l)
}

// restored recovers and reports whether all is as it was before.
func (v *victim) restored(where string) bool {
	v.t.Helper()
	if _, err := v.e.Recover(v.t.Context()); err != nil {
		v.wrong++
		v.t.Errorf("killed %s: recover: %+v", where, err)
		return false
	}
	if l, _ := filepath.Glob(filepath.Join(v.dir, "*.journal")); len(l) > 0 {
		v.wrong++
		v.t.Errorf("killed %s: journals are left after recover: %s", where, l)
		return false
	}
	if d := v.before.differs(); d != "" {
		v.wrong++
		v.t.Errorf("killed %s: the state is not as before:\n%s", where, d)
		return false
	}
	v.Kills.before++
	return true
}

// holds reports whether the transaction has taken effect, where that can be told:
// a plan of it has nothing to do.
func (v *victim) holds() bool {
	p, err := v.e.Plan(v.t.Context(), v.sc.script())
	return err == nil && p.Empty()
}

// tells reports whether it can be told that the transaction has taken effect.
func (v *victim) tells() bool {
	v.furnish()
	if _, err := v.sc.e.Run(v.t.Context(), v.sc.script()); err != nil {
		v.t.Fatalf("%+v", err)
	}
	return v.holds()
}

// atPlaces kills before and after system calls between the journal's first and
// last.
func (v *victim) atPlaces() {
	v.furnish()
	all := v.trace(toTheEnd)
	if !all.ended {
		v.t.Fatalf("the run had no journal, or did not end it (%d places)", all.n)
	}
	same := v.holds()
	v.places++
	v.after++
	v.furnish()
	places, _ := placesAndHits()
	for i := range places {
		at := i * (all.n - 1) / places
		tr := v.trace(at)
		v.places++
		where := fmt.Sprintf("at place %d of %d", at, all.n)
		left := v.left()
		switch {
		case !tr.ended:
			if !v.restored(where) {
				return
			}
		case left > 0 || same && !v.holds():
			v.wrong++
			v.t.Errorf("killed %s, at the end: %d journals are left, or it did not take effect", where, left)
			return
		default:
			v.after++
			v.furnish()
		}
	}
}

// atAnyTime kills the child some time after it began, with the kernel's lock
// fought for by others.
func (v *victim) atAnyTime(r *rand.Rand) {
	v.furnish()
	span := 5 * time.Millisecond // of a run
	_, hits := placesAndHits()
	for range hits {
		argv, env := v.argv()
		out, in, err := os.Pipe()
		if err != nil {
			v.t.Fatal(err)
		}
		var p *os.Process
		testnet.Do(v.t, v.e.NetNS(), func() {
			p, err = os.StartProcess(argv[0], argv, &os.ProcAttr{Env: env, Files: []*os.File{nil, in, os.Stderr}})
		})
		in.Close()
		if err != nil {
			v.t.Fatal(err)
		}
		said := make([]byte, 1)
		if _, err := out.Read(said); err != nil || said[0] != 'b' {
			v.t.Fatalf("the child said %q, %v", said, err)
		}
		begin := time.Now()
		wait := time.Duration(r.Int64N(int64(span)))
		for time.Since(begin) < wait { // sleeping is not exact enough
		}
		if err := p.Signal(unix.SIGKILL); err != nil {
			v.t.Logf("kill: %v", err)
		}
		if _, err := p.Wait(); err != nil {
			v.t.Fatal(err)
		}
		n, _ := out.Read(said)
		out.Close()
		v.hits++
		where := fmt.Sprintf("%v after it began", wait)
		switch left := v.left(); {
		case left == 0 && (n == 1 || v.holds()):
			// It had ended, or was about to.
			v.after++
			span = max(span*3/4, time.Millisecond)
			v.furnish()
		default:
			if n == 1 {
				v.wrong++
				v.t.Errorf("killed %s: it had ended, and left %d journals", where, left)
				return
			}
			span = span * 5 / 4
			if !v.restored(where) {
				return
			}
		}
	}
}

// TestKills is the kill matrix: each transaction is killed at places between the
// journal's first write and its removal, and at any time. What recover leaves is
// the state before, or the commit had finished.
func TestKills(t *testing.T) {
	base, all := transactions(t)
	var mu sync.Mutex
	var sum Kills
	n := 0
	contend(t)
	t.Run("of", func(t *testing.T) {
		for i, x := range all {
			if i%apart(1, 2) != 0 {
				continue
			}
			t.Run(x.name, func(t *testing.T) {
				t.Parallel()
				v := &victim{t: t, x: x, base: base, mark: watchedMark}
				v.atPlaces()
				if i%apart(1, 8) == 0 && v.tells() {
					v.atAnyTime(rand.New(rand.NewPCG(uint64(i), 1)))
				}
				mu.Lock()
				defer mu.Unlock()
				n++
				sum.add(v.Kills)
			})
		}
	})
	kills := sum.places + sum.hits
	t.Logf("kill matrix: %d transactions, %d kills: %d at system calls, %d at any time; %d journals left, %d states as before, %d as after, %d wrong",
		n, kills, sum.places, sum.hits, sum.journals, sum.before, sum.after, sum.wrong)
	if kills < often(1000, 150) && !t.Failed() && !testnet.InVM() {
		t.Errorf("%d kills, want %d", kills, often(1000, 150))
	}
}

// contend keeps the kernel's lock busy from another namespace, by whole
// datagrams, half of the time until the test ends; less in the emulated machine, where
// that is most of what there is time for.
func contend(t *testing.T) {
	t.Helper()
	other := enginetest.Sandbox(t)
	var names []string
	for i := range 8 {
		names = append(names, fmt.Sprintf(`"c%d"`, i))
	}
	src := []byte(`commit(link([` + strings.Join(names, ", ") + `], kind = kind.bridge(), up = True))`)
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		for pause := time.Duration(0); ; {
			select {
			case <-stop:
				return
			case <-time.After(pause):
			}
			begin := time.Now()
			r, err := other.Run(t.Context(), engine.Script{Name: "contend.star", Source: src})
			if err != nil {
				return // the test has ended
			}
			r.Undo(t.Context())
			pause = time.Since(begin)
			if testnet.InVM() {
				pause *= 3
			}
		}
	}()
}
