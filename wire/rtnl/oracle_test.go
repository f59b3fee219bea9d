package rtnl

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

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
	Attrs []oracleAttr

	bytes []byte
}

type oracleAttr struct {
	Type      uint16
	Name      string
	Hex       string
	HeaderHex string `json:"header_hex"`
	Attrs     []oracleAttr
	Nexthops  []oracleHop
}

type oracleHop struct {
	HeaderHex string `json:"header_hex"`
	Flags     uint8
	Hops      uint8
	Ifindex   uint32
	Attrs     []oracleAttr
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

// diff compares a message with the one iproute2 sent, as trees: attributes of
// different types in any order, NLA_F flags and trailing NULs aside. fixed is
// the length of the fixed header.
func (m *oracleMessage) diff(got []byte, fixed int) []string {
	var out []string
	if t := binary.NativeEndian.Uint16(got[4:]); t != m.Type {
		return []string{fmt.Sprintf("type %d, want %d", t, m.Type)}
	}
	const ignored = 0x4 | 0x8 // ACK, ECHO
	if f := binary.NativeEndian.Uint16(got[6:]); f|ignored != m.Flags|ignored {
		out = append(out, fmt.Sprintf("flags %#x, want %#x", f, m.Flags))
	}
	if w, g := m.bytes[wire.HeaderLen:][:fixed], got[wire.HeaderLen:][:fixed]; !bytes.Equal(w, g) {
		out = append(out, fmt.Sprintf("header %x, want %x", g, w))
	}
	return diffAttrs(out, m.Attrs, got[wire.HeaderLen+(fixed+3)&^3:], "")
}

func diffAttrs(out []string, want []oracleAttr, got []byte, path string) []string {
	have := map[uint16][][]byte{}
	for a, err := range wire.Attrs(got) {
		if err != nil {
			return append(out, fmt.Sprintf("%s: %v", path, err))
		}
		have[a.Type] = append(have[a.Type], a.Data)
	}
	for _, w := range want {
		name := path + "/" + w.Name
		if len(have[w.Type]) == 0 {
			out = append(out, name+": missing")
			continue
		}
		p := have[w.Type][0]
		have[w.Type] = have[w.Type][1:]
		switch {
		case w.Nexthops != nil:
			out = diffHops(out, w.Nexthops, p, name)
		case w.Attrs != nil:
			head, _ := hex.DecodeString(w.HeaderHex)
			if !bytes.HasPrefix(p, head) {
				out = append(out, fmt.Sprintf("%s: header is not %x", name, head))
				continue
			}
			out = diffAttrs(out, w.Attrs, p[len(head):], name)
		default:
			b, _ := hex.DecodeString(w.Hex)
			if !samePayload(b, p) {
				out = append(out, fmt.Sprintf("%s: %s, want %s", name, short(p), short(b)))
			}
		}
	}
	for t, rest := range have {
		for _, p := range rest {
			out = append(out, fmt.Sprintf("%s/%d: iproute2 sends none: %s", path, t, short(p)))
		}
	}
	return out
}

func samePayload(a, b []byte) bool {
	d := len(a) - len(b)
	return bytes.Equal(bytes.TrimRight(a, "\x00"), bytes.TrimRight(b, "\x00")) && d >= -1 && d <= 1
}

func short(p []byte) string { return fmt.Sprintf("%d bytes %x", len(p), p[:min(len(p), 48)]) }

// diffHops compares struct rtnexthop, one after the other.
func diffHops(out []string, want []oracleHop, p []byte, path string) []string {
	const rtnexthopLen = 8
	for i, w := range want {
		if len(p) < rtnexthopLen {
			return append(out, fmt.Sprintf("%s: %d next hops, want %d", path, i, len(want)))
		}
		n := int(binary.NativeEndian.Uint16(p))
		if n < rtnexthopLen || n > len(p) {
			return append(out, fmt.Sprintf("%s[%d]: length %d", path, i, n))
		}
		head, _ := hex.DecodeString(w.HeaderHex)
		if len(head) == 0 {
			head = binary.NativeEndian.AppendUint32([]byte{0, 0, w.Flags, w.Hops}, w.Ifindex)
		}
		if !bytes.Equal(head[2:rtnexthopLen], p[2:rtnexthopLen]) {
			out = append(out, fmt.Sprintf("%s[%d]: %x, want %x", path, i, p[2:rtnexthopLen], head[2:rtnexthopLen]))
		}
		out = diffAttrs(out, w.Attrs, p[rtnexthopLen:n], fmt.Sprintf("%s[%d]", path, i))
		p = p[min(len(p), (n+3)&^3):]
	}
	if len(p) > 0 {
		out = append(out, path+": more next hops")
	}
	return out
}

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
	for _, d := range m.diff(got, o.Table.Fixed) {
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
