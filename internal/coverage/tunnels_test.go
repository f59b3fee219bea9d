package coverage

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// TestDecodeTunnels: routes with encap ip and ip6, built as iproute2 builds them
// and never sent, for some kernels hang on their options.
func TestDecodeTunnels(t *testing.T) {
	type attr func(b *wire.Builder)
	raw := func(typ uint16, p ...byte) attr { return func(b *wire.Builder) { copy(b.Attr(typ, len(p)), p) } }
	be64 := func(typ uint16, n uint64) attr { return raw(typ, binary.BigEndian.AppendUint64(nil, n)...) }
	u32 := func(typ uint16, n uint32) attr { return func(b *wire.Builder) { b.Uint32(typ, n) } }
	nest := func(typ uint16, l ...attr) attr {
		return func(b *wire.Builder) {
			m := b.Nest(typ)
			for _, f := range l {
				f(b)
			}
			b.End(m)
		}
	}
	const ( // LWTUNNEL_IP_*, LWTUNNEL_IP_OPTS_*
		id, dst, src, ttl, tos, flags, opts = 1, 2, 3, 4, 5, 6, 8
		optGeneve, optVXLAN, optErspan      = 1, 2, 3
	)
	geneve := func(class, typ byte, data ...byte) attr {
		return nest(optGeneve, raw(1, 0, class), raw(2, typ), raw(3, data...))
	}
	erspan := func(version, index, dir, hwid byte) attr {
		return nest(opts, nest(optErspan, raw(1, version), raw(2, 0, 0, 0, index), raw(3, dir), raw(4, hwid)))
	}
	to4 := raw(dst, 10, 0, 0, 9)
	to6 := raw(dst, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9)
	for _, c := range []struct {
		what  string
		typ   uint16
		attrs []attr
	}{
		{"nothing", unix.LWTUNNEL_ENCAP_IP, nil},
		{"id 0", unix.LWTUNNEL_ENCAP_IP, []attr{be64(id, 0), to4}},
		{"the largest id", unix.LWTUNNEL_ENCAP_IP, []attr{to4, be64(id, 1<<64-1)}},
		{"src, ttl and tos", unix.LWTUNNEL_ENCAP_IP, []attr{to4, raw(src, 10, 0, 0, 1), raw(ttl, 64), raw(tos, 0x10)}},
		{"ttl 0 and tos 0", unix.LWTUNNEL_ENCAP_IP, []attr{to4, raw(ttl, 0), raw(tos, 0)}},
		{"csum", unix.LWTUNNEL_ENCAP_IP, []attr{to4, raw(flags, 0, 1)}},
		{"key", unix.LWTUNNEL_ENCAP_IP, []attr{to4, raw(flags, 0, 4)}},
		{"csum, key and seq", unix.LWTUNNEL_ENCAP_IP, []attr{to4, raw(flags, 0, 13)}},
		{"two options of Geneve", unix.LWTUNNEL_ENCAP_IP, []attr{to4, nest(opts, geneve(1, 0x80, 0, 0, 0, 1), geneve(2, 0, 1, 2, 3, 4, 5, 6, 7, 8))}},
		{"one option twice", unix.LWTUNNEL_ENCAP_IP, []attr{to4, nest(opts, geneve(0, 0, 0, 0, 0, 0), geneve(0, 0, 0, 0, 0, 0))}},
		{"GBP 0", unix.LWTUNNEL_ENCAP_IP, []attr{to4, nest(opts, nest(optVXLAN, u32(1, 0)))}},
		{"the largest GBP", unix.LWTUNNEL_ENCAP_IP, []attr{to4, nest(opts, nest(optVXLAN, u32(1, 1<<32-1)))}},
		{"ERSPAN 1", unix.LWTUNNEL_ENCAP_IP, []attr{to4, erspan(1, 7, 0, 0)}},
		{"ERSPAN 2", unix.LWTUNNEL_ENCAP_IP, []attr{to4, erspan(2, 0, 1, 63)}},
		{"ip6", unix.LWTUNNEL_ENCAP_IP6, []attr{be64(id, 5), to6, raw(src, make([]byte, 16)...), raw(ttl, 7), raw(tos, 3), raw(flags, 0, 13)}},
		{"ip6, zeros", unix.LWTUNNEL_ENCAP_IP6, []attr{to6, raw(ttl, 0), raw(tos, 0)}},
		{"ip6, Geneve", unix.LWTUNNEL_ENCAP_IP6, []attr{to6, nest(opts, geneve(1, 1, 0, 0, 0, 1), geneve(2, 1, 0, 0, 0, 1))}},
		{"ip6, GBP", unix.LWTUNNEL_ENCAP_IP6, []attr{to6, nest(opts, nest(optVXLAN, u32(1, 5)))}},
		{"ip6, ERSPAN", unix.LWTUNNEL_ENCAP_IP6, []attr{to6, erspan(2, 0, 0, 7)}},
	} {
		var b wire.Builder
		m := b.Begin(unix.RTM_NEWROUTE, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
		copy(b.Fixed(unix.SizeofRtMsg), []byte{unix.AF_INET, 24, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_BOOT, unix.RT_SCOPE_LINK, unix.RTN_UNICAST})
		copy(b.Attr(unix.RTA_DST, 4), []byte{192, 0, 2, 0})
		nest(unix.RTA_ENCAP, c.attrs...)(&b)
		b.Uint16(unix.RTA_ENCAP_TYPE, c.typ)
		b.Uint32(unix.RTA_OIF, uint32(machineOf["v0"]))
		b.End(m)
		msg, _, err := b.Last()
		if err != nil {
			t.Fatal(err)
		}
		checkDecode(t, c.what, [][]byte{bytes.Clone(msg)}, engine.Facts{Links: machineOf})
	}
}
