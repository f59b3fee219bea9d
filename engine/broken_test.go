package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// A journal that cannot be read is told of everywhere, holds up runs, and can be
// given up; one that was cut short before anything was sent is nothing.
func TestBrokenJournals(t *testing.T) {
	ctx := context.Background()
	for name, put := range map[string]func(path string) error{
		"rubbish": func(p string) error { return os.WriteFile(p, []byte("rubbish\n"), 0o600) },
		"of another version": func(p string) error {
			return os.WriteFile(p, []byte(`{"version":2}`+"\n"), 0o600)
		},
		"directory": func(p string) error { return os.Mkdir(p, 0o700) },
		"pipe":      func(p string) error { return unix.Mkfifo(p, 0o600) },
		"link":      func(p string) error { return os.Symlink("/etc/passwd", p) },
	} {
		t.Run(name, func(t *testing.T) {
			e, dir := journalled(t)
			if err := put(filepath.Join(dir, "x.journal")); err != nil {
				t.Fatal(err)
			}
			l, err := e.Pending(ctx)
			if err != nil || len(l) != 1 || l[0].Broken == "" || l[0].Live {
				t.Errorf("pending: %+v, %v", l, err)
			}
			var failed *engine.Error
			_, err = e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(makeBridge)})
			if !errors.As(err, &failed) || failed.Outcome != "residue" || len(failed.Residue) != 1 || !strings.Contains(failed.Residue[0].Key, "x.journal") {
				t.Errorf("run: %+v", err)
			}
			r, err := e.Recover(ctx)
			if !errors.As(err, &failed) || failed.Outcome != "residue" || len(r.Residue) != 1 {
				t.Errorf("recover: %+v", err)
			}
			if err := e.Forget(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(makeBridge)}); err != nil || journals(t, dir) != 0 {
				t.Errorf("run afterwards: %+v", err)
			}
		})
	}
	for name, damage := range map[string]func([]byte) []byte{
		"cut in its head": func(b []byte) []byte { return b[:40] },
		"one bit of its commit": func(b []byte) []byte {
			b[len(b)/2] ^= 1
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, dir := journalled(t)
			r, err := e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(makeBridge), Confirm: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			path, _ := filepath.Glob(filepath.Join(dir, "*.journal"))
			b, err := os.ReadFile(path[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Confirm(ctx); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path[0], damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if l, err := e.Pending(ctx); err != nil || len(l) != 1 || l[0].Broken == "" {
				t.Errorf("pending: %+v, %v", l, err)
			}
			var failed *engine.Error
			if _, err := e.Recover(ctx); !errors.As(err, &failed) || failed.Outcome != "residue" || len(failed.Residue) != 1 {
				t.Errorf("recover: %+v", err)
			}
			// Of another namespace it is not our business.
			other, _ := journalled(t)
			if other, err = engine.New(engine.WithNetNS(other.NetNS()), engine.WithJournal(dir)); err != nil {
				t.Fatal(err)
			}
			if l, err := other.Pending(ctx); err != nil || len(l) != 0 {
				t.Errorf("elsewhere: %+v %v", l, err)
			}
			if _, err := other.Run(ctx, engine.Script{Name: "a.star", Source: []byte(makeBridge)}); err != nil {
				t.Errorf("elsewhere: %+v", err)
			}
			if err := e.Forget(ctx); err != nil || journals(t, dir) != 0 {
				t.Error("it is not forgotten", err)
			}
		})
	}
}

// A panic in the middle of a run leaves its journal: what was begun is undone later.
func TestJournalOutlivesPanic(t *testing.T) {
	ns := testnet.New(t)
	e := engineIn(t, ns, engine.WithJournal(t.TempDir()), atSecond(func() error { panic("policy") }))
	before := enginetest.Take(t, e)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`
commit(link("br0", kind = kind.bridge()))
commit(link("br1", kind = kind.bridge()))`)})
	}()
	r, err := e.Recover(t.Context())
	if err != nil || r.Outcome != "rolled_back" {
		t.Errorf("%+v, %+v", r, err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Error(d)
	}
}
