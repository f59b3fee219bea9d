package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/nlscript/nlscript/engine"
)

// A run that died, and that was begun where nobody comes any more, is given up in a
// namespace that it changed.
func TestNetNSLost(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "journal")
	e, there := engineIn(t, calm(t), engine.WithJournal(dir)), calm(t)
	far := engineIn(t, there, engine.WithJournal(dir))
	die := mortalWatcher(t, e)
	run := engine.Script{Name: "dies.star", Confirm: time.Hour, Params: map[string]any{"b": at(there)}, Source: []byte(`
commit(netns(param("b"), link("br0", kind = kind.bridge())))
`)}
	if _, err := e.Run(ctx, run); err != nil {
		t.Fatalf("%+v", err)
	}
	die()
	var failed *engine.Error
	if r, err := far.Recover(ctx); !errors.As(err, &failed) || failed.Outcome != "residue" || len(r.Residue) != 1 {
		t.Errorf("recover: %+v", err)
	}
	if err := far.Forget(ctx); err != nil || journals(t, dir) != 0 {
		t.Errorf("it is not forgotten: %v", err)
	}
	if _, err := far.Run(ctx, engine.Script{Name: "b.star", Source: []byte(`commit(link("br0", kind = kind.bridge(), up = True))`)}); err != nil {
		t.Errorf("run afterwards: %+v", err)
	}
}
