package wire_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
	"golang.org/x/sys/unix"
)

// A shape is one message in three forms: the set that scripts make, the same
// written by hand with the Builder, and by hand with append.
type shape struct {
	name    string
	object  *wire.Object
	set     *wire.Set
	builder func(b *wire.Builder)
	bare    func(b []byte) []byte
}

func set(t *wire.Table, pairs ...any) *wire.Set {
	s := wire.NewSet(t)
	for i := 0; i < len(pairs); i += 2 {
		s.PutName(pairs[i].(string), pairs[i+1].(wire.Value))
	}
	return s
}

func num(n uint64) wire.Value  { return wire.IntVal(n) }
func addr(s string) wire.Value { return wire.AddrVal(netip.MustParseAddr(s)) }

const shapeFlags = unix.NLM_F_REQUEST | unix.NLM_F_ACK | unix.NLM_F_CREATE | unix.NLM_F_EXCL

func shapes() []shape {
	return []shape{routeShape(), vxlanShape(), multipathShape()}
}

func routeShape() shape {
	dst, via := [4]byte{10, 1, 0, 0}, [4]byte{192, 0, 2, 1}
	in := struct {
		dst, via           netip.Addr
		table, metric, oif uint32
	}{netip.AddrFrom4(dst), netip.AddrFrom4(via), 1000, 100, 2}
	head := []byte{unix.AF_INET, 16, 0, 0, 0, unix.RTPROT_BOOT, 0, unix.RTN_UNICAST, 0, 0, 0, 0}
	return shape{"route", rtnl.Route, set(rtnl.Route.Table,
		"family", num(unix.AF_INET), "dst", wire.NetVal(netip.MustParsePrefix("10.1.0.0/16")), "table", num(1000),
		"protocol", num(unix.RTPROT_BOOT), "type", num(unix.RTN_UNICAST),
		"metric", num(100), "via", addr("192.0.2.1"), "dev", num(2)),
		func(b *wire.Builder) {
			m := b.Begin(unix.RTM_NEWROUTE, shapeFlags)
			copy(b.Fixed(12), head)
			b.Uint32(unix.RTA_TABLE, 1000)
			copy(b.Attr(unix.RTA_DST, 4), dst[:])
			b.Uint32(unix.RTA_PRIORITY, 100)
			copy(b.Attr(unix.RTA_GATEWAY, 4), via[:])
			b.Uint32(unix.RTA_OIF, 2)
			b.End(m)
		},
		func(b []byte) []byte {
			b, m := begin(b, unix.RTM_NEWROUTE)
			b = append(b, head...)
			b = u32(b, unix.RTA_TABLE, in.table)
			b = ip(b, unix.RTA_DST, in.dst)
			b = u32(b, unix.RTA_PRIORITY, in.metric)
			b = ip(b, unix.RTA_GATEWAY, in.via)
			b = u32(b, unix.RTA_OIF, in.oif)
			return end(b, m)
		}}
}

