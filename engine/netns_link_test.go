package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// keptTo runs a script, fails the test unless it sends what its plan says, and
// unless a second run has nothing to do.
func keptTo(t *testing.T, e *engine.Engine, s engine.Script) {
	t.Helper()
	p, err := e.Plan(context.Background(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	planned, err := p.Golden(s.Name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Run(context.Background(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	for _, m := range r.Plan.Messages {
		if err := wire.Stamp(m, 4, 0, 0); err != nil { // NLM_F_ACK
			t.Fatal(err)
		}
	}
	if sent, err := r.Plan.Golden(s.Name); err != nil || sent != planned {
		t.Errorf("sent is not what was planned: %v\n%s\n--- and\n%s", err, planned, sent)
	}
	if r, err = e.Run(context.Background(), s); err != nil {
		t.Fatalf("the second run: %+v", err)
	}
	if r.Outcome != "unchanged" {
		t.Errorf("the second run: %s\n%s", r, r.Plan)
	}
}

// What a link is told beside where it shall be is so there, its master included.
func TestNetNSMaster(t *testing.T) {
	for name, src := range map[string]string{
		"moved": `
commit(
    netns(b, link("br1", kind = kind.bridge(), up = True), link("br0", kind = kind.bridge(forward_delay = "4s"), up = True)),
    link("eth0", netns = b, master = "br0", port = port.bridge(cost = 7), mtu = 1400, up = True, alias = "port"),
    netns(b, addr("192.0.2.1/24", dev = "br0")),
)`,
		"its master is there": `
commit(link("eth0", netns = b, master = "old", up = True), netns(b, link("old", mtu = 1400)))`,
		"made": `
commit(
    netns(b, link("br0", kind = kind.bridge(), up = True)),
    link("v0", netns = b, master = "br0", up = True, kind = kind.veth(peer = {"name": "e0", "up": True})),
    addr("192.0.2.1/24", dev = "e0"),
)`,
		"peer": `
commit(
    netns(b, link("br0", kind = kind.bridge(), up = True)),
    link("brh", kind = kind.bridge(), up = True),
    link("v0", master = "brh", up = True, kind = kind.veth(peer = {"name": "e0", "netns": b, "master": "br0", "up": True})),
    link("w0", kind = kind.veth(peer = {"name": "f0", "netns": b, "master": "old", "mtu": 1400})),
)`,
		"moved peer": `
commit(link("w1", kind = kind.veth(peer = {"name": "f1"})))
commit(link("w1", kind = kind.veth(peer = {"name": "f1", "netns": b, "master": "old", "up": True})), netns(b, link("old", up = True)))`,
		"new index": `commit(link("eth0", netns = b, new_ifindex = 77, up = True), netns(b, addr("192.0.2.1/24", dev = "eth0")))`,
	} {
		t.Run(name, func(t *testing.T) {
			here, there := calm(t), calm(t)
			e, far := engineIn(t, here), engineIn(t, there)
			here.Veth("eth0")
			there.Veth("x0")
			mustRun(t, far, `commit(link("old", kind = kind.bridge(), up = True), link("x0", master = "old"))`, nil)
			before := enginetest.Take(t, far)
			s := engine.Script{Name: "m.star", Params: map[string]any{"b": at(there)}, Source: []byte("b = param(\"b\")\n" + src)}
			enginetest.EveryFailure(t, e, s)
			if d := before.Differs(t, far); d != "" {
				t.Fatalf("the other namespace is not as before:\n%s", d)
			}
			if name == "moved peer" {
				mustRun(t, e, string(s.Source), s.Params)
				s.Source = []byte(strings.Replace(string(s.Source), `commit(link("w1", kind = kind.veth(peer = {"name": "f1"})))`, "", 1))
				if r := mustRun(t, e, string(s.Source), s.Params); r.Outcome != "unchanged" {
					t.Errorf("the second run: %s\n%s", r, r.Plan)
				}
				return
			}
			keptTo(t, e, s)
		})
	}
}

// Each end of a new veth may be in another namespace than the op.
func TestNetNSVethElsewhere(t *testing.T) {
	testnet.NotInVM(t)
	for name, src := range map[string]string{
		"itself": `
commit(
    link("v0", netns = b, up = True, mtu = 1400, kind = kind.veth(peer = {"name": "e0", "mtu": 1400})),
    link("e0", up = True),
    addr("192.0.2.1/24", dev = "e0"),
    netns(b, addr("192.0.2.2/24", dev = "v0"), route("198.51.100.0/24", via = "192.0.2.1")),
)`,
		"nobody refers to it": `
commit(link("v0", netns = b, kind = kind.veth(peer = {"name": "e0", "up": True})), netns(b, addr("10.0.0.1/32", dev = "lo")))`,
		"both": `
commit(
    netns(c),
    link("v0", netns = b, up = True, kind = kind.veth(peer = {"name": "e0", "netns": c, "up": True})),
    netns(c, addr("192.0.2.1/24", dev = "e0")),
    netns(b, addr("192.0.2.2/24", dev = "v0")),
)`,
		"both in one": `
commit(
    link("v0", netns = b, up = True, kind = kind.veth(peer = {"name": "e0", "netns": b, "up": True})),
    netns(b, addr("192.0.2.1/24", dev = "e0"), addr("192.0.2.2/24", dev = "v0")),
)`,
		"from elsewhere": `
commit(netns(b, link("v0", netns = h, up = True, kind = kind.veth(peer = {"name": "e0", "up": True})), addr("192.0.2.2/24", dev = "e0")), addr("192.0.2.1/24", dev = "v0"))`,
	} {
		t.Run(name, func(t *testing.T) {
			here, there := calm(t), calm(t)
			path := places(t, 1)[0]
			e, far := engineIn(t, here), engineIn(t, there)
			there.Veth("x0")
			before := enginetest.Take(t, far)
			s := engine.Script{Name: "v.star", Params: map[string]any{"h": at(here), "b": at(there), "c": path}, Source: []byte("h, b, c = param(\"h\", default = \"\"), param(\"b\"), param(\"c\", default = \"\")\n" + src)}
			enginetest.EveryFailure(t, e, s)
			if d := before.Differs(t, far); d != "" {
				t.Fatalf("the other namespace is not as before:\n%s", d)
			}
			absentFile(t, path)
			keptTo(t, e, s)
		})
	}
}

// What cannot be is told before anything is sent.
func TestNetNSLinkErrors(t *testing.T) {
	here, there := calm(t), calm(t)
	here.Veth("eth0")
	e := engineIn(t, here)
	mustRun(t, e, `commit(link("br0", kind = kind.bridge()))`, nil)
	for src, want := range map[string]string{
		`link("eth0", netns = b, master = "br0")`:                                            `link eth0: master: no device "br0" netns ` + at(there),
		`link("v0", kind = kind.veth(peer = {"name": "e0", "netns": b, "master": "br0"}))`:   `link v0: kind.veth.peer.master: no device "br0" netns ` + at(there),
		`link.change("eth0", netns = b, master = "br0")`:                                     "link.change eth0: master: the kernel would look for it where the link goes",
		`link.add("v0", netns = b, master = "br0", kind = kind.veth(peer = {"name": "e0"}))`: "link.add v0: master: the kernel would look for it where the link goes",
		`link("v0", netns = b, kind = kind.veth(peer = {"name": "eth0"}))`:                   "link v0: kind.veth.peer: there is a eth0 already",
		`link("v0", kind = kind.veth(peer = {"name": "br0"}))`:                               "link v0: kind.veth.peer: there is a br0 already",
		`link.add("v0", kind = kind.veth(peer = {"name": "br0"}))`:                           "link.add v0: kind.veth.peer: there is a br0 already",
		`link("eth0", netns = b, kind = kind.veth(peer = {"name": "br0"}))`:                  "link eth0: kind.veth.peer: the other end is not br0",
		`netns(b, link("eth0", kind = kind.bridge())), link("eth0", netns = b)`:              "link eth0: netns: there is a eth0 there, and one here",
	} {
		_, err := e.Run(context.Background(), engine.Script{Name: "e.star", Params: map[string]any{"b": at(there)}, Source: []byte("b = param(\"b\")\ncommit(" + src + ")")})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
}

// A link that is told to be where it is already stays as it is.
func TestNetNSAtHome(t *testing.T) {
	here := calm(t)
	here.Veth("eth0")
	e := engineIn(t, here)
	keptTo(t, e, engine.Script{Name: "h.star", Params: map[string]any{"h": at(here)}, Source: []byte(`
h = param("h")
commit(link("eth0", netns = h, up = True, mtu = 1400), link("v0", kind = kind.veth(peer = {"name": "e0", "netns": h, "mtu": 1300})))
`)})
}

// A link that moves may find its index taken by one that the same commit makes
// there: what it is told is not told that one.
func TestNetNSIndexTaken(t *testing.T) {
	for name, more := range map[string]string{"unnamed": "", "named": `, netns(b, addr("192.0.2.1/24", dev = "m0"))`} {
		t.Run(name, func(t *testing.T) {
			furnish := func() (there *testnet.NS, e *engine.Engine, s engine.Script) {
				there, e = calm(t), engineIn(t, calm(t))
				mustRun(t, e, `commit(link("m0", index = 3, kind = kind.veth(peer = {"name": "m1"})))`, nil)
				return there, e, engine.Script{Name: "i.star", Params: map[string]any{"b": at(there)}, Source: []byte(`
b = param("b")
commit(netns(b, link("v0", kind = kind.veth(peer = {"name": "w0"}))), link("m0", netns = b, up = True, mtu = 1400)` + more + `)`)}
			}
			_, e, s := furnish()
			enginetest.EveryFailure(t, e, s)
			var there *testnet.NS
			there, e, s = furnish() // where no index has been given yet
			keptTo(t, e, s)
			if there.Index("m0") == 3 {
				t.Fatal("nobody else has got the index")
			}
			far := engineIn(t, there)
			if text := planned(t, far, `commit(link("m0", up = True, mtu = 1400), link(["v0", "w0"], up = False, mtu = 1500))`); text != "" {
				t.Errorf("not as it was told:\n%s", text)
			}
		})
	}
}

// A link that moves gets another name on the way, or there, also where a link there, or
// one that takes its name here, is called as it was.
func TestNetNSMoveRename(t *testing.T) {
	for name, src := range map[string]string{
		"on the way":    `commit(link("eth0", netns = b, newname = "x0", up = True, mtu = 1400))`,
		"known there":   `commit(link("eth0", netns = b, newname = "up0"), netns(b, addr("192.0.2.1/24", dev = "up0")))`,
		"there":         `commit(link("eth0", netns = b), netns(b, link("eth0", newname = "up0")))`,
		"by a verb":     `commit(link.set("eth0", netns = b, newname = "up0"))`,
		"name in use":   `commit(link("eth0", netns = b, newname = "up0"), link("eth1", newname = "eth0"))`,
		"name was free": `commit(link("eth0", netns = b, newname = "up0"), link("eth1", newname = "up0"))`,
		"made before":   `commit(link("v0", kind = kind.veth(peer = {"name": "v1"})), link("v0", newname = "w0"), link("v1", netns = b, newname = "w1"))`,
		"made there":    `commit(netns(b, link("v0", kind = kind.veth(peer = {"name": "v1"}))), link("v0", netns = b, newname = "w0"))`,
	} {
		t.Run(name, func(t *testing.T) {
			here, there := calm(t), calm(t)
			e := engineIn(t, here)
			here.Veth("eth0", "eth1")
			there.Veth("x1")
			mustRun(t, engineIn(t, there), `commit(link("x1", newname = "eth1"))`, nil)
			if name == "on the way" {
				mustRun(t, engineIn(t, there), `commit(link("eth1", newname = "eth0"))`, nil)
			}
			s := engine.Script{Name: "m.star", Params: map[string]any{"b": at(there)}, Source: []byte("b = param(\"b\")\n" + src)}
			enginetest.EveryFailure(t, e, s)
			if strings.HasPrefix(src, `commit(link("eth0"`) && !strings.HasPrefix(name, "name ") {
				keptTo(t, e, s)
			}
		})
	}
}

// A link is called by its alternative name in the commit that brings it, or makes it with that.
func TestNetNSOtherName(t *testing.T) {
	for name, src := range map[string]string{
		"had before": `commit(link("eth0", netns = b, up = True), netns(b, addr("192.0.2.1/24", dev = "wan"), route("10.0.0.0/8", via = "192.0.2.9")))`,
		"by a verb":  `commit(link.set("eth0", netns = b, new_ifindex = 77), netns(b, addr("192.0.2.1/24", dev = "wan")))`,
		"renamed":    `commit(link("eth0", netns = b, newname = "up0"), netns(b, addr("192.0.2.1/24", dev = "wan")))`,
		"on the way": `commit(link("eth0", netns = b, altnames = ["wan2"]), netns(b, addr("192.0.2.1/24", dev = "wan2")))`,
		"there":      `commit(link("eth0", netns = b), netns(b, link("eth0", altnames = ["wan2"]), addr("192.0.2.1/24", dev = "wan2")))`,
		"made there": `commit(link("v0", netns = b, altnames = ["w0"], kind = kind.veth(peer = {"name": "v1", "altnames": ["w1"]})), netns(b, addr("192.0.2.1/24", dev = "w0")), addr("192.0.2.2/24", dev = "w1"))`,
		"peer there": `commit(link("v0", altnames = ["w0"], kind = kind.veth(peer = {"name": "v1", "netns": b, "altnames": ["w1"]})), netns(b, addr("192.0.2.1/24", dev = "w1")), addr("192.0.2.2/24", dev = "w0"))`,
		"made here":  `commit(link("v0", altnames = ["w0"], kind = kind.veth(peer = {"name": "v1", "altnames": ["w1"]})), addr("192.0.2.1/24", dev = "w1"), addr("192.0.2.2/24", dev = "w0"))`,
		"told later": `commit(link("v0", kind = kind.bridge()), link("v0", altnames = ["w0"]), addr("192.0.2.2/24", dev = "w0"))`,
	} {
		t.Run(name, func(t *testing.T) {
			here, there := calm(t), calm(t)
			e := engineIn(t, here)
			here.Veth("eth0")
			there.Veth("x0", "x1", "x2") // the index is taken
			mustRun(t, e, `commit(link("eth0", altnames = ["wan"]))`, nil)
			s := engine.Script{Name: "m.star", Params: map[string]any{"b": at(there)}, Source: []byte("b = param(\"b\", default = \"\")\n" + src)}
			enginetest.EveryFailure(t, e, s)
			if r := mustRun(t, e, string(s.Source), s.Params); r.Outcome != "committed" {
				t.Error(r)
			}
		})
	}
}
