package reliability

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
)

// thorough reports whether the matrices are run whole: once a CI run is enough,
// as root on the machine's own architecture. Elsewhere they are run thinly.
func thorough() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	own := err == nil && strings.Join(strings.Fields(string(b)), " ") == "0 0 4294967295"
	return own && runtime.GOARCH != "386" && !testing.Short() && !testnet.InVM()
}

// kinds begin the names of transactions of kinds that not every kernel has. In
// the emulated machine of test/vm, which is slow, only these are run.
var kinds = []string{"vlan", "bond", "vrf", "dummy", "bridge.vlan"}

// elsewhere reports whether a transaction is for another machine than this.
func elsewhere(name string) bool {
	return testnet.InVM() && !slices.ContainsFunc(kinds, func(k string) bool { return strings.HasPrefix(name, k) })
}

// notInVM skips a test that needs nothing that only test/vm has.
func notInVM(t *testing.T) {
	if testnet.InVM() {
		t.Skip("runs on the host")
	}
}

// often is n, or few where that is enough.
func often(n, few int) int {
	if thorough() {
		return n
	}
	return few
}
