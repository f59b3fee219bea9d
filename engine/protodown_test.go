package engine_test

import (
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// Reasons for protodown with a mask are about the bits in that: others stay as they are,
// in the way of nothing.
func TestProtoDownReason(t *testing.T) {
	for change, before := range map[string]string{
		`protodown_reason = "0x8/0x8"`:                    `protodown = True, protodown_reason = 4`,
		`protodown_reason = "0x0/0x8"`:                    `protodown = True, protodown_reason = 0xc`,
		`protodown = False, protodown_reason = "0x0/0x4"`: `protodown = True, protodown_reason = 4`,
		`protodown = True, protodown_reason = "0x1/0x1"`:  `mtu = 1400`,
	} {
		t.Run(change, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0")
			mustRun(t, e, `commit(link("mv0", kind = kind.macvlan(), link = "eth0"), link("mv0", `+before+`))`, nil)
			s := engine.Script{Name: "p.star", Source: []byte(`commit(link("mv0", ` + change + `))`)}
			enginetest.EveryFailure(t, e, s)
			keptTo(t, e, s)
		})
	}
}
