package enginetest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
)

// TestKinds is TestEveryFailure with kinds of links that not every kernel has.
// What is made of them is not made again.
func TestKinds(t *testing.T) {
	for _, name := range []string{"bonds", "vlans", "vrfs", "others"} {
		t.Run(name, func(t *testing.T) {
			e := Sandbox(t, "eth0", "eth1", "eth2", "eth3")
			before := read(t, filepath.Join("kinds", name+".before.star"))
			_, err := e.Run(t.Context(), before)
			if err != nil && strings.Contains(err.Error(), "Unknown device type") {
				testnet.Lacks(t, "kind that is in "+before.Name)
				t.SkipNow()
			}
			if err != nil {
				t.Fatalf("%+v", err)
			}
			r, err := e.Run(t.Context(), before)
			if err != nil {
				t.Fatalf("again: %+v", err)
			}
			if r.Outcome != "unchanged" {
				t.Errorf("again: %s\n%s", r.Outcome, r.Plan)
			}
			EveryFailure(t, e, read(t, filepath.Join("kinds", name+".star")))
		})
	}
}
