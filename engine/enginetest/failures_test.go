package enginetest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "")
	Main(m)
}

func read(t *testing.T, name string) engine.Script {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return engine.Script{Name: name, Source: src}
}

// Scripts that change what another has made: each message of theirs may fail.
func TestEveryFailure(t *testing.T) {
	testnet.NotInVM(t) // TestKinds does the same there
	all, err := filepath.Glob("testdata/*.before.star")
	if err != nil || len(all) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, before := range all {
		name := strings.TrimSuffix(filepath.Base(before), ".before.star")
		t.Run(name, func(t *testing.T) {
			e := Sandbox(t, "eth0", "eth1", "eth2", "eth3")
			if _, err := e.Run(t.Context(), read(t, filepath.Base(before))); err != nil {
				t.Fatalf("%+v", err)
			}
			EveryFailure(t, e, read(t, name+".star"))
		})
	}
}
