package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

func journalled(t *testing.T) (*engine.Engine, string) {
	t.Helper()
	ns := testnet.New(t)
	dir := filepath.Join(t.TempDir(), "journal")
	e, err := engine.New(engine.WithNetNS(ns.FD()), engine.WithJournal(dir))
	if err != nil {
		t.Fatal(err)
	}
	return e, dir
}

func journals(t *testing.T, dir string) int {
	t.Helper()
	l, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil {
		t.Fatal(err)
	}
	return len(l)
}

const makeBridge = `commit(link("br0", kind = kind.bridge(), up = True), addr("10.1.0.1/24", dev = "br0"))`

func has(t *testing.T, e *engine.Engine, link string) bool {
	t.Helper()
	p, err := e.Plan(context.Background(), engine.Script{Name: "has.star", Source: []byte(`commit(absent(link("` + link + `")))`)})
	if err != nil {
		t.Fatal(err)
	}
	return !p.Empty()
}

func TestJournalIsRemoved(t *testing.T) {
	e, dir := journalled(t)
	for _, src := range []string{makeBridge, `commit(link("br1", kind = kind.bridge()), route("10.0.0.0/8", via = "192.0.2.1"))`} {
		e.Run(context.Background(), engine.Script{Name: "a.star", Source: []byte(src)})
		if n := journals(t, dir); n != 0 {
			t.Errorf("%d journals are left", n)
		}
	}
	if !has(t, e, "br0") || has(t, e, "br1") {
		t.Error("a run that held is gone, or one that failed is there")
	}
}

func TestJournalRefused(t *testing.T) {
	e, dir := journalled(t)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, err := e.Run(context.Background(), engine.Script{Name: "a.star", Source: []byte(makeBridge)})
	if err == nil || !strings.Contains(err.Error(), "nothing was sent") {
		t.Errorf("a journal that cannot be written: %v", err)
	}
	if has(t, e, "br0") {
		t.Error("something was sent without a journal")
	}
}

func TestConfirm(t *testing.T) {
	e, dir := journalled(t)
	ctx := context.Background()
	r, err := e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(makeBridge), Confirm: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if r.Pending().IsZero() || journals(t, dir) != 1 {
		t.Fatal("the run does not wait to be confirmed")
	}
	if _, err := e.Run(ctx, engine.Script{Name: "b.star", Source: []byte(makeBridge)}); err == nil || !strings.Contains(err.Error(), "waits to be confirmed") {
		t.Errorf("another run meanwhile: %v", err)
	}
	if err := r.Confirm(ctx); err != nil {
		t.Fatal(err)
	}
	if !has(t, e, "br0") || journals(t, dir) != 0 {
		t.Error("a confirmed run is gone, or its journal is not")
	}
}

// Who has a run undone is answered when it is, and may run another at once; what
// cannot be undone is told.
func TestRejectWaits(t *testing.T) {
	e, dir := journalled(t)
	ctx := context.Background()
	wait := engine.Script{Name: "a.star", Source: []byte(makeBridge), Confirm: time.Minute}
	for range 2 {
		if _, err := e.Run(ctx, wait); err != nil {
			t.Fatalf("%+v", err)
		}
		if err := e.Reject(ctx); err != nil {
			t.Fatalf("%+v", err)
		}
		if has(t, e, "br0") || journals(t, dir) != 0 {
			t.Fatal("it is said to be undone, and is not")
		}
	}
}

func TestConfirmTooLate(t *testing.T) {
	e, dir := journalled(t)
	ctx := context.Background()
	r, err := e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(makeBridge), Confirm: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; journals(t, dir) > 0; i++ {
		if i == 500 {
			t.Fatal("the run is not undone at its deadline")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if has(t, e, "br0") {
		t.Error("a run that was not confirmed is still there")
	}
	if err := r.Confirm(ctx); err == nil {
		t.Error("a run that was undone can be confirmed")
	}
}

// A run whose undo has begun, and is incomplete, is recovered and not confirmed.
func TestConfirmHalfUndone(t *testing.T) {
	e, dir := journalled(t)
	ctx := context.Background()
	others, err := engine.New(engine.WithNetNS(e.NetNS()))
	if err != nil {
		t.Fatal(err)
	}
	do := func(src string) {
		t.Helper()
		if _, err := others.Run(ctx, engine.Script{Name: "others.star", Source: []byte(src)}); err != nil {
			t.Fatalf("%+v", err)
		}
	}
	do(`commit(link("v0", kind = kind.veth(peer = "v1")))`)
	src := `commit(link("br0", kind = kind.bridge()), link("v0", mtu = 1400))`
	r, err := e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(src), Confirm: time.Minute})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	do(`commit(link.delete("v0")); commit(link("v0", kind = kind.bridge()))`)
	var failed *engine.Error
	if err := e.Reject(ctx); !errors.As(err, &failed) || failed.Outcome != "residue" {
		t.Fatalf("undone: %+v", err)
	}
	if has(t, others, "br0") {
		t.Error("what can be undone is not")
	}
	if l, err := e.Pending(ctx); err != nil || len(l) != 1 || !l[0].Undoing {
		t.Errorf("pending: %+v, %v", l, err)
	}
	for name, confirm := range map[string]func(context.Context) error{"of the engine": e.Confirm, "of the result": r.Confirm} {
		if err := confirm(ctx); err == nil || !strings.Contains(err.Error(), "its undo has begun") {
			t.Errorf("Confirm %s: %v", name, err)
		}
	}
	if journals(t, dir) != 1 {
		t.Error("its journal is gone")
	}
}

func TestResultUndo(t *testing.T) {
	e, _ := journalled(t)
	r, err := e.Run(context.Background(), engine.Script{Name: "a.star", Source: []byte(makeBridge)})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Undo(context.Background()); err != nil {
		t.Fatalf("%+v", err)
	}
	if has(t, e, "br0") {
		t.Error("an undone run is still there")
	}
}

func TestSettled(t *testing.T) {
	tests := []struct {
		name string
		wait time.Duration
		then func(*engine.Engine, *engine.Result) error
		kept bool
	}{
		{"deadline", 50 * time.Millisecond, func(_ *engine.Engine, _ *engine.Result) error { return nil }, false},
		{"confirmed", time.Minute, func(e *engine.Engine, _ *engine.Result) error { return e.Confirm(context.Background()) }, true},
		{"rejected", time.Minute, func(e *engine.Engine, _ *engine.Result) error { return e.Reject(context.Background()) }, false},
		{"undone", time.Minute, func(_ *engine.Engine, r *engine.Result) error { return r.Undo(context.Background()) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, dir := journalled(t)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			r, err := e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(makeBridge), Confirm: tt.wait})
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.then(e, r); err != nil {
				t.Fatal(err)
			}
			kept, err := r.Settled(ctx)
			if kept != tt.kept || err != nil {
				t.Errorf("Settled: %v, %v; want %v", kept, err, tt.kept)
			}
			if has(t, e, "br0") != tt.kept {
				t.Errorf("the bridge is there: %v, want %v", !tt.kept, tt.kept)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left in the directory of journals: %v %v", left, err)
			}
			if err := e.Confirm(ctx); err == nil {
				t.Error("something can be confirmed still")
			}
		})
	}
}

// A journal that does not say anything yet, or of another namespace, is let be.
func TestForeignJournals(t *testing.T) {
	e, dir := journalled(t)
	other := filepath.Join(dir, "1-2.journal")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Run(context.Background(), engine.Script{Name: "a.star", Source: []byte(makeBridge)}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}
