package rtnl

import (
	"errors"
	"slices"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Attributes of encap seg6local (include/uapi/linux/seg6_local.h).
const (
	seg6LocalAction   = 1
	seg6LocalSRH      = 2
	seg6LocalTable    = 3
	seg6LocalNH4      = 4
	seg6LocalNH6      = 5
	seg6LocalIIF      = 6
	seg6LocalOIF      = 7
	seg6LocalBPF      = 8
	seg6LocalVRFTable = 9
	seg6LocalCounters = 10
	seg6LocalFlavors  = 11

	seg6LocalEndB6 = 9 // SEG6_LOCAL_ACTION_END_B6
)

var encapSeg6Local = &wire.Table{
	Name: "seg6local",
	Doc:  "segment routing over IPv6: what this node does as a segment",
	TagN: unix.LWTUNNEL_ENCAP_SEG6_LOCAL,
	Lazy: func() []wire.Field {
		return append(seg6LocalRows(), segmentRow(seg6LocalSRH), hmacRow(seg6LocalSRH), srhRow(seg6LocalSRH))
	},
	Codec: seg6LocalCodec{},
}

// seg6LocalAttrs is the same as it is on the wire: the header is bytes.
var seg6LocalAttrs = &wire.Table{
	Name: "seg6local",
	Doc:  "attributes of seg6local",
	Lazy: func() []wire.Field {
		return append(seg6LocalRows(), wire.Field{Name: "srh", Type: seg6LocalSRH, Kind: wire.Bytes, Doc: "segment routing header"})
	},
}

var seg6LocalActions = []string{"", "End", "End.X", "End.T", "End.DX2", "End.DX6", "End.DX4", "End.DT6", "End.DT4",
	"End.B6", "End.B6.Encaps", "End.BM", "End.S", "End.AS", "End.AM", "End.BPF", "End.DT46"}

var seg6LocalFlavorWords = wire.Words{{Name: "psp", N: 1 << 1}, {Name: "usp", N: 1 << 2}, {Name: "usd", N: 1 << 3}, {Name: "next-csid", N: 1 << 4}}

func seg6LocalRows() []wire.Field {
	return []wire.Field{
		{Name: "action", Type: seg6LocalAction, Kind: wire.U32, Enum: seg6LocalActions, Doc: "behaviour of the segment"},
		{Name: "table", Type: seg6LocalTable, Kind: wire.U32, Words: routeTables, Doc: "table to look the inner destination up in"},
		{Name: "vrftable", Type: seg6LocalVRFTable, Kind: wire.U32, Words: routeTables, Doc: "the same, the table of a VRF"},
		{Name: "nh4", Type: seg6LocalNH4, Kind: wire.IP4, Doc: "IPv4 next hop"},
		{Name: "nh6", Type: seg6LocalNH6, Kind: wire.IP6, Doc: "IPv6 next hop"},
		{Name: "iif", Type: seg6LocalIIF, Kind: wire.Dev, Doc: "input device"},
		{Name: "oif", Type: seg6LocalOIF, Kind: wire.Dev, Doc: "output device"},
		{Name: "bpf", Type: seg6LocalBPF, Kind: wire.Nest, Of: seg6LocalProg, Inline: true, Doc: "program of End.BPF"},
		{Name: "flv", Type: seg6LocalFlavors, Kind: wire.Nest, Of: seg6LocalFlavorRows, Inline: true, Doc: "flavors"},
		{Name: "count", Type: seg6LocalCounters, Kind: wire.Custom, Codec: seg6Counters{}, Doc: "True counts packets, bytes and errors"},
	}
}

var seg6LocalProg = &wire.Table{
	Name: "bpf",
	Doc:  "program of End.BPF",
	Fields: []wire.Field{
		{Name: "prog", Type: 1, Kind: wire.U32, Doc: "file descriptor of the program; its id when reported"},
		{Name: "prog_name", Type: 2, Kind: wire.Str, Doc: "name of the program"},
	},
}

var seg6LocalFlavorRows = &wire.Table{
	Name: "flv",
	Doc:  "flavors of a behaviour",
	Fields: []wire.Field{
		{Name: "flavors", Type: 1, Kind: wire.U32, Bits: true, Words: seg6LocalFlavorWords, Doc: "variants of the behaviour (RFC 8986, 4.16)"},
		{Name: "lblen", Type: 2, Kind: wire.U8, Doc: "next-csid: bits of the locator block"},
		{Name: "nflen", Type: 3, Kind: wire.U8, Doc: "next-csid: bits of node and function"},
	},
}

// seg6Counters is the request to count: the three counters, all zero. What the
// kernel has counted is not read, it changes by itself.
type seg6Counters struct{}

func (seg6Counters) Append(b *wire.Builder, f *wire.Field, v wire.Value) error {
	if v.Type != wire.Int {
		return errors.New("wants True")
	}
	if !v.True() {
		return nil
	}
	m := b.Nest(f.Type)
	for typ := uint16(2); typ <= 4; typ++ { // SEG6_LOCAL_CNT_PACKETS, BYTES, ERRORS
		b.Uint64(typ, 0)
	}
	b.End(m)
	return nil
}

func (seg6Counters) Decode(_ *wire.Field, payload []byte) (wire.Value, error) {
	_, err := attrsOf(payload, 4)
	return wire.BoolVal(true), err
}

// seg6LocalCodec makes the header of segs and hmac, and leaves the rest to
// seg6LocalAttrs. End.B6 inserts its header into the packet's, which is why the
// last segment is the packet's destination.
type seg6LocalCodec struct{}

func (seg6LocalCodec) Append(b *wire.Builder, s *wire.Set) error {
	h, err := segments(s, s.Uint("action") == seg6LocalEndB6)
	if err != nil {
		return err
	}
	t := wire.NewSet(seg6LocalAttrs)
	for _, e := range s.Ents {
		if f := seg6LocalAttrs.Row(e.F.Name); f != nil && f.Name != "srh" {
			t.Put(f, e.V)
		}
	}
	if h != nil {
		t.PutName("srh", wire.StrVal(string(h)))
	}
	return seg6LocalAttrs.Append(b, t)
}

// Decode reads one attribute at a time: what is not understood as a whole is
// kept as a whole.
func (seg6LocalCodec) Decode(payload []byte, s *wire.Set) error {
	t := wire.NewSet(seg6LocalAttrs)
	var h []byte
	for a, err := range wire.Attrs(payload) {
		if err != nil {
			return err
		}
		if a.Type == seg6LocalSRH && h == nil {
			h = a.Data
			continue
		}
		end := a.Off + 4 + len(a.Data)
		if err := seg6LocalAttrs.Decode(payload[a.Off:end:end], t); err != nil {
			return err
		}
		if len(t.Extra) > 0 || slices.ContainsFunc(t.Ents, func(e wire.Entry) bool { return s.Has(e.F.Name) }) {
			keep(s, a)
			continue
		}
		for _, e := range t.Ents {
			s.PutName(e.F.Name, e.V)
		}
	}
	if h != nil {
		putSegments(s, h, s.Uint("action") == seg6LocalEndB6)
	}
	return nil
}
