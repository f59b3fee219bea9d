package rtnl

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Attributes of encap ip and ip6; the two have the same numbers.
const (
	lwtunnelID    = 1
	lwtunnelDst   = 2
	lwtunnelSrc   = 3
	lwtunnelTTL   = 4
	lwtunnelTOS   = 5
	lwtunnelFlags = 6
	lwtunnelOpts  = 8

	lwtunnelOptsGeneve = 1
	lwtunnelOptsVxlan  = 2
	lwtunnelOptsErspan = 3
)

var encapIP = &wire.Table{
	Name: "ip",
	Doc:  "metadata for an IPv4 tunnel device in external mode",
	TagN: unix.LWTUNNEL_ENCAP_IP,
	Lazy: func() []wire.Field {
		return append([]wire.Field{
			{Name: "id", Type: lwtunnelID, Kind: wire.BE64, Doc: "tunnel id"},
			{Name: "dst", Type: lwtunnelDst, Kind: wire.IP4, Doc: "outer destination"},
			{Name: "src", Type: lwtunnelSrc, Kind: wire.IP4, Doc: "outer source"},
			{Name: "ttl", Type: lwtunnelTTL, Kind: wire.U8, Doc: "outer TTL"},
			{Name: "tos", Type: lwtunnelTOS, Kind: wire.U8, Hex: true, Doc: "outer type of service"},
		}, encapIPRows(&wire.Place{Type: lwtunnelFlags, Len: 2})...)
	},
}

var encapIP6 = &wire.Table{
	Name: "ip6",
	Doc:  "metadata for an IPv6 tunnel device in external mode",
	TagN: unix.LWTUNNEL_ENCAP_IP6,
	Lazy: func() []wire.Field {
		return append([]wire.Field{
			{Name: "id", Type: lwtunnelID, Kind: wire.BE64, Doc: "tunnel id"},
			{Name: "dst", Type: lwtunnelDst, Kind: wire.IP6, Doc: "outer destination"},
			{Name: "src", Type: lwtunnelSrc, Kind: wire.IP6, Doc: "outer source"},
			{Name: "hoplimit", Type: lwtunnelTTL, Kind: wire.U8, Doc: "outer hop limit"},
			{Name: "tc", Type: lwtunnelTOS, Kind: wire.U8, Hex: true, Doc: "outer traffic class"},
		}, encapIPRows(&wire.Place{Type: lwtunnelFlags, Len: 2})...)
	},
}

// encapIPRows are the flags, a big-endian u16 of which the low byte comes
// second, and the options. The option bits follow from the options.
func encapIPRows(flags *wire.Place) []wire.Field {
	return []wire.Field{
		{Name: "csum", At: flags, Off: 1, Kind: wire.Bit8, Bit: 0x01, Doc: "checksum in the tunnel header"},
		{Name: "routing", At: flags, Off: 1, Kind: wire.Bit8, Bit: 0x02, Doc: "routing bit of the tunnel header"},
		{Name: "key", At: flags, Off: 1, Kind: wire.Bit8, Bit: 0x04, Doc: "the tunnel header carries the id as key"},
		{Name: "seq", At: flags, Off: 1, Kind: wire.Bit8, Bit: 0x08, Doc: "sequence numbers in the tunnel header"},
		{Name: "strict", At: flags, Off: 1, Kind: wire.Bit8, Bit: 0x10, Doc: "strict source route bit of the tunnel header"},
		{Name: "rec", At: flags, Off: 1, Kind: wire.Bit8, Bit: 0x20, Doc: "recursion bit of the tunnel header"},
		{Name: "version", At: flags, Off: 1, Kind: wire.Bit8, Bit: 0x40, Doc: "version bit of the tunnel header"},
		{Name: "no_key", At: flags, Off: 1, Kind: wire.Bit8, Bit: 0x80, Doc: "no key in the tunnel header"},
		{Name: "dont_fragment", At: flags, Off: 0, Kind: wire.Bit8, Bit: 0x01, Doc: "set the outer DF bit"},
		{Name: "oam", At: flags, Off: 0, Kind: wire.Bit8, Bit: 0x02, Doc: "an operations packet"},
		{Name: "crit_opt", At: flags, Off: 0, Kind: wire.Bit8, Bit: 0x04, Doc: "has a critical Geneve option"},
		{Name: "has_geneve", At: flags, Off: 0, Kind: wire.Bit8, Bit: 0x08, RO: true, Volatile: true, Doc: "has Geneve options"},
		{Name: "has_vxlan", At: flags, Off: 0, Kind: wire.Bit8, Bit: 0x10, RO: true, Volatile: true, Doc: "has a VXLAN option"},
		{Name: "nocache", At: flags, Off: 0, Kind: wire.Bit8, Bit: 0x20, Doc: "do not cache the outer route"},
		{Name: "has_erspan", At: flags, Off: 0, Kind: wire.Bit8, Bit: 0x40, RO: true, Volatile: true, Doc: "has ERSPAN options"},
		{Name: "has_gtp", At: flags, Off: 0, Kind: wire.Bit8, Bit: 0x80, RO: true, Volatile: true, Doc: "has GTP options"},
		{Name: "opts", Type: lwtunnelOpts, Kind: wire.Nest, Of: tunnelOpts, Inline: true, Doc: "options of the tunnel header"},
	}
}

