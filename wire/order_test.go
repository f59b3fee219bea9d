package wire

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// TestByteOrder: which kinds are in the order of the machine, and which are
// big-endian on all, said without the package's own functions. A golden file
// cannot say it for a machine of the other order.
func TestByteOrder(t *testing.T) {
	const v = 0x0102030405060708
	be, ne := binary.BigEndian, binary.NativeEndian
	for k, want := range map[Kind][]byte{
		BE16: be.AppendUint16(nil, v&0xffff), BE32: be.AppendUint32(nil, v&0xffffffff), BE64: be.AppendUint64(nil, v),
		U16: ne.AppendUint16(nil, v&0xffff), U32: ne.AppendUint32(nil, v&0xffffffff), U64: ne.AppendUint64(nil, v),
		S32: ne.AppendUint32(nil, v&0xffffffff), S64: ne.AppendUint64(nil, v), Dev: ne.AppendUint32(nil, v&0xffffffff),
	} {
		n := uint64(v)
		if len(want) < 8 {
			n &= 1<<(8*len(want)) - 1
		}
		tab := &Table{Name: "t", Fields: []Field{{Name: "x", Type: 5, Kind: k}}}
		s := NewSet(tab)
		s.PutName("x", IntVal(n))
		var b Builder
		m := b.Begin(16, 0)
		if err := tab.Append(&b, s); err != nil {
			t.Fatal(err)
		}
		b.End(m)
		msg, err := b.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		want = append(ne.AppendUint16(ne.AppendUint16(nil, uint16(attrHeader+len(want))), 5), want...)
		if got := msg[HeaderLen : HeaderLen+len(want)]; !bytes.Equal(got, want) {
			t.Errorf("kind %d: %x, want %x", k, got, want)
		}
		back := NewSet(tab)
		if err := tab.Decode(msg[HeaderLen:], back); err != nil || !back.Equal(s) {
			t.Errorf("kind %d: decoded %v, %v", k, back.Ents, err)
		}
	}
}
