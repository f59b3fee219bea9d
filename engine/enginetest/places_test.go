package enginetest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// Other namespaces that a script names are looked at, too.
func TestPlaces(t *testing.T) {
	paths := testnet.Places(t, 2)
	e, far := Sandbox(t), Sandbox(t, "eth0")
	testnet.At(t, far.NetNS(), paths[0])
	s := engine.Script{Name: "p.star", Source: []byte(strings.NewReplacer("A", paths[0], "B", paths[1]).Replace(`
commit(
    addr("10.0.0.1/32", dev = "lo"),
    netns(path = "B"),
    netns(link("eth0", mtu = 1400), addr("10.0.0.2/32", dev = "eth0"), path = "A"),
    netns(link("br0", kind = kind.bridge(), up = True), path = "B"),
)`))}
	EveryFailure(t, e, s)
	l := places(t, e, s)
	if len(l) != 2 {
		t.Fatalf("%d namespaces, want 2", len(l))
	}
	said := func() string { return l[0]() + l[1]() }
	if d := said(); d != "" {
		t.Fatalf("nothing was done, and it differs:\n%s", d)
	}
	r, err := e.Run(t.Context(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	mtu := binary.NativeEndian.AppendUint32(nil, 1400) // IFLA_MTU
	if d := said(); !strings.Contains(d, "network namespace "+paths[1]+" is left behind") || !strings.Contains(d, "in network namespace "+paths[0]+":\n") || !strings.Contains(d, fmt.Sprintf(" 4=%x\n", mtu)) {
		t.Errorf("what a run leaves is not told of:\n%s", d)
	}
	if c := r.Plan.Changes; c[0].NetNS != paths[1] && c[1].NetNS != paths[1] {
		t.Errorf("changes do not say where: %+v", c)
	}
	if err := r.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := said(); d != "" {
		t.Errorf("undone, it differs:\n%s", d)
	}
}
