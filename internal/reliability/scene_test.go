package reliability

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// A scene is where a transaction takes place: a namespace that has what is there
// before, and those that it names.
type scene struct {
	t    *testing.T
	e    *engine.Engine
	x    transaction
	head string           // gives the names of namespaces to scripts
	far  []*engine.Engine // of those that are there
	made []string         // paths of those that are not
}

// others are the namespaces of netns.txt; the last is not there.
var others = [...]string{"a", "b", "c"}

// scene sets the scene.
func (x transaction) scene(t *testing.T, base string) *scene {
	t.Helper()
	if x.lacks != "" {
		testnet.Lacks(t, x.lacks)
		t.SkipNow()
	}
	sc := &scene{t: t, x: x}
	if x.several() {
		for i, path := range testnet.Places(t, len(others)) {
			sc.head += fmt.Sprintf("%s = %q\n", others[i], path)
			if i == len(others)-1 {
				sc.made = append(sc.made, path)
				continue
			}
			e := enginetest.Sandbox(t, [][]string{{"eth0", "eth1"}, {"eth0"}}[i]...)
			inhabit(t, e)
			testnet.At(t, e.NetNS(), path)
			sc.far = append(sc.far, e)
		}
	}
	sc.e = enginetest.Sandbox(t, "eth0", "eth1", "eth2", "eth3")
	for _, src := range []string{base, x.before} {
		if src == "" {
			continue
		}
		_, err := sc.e.Run(t.Context(), engine.Script{Name: "before.star", Source: []byte(sc.head + src)})
		if err != nil {
			t.Fatalf("%+v", err)
		}
	}
	return sc
}

// inhabit lets a process live in an engine's namespace until the test ends.
func inhabit(t *testing.T, e *engine.Engine) {
	t.Helper()
	cmd := exec.Command("sleep", "3600")
	var err error
	testnet.Do(t, e.NetNS(), func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// several reports whether a transaction is over several namespaces.
func (x transaction) several() bool { return strings.HasPrefix(x.name, "netns: ") }

// script is what the transaction does.
func (sc *scene) script() engine.Script {
	return engine.Script{Name: "after.star", Source: []byte(sc.head + sc.x.after)}
}

// A look is what all namespaces of a scene hold.
type look struct {
	sc  *scene
	own enginetest.Snapshot
	far []enginetest.Snapshot
}

func (sc *scene) take() look {
	sc.t.Helper()
	l := look{sc: sc, own: enginetest.Take(sc.t, sc.e)}
	for _, e := range sc.far {
		l.far = append(l.far, enginetest.Take(sc.t, e))
	}
	return l
}

// differs says what is not as it was.
func (l look) differs() string {
	l.sc.t.Helper()
	return l.own.Differs(l.sc.t, l.sc.e) + l.elsewhere()
}

// elsewhere is differs of all namespaces but the transaction's own.
func (l look) elsewhere() string {
	l.sc.t.Helper()
	s := ""
	for i, was := range l.far {
		if d := was.Differs(l.sc.t, l.sc.far[i]); d != "" {
			s += "in " + others[i] + ":\n" + d
		}
	}
	for _, path := range l.sc.made {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			s += fmt.Sprintf("%s is left behind: %v\n", path, err)
		}
	}
	return s
}