func vxlanShape() shape {
	local, group := [4]byte{10, 0, 0, 1}, [4]byte{239, 1, 1, 1}
	var head [16]byte
	vxlan := rtnl.Kinds.Table("vxlan")
	in := struct {
		name          string
		mtu, id, dev  uint32
		group, local  netip.Addr
		port          uint16
		ttl, learning uint8
		gbp           bool
	}{"vx100", 1450, 100, 2, netip.AddrFrom4(group), netip.AddrFrom4(local), 4789, 64, 0, true}
	return shape{"vxlan", rtnl.Link, set(rtnl.Link.Table,
		"name", wire.StrVal("vx100"), "mtu", num(1450),
		"kind", wire.SubVal(set(vxlan, "id", num(100), "group", addr("239.1.1.1"), "local", addr("10.0.0.1"), "dev", num(2),
			"dstport", num(4789), "ttl", num(64), "learning", num(0), "gbp", num(1)))),
		func(b *wire.Builder) {
			m := b.Begin(unix.RTM_NEWLINK, shapeFlags)
			b.Fixed(16)
			b.String(unix.IFLA_IFNAME, "vx100")
			b.Uint32(unix.IFLA_MTU, 1450)
			info := b.Nest(unix.IFLA_LINKINFO)
			b.Text(unix.IFLA_INFO_KIND, "vxlan")
			d := b.Nest(unix.IFLA_INFO_DATA)
			b.Uint32(unix.IFLA_VXLAN_ID, 100)
			copy(b.Attr(unix.IFLA_VXLAN_GROUP, 4), group[:])
			copy(b.Attr(unix.IFLA_VXLAN_LOCAL, 4), local[:])
			b.Uint32(unix.IFLA_VXLAN_LINK, 2)
			binary.BigEndian.PutUint16(b.Attr(unix.IFLA_VXLAN_PORT, 2), 4789)
			b.Uint8(unix.IFLA_VXLAN_TTL, 64)
			b.Uint8(unix.IFLA_VXLAN_LEARNING, 0)
			b.Attr(unix.IFLA_VXLAN_GBP, 0)
			b.End(d)
			b.End(info)
			b.End(m)
		},
		func(b []byte) []byte {
			b, m := begin(b, unix.RTM_NEWLINK)
			b = append(b, head[:]...)
			b = str(b, unix.IFLA_IFNAME, in.name, 1)
			b = u32(b, unix.IFLA_MTU, in.mtu)
			b, info := nest(b, unix.IFLA_LINKINFO)
			b = str(b, unix.IFLA_INFO_KIND, "vxlan", 0)
			b, d := nest(b, unix.IFLA_INFO_DATA)
			b = u32(b, unix.IFLA_VXLAN_ID, in.id)
			b = ip(b, unix.IFLA_VXLAN_GROUP, in.group)
			b = ip(b, unix.IFLA_VXLAN_LOCAL, in.local)
			b = u32(b, unix.IFLA_VXLAN_LINK, in.dev)
			b = data(b, unix.IFLA_VXLAN_PORT, []byte{byte(in.port >> 8), byte(in.port)})
			b = data(b, unix.IFLA_VXLAN_TTL, []byte{in.ttl})
			b = data(b, unix.IFLA_VXLAN_LEARNING, []byte{in.learning})
			if in.gbp {
				b = data(b, unix.IFLA_VXLAN_GBP, nil)
			}
			return end(nestEnd(nestEnd(b, d), info), m)
		}}
}

func multipathShape() shape {
	dst := [4]byte{10, 2, 0, 0}
	head := []byte{unix.AF_INET, 16, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_BOOT, 0, unix.RTN_UNICAST, 0, 0, 0, 0}
	var hops []wire.Value
	var via [8][4]byte
	type hop struct {
		dev    uint32
		weight uint8
		via    netip.Addr
	}
	in := struct {
		dst  netip.Addr
		hops []hop
	}{dst: netip.AddrFrom4(dst)}
	for i := range via {
		via[i] = [4]byte{10, 0, byte(i), 1}
		in.hops = append(in.hops, hop{uint32(3 + i), 2, netip.AddrFrom4(via[i])})
		hops = append(hops, wire.SubVal(set(rtnl.Hop, "weight", num(2), "dev", num(uint64(3+i)), "via", wire.AddrVal(netip.AddrFrom4(via[i])))))
	}
	return shape{"multipath", rtnl.Route, set(rtnl.Route.Table,
		"family", num(unix.AF_INET), "dst", wire.NetVal(netip.MustParsePrefix("10.2.0.0/16")), "table", num(unix.RT_TABLE_MAIN),
		"protocol", num(unix.RTPROT_BOOT), "type", num(unix.RTN_UNICAST), "nexthops", wire.ListOf(hops...)),
		func(b *wire.Builder) {
			m := b.Begin(unix.RTM_NEWROUTE, shapeFlags)
			copy(b.Fixed(12), head)
			copy(b.Attr(unix.RTA_DST, 4), dst[:])
			mp := b.Nest(unix.RTA_MULTIPATH)
			for i := range via {
				hop, p := b.Framed(8)
				p[3] = 1
				binary.NativeEndian.PutUint32(p[4:], uint32(3+i))
				copy(b.Attr(unix.RTA_GATEWAY, 4), via[i][:])
				b.End(hop)
			}
			b.End(mp)
			b.End(m)
		},
		func(b []byte) []byte {
			b, m := begin(b, unix.RTM_NEWROUTE)
			b = append(b, head...)
			b = ip(b, unix.RTA_DST, in.dst)
			b, mp := nest(b, unix.RTA_MULTIPATH)
			for _, h := range in.hops {
				at := len(b)
				b = append(b, 0, 0, 0, h.weight-1)
				b = binary.NativeEndian.AppendUint32(b, h.dev)
				b = ip(b, unix.RTA_GATEWAY, h.via)
				binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at))
			}
			return end(nestEnd(b, mp), m)
		}}
}

// Messages by append, as one writes them by hand: from the same values that the
// set holds, not from constants that the compiler would fold.

func begin(b []byte, typ uint16) ([]byte, int) {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, shapeFlags)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0), at
}

func end(b []byte, at int) []byte {
	binary.NativeEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

func head(b []byte, typ uint16, n int) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+n))
	return binary.NativeEndian.AppendUint16(b, typ)
}

