package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// A bond changes its mode while it is down, as drawn in the design, and not while it
// has ports, which is said before anything is sent.
func TestModeOfBond(t *testing.T) {
	e := enginetest.Sandbox(t, "eth2", "eth3")
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(
    link("bond0", kind = kind.bond(mode = "active-backup"), up = True),
    addr("2001:db8::2/64", dev = "bond0"),
)`)})
	if err != nil && strings.Contains(err.Error(), "EOPNOTSUPP") {
		testnet.Lacks(t, err.Error())
		t.SkipNow()
	}
	if err != nil {
		t.Fatalf("%+v", err)
	}
	const change = `commit(link("bond0", kind = kind.bond(mode = "802.3ad")))`
	p, err := e.Plan(t.Context(), engine.Script{Name: "site.star", Source: []byte(change)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	const want = `commit 1                                                                        site.star:1
  ! link bond0          down and up again, to change mode active-backup -> 802.3ad  site.star:1
      - addr 2001:db8::2/64 dev bond0          lost on down, put back

plan: 0 to add, 1 to change, 0 to delete, 0 unchanged; 4 messages
`
	if got := p.String(); got != want {
		t.Errorf("got\n%swant\n%s%s", got, want, firstLine(got, want))
	}
	mustRun(t, e, `commit(link(["eth2", "eth3"], master = "bond0"))`, nil)
	before := enginetest.Take(t, e)
	_, err = e.Run(t.Context(), engine.Script{Name: "site.star", Source: []byte(change)})
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Path != "kind.bond.mode" || !strings.Contains(failed.Message, "while bond0 has ports (eth2, eth3); release them first") || strings.Contains(sprint(err), "undone") {
		t.Fatalf("%+v", err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Error(d)
	}
}
