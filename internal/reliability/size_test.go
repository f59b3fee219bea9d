package reliability

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

// thorough reports whether the matrices are run whole: once a CI run is enough,
// as root on the machine's own architecture. Elsewhere they are run thinly.
func thorough() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	own := err == nil && strings.Join(strings.Fields(string(b)), " ") == "0 0 4294967295"
	return own && runtime.GOARCH != "386" && !testing.Short()
}

// often is n, or few where that is enough.
func often(n, few int) int {
	if thorough() {
		return n
	}
	return few
}
