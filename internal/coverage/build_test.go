// Package coverage tests that every row of the tables is where it should be: in
// a golden file, in bytes that iproute2 sent, in a script that is decoded from
// these and makes them again.
package coverage

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/tree"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// root is the directory of the module.
const root = "../.."

// plan is what a script comes to on a machine with these facts.
func plan(t *testing.T, name, src string, facts engine.Facts) (*engine.Plan, error) {
	t.Helper()
	e, err := engine.New(engine.WithFacts(facts))
	if err != nil {
		t.Fatal(err)
	}
	return e.Plan(t.Context(), engine.Script{Name: name, Source: []byte(src)})
}

// decode is the script that sends these messages, as nlscript decode --star
// writes it.
func decode(messages [][]byte, facts *engine.Facts) (string, error) {
	var text strings.Builder
	for _, m := range messages {
		text.WriteString(hex.EncodeToString(m) + "\n")
	}
	l, err := builtins.Decode(text.String())
	if err != nil {
		return "", err
	}
	var src strings.Builder
	err = (&builtins.Printer{Names: facts.Name}).Script(&src, l)
	return src.String(), err
}

// diff compares messages one by one, as trees.
func diff(want, got [][]byte) (out []string) {
	if len(got) != len(want) {
		return []string{fmt.Sprintf("%d messages, want %d", len(got), len(want))}
	}
	for i := range want {
		out = append(out, tree.Diff(want[i], got[i], rtnl.HeaderLen(binary.NativeEndian.Uint16(want[i][4:])))...)
	}
	return out
}
