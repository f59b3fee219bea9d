package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// gateway writes the address of a next hop: as RTA_GATEWAY when it is of the
// route's family, as RTA_VIA (struct rtvia) otherwise. A codec does not see the
// route, so the value says which: inVia in N marks RTA_VIA. setVia puts the mark.
// A link-layer address, which only MPLS takes, is a string.
type gateway struct{}

const inVia = 1

var (
	_ wire.Codec    = gateway{}
	_ wire.Notation = gateway{}
)

func (gateway) Append(b *wire.Builder, f *wire.Field, v wire.Value) error {
	switch {
	case v.Type == wire.String:
		mac, err := net.ParseMAC(v.S)
		if err != nil {
			return errGateway(v.S)
		}
		appendVia(b, f.Alt, unix.AF_PACKET, mac)
	case v.Type != wire.Addr:
		return errors.New("wants an address")
	case v.N != inVia:
		b.Addr(f.Type, v.A)
	default:
		appendVia(b, f.Alt, addrFamily(v.A), v.A.AsSlice())
	}
	return nil
}

func appendVia(b *wire.Builder, typ, family uint16, addr []byte) {
	p := b.Attr(typ, 2+len(addr))
	binary.NativeEndian.PutUint16(p, family)
	copy(p[2:], addr)
}

// Decode tells RTA_GATEWAY from RTA_VIA by the length, which the family makes unique.
func (gateway) Decode(_ *wire.Field, p []byte) (wire.Value, error) {
	if a, ok := netip.AddrFromSlice(p); ok {
		return wire.AddrVal(a), nil
	}
	if len(p) < 2 {
		return wire.Value{}, errors.New("too short for an address")
	}
	family, addr := binary.NativeEndian.Uint16(p), p[2:]
	a, ok := netip.AddrFromSlice(addr)
	switch {
	case ok && addrFamily(a) == family:
		return wire.Value{Type: wire.Addr, A: a, N: inVia}, nil
	case family == unix.AF_PACKET && len(addr) == 6:
		return wire.StrVal(net.HardwareAddr(addr).String()), nil
	}
	return wire.Value{}, fmt.Errorf("address of family %d with %d bytes", family, len(addr))
}

func (gateway) Parse(s string) (wire.Value, bool, error) {
	v, err := parseGateway(s)
	return v, err == nil, err
}

func (gateway) Text(v wire.Value) (string, bool) {
	if v.Type == wire.Addr {
		return v.A.String(), true
	}
	return v.S, v.Type == wire.String
}

func parseGateway(s string) (wire.Value, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return wire.AddrVal(a), nil
	}
	if mac, err := net.ParseMAC(s); err == nil && len(mac) == 6 {
		return wire.StrVal(mac.String()), nil
	}
	return wire.Value{}, errGateway(s)
}

func errGateway(s string) error {
	if strings.Contains(s, "%") {
		return fmt.Errorf("%q: name the device with dev", s)
	}
	return fmt.Errorf("%q is not an address", s)
}

func addrFamily(a netip.Addr) uint16 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// setVia marks the gateway in s for the attribute that a route of this family
// takes it in. The set is changed only when it has to be; it returns the set to
// use, which is a copy then when shared is true.
func setVia(s *wire.Set, row *wire.Field, family uint64, shared bool) (*wire.Set, error) {
	old, ok := s.At(row)
	if !ok {
		return s, nil
	}
	v := old
	if v.Type == wire.String {
		var err error
		if v, err = parseGateway(v.S); err != nil {
			return s, wire.At(row.Name, err)
		}
	}
	if v.Type == wire.Addr {
		v.N = 0
		if uint64(addrFamily(v.A)) != family {
			v.N = inVia
		}
	}
	if v.Equal(old) {
		return s, nil
	}
	if shared {
		s = s.Clone()
	}
	s.Put(row, v)
	return s, nil
}