var tunnelOpts = &wire.Table{
	Name: "opts",
	Doc:  "options of the tunnel header",
	Fields: []wire.Field{
		{Name: "geneve_opts", Type: lwtunnelOptsGeneve, Kind: wire.Multi, Elem: &geneveOptElem, Doc: "Geneve options, each \"CLASS:TYPE:DATA\" in hexadecimal"},
		{Name: "vxlan", Type: lwtunnelOptsVxlan, Kind: wire.Nest, Of: vxlanOpts, Inline: true, Doc: "VXLAN options"},
		{Name: "erspan_opts", Type: lwtunnelOptsErspan, Kind: wire.Custom, Codec: erspanOpt{}, Doc: "ERSPAN header, \"VERSION:INDEX:DIRECTION:HWID\""},
	},
}

var vxlanOpts = &wire.Table{
	Name: "vxlan",
	Doc:  "VXLAN options",
	Fields: []wire.Field{
		{Name: "vxlan_opts", Type: 1, Kind: wire.U32, Hex: true, Doc: "VXLAN group policy (GBP)"},
	},
}

var geneveOptElem = wire.Field{Name: "opt", Type: lwtunnelOptsGeneve, Kind: wire.Custom, Codec: geneveOpt{}, Doc: "option"}

// geneveOpt is one option of a Geneve header, as the string "CLASS:TYPE:DATA".
// The kernel takes a nest for each but reports all in one (ip_tunnel_core.c):
// those are read as one string, joined by commas, that canonEncap takes apart.
type geneveOpt struct{}

func (geneveOpt) Append(b *wire.Builder, f *wire.Field, v wire.Value) error {
	for _, opt := range strings.Split(v.S, ",") {
		if err := appendGeneve(b, f.Type, opt); err != nil {
			return err
		}
	}
	return nil
}

func appendGeneve(b *wire.Builder, nest uint16, opt string) error {
	p := strings.Split(opt, ":")
	if len(p) != 3 {
		return fmt.Errorf("wants \"CLASS:TYPE:DATA\" in hexadecimal, such as \"0102:80:00000001\"")
	}
	class, err := strconv.ParseUint(p[0], 16, 16)
	if err != nil {
		return fmt.Errorf("class %q is not a hexadecimal number up to ffff", p[0])
	}
	typ, err := strconv.ParseUint(p[1], 16, 8)
	if err != nil {
		return fmt.Errorf("type %q is not a hexadecimal number up to ff", p[1])
	}
	data, err := hex.DecodeString(p[2])
	if err != nil || len(data) == 0 || len(data)%4 != 0 || len(data) > 124 {
		return fmt.Errorf("data %q is not 4 to 124 bytes in hexadecimal, a multiple of 4", p[2])
	}
	m := b.Nest(nest)
	binary.BigEndian.PutUint16(b.Attr(1, 2), uint16(class))
	b.Uint8(2, uint8(typ))
	copy(b.Attr(3, len(data)), data)
	b.End(m)
	return nil
}

