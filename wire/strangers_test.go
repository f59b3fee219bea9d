package wire_test

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A sample is a message of a golden file.
type sample struct {
	file   string
	object *wire.Object
	msg    []byte
}

// samples are the messages of all golden files, on little-endian machines.
func samples(t testing.TB) (l []sample) {
	if wire.IsBigEndian {
		t.Skip("golden files hold the bytes of little-endian machines")
	}
	err := filepath.WalkDir("../testdata/golden", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".golden" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dumped, err := wire.ParseDump(string(text))
		for _, d := range dumped {
			o := rtnl.ByType(binary.NativeEndian.Uint16(d.Msg[4:]), d.Msg[wire.HeaderLen:])
			if o != nil && len(d.Msg) >= wire.HeaderLen+o.Table.Fixed {
				l = append(l, sample{path, o, d.Msg})
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(l) < 300 {
		t.Fatalf("only %d messages in golden files", len(l))
	}
	return l
}

// stranger is an attribute that no table knows, padded.
var stranger = []byte{7, 0, 200, 0, 0xde, 0xad, 0xbe, 0}

// withStranger are copies of attributes, each with the stranger at the end of
// one level.
func withStranger(attrs []byte) [][]byte {
	l := [][]byte{append(bytes.Clone(attrs), stranger...)}
	for a, err := range wire.Attrs(attrs) {
		if err != nil || a.Flags&wire.Nested == 0 {
			continue
		}
		for _, inner := range withStranger(a.Data) {
			head := bytes.Clone(attrs[a.Off : a.Off+4])
			binary.NativeEndian.PutUint16(head, uint16(4+len(inner)))
			l = append(l, slices.Concat(attrs[:a.Off], head, inner, attrs[min(a.Off+4+(len(a.Data)+3)&^3, len(attrs)):]))
		}
	}
	return l
}

// TestStrangersStay: an attribute that a table does not know, at any level of any
// message, is read and written again with all that is beside it.
func TestStrangersStay(t *testing.T) {
	n := 0
	for _, m := range samples(t) {
		start := wire.HeaderLen + (m.object.Table.Fixed+3)&^3
		for _, attrs := range withStranger(m.msg[start:]) {
			n++
			s := wire.NewSet(m.object.Table)
			if err := m.object.Table.Decode(append(bytes.Clone(m.msg[wire.HeaderLen:start]), attrs...), s); err != nil {
				t.Fatalf("%s: %v", m.file, err)
			}
			again, ok := written(t, m.object, s)
			if !ok || !bytes.Contains(again, stranger[:7]) || len(again) != start+len(attrs) {
				t.Errorf("%s:\n%s\nis not\n%x\nbut\n%x", m.file, s.Text(nil), attrs, again)
			}
		}
	}
	t.Logf("%d messages", n)
}
