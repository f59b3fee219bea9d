package reliability

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// keepsToPlan fails the test unless a run sends exactly what the plan before it
// says: all bytes but the indexes of devices, which only the kernel knows of
// those that an earlier commit makes. Then it undoes the run. A plan has all of an
// attempt, the run nothing of one that fails: fails is which commit does, from 1.
func keepsToPlan(t *testing.T, e *engine.Engine, s engine.Script, fails int) {
	t.Helper()
	p, err := e.Plan(t.Context(), s)
	if err != nil {
		t.Fatalf("plan: %+v", err)
	}
	planned, err := p.Golden(s.Name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Run(t.Context(), s)
	if err != nil {
		t.Fatalf("run: %+v", err)
	}
	for _, m := range r.Plan.Messages {
		// Numbers, and where replies are asked for, belong to the datagram.
		if err := wire.Stamp(m, unix.NLM_F_ACK, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	sent, err := r.Plan.Golden(s.Name)
	if err != nil {
		t.Fatal(err)
	}
	if fails > 0 {
		planned, sent = commits(planned, fails), commits(sent, 0)
	}
	if planned != sent {
		t.Errorf("sent is not what was planned:\n%s", firstDifference(planned, sent))
	}
	if err := r.Undo(t.Context()); err != nil {
		t.Fatalf("undo: %+v", err)
	}
}

// commits is a golden file without numbers of commits and messages, and without one
// of the commits.
func commits(golden string, without int) string {
	golden = golden[:strings.LastIndex(strings.TrimSpace(golden), "\n# ")] // how many messages
	l := strings.Split(golden, "\n# commit ")
	for i, c := range l[1:] {
		_, l[i+1], _ = strings.Cut(c, "\n")
	}
	if without > 0 {
		l = slices.Delete(l, without, without+1)
	}
	return strings.Join(l, "\n# commit\n")
}

// firstDifference shows two texts from where they differ.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	i := 0
	for i < min(len(x), len(y)) && x[i] == y[i] {
		i++
	}
	part := func(l []string) string { return strings.Join(l[max(i-6, 0):min(i+6, len(l))], "\n") }
	return part(x) + "\n--- and\n" + part(y)
}

// TestScriptsKeepToPlan is keepsToPlan for the scripts that people start from. In
// the emulated machine those of its kinds are among the transactions.
func TestScriptsKeepToPlan(t *testing.T) {
	testnet.NotInVM(t)
	all, err := filepath.Glob("../../scripts/*.star")
	if err != nil || len(all) < 5 {
		t.Fatal("no scripts", err)
	}
	lacks := lacking(t)
	for _, path := range all {
		t.Run(filepath.Base(path), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if what := lacks(string(src)); what != "" {
				testnet.Lacks(t, what)
				t.SkipNow()
			}
			s := engine.Script{Name: filepath.Base(path), Source: src}
			factual, err := engine.New(engine.WithFacts(engine.Facts{}))
			if err != nil {
				t.Fatal(err)
			}
			devices, err := factual.Devices(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			e := enginetest.Sandbox(t, slices.DeleteFunc(devices, func(d string) bool { return d == "lo" })...)
			keepsToPlan(t, e, s, 0)
		})
	}
}
