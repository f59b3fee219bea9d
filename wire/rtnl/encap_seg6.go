package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

const (
	seg6SRH        = 1 // SEG6_IPTUNNEL_SRH
	seg6ModeInline = 0
	seg6ModeEncap  = 1
)

var encapSeg6 = &wire.Table{
	Name: "seg6",
	Doc:  "segment routing over IPv6: send packets along a list of segments",
	TagN: unix.LWTUNNEL_ENCAP_SEG6,
	Fields: []wire.Field{
		{Name: "mode", Type: seg6SRH, Kind: wire.U32, When: never, Enum: []string{"inline", "encap", "l2encap", "encap.red", "l2encap.red"}, Doc: "how the header is put on; encap unless written"},
		segmentRow(seg6SRH),
		hmacRow(seg6SRH),
		srhRow(seg6SRH),
	},
	Codec: seg6Codec{},
}

// seg6Codec writes the only attribute: the mode (native u32), then the header.
type seg6Codec struct{}

func (seg6Codec) Append(b *wire.Builder, s *wire.Set) error {
	if rawOnly(s) {
		return nil
	}
	mode := uint64(seg6ModeEncap)
	if v, ok := s.Get("mode"); ok {
		mode = v.N
	}
	h, err := segments(s, mode == seg6ModeInline)
	if err != nil {
		return err
	}
	if h == nil {
		return errors.New("segs is missing")
	}
	p := b.Attr(seg6SRH, 4+len(h))
	binary.NativeEndian.PutUint32(p, uint32(mode))
	copy(p[4:], h)
	return nil
}

func (seg6Codec) Decode(payload []byte, s *wire.Set) error {
	a, err := attrsOf(payload, seg6SRH)
	if err != nil {
		return err
	}
	p := a[seg6SRH]
	if len(p) < 4 {
		return fmt.Errorf("%d bytes, a mode has 4", len(p))
	}
	mode := binary.NativeEndian.Uint32(p)
	s.PutName("mode", wire.IntVal(uint64(mode)))
	putSegments(s, p[4:], mode == seg6ModeInline)
	return nil
}
