package rtnl

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/internal/tree"
	"github.com/nlscript/nlscript/wire"
)

// oracleFile has what iproute2 sent for many command lines. It is not part of
// the repository; tests that need it are skipped without it.
const oracleFile = "../../../shared/oracle/public.jsonl"

type oracleCase struct {
	ID       string
	Argv     []string
	EnvBytes []string `json:"env_bytes"` // it holds bytes of that run
	Messages []oracleMessage
}

type oracleMessage struct {
	Proto int
	Probe bool
	Type  uint16
	Flags uint16
	Hex   string

	bytes []byte
}

// oracle returns the cases whose id begins with one of the prefixes, without
// those that hold bytes of the run, the probes, and other protocols.
func oracle(t *testing.T, prefixes ...string) []oracleCase {
	t.Helper()
	if wire.IsBigEndian {
		t.Skip("captured on a little-endian machine")
	}
	f, err := os.Open(oracleFile)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no ", oracleFile)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []oracleCase
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		var c oracleCase
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if len(c.EnvBytes) > 0 || !hasPrefix(c.ID, prefixes) {
			continue
		}
		msgs := c.Messages[:0]
		for _, m := range c.Messages {
			if m.Probe || m.Proto != 0 {
				continue
			}
			if m.bytes, err = hex.DecodeString(m.Hex); err != nil {
				t.Fatal(err)
			}
			msgs = append(msgs, m)
		}
		c.Messages = msgs
		cases = append(cases, c)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatalf("no case begins with %q", prefixes)
	}
	return cases
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func short(p []byte) string { return fmt.Sprintf("%d bytes %x", len(p), p[:min(len(p), 48)]) }

// unknown lists the attributes of a set, nested sets included, that no row describes.
func unknown(s *wire.Set, path string) []string {
	var out []string
	for _, r := range s.Extra {
		out = append(out, fmt.Sprintf("%s%d: no row: %s", path, r.Type&0x3fff, short(r.Data)))
	}
	for _, e := range s.Ents {
		if e.V.Sub != nil {
			out = append(out, unknown(e.V.Sub, path+e.F.Name+".")...)
		}
		for _, v := range e.V.L {
			if v.Sub != nil {
				out = append(out, unknown(v.Sub, path+e.F.Name+"[].")...)
			}
		}
	}
	return out
}

// checkRoundTrip decodes a message of iproute2 into rows, with nothing left
// over, and encodes these to the same message.
func checkRoundTrip(t *testing.T, o *wire.Object, c *oracleCase, m *oracleMessage) *wire.Set {
	t.Helper()
	s := wire.NewSet(o.Table)
	if err := o.Decode(m.bytes, nil, s); err != nil {
		t.Errorf("%s: %v", c.ID, err)
		return s
	}
	for _, d := range unknown(s, "") {
		t.Errorf("%s %s: %s", c.ID, strings.Join(c.Argv, " "), d)
	}
	checkEncodes(t, o, c, m, s)
	return s
}

// checkEncodes encodes a set and compares it with a message of iproute2.
func checkEncodes(t *testing.T, o *wire.Object, c *oracleCase, m *oracleMessage, s *wire.Set) {
	t.Helper()
	var b wire.Builder
	if err := o.Append(&b, m.Type, m.Flags, s); err != nil {
		t.Errorf("%s: %v", c.ID, err)
		return
	}
	got, _, err := b.Last()
	if err != nil {
		t.Errorf("%s: %v", c.ID, err)
		return
	}
	for _, d := range tree.Diff(m.bytes, got, o.Table.Fixed) {
		t.Errorf("%s %s: %s", c.ID, strings.Join(c.Argv, " "), d)
	}
}

// oracleCases runs f for each case whose id begins with prefix, of which there
// are n.
func oracleCases(t *testing.T, prefix string, n int, f func(t *testing.T, c oracleCase)) {
	t.Helper()
	cases := oracle(t, prefix)
	if len(cases) != n {
		t.Errorf("%d cases begin with %q, want %d", len(cases), prefix, n)
	}
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) { f(t, c) })
	}
}

// checkNamed does checkRoundTrip for every message of a case.
func checkNamed(t *testing.T, o *wire.Object, c oracleCase) {
	t.Helper()
	for _, m := range c.Messages {
		checkRoundTrip(t, o, &c, &m)
	}
}
