// Package enginetest tests scripts, for programs that embed the engine and for
// this repository itself: their bytes against golden files ([Golden]), and what
// they do in a network namespace to throw away ([Sandbox]), also when the kernel
// refuses any one of their messages ([EveryFailure]).
//
//	func TestMain(m *testing.M) { enginetest.Main(m) }
//
//	func TestSite(t *testing.T) {
//		enginetest.Golden(t, "scripts/*.star", nil)
//		e := enginetest.Sandbox(t, "eth0", "eth1")
//		enginetest.EveryFailure(t, e, engine.Script{Name: "site.star", Source: src})
//	}
//
// Nothing here needs privileges: without them Main runs the tests in a user
// namespace. Where that is not allowed either, Sandbox skips the test, or fails
// it when the environment has NLSCRIPT_REQUIRE_KERNEL=1.
package enginetest

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/fixture"
	"github.com/nlscript/nlscript/internal/testnet"
)

// Main is for TestMain of packages that use Sandbox.
func Main(m *testing.M) { testnet.Main(m) }

// Golden compares what the scripts that glob matches send with the golden files
// beside them, a subtest each. It is what `nlscript golden` does, which also
// writes the files; go test does when the test has a flag -update and it is
// given. Params are given to all of the scripts, over those of foo.params.json.
func Golden(t *testing.T, glob string, params map[string]any) {
	t.Helper()
	scripts, err := filepath.Glob(glob)
	if err != nil {
		t.Fatal(err)
	}
	if len(scripts) == 0 {
		t.Fatalf("no scripts match %s", glob)
	}
	update := false
	if f := flag.Lookup("update"); f != nil {
		update = f.Value.String() == "true"
	}
	for _, s := range scripts {
		t.Run(filepath.Base(s), func(t *testing.T) {
			diff, err := fixture.Check(t.Context(), s, params, update)
			switch {
			case err != nil:
				t.Errorf("%+v", err)
			case diff != "" && update:
				t.Logf("written:\n%s", diff)
			case diff != "":
				t.Error(diff)
			}
		})
	}
}

// Sandbox returns an engine in a fresh network namespace whose loopback device is
// up and that has Ethernet devices with these names: veth pairs, up and with
// carrier. IPv6 addresses are not tentative there, so that all is there at once.
// The namespace ends with the test.
func Sandbox(t *testing.T, links ...string) *engine.Engine {
	t.Helper()
	ns := testnet.New(t)
	ns.Do(func() {
		for _, dir := range []string{"all", "default"} {
			err := os.WriteFile("/proc/sys/net/ipv6/conf/"+dir+"/accept_dad", []byte("0"), 0)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
				t.Fatal(err)
			}
		}
	})
	ns.Veth(links...)
	e, err := engine.New(engine.WithNetNS(ns.FD()))
	if err != nil {
		t.Fatal(err)
	}
	settle(t, e)
	return e
}