func pad(b []byte) []byte {
	for len(b)&3 != 0 {
		b = append(b, 0)
	}
	return b
}

func u32(b []byte, typ uint16, v uint32) []byte {
	return binary.NativeEndian.AppendUint32(head(b, typ, 4), v)
}

func ip(b []byte, typ uint16, a netip.Addr) []byte {
	if a.Is4() {
		v := a.As4()
		return data(b, typ, v[:])
	}
	v := a.As16()
	return data(b, typ, v[:])
}

func data(b []byte, typ uint16, p []byte) []byte { return pad(append(head(b, typ, len(p)), p...)) }

func str(b []byte, typ uint16, s string, nul int) []byte {
	b = append(head(b, typ, len(s)+nul), s...)
	if nul > 0 {
		b = append(b, 0)
	}
	return pad(b)
}

func nest(b []byte, typ uint16) ([]byte, int) { return head(b, typ|wire.Nested, 0), len(b) }

func nestEnd(b []byte, at int) []byte {
	binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at))
	return b
}

// TestShapes: the three forms are the same bytes, and making them allocates
// nothing once the buffer is there.
func TestShapes(t *testing.T) {
	for _, s := range shapes() {
		var b wire.Builder
		if err := s.object.Append(&b, s.object.New, shapeFlags, s.set); err != nil {
			t.Fatal(s.name, err)
		}
		table, err := b.Bytes()
		if err != nil {
			t.Fatal(s.name, err)
		}
		var byHand wire.Builder
		s.builder(&byHand)
		built, err := byHand.Bytes()
		if err != nil {
			t.Fatal(s.name, err)
		}
		bare := s.bare(nil)
		if !bytes.Equal(table, bare) || !bytes.Equal(built, bare) {
			t.Errorf("%s:\ntable   %x\nbuilder %x\nbare    %x", s.name, table, built, bare)
		}
		if n := testing.AllocsPerRun(100, func() {
			b.Reset()
			s.object.Append(&b, s.object.New, shapeFlags, s.set)
		}); n != 0 {
			t.Errorf("%s: %v allocations a message", s.name, n)
		}
		if n := testing.AllocsPerRun(100, func() {
			byHand.Reset()
			s.builder(&byHand)
		}); n != 0 {
			t.Errorf("%s: %v allocations a message by hand", s.name, n)
		}
	}
}

// BenchmarkAppend is a message by hand, with append and with the Builder;
// BenchmarkTable the same by its table.
func BenchmarkAppend(b *testing.B) {
	for _, s := range shapes() {
		b.Run(fmt.Sprintf("%s/bare", s.name), func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = s.bare(buf[:0])
			}
		})
		b.Run(fmt.Sprintf("%s/builder", s.name), func(b *testing.B) {
			b.ReportAllocs()
			var w wire.Builder
			for b.Loop() {
				w.Reset()
				s.builder(&w)
			}
		})
	}
}

func BenchmarkTable(b *testing.B) {
	for _, s := range shapes() {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			var w wire.Builder
			for b.Loop() {
				w.Reset()
				if err := s.object.Append(&w, s.object.New, shapeFlags, s.set); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRatio measures a message by its table and the same by append side by
// side, and reports how many times as long the table takes. The fastest of many
// short runs count: a busy machine makes them rarer, not slower.
func BenchmarkRatio(b *testing.B) {
	const some = 256
	for _, s := range shapes() {
		b.Run(s.name, func(b *testing.B) {
			var w wire.Builder
			var buf []byte
			bare, table := time.Hour, time.Hour
			for b.Loop() {
				start := time.Now()
				for range some {
					buf = s.bare(buf[:0])
				}
				half := time.Now()
				for range some {
					w.Reset()
					if err := s.object.Append(&w, s.object.New, shapeFlags, s.set); err != nil {
						b.Fatal(err)
					}
				}
				bare, table = min(bare, half.Sub(start)), min(table, time.Since(half))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(bare)/some, "bare-ns")
			b.ReportMetric(float64(table)/some, "table-ns")
			b.ReportMetric(float64(table)/float64(bare), "x-bare")
		})
	}
}

// BenchmarkDecode reads the same messages into a set that is used again.
func BenchmarkDecode(b *testing.B) {
	for _, s := range shapes() {
		msg := s.bare(nil)
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			var got wire.Set
			for b.Loop() {
				if err := s.object.Decode(msg, nil, &got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDump writes the messages as golden files hold them.
func BenchmarkDump(b *testing.B) {
	for _, s := range shapes() {
		msg := s.bare(nil)
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.object.Dump(io.Discard, msg, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
