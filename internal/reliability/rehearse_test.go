package reliability

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// TestRehearsalTouchesNothing rehearses each transaction on top of what is there before it: it
// holds in the copy as it does in reality, where nothing has changed when the first
// commit is about to be sent, and it fails there by what the kernel refuses.
func TestRehearsalTouchesNothing(t *testing.T) {
	testnet.NotInVM(t)
	base, all := transactions(t)
	for i, x := range all {
		if i%often(1, 4) != 0 {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(x.name, "site") && !thorough() {
				t.Skip("large")
			}
			sc := x.scene(t, base)
			before := sc.take()
			script := sc.script()
			script.Rehearse = true
			_, err := sc.halting(t).Run(t.Context(), script)
			if !errors.Is(err, errHalt) {
				t.Errorf("it does not hold in a copy: %+v", err)
			}
			script.Source = append(script.Source, refused...)
			_, err = sc.halting(t).Run(t.Context(), script)
			if err == nil || !strings.Contains(err.Error(), "in rehearsal: commit: route.delete 203.0.113.128/25: ") {
				t.Errorf("it fails in reality, and in rehearsal: %+v", err)
			}
			if d := before.differs(); d != "" {
				t.Errorf("its rehearsals have changed the network:\n%s", d)
			}
		})
	}
}

// refused is a commit that the kernel refuses, whatever the transaction was.
const refused = "\ncommit(route.delete(\"203.0.113.128/25\", table = 7777))\n"

var errHalt = errors.New("nothing is to be sent")

// halting is an engine that rehearses and sends nothing: nobody asks for its leave
// in a copy.
func (sc *scene) halting(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.WithNetNS(sc.e.NetNS()), engine.WithPolicy(func(context.Context, *engine.Plan) error { return errHalt }))
	if err != nil {
		t.Fatal(err)
	}
	return e
}
