package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// The addresses that a tunnel has from IPv4 addresses, which the kernel does not mark
// as its own, come and go with it when a commit that sets it up is undone.
func TestUndoOfTunnelUp(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	const tunnel = `message(16, flags = 0x605, header = "00000000000000000000000000000000", attrs = [attr(3, str = "six"), attr(18, nested = [attr(1, str = "sit"), attr(2, nested = [attr(2, ip = "10.0.0.1")])])])`
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(addr("10.0.0.1/24", dev = "eth0"), ` + tunnel + `)`)})
	if err != nil && strings.Contains(err.Error(), "EOPNOTSUPP") {
		testnet.Lacks(t, err.Error())
		t.SkipNow()
	}
	if err != nil {
		t.Fatalf("%+v", err)
	}
	before := enginetest.Take(t, e)
	_, err = e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(link(\"six\", up = True))\ncommit(link(\"eth0\", alias = \"x\"))\nfail('no')")})
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
		t.Errorf("%+v", err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Error(d)
	}
}

// A next hop waits for the carrier that its device had: here until the far end, in
// another namespace, is up again.
func TestUndoWaitsForCarrier(t *testing.T) {
	e, here, there := apart(t)
	mustRun(t, e, `commit(link("v0", up = True), wait.carrier("v0"), nexthop(1, via = "192.0.2.2", dev = "v0"), nexthop(10, group = [1]), route("10.24.0.0/16", nhid = 10))`, nil)
	const far, near = `commit(link("e0", up = %s))`, `commit(nexthop(1, via = "192.0.2.2", dev = "v0"), nexthop(10, group = [1]), route("10.24.0.0/16", nhid = 10))`
	other, done := engineIn(t, there), make(chan struct{})
	e, err := engine.New(engine.WithNetNS(here.FD()), atSecond(func() error {
		mustRun(t, other, fmt.Sprintf(far, "False"), nil)
		go func() {
			defer close(done)
			time.Sleep(300 * time.Millisecond)
			mustRun(t, other, fmt.Sprintf(far, "True"), nil)
		}()
		return errors.New("no")
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(link(\"v0\", up = False))\ncommit(link(\"lo\", alias = \"x\"))")})
	<-done
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
		t.Errorf("%+v", err)
	}
	if text := planned(t, engineIn(t, here), near); text != "" {
		t.Errorf("not undone:\n%s", text)
	}
}

// Over several namespaces nothing is waited for that comes with another of them: the
// carrier of a veth with its other end.
func TestUndoWaitsForNoOther(t *testing.T) {
	e, _, there := apart(t)
	params := map[string]any{"b": at(there)}
	mustRun(t, e, `commit(nexthop(8, dev = "v0"), netns(param("b"), nexthop(7, via = "192.0.2.1", dev = "e0"), route("10.24.0.0/16", nhid = 7)))`, params)
	for _, src := range []string{
		`commit(netns(param("b"), absent(link("e0"))))`,
		`commit(absent(link("v0")), netns(param("b"), link("lo", alias = "x")))`,
	} {
		far := engineIn(t, there)
		near, beyond, began := enginetest.Take(t, e), enginetest.Take(t, far), time.Now()
		_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Params: params, Source: []byte(src + "\ncommit(route(\"10.9.0.0/16\", via = \"203.0.113.1\"))")})
		if took := time.Since(began); took > 8*time.Second { // it waits for 10 s
			t.Errorf("%s: undone in %s", src, took)
		}
		var failed *engine.Error
		if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
			t.Errorf("%s: %+v", src, err)
		}
		if d := near.Differs(t, e) + beyond.Differs(t, far); d != "" {
			t.Errorf("%s: not as it was:\n%s", src, d)
		}
	}
}
