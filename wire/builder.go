package wire

import (
	"errors"
	"fmt"
	"net/netip"
)

// Sizes and flags of the framing.
const (
	HeaderLen  = 16 // nlmsghdr
	attrHeader = 4
	maxAttr    = 65535 // nla_len is 16 bits

	Nested       = 1 << 15 // NLA_F_NESTED
	NetByteorder = 1 << 14 // NLA_F_NET_BYTEORDER
	typeMask     = 1<<14 - 1
)

func align(n int) int { return (n + 3) &^ 3 }

// A Reloc is a place in a message where the index of a device belongs. Off
// counts from the nlmsghdr.
type Reloc struct {
	Off  uint32
	Name string
}

// A Builder appends messages to a buffer, which is the buffer that is sent.
// Nothing is encoded twice: lengths are filled in when a mark ends. The first
// error sticks and is reported by Err; a message with an error can only be
// cancelled. The zero Builder is ready to use.
//
// With Chunk set the Builder is an arena: a message that does not fit starts a
// new chunk, so messages that were finished never move and may be kept. A
// Builder must not be copied.
type Builder struct {
	Chunk int // size that the pieces grow to which memory is taken in; 0: one growing buffer

	piece int    // size of the last of them
	buf   []byte // what is between its length and its capacity is zero
	start int    // where the open message begins in buf
	rel   []Reloc
	rel0  int // where its relocations begin in rel
	open  []uint32
	err   error
}

// A Mark is an open message or nest. Marks end, or are cancelled, innermost first.
type Mark struct {
	off   uint32 // from the start of the message
	rel   uint32 // relocations before it
	depth uint32
}

var (
	errMark = errors.New("wire: mark ended out of order")
	errOpen = errors.New("wire: message not ended")
)

// grow makes room for n more bytes of the open message, which may move it.
//
//go:noinline
func (b *Builder) grow(n int) {
	keep := b.buf
	if b.Chunk > 0 {
		keep = b.buf[b.start:]
		b.piece = min(max(2*b.piece, 512), b.Chunk) // one message needs little
	}
	size := max(2*(len(keep)+n), b.piece, 512)
	buf := make([]byte, len(keep), size)
	copy(buf, keep)
	if b.Chunk > 0 {
		b.start = 0
	}
	b.buf = buf
}

// reserve makes room for n more bytes.
func (b *Builder) reserve(n int) {
	if cap(b.buf)-len(b.buf) < n {
		b.grow(n)
	}
}

// take appends n zeroed bytes and returns them. They are valid until the next
// call of the Builder.
func (b *Builder) take(n int) []byte {
	l := len(b.buf)
	if cap(b.buf)-l < n {
		b.grow(n)
		l = len(b.buf)
	}
	b.buf = b.buf[:l+n]
	return b.buf[l : l+n : l+n]
}

// truncate forgets what is from n on, and leaves it zero.
func (b *Builder) truncate(n int) {
	clear(b.buf[n:])
	b.buf = b.buf[:n]
}

func (b *Builder) push() Mark {
	m := Mark{off: uint32(len(b.buf) - b.start), rel: uint32(len(b.rel) - b.rel0), depth: uint32(len(b.open))}
	b.open = append(b.open, m.off)
	return m
}

// Begin opens a message: its nlmsghdr with seq and pid 0. A message opened
// inside another is an error.
func (b *Builder) Begin(typ, flags uint16) Mark {
	if len(b.open) > 0 {
		b.fail(errOpen)
	} else {
		b.start, b.rel0 = len(b.buf), len(b.rel)
	}
	b.reserve(HeaderLen)
	m := b.push()
	b.buf = b.buf[:len(b.buf)+HeaderLen]
	h := b.buf[len(b.buf)-HeaderLen:]
	putU16(h[4:], typ)
	putU16(h[6:], flags)
	return m
}

// Fixed appends n zeroed bytes, padded: the fixed header of a message or of a
// nest, for the caller to fill before the next call.
func (b *Builder) Fixed(n int) []byte {
	p := b.take(align(n))
	return p[:n]
}

// Attr appends an attribute with n zeroed bytes of payload, for the caller to
// fill before the next call. Padding is zero. There are n bytes also when so many
// do not fit: the error sticks, and what is filled in is lost with the message.
func (b *Builder) Attr(typ uint16, n int) []byte {
	l := len(b.buf)
	end := l + attrHeader + align(n)
	if uint(n) > maxAttr-attrHeader || end > cap(b.buf) {
		return b.attrSlow(typ, n)
	}
	b.buf = b.buf[:end]
	p := b.buf[l : l+attrHeader+n : l+attrHeader+n]
	putU16(p, uint16(attrHeader+n))
	putU16(p[2:], typ)
	return p[attrHeader:]
}

// attrSlow is Attr where there is no room.
func (b *Builder) attrSlow(typ uint16, n int) []byte {
	if n+attrHeader > maxAttr {
		b.fail(fmt.Errorf("attribute %d: %d bytes, at most %d fit", typ, n, maxAttr-attrHeader))
		return make([]byte, n)
	}
	if size := attrHeader + align(n); cap(b.buf)-len(b.buf) < size {
		b.grow(size)
	}
	return b.Attr(typ, n)
}

// Uint8 and its like append an attribute in native byte order.
func (b *Builder) Uint8(typ uint16, v uint8)   { b.Attr(typ, 1)[0] = v }
func (b *Builder) Uint16(typ uint16, v uint16) { putU16(b.Attr(typ, 2), v) }
func (b *Builder) Uint64(typ uint16, v uint64) { putU64(b.Attr(typ, 8), v) }

