package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/nlscript/nlscript/wire"
)

// A segment routing header (RFC 8754) as the kernel takes it: fixed part,
// segments in reverse order, then perhaps an HMAC TLV.
const (
	srhFixed    = 8
	srhType     = 4 // routing type
	srhHMACFlag = 0x08
	srhHMACType = 5
	srhHMACLen  = 40 // TLV: type, length, 2 reserved, key id, 32 bytes of digest
	srhSegments = 16
	srhMaxLen   = 8 + 255*8
)

// srh builds the header for segments in the order they are visited. With
// inline, the destination the packet has is the last one: the kernel fills its
// place, which is left zero.
func srh(segs []netip.Addr, inline bool, hmac uint64) ([]byte, error) {
	if len(segs) == 0 {
		return nil, errors.New("wants one segment or more")
	}
	path := slices.Clone(segs)
	if inline {
		path = append(path, netip.IPv6Unspecified())
	}
	n := srhFixed + srhSegments*len(path)
	if hmac != 0 {
		n += srhHMACLen
	}
	if n > srhMaxLen {
		return nil, fmt.Errorf("%d segments are too many", len(segs))
	}
	b := make([]byte, n)
	b[1] = byte(n/8 - 1)
	b[2] = srhType
	b[3] = byte(len(path) - 1) // segments left
	b[4] = byte(len(path) - 1) // first segment
	p := b[srhFixed:]
	for _, a := range slices.Backward(path) {
		if !a.Is6() {
			return nil, fmt.Errorf("segment %s is not an IPv6 address", a)
		}
		v := a.As16()
		p = p[copy(p, v[:]):]
	}
	if hmac != 0 {
		b[5] = srhHMACFlag
		p[0], p[1] = srhHMACType, srhHMACLen-2
		binary.BigEndian.PutUint32(p[4:], uint32(hmac))
	}
	return b, nil
}

// parseSRH is the reverse of srh; false when it would not yield the same bytes.
func parseSRH(b []byte, inline bool) (segs []netip.Addr, hmac uint64, ok bool) {
	if len(b) < srhFixed {
		return nil, 0, false
	}
	n := int(b[4]) + 1
	if len(b) < srhFixed+srhSegments*n {
		return nil, 0, false
	}
	for i := range n {
		segs = append(segs, netip.AddrFrom16([16]byte(b[srhFixed+srhSegments*(n-1-i):])))
	}
	if inline {
		segs = segs[:n-1]
	}
	if tlv := b[srhFixed+srhSegments*n:]; len(tlv) == srhHMACLen {
		hmac = uint64(binary.BigEndian.Uint32(tlv[4:]))
	}
	again, err := srh(segs, inline, hmac)
	return segs, hmac, err == nil && slices.Equal(again, b)
}

// segmentRow and its like are what every table with a segment routing header
// shares: segs and hmac, or the whole header raw.
func segmentRow(typ uint16) wire.Field {
	return wire.Field{Name: "segs", Type: typ, Kind: wire.List, Elem: &segment, Doc: "segments to visit, in order"}
}

func hmacRow(typ uint16) wire.Field {
	return wire.Field{Name: "hmac", Type: typ, Kind: wire.U32, When: never, Doc: "id of the key that signs the header"}
}

func srhRow(typ uint16) wire.Field {
	return wire.Field{Name: "srh", Type: typ, Kind: wire.Bytes, When: never, Doc: "the whole segment routing header, when segs and hmac cannot say it"}
}

var segment = wire.Field{Name: "seg", Kind: wire.IP6, Doc: "segment"}

// putSegments sets segs and hmac, or srh, from a header.
func putSegments(s *wire.Set, b []byte, inline bool) {
	segs, hmac, ok := parseSRH(b, inline)
	if !ok {
		s.PutName("srh", wire.StrVal(string(b)))
		return
	}
	l := make([]wire.Value, len(segs))
	for i, a := range segs {
		l[i] = wire.AddrVal(a)
	}
	s.PutName("segs", wire.ListOf(l...))
	if hmac != 0 {
		s.PutName("hmac", wire.IntVal(hmac))
	}
}

// segments builds the header from segs and hmac, or returns srh; nil when
// neither is there.
func segments(s *wire.Set, inline bool) ([]byte, error) {
	if raw, ok := s.Get("srh"); ok {
		return []byte(raw.S), nil
	}
	v, ok := s.Get("segs")
	if !ok {
		return nil, nil
	}
	segs := make([]netip.Addr, len(v.L))
	for i, e := range v.L {
		segs[i] = e.A
	}
	b, err := srh(segs, inline, s.Uint("hmac"))
	if err != nil {
		return nil, wire.At("segs", err)
	}
	return b, nil
}
