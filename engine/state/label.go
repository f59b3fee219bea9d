package state

import (
	"encoding/binary"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Unlabelled takes away the label that the kernel gives an IPv4 address without
// one: the name of its device, which only a state knows (rtnl_to_ifaddr).
func Unlabelled(o *wire.Object, s *wire.Set, names wire.Names) (done bool) {
	if o != rtnl.Addr {
		return false
	}
	v, ok := s.Get("label")
	if dev, _ := s.Get("dev"); ok && dev.Type == wire.Int && names(uint32(dev.N)) == v.S {
		s.Del("label")
		return true
	}
	return false
}

// unlabelled is Unlabelled for an object and the message that reported it: it may
// be read again when the device has another name.
func unlabelled(o *wire.Object, msg []byte, s *wire.Set, names wire.Names) []byte {
	if !Unlabelled(o, s, names) {
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
