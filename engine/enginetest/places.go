package enginetest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

// places looks at the other network namespaces that a script names. What it returns
// says of each how it differs from what it is now: "" when it does not.
func places(t *testing.T, e *engine.Engine, script engine.Script) (differs []func() string) {
	t.Helper()
	p, err := e.Plan(t.Context(), script)
	if err != nil {
		return nil // the run will say so
	}
	seen := map[string]bool{"": true}
	for _, c := range p.Changes {
		if seen[c.NetNS] {
			continue
		}
		seen[c.NetNS] = true
		differs = append(differs, place(t, c.NetNS))
	}
	return differs
}

func place(t *testing.T, name string) (differs func() string) {
	t.Helper()
	f, err := os.Open(placeFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return func() string {
			if _, err := os.Lstat(placeFile(name)); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Sprintf("network namespace %s is left behind (%v)\n", name, err)
			}
			return ""
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e, err := engine.New(engine.WithNetNS(int(f.Fd())))
	if err != nil {
		t.Fatal(err)
	}
	was := Take(t, e)
	return func() string {
		if d := was.Differs(t, e); d != "" {
			return "in network namespace " + name + ":\n" + d
		}
		return ""
	}
}

// placeFile is the file by which a namespace is reached that a plan names.
func placeFile(name string) string {
	pid, isProcess := strings.CutPrefix(name, "pid ")
	switch {
	case isProcess:
		return "/proc/" + pid + "/ns/net"
	case strings.HasPrefix(name, "/"):
		return name
	}
	return "/run/netns/" + name
}
