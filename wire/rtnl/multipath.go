package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// Hop is one next hop of a route with several: struct rtnexthop and the
// attributes behind it. In scripts it is made by hop().
var Hop = &wire.Table{
	Name:   "hop",
	Doc:    "one of several next hops of a route",
	Fixed:  unix.SizeofRtNexthop,
	Head:   "rtnexthop",
	Framed: true,
	Fields: []wire.Field{
		{Name: "onlink", At: rtnexthop, Off: 2, Kind: wire.Bit8, Bit: unix.RTNH_F_ONLINK, Doc: "the gateway is on this link, whatever the addresses say"},
		{Name: "pervasive", At: rtnexthop, Off: 2, Kind: wire.Bit8, Bit: unix.RTNH_F_PERVASIVE, Doc: "do a recursive gateway lookup"},
		{Name: "dead", At: rtnexthop, Off: 2, Kind: wire.Bit8, Bit: unix.RTNH_F_DEAD, RO: true, Volatile: true, Doc: "the next hop is dead"},
		{Name: "linkdown", At: rtnexthop, Off: 2, Kind: wire.Bit8, Bit: unix.RTNH_F_LINKDOWN, RO: true, Volatile: true, Doc: "the device has no carrier"},
		{Name: "offload", At: rtnexthop, Off: 2, Kind: wire.Bit8, Bit: unix.RTNH_F_OFFLOAD, RO: true, Volatile: true, Doc: "the next hop is offloaded"},
		{Name: "trap", At: rtnexthop, Off: 2, Kind: wire.Bit8, Bit: unix.RTNH_F_TRAP, RO: true, Volatile: true, Doc: "the next hop traps packets to the CPU"},
		{Name: "unresolved", At: rtnexthop, Off: 2, Kind: wire.Bit8, Bit: unix.RTNH_F_UNRESOLVED, RO: true, Volatile: true, Doc: "multicast route without a resolved source"},
		{Name: "weight", At: rtnexthop, Off: 3, Kind: wire.U8, Scale: -1, Min: 1, Max: 256, Doc: "share of the traffic; 1 unless written"},
		{Name: "dev", At: rtnexthop, Off: 4, Kind: wire.Dev, Loose: true, Doc: "output device; follows from the gateway"},
		{Name: "via", Type: unix.RTA_GATEWAY, Alt: unix.RTA_VIA, Kind: wire.Custom, Codec: gateway{}, Plain: true, Notation: gateway{}, Doc: "address of the gateway, of either family"},
		{Name: "as_", Type: unix.RTA_NEWDST, Kind: wire.Custom, Codec: labelStack{}, Notation: labelStack{}, Doc: "family mpls: labels to put in place of the incoming one"},
		{Name: "encap", Type: unix.RTA_ENCAP, Kind: wire.Union, OneOf: Encaps, Doc: "encapsulation of packets sent"},
		{Name: "realms", Type: unix.RTA_FLOW, Kind: wire.U32, Notation: realms{}, Doc: "realm of the destination, or \"from/to\"; IPv4 only"},
	},
}

var rtnexthop = &wire.Place{}

// multipath is RTA_MULTIPATH: next hops one after the other, each with its
// length like an attribute. The value is a list of sets of the table Hop.
type multipath struct{}

var (
	_ wire.Codec  = multipath{}
	_ wire.Nester = multipath{}
	_ wire.Tabler = multipath{}
)

func (multipath) Append(b *wire.Builder, f *wire.Field, v wire.Value) error {
	if len(v.L) == 0 {
		return errors.New("wants a list of hop()")
	}
	m := b.Nest(f.Type)
	for i := range v.L {
		s := v.L[i].Sub
		if s == nil || s.Table != Hop {
			return wire.At(fmt.Sprintf("[%d]", i), errors.New("wants hop()"))
		}
		if err := Hop.Append(b, s); err != nil {
			return wire.At(fmt.Sprintf("[%d]", i), err)
		}
	}
	b.End(m)
	return nil
}

// Elem is the table of a next hop.
func (multipath) Elem() *wire.Table { return Hop }

func (m multipath) Decode(_ *wire.Field, p []byte) (wire.Value, error) {
	v := wire.Value{Type: wire.ListVal}
	end := 0
	var err error
	m.Walk(p, func(off int, _ string, t *wire.Table, part []byte) {
		s := wire.NewSet(t)
		if e := t.Decode(part, s); e != nil {
			err = e
		}
		v.L = append(v.L, wire.SubVal(s))
		end = off + len(part)
	})
	if err == nil && (len(p)-end > 3 || len(v.L) == 0) {
		err = fmt.Errorf("next hop %d does not fit", len(v.L))
	}
	return v, err
}

// Walk visits the next hops up to one that does not fit.
func (multipath) Walk(p []byte, visit func(off int, label string, t *wire.Table, part []byte)) {
	for i, off := 0, 0; len(p)-off >= Hop.Fixed; i++ {
		n := int(binary.NativeEndian.Uint16(p[off:]))
		if n < Hop.Fixed || n > len(p)-off {
			return
		}
		visit(off, fmt.Sprintf("[%d]", i), Hop, p[off:off+n:off+n])
		off += (n + 3) &^ 3
	}
}
