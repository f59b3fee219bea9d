package state

import (
	"encoding/binary"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// unlabelled takes away the label that is the name of the device, of an address and
// of the message that reported it: that may be read again when the device has
// another name.
func unlabelled(o *wire.Object, msg []byte, s *wire.Set, names wire.Names) []byte {
	if !rtnl.Unlabelled(o, s, names) {
		return msg
	}
	begin := wire.HeaderLen + o.Table.Fixed
	out := append(make([]byte, 0, len(msg)), msg[:begin]...)
	label := o.Table.Row("label").Type
	for a := range wire.Attrs(msg[begin:]) {
		if a.Type != label {
			end := min(begin+(a.Off+attrHeader+len(a.Data)+3)&^3, len(msg))
			out = append(out, msg[begin+a.Off:end]...)
		}
	}
	binary.NativeEndian.PutUint32(out, uint32(len(out)))
	return out
}

const attrHeader = 4 // struct nlattr
