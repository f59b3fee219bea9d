package wire_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// FuzzObjects: whatever bytes come as a message of a real object, they are
// shown whole, and what was read of them is written and read as the same.
func FuzzObjects(f *testing.F) {
	for i, o := range rtnl.Objects {
		f.Add(byte(i), make([]byte, wire.HeaderLen+o.Table.Fixed))
	}
	for _, m := range samples(f) {
		f.Add(byte(slices.Index(rtnl.Objects, m.object)), m.msg)
	}
	f.Fuzz(func(t *testing.T, i byte, msg []byte) {
		o := rtnl.Objects[int(i)%len(rtnl.Objects)]
		var w bytes.Buffer
		if err := o.Dump(&w, msg, nil, nil); err != nil {
			t.Fatal(err)
		}
		if back, err := wire.ParseDump(w.String()); err != nil || len(msg) > 0 && !bytes.Equal(back[0].Msg, msg) {
			t.Fatalf("%v\n%s", err, w.String())
		}
		for _, off := range []int{16, 20, len(msg) / 2, len(msg) / 4 * 4} {
			o.Locate(msg, off)
			o.Row(msg, off)
		}
		var first, second wire.Set
		if len(msg) < wire.HeaderLen || o.Table.Decode(msg[wire.HeaderLen:], &first) != nil {
			return
		}
		first.Text(nil)
		first.JSON(nil)
		for _, row := range o.Table.Rows() {
			if row.Kind == wire.Prefix && msg[wire.HeaderLen+row.Off] > 32 {
				return // a length that no IPv4 address has is not kept
			}
		}
		one, ok := written(t, o, &first)
		if !ok {
			return
		}
		if err := o.Table.Decode(one[wire.HeaderLen:], &second); err != nil {
			t.Fatalf("%s: %v", first.Text(nil), err)
		}
		two, ok := written(t, o, &second)
		if !ok || !bytes.Equal(one, two) {
			w.Reset()
			o.Dump(&w, one, nil, nil)
			w.WriteByte('\n')
			o.Dump(&w, two, nil, nil)
			t.Errorf("%s: not the same again:\n%s", o.Name, w.String())
		}
	})
}

// written is the message of a set that was decoded; false when a codec refuses
// what it has read, as a value that the kernel would refuse.
func written(t *testing.T, o *wire.Object, s *wire.Set) ([]byte, bool) {
	var b wire.Builder
	if o.Append(&b, o.New, 5, s) != nil {
		return nil, false
	}
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	return msg, true
}
