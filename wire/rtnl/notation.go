package rtnl

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/nlscript/nlscript/wire"
)

// realms is RTA_FLOW and FRA_FLOW: the source's realm in the upper half, the
// destination's in the lower, written "from/to" or as the latter alone.
type realms struct{}

func (realms) Parse(s string) (wire.Value, bool, error) {
	from, to, two := strings.Cut(s, "/")
	if !two {
		from, to = "0", s
	}
	var n uint64
	for _, p := range []string{from, to} {
		r, err := strconv.ParseUint(p, 0, 16)
		if err != nil {
			return wire.Value{}, false, fmt.Errorf("%q: a realm is a number up to 65535, realms are written \"from/to\"", s)
		}
		n = n<<16 | r
	}
	return wire.IntVal(n), true, nil
}

func (realms) Text(v wire.Value) (string, bool) {
	if v.N>>16 == 0 {
		return strconv.FormatUint(v.N, 10), true
	}
	return fmt.Sprintf("%d/%d", v.N>>16, v.N&0xffff), true
}

// MPLS label stack entries: label 20 bits, class 3, bottom of stack 1, TTL 8.
const (
	mplsBottom   = 1 << 8
	mplsLabelMax = 1<<20 - 1
	mplsLabelLen = 20 // rtm_dst_len of a label
)

// labelPrefix lets the destination of a route be an MPLS label. As a value it
// is what the message holds: the 4 bytes of the stack entry as an address, with
// length 20. The bottom-of-stack bit lies beyond these 20 bits, where no IPv4
// prefix that the kernel accepts has one.
type labelPrefix struct{}

func (labelPrefix) Parse(s string) (wire.Value, bool, error) {
	if strings.ContainsAny(s, ".:/") {
		return wire.Value{}, false, nil // the usual case, without the cost of an error
	}
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		return wire.Value{}, false, nil
	}
	if n > mplsLabelMax {
		return wire.Value{}, false, fmt.Errorf("label %d is out of range (0..%d)", n, mplsLabelMax)
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n<<12|mplsBottom))
	return wire.NetVal(netip.PrefixFrom(netip.AddrFrom4(b), mplsLabelLen)), true, nil
}

func (labelPrefix) Text(v wire.Value) (string, bool) {
	n, ok := isLabel(v)
	return strconv.FormatUint(n, 10), ok
}

func isLabel(v wire.Value) (label uint64, ok bool) {
	if v.Type != wire.Net || !v.A.Is4() || v.N != mplsLabelLen {
		return 0, false
	}
	a := v.A.As4()
	n := binary.BigEndian.Uint32(a[:])
	return uint64(n >> 12), n&0xfff == mplsBottom
}

// labelStack is a stack of MPLS labels, outermost first, as a string "200/201".
// The same attribute of an IPv4 route holds an address.
type labelStack struct{}

var (
	_ wire.Codec    = labelStack{}
	_ wire.Notation = labelStack{}
)

func (labelStack) Append(b *wire.Builder, f *wire.Field, v wire.Value) error {
	switch v.Type {
	case wire.Addr:
		b.Addr(f.Type, v.A)
		return nil
	case wire.Int:
		v = wire.StrVal(strconv.FormatUint(v.N, 10))
	case wire.String:
	default:
		return fmt.Errorf("wants labels, such as \"200/201\"")
	}
	if a, err := netip.ParseAddr(v.S); err == nil {
		b.Addr(f.Type, a)
		return nil
	}
	labels, err := parseLabels(v.S)
	if err != nil {
		return err
	}
	p := b.Attr(f.Type, 4*len(labels))
	for i, l := range labels {
		if i == len(labels)-1 {
			l |= mplsBottom
		}
		binary.BigEndian.PutUint32(p[4*i:], l)
	}
	return nil
}

// parseLabels returns stack entries without the bottom bit.
func parseLabels(s string) ([]uint32, error) {
	var labels []uint32
	for _, p := range strings.Split(s, "/") {
		n, err := strconv.ParseUint(p, 0, 32)
		if err != nil || n > mplsLabelMax {
			return nil, fmt.Errorf("%q: a label is a number up to %d, several are written \"200/201\"", s, mplsLabelMax)
		}
		labels = append(labels, uint32(n)<<12)
	}
	return labels, nil
}

func (labelStack) Decode(_ *wire.Field, p []byte) (wire.Value, error) {
	var s []string
	for q := p; len(q) >= 4; q = q[4:] {
		n := binary.BigEndian.Uint32(q)
		want := uint32(0)
		if len(q) == 4 {
			want = mplsBottom
		}
		if n&0xfff != want {
			s = nil
			break
		}
		s = append(s, strconv.FormatUint(uint64(n>>12), 10))
	}
	if len(s) > 0 && len(p)%4 == 0 {
		return wire.StrVal(strings.Join(s, "/")), nil
	}
	if a, ok := netip.AddrFromSlice(p); ok {
		return wire.AddrVal(a), nil
	}
	return wire.Value{}, fmt.Errorf("%d bytes are not labels", len(p))
}

func (labelStack) Parse(s string) (wire.Value, bool, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return wire.AddrVal(a), true, nil
	}
	labels, err := parseLabels(s)
	if err != nil {
		return wire.Value{}, false, err
	}
	t := make([]string, len(labels))
	for i, l := range labels {
		t[i] = strconv.FormatUint(uint64(l>>12), 10)
	}
	return wire.StrVal(strings.Join(t, "/")), true, nil
}

func (labelStack) Text(v wire.Value) (string, bool) {
	if v.Type == wire.Addr {
		return v.A.String(), true
	}
	return v.S, v.Type == wire.String
}
