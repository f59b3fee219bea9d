package coverage

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// inOwnOrder returns the script, or a copy of it with its golden file beside facts
// whose messages, of a little-endian machine, are in the order of this one.
func inOwnOrder(t *testing.T, script string) string {
	t.Helper()
	const ext = ".facts.json"
	name := strings.TrimSuffix(script, ".star")
	src, err := os.ReadFile(name + ext)
	if err != nil || !wire.IsBigEndian {
		return script
	}
	var facts map[string]any
	if err := json.Unmarshal(src, &facts); err != nil {
		t.Fatal(err)
	}
	messages, _ := facts["messages"].([]any)
	for i, m := range messages {
		b, err := hex.DecodeString(m.(string))
		if err != nil {
			t.Fatal(err)
		}
		turn(t, b)
		messages[i] = hex.EncodeToString(b)
	}
	if src, err = json.Marshal(facts); err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(t.TempDir(), filepath.Base(name))
	for ext, src := range map[string]string{ext: string(src), ".star": read(t, name+".star"), ".golden": read(t, name+".golden")} {
		if err := os.WriteFile(there+ext, []byte(src), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return there + ".star"
}

// turn turns the integers of a little-endian message, by the rows of its object.
// Facts have no nested attributes.
func turn(t *testing.T, msg []byte) {
	t.Helper()
	le := binary.LittleEndian
	o := rtnl.ByType(le.Uint16(msg[4:]), msg[wire.HeaderLen:])
	if o == nil {
		t.Fatalf("no object of %x", msg)
	}
	rows := map[uint16]*wire.Field{}
	done := map[int]bool{}
	for _, f := range o.Table.Rows() {
		switch {
		case !f.Header() && rows[f.Type] == nil:
			rows[f.Type] = f
		case f.Header() && f.At.Spill == 0 && !done[f.Off]: // what spills is a byte (table)
			slices.Reverse(msg[wire.HeaderLen+f.Off:][:width(f.Kind)])
			done[f.Off] = true
		}
	}
	for off := wire.HeaderLen + o.Table.Fixed; off < len(msg); {
		n, typ := int(le.Uint16(msg[off:])), le.Uint16(msg[off+2:])
		if f := rows[typ]; f == nil || f.Kind == wire.Nest {
			t.Fatalf("attribute %d of %s", typ, o.Name)
		} else if w := width(f.Kind); w == n-4 {
			slices.Reverse(msg[off+4:][:w])
		}
		slices.Reverse(msg[off:][:2])
		slices.Reverse(msg[off+2:][:2])
		off += (n + 3) &^ 3
	}
	for _, at := range [][2]int{{0, 4}, {4, 2}, {6, 2}, {8, 4}, {12, 4}} {
		slices.Reverse(msg[at[0]:][:at[1]])
	}
}

// width is how many bytes of a value are in the machine's order.
func width(k wire.Kind) int {
	switch k {
	case wire.U16, wire.Bit16:
		return 2
	case wire.U32, wire.S32, wire.Bit32, wire.Dev:
		return 4
	case wire.U64, wire.S64:
		return 8
	}
	return 0
}
