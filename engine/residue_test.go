package engine_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// A device that vanishes while a run goes on cannot be as it was: what is said of
// it, and how much was undone.
func TestResidueText(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	tun(t, e, "eth2")
	other := engineAt(t, e)
	mustRun(t, other, `commit(link("eth2", up = True))`, nil)
	meddled := engineAt(t, e, atSecond(func() error {
		mustRun(t, other, `commit(link.delete("eth2"), irreversible = ["link eth2"])`, nil)
		return nil
	}))
	_, err := meddled.Run(t.Context(), engine.Script{Name: "site.star", Source: []byte(`
commit(link("eth2", mtu = 1400), addr("192.0.2.1/24", dev = "eth2"), addr("198.51.100.1/24", dev = "eth0"), label = "links")
commit(route("10.9.0.0/16", via = "192.0.2.9"), label = "lans")
`)})
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "residue" {
		t.Fatalf("%+v", err)
	}
	want := regexp.MustCompile(`(?s)^site.star:3:13: in <toplevel>
site.star:3:13: error: commit "lans": route 10.9.0.0/16: .*
undone 2 of 3 messages; STILL DIFFERENT from before:
  link eth2             was up, mtu 1500; is gone \(the device vanished meanwhile\)$`)
	if text := fmt.Sprintf("%+v", failed); !want.MatchString(text) {
		t.Errorf("it says\n%s", text)
	}
	if got := strings.Join(failed.Gone(), " "); got != "eth2" {
		t.Errorf("gone: %q", got)
	}
}

// atSecond has f called once, before the second commit of a run is sent: the plan of the
// first may be made anew.
func atSecond(f func() error) engine.Option {
	first, called := "", false
	return engine.WithPolicy(func(_ context.Context, p *engine.Plan) error {
		at := p.Changes[0].Pos
		if first == "" {
			first = at
		}
		if called || at == first {
			return nil
		}
		called = true
		return f()
	})
}

// engineAt is another engine in the namespace of one.
func engineAt(t *testing.T, e *engine.Engine, opts ...engine.Option) *engine.Engine {
	t.Helper()
	other, err := engine.New(append(opts, engine.WithNetNS(e.NetNS()))...)
	if err != nil {
		t.Fatal(err)
	}
	return other
}
