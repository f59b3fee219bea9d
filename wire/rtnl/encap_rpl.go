package rtnl

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

var encapRPL = &wire.Table{
	Name: "rpl",
	Doc:  "RPL source routing (RFC 6554)",
	TagN: unix.LWTUNNEL_ENCAP_RPL,
	Fields: []wire.Field{
		{Name: "segs", Type: 1, Kind: wire.Custom, Codec: rplHeader{}, Doc: "segments to visit, in order"},
	},
}

// rplHeader is RPL_IPTUNNEL_SRH: 8 bytes (next header, length, type 3, segments
// left, compression and padding, all zero), then the segments in reverse order.
type rplHeader struct{}

const (
	rplFixed = 8
	rplType  = 3
)

func (rplHeader) Append(b *wire.Builder, f *wire.Field, v wire.Value) error {
	segs, err := addrs(v)
	if err != nil {
		return err
	}
	if n := len(segs); n == 0 || n > 127 {
		return fmt.Errorf("%d segments; 1 to 127 fit", n)
	}
	p := b.Attr(f.Type, rplFixed+16*len(segs))
	p[1] = byte(2 * len(segs))
	p[2] = rplType
	p[3] = byte(len(segs))
	p = p[rplFixed:]
	for _, a := range slices.Backward(segs) {
		v := a.As16()
		p = p[copy(p, v[:]):]
	}
	return nil
}

func (rplHeader) Decode(_ *wire.Field, p []byte) (wire.Value, error) {
	n := (len(p) - rplFixed) / 16
	if n < 1 || len(p) != rplFixed+16*n || p[1] != byte(2*n) || p[2] != rplType || p[3] != byte(n) || p[0]|p[4]|p[5]|p[6]|p[7] != 0 {
		return wire.Value{}, errors.New("not a plain RPL header")
	}
	v := wire.Value{Type: wire.ListVal}
	for i := n - 1; i >= 0; i-- {
		v.L = append(v.L, wire.AddrVal(netip.AddrFrom16([16]byte(p[rplFixed+16*i:]))))
	}
	return v, nil
}

// addrs reads a list of IPv6 addresses.
func addrs(v wire.Value) ([]netip.Addr, error) {
	if v.Type != wire.ListVal {
		v = wire.ListOf(v)
	}
	l := make([]netip.Addr, len(v.L))
	for i, e := range v.L {
		a := e.A
		if e.Type == wire.String {
			a, _ = netip.ParseAddr(e.S)
		}
		if !a.Is6() || a.Zone() != "" {
			return nil, wire.At(fmt.Sprintf("[%d]", i), errors.New("wants an IPv6 address"))
		}
		l[i] = a
	}
	return l, nil
}

// addrOf is the address in 16 bytes.
func addrOf(p []byte) (wire.Value, bool) {
	a, ok := netip.AddrFromSlice(p)
	return wire.AddrVal(a), ok && a.Is6()
}
