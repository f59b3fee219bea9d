package coverage

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

// truth has scripts written by hand for command lines of iproute2, several in a
// file, each under a line "### ID: COMMAND LINE"; oracle.jsonl has what iproute2
// 6.1 sent for these.
const truth = root + "/testdata/truth"

// An example is a line of oracle.jsonl.
type example struct {
	ID       string
	Argv     []string
	Links    map[string]int // the devices there were
	Messages []struct{ Hex string }
}

func examples(t *testing.T) map[string]*example {
	t.Helper()
	f, err := os.Open(truth + "/oracle.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := map[string]*example{}
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		x := new(example)
		if err := json.Unmarshal(in.Bytes(), x); err != nil {
			t.Fatal(err)
		}
		if m[x.ID] != nil {
			t.Fatalf("%s is there twice", x.ID)
		}
		m[x.ID] = x
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTruth: a script that leaves out what iproute2 would add by itself sends
// what iproute2 sends for the same.
func TestTruth(t *testing.T) {
	skipBigEndian(t)
	all := examples(t)
	scripts, err := filepath.Glob(truth + "/*.star")
	if err != nil {
		t.Fatal(err)
	}
	checked := map[string]bool{}
	for _, file := range scripts {
		for _, c := range strings.Split(read(t, file), "\n### ")[1:] {
			head, src, _ := strings.Cut(c, "\n")
			id, words, _ := strings.Cut(head, ": ")
			t.Run(id, func(t *testing.T) {
				x := all[id]
				if x == nil || checked[id] {
					t.Fatal("not in oracle.jsonl, or twice in the scripts")
				}
				checked[id] = true
				if got := strings.ReplaceAll(words, "'", ""); got != strings.Join(x.Argv, " ") {
					t.Errorf("the command line was %q", x.Argv)
				}
				var want [][]byte
				for _, m := range x.Messages {
					b, err := hex.DecodeString(m.Hex)
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, b)
				}
				p, err := plan(t, id, src, engine.Facts{Links: x.Links})
				if err != nil {
					t.Fatalf("%+v", err)
				}
				for _, d := range diff(want, p.Messages) {
					t.Errorf("%s: %s\n%s", words, d, src)
				}
			})
		}
	}
	for id := range all {
		if !checked[id] {
			t.Errorf("%s: no script", id)
		}
	}
	if len(checked) < 150 {
		t.Errorf("only %d command lines", len(checked))
	}
}
