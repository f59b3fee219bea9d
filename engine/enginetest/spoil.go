package enginetest

import (
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/faults"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A spoiling is one way to have the kernel refuse a step.
type spoiling struct {
	name   string // what was done, to the messages of one object
	step   faults.Step
	row    string // the row that the kernel shall blame; "" none
	silent bool   // it may as well not say
	half   bool   // the message takes effect before it is refused
	pos    string
}

// unknownType is a message type of rtnetlink that no kernel has.
const unknownType = 0x7f0

const unknownName = "an unknown message type"

// spoilings returns the ways, the most telling first. The last one works always.
func spoilings(s faults.Step) []spoiling {
	if s.Msg == nil {
		bad := s
		bad.Value = "no such value"
		return []spoiling{{name: "another value of " + s.Sysctl, step: bad}}
	}
	var l []spoiling
	typ, flags := binary.NativeEndian.Uint16(s.Msg[4:]), binary.NativeEndian.Uint16(s.Msg[6:])
	if s.Object == rtnl.Link && typ == unix.RTM_NEWLINK && flags&unix.NLM_F_CREATE == 0 {
		// do_setlink comes to it last.
		bad := s
		bad.Msg = extended(s.Msg, unix.NLA_F_NESTED|unix.IFLA_XDP, attribute(nil, unix.IFLA_XDP_ATTACHED, []byte{1}))
		l = append(l, spoiling{name: "an XDP program that is said to be attached", step: bad, half: true})
	}
	if s.Object == rtnl.VLAN || s.Object == rtnl.TunnelInfo {
		bad := s
		bad.Msg = halfRange(s.Msg)
		l = append(l, spoiling{name: "half of the VLANs, and one that there is not", step: bad, half: true})
	}
	if s.Object != nil && s.Object.Table.Options {
		bad := s
		bad.Msg = badOption(s.Msg)
		l = append(l, spoiling{name: "an option that is not legal", step: bad, half: true})
	}
	if s.Object != nil {
		l = append(l, attributes(s, typ)...)
	}
	bad := s
	bad.Msg = slices.Clone(s.Msg)
	binary.NativeEndian.PutUint16(bad.Msg[4:], unknownType)
	return append(l, spoiling{name: unknownName, step: bad})
}

// attributes returns the message with each of its attributes made impossible,
// the last first.
func attributes(s faults.Step, typ uint16) []spoiling {
	var l []spoiling
	off := wire.HeaderLen + s.Object.Table.Fixed
	for a := range wire.Attrs(s.Msg[off:]) {
		for _, f := range s.Object.Table.Declared() {
			if f.Type != a.Type && f.Alt != a.Type || f.Type == 0 || f.RO || f.At != nil && f.At.Header() {
				continue
			}
			payload := impossible(f.Kind)
			if payload == nil {
				continue
			}
			bad := s
			bad.Msg = replaced(s.Msg, off+a.Off, payload)
			l = append(l, spoiling{name: fmt.Sprintf("%d: %s of %d bytes", typ, f.Name, len(payload)), step: bad, row: f.Name,
				silent: silent(s, f)})
			break
		}
	}
	slices.Reverse(l)
	return l
}

// halfRange ends the last range of VLANs in the middle and adds one that is
// refused when the kernel comes to it (br_process_vlan_info).
func halfRange(msg []byte) []byte {
	const vlanInfo = 2 // IFLA_BRIDGE_VLAN_INFO
	off := wire.HeaderLen + rtnl.VLAN.Table.Fixed
	for a := range wire.Attrs(msg[off:]) {
		if a.Type != unix.IFLA_AF_SPEC {
			continue
		}
		spec := slices.Clone(a.Data)
		low := uint16(0)
		for v := range wire.Attrs(spec) {
			if v.Type != vlanInfo {
				continue
			}
			vid := binary.NativeEndian.Uint16(v.Data[2:])
			if low != 0 && vid > low+1 {
				binary.NativeEndian.PutUint16(v.Data[2:], (low+vid)/2)
			}
			low = vid
		}
		return replaced(msg, off+a.Off, attribute(spec, vlanInfo, binary.NativeEndian.AppendUint16([]byte{0, 0}, 4095)))
	}
	return msg
}

// badOption gives options of a VLAN one more, which is refused when the kernel comes
// to it: it has set those before by then (br_vlan_process_one_opts: mcast_router;
// br_vlan_process_global_one_opts: mcast_igmp_version).
func badOption(msg []byte) []byte {
	off := wire.HeaderLen + rtnl.VLANOptions.Table.Fixed
	for a := range wire.Attrs(msg[off:]) {
		bad := map[uint16]uint16{1: 6, 2: 4}[a.Type] // of BRIDGE_VLANDB_ENTRY, of _GLOBAL_OPTIONS
		var nest []byte
		for x := range wire.Attrs(a.Data) {
			if x.Type != bad {
				nest = attribute(nest, x.Type|x.Flags, x.Data)
			}
		}
		return replaced(msg, off+a.Off, attribute(nest, bad, []byte{9}))
	}
	return msg
}

// silent reports whether the kernel may leave it at a number, because no policy
// but code looks at the attribute: rtnl_fdb_add, neigh_add, rtm_to_fib6_config,
// rtm_to_nh_config.
func silent(s faults.Step, f wire.Field) bool {
	switch s.Object {
	case rtnl.FDB, rtnl.Neigh:
		return true
	case rtnl.Nexthop:
		return f.Kind == wire.IP
	case rtnl.Route:
		return s.Msg[wire.HeaderLen] == unix.AF_INET6 && (f.Kind == wire.Prefix || f.Kind == wire.IP)
	}
	return false
}

// impossible is a payload that an attribute of this kind cannot have.
func impossible(k wire.Kind) []byte {
	switch k {
	case wire.U16, wire.U32, wire.U64, wire.S32, wire.BE16, wire.BE32, wire.IP, wire.IP4, wire.IP6, wire.Prefix, wire.Dev:
		return []byte{1}
	case wire.Str:
		return slices.Repeat([]byte("x"), 200)
	}
	return nil
}

// replaced returns the message with another payload of the attribute at off.
func replaced(msg []byte, off int, payload []byte) []byte {
	n := int(binary.NativeEndian.Uint16(msg[off:]))
	typ := binary.NativeEndian.Uint16(msg[off+2:])
	out := attribute(slices.Clone(msg[:off]), typ, payload)
	out = append(out, msg[min(off+(n+3)&^3, len(msg)):]...)
	binary.NativeEndian.PutUint32(out, uint32(len(out)))
	return out
}

// extended returns the message with a further attribute.
func extended(msg []byte, typ uint16, payload []byte) []byte {
	out := slices.Clone(msg)
	for len(out)%4 != 0 {
		out = append(out, 0)
	}
	out = attribute(out, typ, payload)
	binary.NativeEndian.PutUint32(out, uint32(len(out)))
	return out
}

func attribute(b []byte, typ uint16, payload []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, payload...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
