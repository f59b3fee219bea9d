package engine_test

import (
	"errors"
	"strings"
	"testing"

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
