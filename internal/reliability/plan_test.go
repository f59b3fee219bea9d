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
	"github.com/nlscript/nlscript/wire"
)

// keepsToPlan fails the test unless a run sends exactly what the plan before it
// says: all bytes but the indexes of devices, which only the kernel knows of
// those that an earlier commit makes. Then it undoes the run.
func keepsToPlan(t *testing.T, e *engine.Engine, s engine.Script) {
	t.Helper()
	p, err := e.Plan(t.Context(), s)
	lacking(t, err)
	if err != nil {
		t.Fatalf("plan: %+v", err)
	}
	planned, err := p.Golden(s.Name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Run(t.Context(), s)
	lacking(t, err)
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
	if planned != sent {
		t.Errorf("sent is not what was planned:\n%s", firstDifference(planned, sent))
	}
	if err := r.Undo(t.Context()); err != nil {
		t.Fatalf("undo: %+v", err)
	}
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

// TestScriptsKeepToPlan is keepsToPlan for the scripts that people start from.
func TestScriptsKeepToPlan(t *testing.T) {
	notInVM(t)
	all, err := filepath.Glob("../../scripts/*.star")
	if err != nil || len(all) < 5 {
		t.Fatal("no scripts", err)
	}
	for _, path := range all {
		t.Run(filepath.Base(path), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
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
			keepsToPlan(t, e, s)
		})
	}
}
