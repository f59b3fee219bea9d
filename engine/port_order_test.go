package engine_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// portNumbers are those of the ports of bridges in an engine's namespace, by name.
func portNumbers(t *testing.T, e *engine.Engine) map[string]uint64 {
	t.Helper()
	conn, err := nlconn.Dial(nlconn.Config{NetNS: e.NetNS(), Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var b wire.Builder
	m := b.Begin(unix.RTM_GETLINK, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b.Fixed(16)
	b.End(m)
	req, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	parts, err := conn.Dump(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]uint64{}
	for m := range parts.Messages() {
		s := wire.NewSet(rtnl.Link.Table)
		if err := rtnl.Link.Table.DecodeState(m.Data, s); err != nil {
			t.Fatal(err)
		}
		name, _ := s.Get("name")
		if port, ok := s.Get("port"); ok && port.Sub != nil {
			numbers[name.S] = port.Sub.Uint("port_no")
		}
	}
	return numbers
}

// The ports of a bridge that come back have the numbers that they had, whichever of them,
// and the bridge, were deleted: they had joined in another order than that of their indexes,
// some of which are below that of the bridge.
func TestPortNumbersComeBack(t *testing.T) {
	for name, src := range map[string]string{
		"the bridge":            `absent(link("br0"))`,
		"a port and the bridge": `absent(link("vx0"), link("br0"))`,
		"verbs":                 `link.delete("vx0"), link.delete("br0")`,
		"a port":                `absent(link("vx0"))`,
		"the far ends of ports": `absent(link("eth0p"), link("eth2p"), link("br0"))`,
		"one leaves":            `link("eth2", master = 0), absent(link("eth0p"), link("vx0"))`,
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0", "eth1", "eth2")
			mustRun(t, e, `commit(link("br0", kind = kind.bridge(), up = True))
commit(link("vx0", kind = kind.vxlan(id = 5, dstport = 4789), up = True))
[commit(link(p, master = "br0")) for p in ["eth2", "vx0", "eth0", "eth1"]]`, nil)
			before := portNumbers(t, e)
			if before["eth2"] != 1 || before["vx0"] != 2 || before["eth0"] != 3 || before["eth1"] != 4 {
				t.Fatalf("the numbers are %v", before)
			}
			r, err := e.Run(t.Context(), engine.Script{Name: "b.star", Source: []byte("commit(" + src + ")")})
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if err := r.Undo(t.Context()); err != nil {
				t.Fatalf("%+v", err)
			}
			for port, n := range portNumbers(t, e) {
				if n != before[port] {
					t.Errorf("%s has the number %d, and had %d", port, n, before[port])
				}
			}
		})
	}
}
