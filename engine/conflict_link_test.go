package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// A link that a run changes and that another program removes, moves away or renames is
// left where that left it: none is made in its place.
func TestLinkOfAnother(t *testing.T) {
	const ours = `link("v0", mtu = 1400)`
	for _, tt := range []struct{ theirs, after string }{
		{`absent(link("v0"))`, `absent(link("v0")), absent(link("v1"))`},
		{`link("v0", newname = "w0")`, `link("w0", mtu = 1500), absent(link("v0"))`},
		{`netns("PLACE"), link("v0", netns = "PLACE")`, `absent(link("v0")), netns("PLACE", link("v0", mtu = 1400))`},
		{`absent(link("br0"))`, `absent(link("br0"))`}, // what is only used
	} {
		t.Run(tt.theirs, func(t *testing.T) {
			place := testnet.Places(t, 1)[0]
			theirs, after := strings.ReplaceAll(tt.theirs, "PLACE", place), strings.ReplaceAll(tt.after, "PLACE", place)
			other := enginetest.Sandbox(t, "eth0")
			mustRun(t, other, `commit(link("v0", kind = kind.veth(peer = {"name": "v1"}), up = True), addr("192.0.2.2/24", dev = "v0"), route("10.9.0.0/16", dev = "v0"), link("br0", kind = kind.bridge(), up = True), addr("10.5.0.1/24", dev = "br0"))`, nil)
			e := engineAt(t, other, atSecond(func() error {
				mustRun(t, other, "commit("+theirs+")", nil)
				return nil
			}))
			_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + ours + ", addr(\"10.5.0.2/24\", dev = \"br0\"))\ncommit(link(\"eth0\", alias = \"x\"), addr(\"198.51.100.1/24\", dev = \"v0\"))\nfail('no')")})
			if err == nil {
				t.Error("it holds")
			}
			if text := planned(t, other, "commit("+after+")"); text != "" {
				t.Errorf("it is not as the other program left it:\n%s", text)
			}
		})
	}
}

// It is a conflict while the commit goes on.
func TestConflictOfLink(t *testing.T) {
	for _, tt := range []struct{ theirs, says, after string }{
		{`absent(link("br1"))`, "link br1: changed by another program", `absent(link("br1"))`},
		{`link("br1", newname = "w0")`, "link w0: changed by another program", `absent(link("br1")), link("w0", mtu = 1500), addr("10.5.0.1/24", dev = "w0")`},
	} {
		t.Run(tt.theirs, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, `commit(link("br1", kind = kind.bridge()), addr("10.5.0.1/24", dev = "br1"), link("eth0", up = True), link("eth0p", up = False))`, nil)
			other := engineAt(t, e)
			failed := make(chan error, 1)
			go func() {
				_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(link("br1", mtu = 1400), wait.carrier("eth0", within = "20s"))`)})
				failed <- err
			}()
			for planned(t, other, `commit(link("br1", mtu = 1400))`) != "" {
				time.Sleep(10 * time.Millisecond)
			}
			mustRun(t, other, "commit("+tt.theirs+")\ncommit(link(\"eth0p\", up = True))", nil)
			err := <-failed
			var conflict *engine.Error
			if !errors.As(err, &conflict) || conflict.Outcome != "conflict" || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%+v", err)
			}
			if text := planned(t, other, "commit("+tt.after+")"); text != "" {
				t.Errorf("it is not as the other program left it:\n%s", text)
			}
		})
	}
}
