package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// The undo of an earlier commit puts the ports in order that those of later ones have brought
// back without those that were not there then, and loses nothing that they have.
func TestPortNumbersOverCommits(t *testing.T) {
	for name, src := range map[string]string{
		"one leaves, then the bridge": `commit(link("p1", master = 0))
commit(absent(link("br0")))`,
		"one comes back in the place of another": `commit(link("p0", master = 0))
commit(link("p2", master = 0))
commit(link("p2", master = "br0"))`,
		"the same in one": `commit(link.set("p0", master = 0), link.set("p2", master = 0), link.set("p2", master = "br0"))`,
		"one is deleted, then the bridge": `commit(absent(link("p0")))
commit(absent(link("br0")))`,
		"one moves, then another and the bridge goes": `commit(link("p0", netns = b))
commit(link("p1", netns = b), absent(link("br0")))`,
		"all leave, one by one": `[commit(link(p, master = 0)) for p in ("p0", "p1", "p2", "p3")]`,
		"all leave, and come back in another order": `[commit(link(p, master = 0)) for p in ("p0", "p1", "p2", "p3")]
[commit(link(p, master = "br0")) for p in ("p3", "p2", "p0", "p1")]`,
	} {
		for _, dies := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", dies ", dies), func(t *testing.T) {
				t.Parallel()
				here, there := calm(t), calm(t)
				here.Veth("p0", "p1", "p2", "p3")
				e := engineIn(t, here, engine.WithJournal(filepath.Join(t.TempDir(), "journal")))
				mustRun(t, e, `commit(link("br0", kind = kind.bridge(), up = True))
[commit(link(p, master = "br0", port = port.bridge(cost = 9))) for p in ("p0", "p1", "p2", "p3")]
commit([bridge.fdb("02:00:00:00:01:0" + p[1], dev = p, master = True) for p in ("p0", "p1", "p2")], link("p1", port = port.bridge(backup_port = "p2")), neigh("192.0.2.9", lladdr = "02:00:00:00:00:09", dev = "br0"))`, nil)
				if _, err := e.Run(t.Context(), engine.Script{Name: "vlans.star", Source: []byte(`commit(link("br0", kind = kind.bridge(vlan_filtering = True)), bridge.vlan("20-22", dev = "p3"), absent(bridge.vlan(1, dev = "p3")), bridge.fdb("02:00:00:00:01:03", dev = "p3", vlan = 20, master = True))`)}); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
					t.Fatalf("%+v", err)
				}
				numbers, before := portNumbers(t, e), enginetest.Take(t, e)
				s := engine.Script{Name: "a.star", Source: []byte("b = param(\"b\")\n" + src), Params: map[string]any{"b": at(there)}}
				if dies {
					s.Confirm = time.Hour
					die := mortalWatcher(t, e)
					if _, err := e.Run(t.Context(), s); err != nil {
						t.Fatalf("%+v", err)
					}
					die()
					if _, err := e.Recover(t.Context()); err != nil {
						t.Errorf("%+v", err)
					}
				} else {
					var failed *engine.Error
					s.Source = append(s.Source, "\ncommit(route(\"10.0.0.0/8\", via = \"9.9.9.9\"))"...)
					if _, err := e.Run(t.Context(), s); !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
						t.Errorf("%+v", err)
					}
				}
				if now := portNumbers(t, e); !maps.Equal(now, numbers) {
					t.Errorf("the numbers are %v, and were %v", now, numbers)
				}
				if d := before.Differs(t, e); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// A port that stands on the other side of another one afterwards, as below that a number was
// free, is told of: the other one is not the run's to move.
func TestPortNumbersSwapped(t *testing.T) {
	e := enginetest.Sandbox(t, "p0", "p1", "p2")
	mustRun(t, e, `commit(link("br0", kind = kind.bridge(), up = True))
[commit(link(p, master = "br0")) for p in ("p0", "p1", "p2")]
commit(link("p0", master = 0))`, nil)
	r := mustRun(t, e, `commit(link("p2", master = 0))`, nil)
	err := r.Undo(t.Context())
	var failed *engine.Error
	if !errors.As(err, &failed) || len(failed.Residue) != 1 || !strings.Contains(failed.Residue[0].Key, "p2  port.port_no was 3, is 1") {
		t.Errorf("%+v", err)
	}
}
