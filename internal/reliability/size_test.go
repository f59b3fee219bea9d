package reliability

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
)

// thorough reports whether the matrices are run whole: once a CI run is enough,
// as root on the machine's own architecture. Elsewhere they are run thinly: go test
// ends a package after ten minutes.
func thorough() bool {
	if os.Getenv("NLSCRIPT_REQUIRE_KERNEL") != "1" {
		return false
	}
	b, err := os.ReadFile("/proc/self/uid_map")
	own := err == nil && strings.Join(strings.Fields(string(b)), " ") == "0 0 4294967295"
	return own && runtime.GOARCH != "386" && !testing.Short() && !testnet.InVM()
}

// apart is how far apart the transactions are that a test takes: in the emulated
// machine, which has few of them but is slow, or here.
func apart(here, inVM int) int {
	if testnet.InVM() {
		return inVM
	}
	return here
}

// often is n, or few where that is enough.
func often(n, few int) int {
	if thorough() {
		return n
	}
	return few
}