func (geneveOpt) Decode(_ *wire.Field, payload []byte) (wire.Value, error) {
	var opts []string
	want := uint16(1)
	for a, err := range wire.Attrs(payload) {
		if err != nil {
			return wire.Value{}, err
		}
		n := len(a.Data)
		if a.Type != want || want < 3 && n != 3-int(want) || want == 3 && (n == 0 || n%4 != 0 || n > 124) {
			return wire.Value{}, fmt.Errorf("unexpected attribute %d", a.Type)
		}
		if want == 1 {
			opts = append(opts, "")
		}
		opts[len(opts)-1] += [...]string{"", "", ":", ":"}[want] + hex.EncodeToString(a.Data)
		want = want%3 + 1
	}
	if want != 1 || len(opts) == 0 {
		return wire.Value{}, fmt.Errorf("not a Geneve option")
	}
	return wire.StrVal(strings.Join(opts, ",")), nil
}

// splitGeneve makes one element of each option.
func splitGeneve(v wire.Value) wire.Value {
	var l []wire.Value
	for _, e := range v.L {
		for _, opt := range strings.Split(e.S, ",") {
			l = append(l, wire.StrVal(opt))
		}
	}
	return wire.ListOf(l...)
}

// erspanOpt is the metadata of an ERSPAN header. Version 1 has an index,
// version 2 a direction and a hardware id, but all four are always sent.
type erspanOpt struct{}

var errERSPAN = errors.New("not an ERSPAN option")

func (erspanOpt) Append(b *wire.Builder, f *wire.Field, v wire.Value) error {
	p := strings.Split(v.S, ":")
	if v.Type != wire.String || len(p) != 4 {
		return fmt.Errorf("wants \"VERSION:INDEX:DIRECTION:HWID\", such as \"2:0:1:17\"")
	}
	var n [4]uint64
	for i, bits := range []int{8, 32, 8, 8} {
		var err error
		if n[i], err = strconv.ParseUint(p[i], 0, bits); err != nil {
			return fmt.Errorf("%q is not a number of %d bits", p[i], bits)
		}
	}
	m := b.Nest(f.Type)
	b.Uint8(1, uint8(n[0]))
	binary.BigEndian.PutUint32(b.Attr(2, 4), uint32(n[1]))
	b.Uint8(3, uint8(n[2]))
	b.Uint8(4, uint8(n[3]))
	b.End(m)
	return nil
}

func (erspanOpt) Decode(_ *wire.Field, payload []byte) (wire.Value, error) {
	a, err := attrsOf(payload, 4)
	if err != nil || len(a[1]) != 1 {
		return wire.Value{}, errERSPAN
	}
	var n [4]uint64
	for i, size := range [4]int{1, 4, 1, 1} {
		if l := len(a[i+1]); l != 0 && l != size {
			return wire.Value{}, errERSPAN
		}
		for _, c := range a[i+1] {
			n[i] = n[i]<<8 | uint64(c)
		}
	}
	return wire.StrVal(fmt.Sprintf("%d:%d:%d:%d", n[0], n[1], n[2], n[3])), nil
}

// attrsOf returns the payloads of attributes 1 to last; an attribute beyond
// these, or one that comes twice, is an error.
func attrsOf(payload []byte, last uint16) ([][]byte, error) {
	a := make([][]byte, last+1)
	for x, err := range wire.Attrs(payload) {
		if err != nil {
			return nil, err
		}
		if x.Type > last || a[x.Type] != nil {
			return nil, fmt.Errorf("unexpected attribute %d", x.Type)
		}
		a[x.Type] = x.Data
	}
	return a, nil
}
