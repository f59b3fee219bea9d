package engine_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// What the transactions of internal/reliability come to is copied field by field.
func TestRehearsalOfCases(t *testing.T) {
	b, err := os.ReadFile("../internal/reliability/testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(b), "\n== ")[1:]
	_, base, _ := strings.Cut(parts[0], "\n")
	if len(parts) < 100 {
		t.Fatalf("%d transactions", len(parts)-1)
	}
	for _, part := range parts[1:] {
		name, text, _ := strings.Cut(part, "\n")
		before, after, _ := strings.Cut(text, "=>\n")
		if testnet.InVM() && !slices.ContainsFunc([]string{"vlan", "bond", "vrf", "dummy", "bridge.vlan"}, func(k string) bool { return strings.HasPrefix(name, k) }) {
			continue // it is slow, and these are of kinds that only it has
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Sandbox(t, "eth0", "eth1", "eth2", "eth3")
			for _, src := range []string{base, before, after} {
				if src = strings.TrimSpace(src); src == "" {
					continue
				}
				if !strings.Contains(src, "commit(") {
					src = "commit(\n" + strings.ReplaceAll(src, "\n", ",\n") + ")"
				}
				_, err := e.Run(t.Context(), engine.Script{Name: "case.star", Source: []byte(src)})
				if err != nil && (strings.Contains(err.Error(), "Unknown device type") || strings.Contains(err.Error(), "EOPNOTSUPP")) {
					testnet.Lacks(t, err.Error())
					t.SkipNow()
				}
				if err != nil {
					t.Fatalf("%+v", err)
				}
			}
			sameCopy(t, e, besides...)
		})
	}
}

// besides is what a copy has otherwise: the address of a bridge without ports, sysctls that have no say in what a change
// does, ports' numbers, routes of the kernel that outlived their address, and what
// follows from them.
var besides = []string{" link br0: 1=", "/hop_limit = ", "/gc_stale_time = ", "/arp_ignore = ", " 26.10.2[1]=", ": 18.5:bridge.15=", " protocol kernel type unicast dst 2001:db8:5::/64 metric 256 "}
