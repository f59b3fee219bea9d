package testnet

import (
	"os"
	"testing"
)

// InVM reports whether this is the machine of test/vm. Its kernel has all kinds,
// and none of the defects that tests keep away from elsewhere.
func InVM() bool { return os.Getenv("NLSCRIPT_VM") == "1" }

// Lacks notes that this kernel has no such kind, which a test then passes over.
// In the machine of test/vm it is an error.
func Lacks(t testing.TB, kind string) {
	t.Helper()
	if InVM() {
		t.Errorf("this kernel has no %s", kind)
		return
	}
	t.Logf("this kernel has no %s", kind)
}

// NotInVM skips there, where all is slow, a test that needs none of its kinds.
func NotInVM(t testing.TB) {
	t.Helper()
	if InVM() {
		t.Skip("runs on the host")
	}
}