// Uint32 is the commonest, for which it has an own short way.
func (b *Builder) Uint32(typ uint16, v uint32) {
	const size = attrHeader + 4
	l := len(b.buf)
	if cap(b.buf)-l < size {
		b.grow(size)
		l = len(b.buf)
	}
	b.buf = b.buf[:l+size]
	p := b.buf[l:][:size]
	putU16(p, size)
	putU16(p[2:], typ)
	putU32(p[4:], v)
}

// String appends a NUL-terminated string, Text one without NUL.
func (b *Builder) String(typ uint16, s string) { b.text(typ, s, len(s)+1) }
func (b *Builder) Text(typ uint16, s string)   { b.text(typ, s, len(s)) }

func (b *Builder) text(typ uint16, s string, n int) { copy(b.Attr(typ, n), s) }

// Addr appends an address: 4 or 16 bytes.
func (b *Builder) Addr(typ uint16, a netip.Addr) {
	if a.Is4() {
		*(*[4]byte)(b.Attr(typ, 4)) = a.As4()
		return
	}
	*(*[16]byte)(b.Attr(typ, 16)) = a.As16()
}

// device appends the index of a device that has no number yet: zero, and a
// relocation.
func (b *Builder) device(typ uint16, name string) {
	b.Attr(typ, 4)
	b.relocate(4, name)
}

// relocate notes that the index of the named device belongs into the 4 bytes
// that begin back bytes before the end of what was appended.
func (b *Builder) relocate(back int, name string) {
	if b.Chunk > 0 && len(b.rel) == cap(b.rel) {
		// Finished messages keep theirs: only those of the open one move.
		keep := b.rel[b.rel0:]
		b.rel = append(make([]Reloc, 0, max(2*len(keep), min(2*cap(b.rel), 1024), 16)), keep...)
		b.rel0 = 0
	}
	b.rel = append(b.rel, Reloc{Off: uint32(len(b.buf) - b.start - back), Name: name})
}

// Nest opens a nested attribute.
func (b *Builder) Nest(typ uint16) Mark { return b.nest(typ | Nested) }

// nest opens an attribute of which other attributes or structs are the payload.
func (b *Builder) nest(typ uint16) Mark {
	m := b.push()
	b.begin(typ)
	return m
}

// begin and end are nest and End for callers that cannot get marks wrong: begin
// returns where the attribute begins.
func (b *Builder) begin(typ uint16) uint32 {
	at := len(b.buf) - b.start
	putU16(b.take(attrHeader)[2:], typ)
	return uint32(at)
}

func (b *Builder) end(at uint32) {
	p := b.buf[b.start+int(at):]
	if len(p) > maxAttr {
		b.tooLong(p)
		return
	}
	putU16(p, uint16(len(p)))
}

func (b *Builder) tooLong(p []byte) {
	b.fail(fmt.Errorf("nest %d: %d bytes, at most %d fit", getU16(p[2:])&typeMask, len(p)-attrHeader, maxAttr-attrHeader))
}

// Framed opens a struct of n bytes that begins with its own u16 length and may
// be followed by attributes, as rtnexthop does. The bytes, zeroed, are valid
// until the next call; End fills in the length.
func (b *Builder) Framed(n int) (Mark, []byte) {
	m := b.push()
	return m, b.take(n)
}

// End closes the innermost mark and fills in its length.
func (b *Builder) End(m Mark) {
	if int(m.depth) != len(b.open)-1 || b.open[m.depth] != m.off {
		b.fail(errMark)
		return
	}
	b.open = b.open[:m.depth]
	if m.depth == 0 {
		p := b.buf[b.start+int(m.off):]
		putU32(p, uint32(len(p)))
		return
	}
	b.end(m.off)
}

// Cancel forgets everything since the mark was opened. Cancelling a message
// clears the error.
func (b *Builder) Cancel(m Mark) {
	if int(m.depth) >= len(b.open) || b.open[m.depth] != m.off {
		b.fail(errMark)
		return
	}
	b.open = b.open[:m.depth]
	b.truncate(b.start + int(m.off))
	b.rel = b.rel[:b.rel0+int(m.rel)]
	if m.depth == 0 {
		b.err = nil
	}
}

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Err returns the first error since the last Reset or cancelled message.
func (b *Builder) Err() error { return b.err }

// Last returns the message that was opened last, once it has ended, and its
// relocations. Both stay valid: with Chunk set for ever, else until Reset.
func (b *Builder) Last() ([]byte, []Reloc, error) {
	if b.err != nil {
		return nil, nil, b.err
	}
	if len(b.open) > 0 {
		return nil, nil, errOpen
	}
	n := len(b.buf)
	r := len(b.rel)
	return b.buf[b.start:n:n], b.rel[b.rel0:r:r], nil
}

// Bytes returns all messages since Reset. It is meant for a Builder without
// Chunk.
func (b *Builder) Bytes() ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	if len(b.open) > 0 {
		return nil, errOpen
	}
	return b.buf, nil
}

// Reset forgets all messages and keeps the memory: with Chunk, what is left of
// it, since messages may have been kept.
func (b *Builder) Reset() {
	if b.Chunk > 0 {
		b.buf, b.rel = b.buf[len(b.buf):], b.rel[len(b.rel):]
	} else {
		b.truncate(0)
		b.rel = b.rel[:0]
	}
	b.open = b.open[:0]
	b.start, b.rel0, b.err = 0, 0, nil
}
