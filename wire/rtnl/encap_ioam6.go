package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Attributes of encap ioam6 (include/uapi/linux/ioam6_iptunnel.h).
const (
	ioam6Mode  = 1
	ioam6Dst   = 2
	ioam6Trace = 3
	ioam6FreqK = 4
	ioam6FreqN = 5
	ioam6Src   = 6

	ioam6Inline = 1
)

var encapIOAM6 = &wire.Table{
	Name: "ioam6",
	Doc:  "in-situ OAM over IPv6: a preallocated trace in packets (RFC 9197)",
	TagN: unix.LWTUNNEL_ENCAP_IOAM6,
	Fields: []wire.Field{
		{Name: "freq", Type: ioam6FreqK, Kind: wire.Str, When: never, Doc: "how many packets of how many, \"k/n\"; \"1/1\" unless written"},
		{Name: "mode", Type: ioam6Mode, Kind: wire.U8, Enum: []string{"", "inline", "encap", "auto"}, Doc: "how the trace is put on; inline unless written"},
		{Name: "tunsrc", Type: ioam6Src, Kind: wire.IP6, Since: "6.13", Doc: "modes encap and auto: outer source"},
		{Name: "tundst", Type: ioam6Dst, Kind: wire.IP6, Doc: "modes encap and auto: outer destination"},
		{Name: "type", Type: ioam6Trace, Kind: wire.U32, When: never, Max: 1<<24 - 1, Hex: true, Doc: "what each node writes, 24 bits"},
		{Name: "ns", Type: ioam6Trace, Kind: wire.U16, When: never, Doc: "IOAM namespace"},
		{Name: "size", Type: ioam6Trace, Kind: wire.U16, Max: 244, Doc: "bytes reserved for the trace, a multiple of 4"},
		{Name: "trace", Type: ioam6Trace, Kind: wire.Bytes, When: never, Doc: "the whole trace header, when type, ns and size cannot say it"},
	},
	Codec: ioam6Codec{},
}

// ioam6Codec writes the trace header (struct ioam6_trace_hdr): namespace u16,
// node length and flags, remaining length in units of 4, type 24 bits, reserved.
type ioam6Codec struct{}

const ioam6TraceLen = 8

func (ioam6Codec) Append(b *wire.Builder, s *wire.Set) error {
	if rawOnly(s) {
		return nil
	}
	k, n, err := ioam6Freq(s)
	if err != nil {
		return wire.At("freq", err)
	}
	b.Uint32(ioam6FreqK, k)
	b.Uint32(ioam6FreqN, n)
	mode := uint64(ioam6Inline)
	if v, ok := s.Get("mode"); ok {
		mode = v.N
	}
	b.Uint8(ioam6Mode, uint8(mode))
	for _, name := range []string{"tunsrc", "tundst"} {
		if v, ok := s.Get(name); ok {
			b.Addr(s.Table.Row(name).Type, v.A)
		}
	}
	if raw, ok := s.Get("trace"); ok {
		b.Text(ioam6Trace, raw.S)
		return nil
	}
	size := s.Uint("size")
	if size%4 != 0 || size == 0 {
		return wire.At("size", errors.New("must be a multiple of 4, at least 4"))
	}
	h := b.Attr(ioam6Trace, ioam6TraceLen)
	binary.BigEndian.PutUint32(h[4:], uint32(s.Uint("type"))<<8)
	binary.BigEndian.PutUint16(h, uint16(s.Uint("ns")))
	h[3] = byte(size / 4)
	return nil
}

func ioam6Freq(s *wire.Set) (k, n uint32, err error) {
	v, ok := s.Get("freq")
	if !ok {
		return 1, 1, nil
	}
	ks, ns, _ := strings.Cut(v.S, "/")
	k64, err1 := strconv.ParseUint(ks, 10, 32)
	n64, err2 := strconv.ParseUint(ns, 10, 32)
	if err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("%q is not of the form \"1/10\"", v.S)
	}
	return uint32(k64), uint32(n64), nil
}

func (ioam6Codec) Decode(payload []byte, s *wire.Set) error {
	a, err := attrsOf(payload, ioam6Src)
	if err != nil {
		return err
	}
	if len(a[ioam6FreqK]) != 4 || len(a[ioam6FreqN]) != 4 || len(a[ioam6Mode]) != 1 || a[ioam6Trace] == nil {
		return errors.New("frequency, mode or trace is missing")
	}
	s.PutName("freq", wire.StrVal(fmt.Sprintf("%d/%d", binary.NativeEndian.Uint32(a[ioam6FreqK]), binary.NativeEndian.Uint32(a[ioam6FreqN]))))
	s.PutName("mode", wire.IntVal(uint64(a[ioam6Mode][0])))
	for _, name := range []string{"tunsrc", "tundst"} {
		p := a[s.Table.Row(name).Type]
		if p == nil {
			continue
		}
		addr, ok := addrOf(p)
		if !ok {
			return fmt.Errorf("%s: %d bytes", name, len(p))
		}
		s.PutName(name, addr)
	}
	h := a[ioam6Trace]
	if len(h) != ioam6TraceLen || h[2] != 0 || h[3]&0x80 != 0 || h[3] == 0 || h[7] != 0 {
		s.PutName("trace", wire.StrVal(string(h)))
		return nil
	}
	s.PutName("type", wire.IntVal(uint64(binary.BigEndian.Uint32(h[4:])>>8)))
	s.PutName("ns", wire.IntVal(uint64(binary.BigEndian.Uint16(h))))
	s.PutName("size", wire.IntVal(4*uint64(h[3])))
	return nil
}
