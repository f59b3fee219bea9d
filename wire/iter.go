package wire

import (
	"fmt"
	"iter"
)

// A Message is a view of one netlink message.
type Message struct {
	Off   int // where it stands in the bytes that were iterated over
	Type  uint16
	Flags uint16
	Seq   uint32
	PID   uint32
	Data  []byte // what follows the nlmsghdr
	Bytes []byte // the whole message, unpadded
}

// An Attr is a view of one attribute.
type Attr struct {
	Off   int    // where its header stands in the bytes that were iterated over
	Type  uint16 // without NLA_F flags
	Flags uint16 // NLA_F_NESTED, NLA_F_NET_BYTEORDER
	Data  []byte
}

// A FrameError says that bytes are not netlink.
type FrameError struct {
	Off  int
	What string
}

func (e *FrameError) Error() string { return fmt.Sprintf("offset %#x: %s", e.Off, e.What) }

// Messages iterates over the messages in b. After an error it stops.
func Messages(b []byte) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for off := 0; off < len(b); {
			p := b[off:]
			if len(p) < HeaderLen {
				yield(Message{}, &FrameError{off, fmt.Sprintf("%d bytes are left, a message header has %d", len(p), HeaderLen)})
				return
			}
			n := int(getU32(p))
			if n < HeaderLen || n > len(p) {
				yield(Message{}, &FrameError{off, fmt.Sprintf("message length %d, %d bytes are left", n, len(p))})
				return
			}
			m := Message{Off: off, Type: getU16(p[4:]), Flags: getU16(p[6:]), Seq: getU32(p[8:]), PID: getU32(p[12:]),
				Data: p[HeaderLen:n:n], Bytes: p[:n:n]}
			if !yield(m, nil) {
				return
			}
			off += align(n)
		}
	}
}

// Attrs iterates over the attributes in b. After an error it stops; trailing
// bytes that are too few for a header are ignored, as the kernel does.
func Attrs(b []byte) iter.Seq2[Attr, error] {
	return func(yield func(Attr, error) bool) {
		for off := 0; len(b)-off >= attrHeader; {
			a := attrAt(b, off)
			if a.Data == nil {
				yield(Attr{}, badAttr(b, off))
				return
			}
			if !yield(a, nil) {
				return
			}
			off += align(attrHeader + len(a.Data))
		}
	}
}

// attrAt is the attribute at off, where there is room for a header; without
// Data, not even empty, when it is not well formed.
func attrAt(b []byte, off int) Attr {
	p := b[off:]
	n, t := int(getU16(p)), getU16(p[2:])
	if n < attrHeader || n > len(p) {
		return Attr{}
	}
	return Attr{Off: off, Type: t & typeMask, Flags: t &^ typeMask, Data: p[attrHeader:n:n]}
}

func badAttr(b []byte, off int) error {
	return &FrameError{off, fmt.Sprintf("attribute length %d, %d bytes are left", getU16(b[off:]), len(b)-off)}
}
