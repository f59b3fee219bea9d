package rtnl

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// encapBytes is the message of a route with this encapsulation.
func encapBytes(t *testing.T, e *wire.Set) []byte {
	t.Helper()
	s := rowsOf(t, Route.Table, "dst", "10.0.0.0/8", "dev", wire.IntVal(2), "encap", wire.SubVal(e))
	var b wire.Builder
	if err := Route.Append(&b, Route.New, 0, s); err != nil {
		t.Fatalf("%s: %v", e.Text(nil), err)
	}
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func encapOf(t *testing.T, msg []byte) *wire.Set {
	t.Helper()
	s := wire.NewSet(Route.Table)
	if err := Route.Decode(msg, nil, s); err != nil {
		t.Fatal(err)
	}
	v, ok := s.Get("encap")
	if !ok {
		t.Fatalf("no encap in %s", s.Text(nil))
	}
	return v.Sub
}

func addrsVal(s ...string) wire.Value {
	l := make([]wire.Value, len(s))
	for i, a := range s {
		l[i] = wire.AddrVal(netip.MustParseAddr(a))
	}
	return wire.ListOf(l...)
}

// TestEncapRoundTrip: what is written comes back, and goes out as the same bytes.
func TestEncapRoundTrip(t *testing.T) {
	addr := func(s string) wire.Value { return wire.AddrVal(netip.MustParseAddr(s)) }
	strs := func(l ...string) wire.Value {
		var v wire.Value
		for _, s := range l {
			v.L = append(v.L, wire.StrVal(s))
		}
		return wire.ListOf(v.L...)
	}
	for _, c := range []struct {
		tab  *wire.Table
		row  []any
		want string
	}{
		{encapMPLS, []any{"dst", "16/17", "ttl", 3}, "dst 16/17 ttl 3"},
		{encapIP, []any{"id", 7, "dst", addr("10.0.0.9"), "key", true, "dont_fragment", true}, "id 7 dst 10.0.0.9 key dont_fragment"},
		{encapIP, []any{"geneve_opts", strs("0102:80:00000001", "ffff:01:0000000200000003")}, "geneve_opts 0102:80:00000001,ffff:01:0000000200000003"},
		{encapIP6, []any{"dst", addr("2001:db8::9"), "tc", 3, "hoplimit", 7, "vxlan_opts", 0x123}, "dst 2001:db8::9 hoplimit 7 tc 0x3 vxlan_opts 0x123"},
		{encapIP6, []any{"erspan_opts", "1:305419896:0:0"}, "erspan_opts 1:305419896:0:0"},
		{encapSeg6, []any{"mode", wire.IntVal(0), "segs", addrsVal("2001:db8::a", "2001:db8::b"), "hmac", 9}, "mode inline segs 2001:db8::a,2001:db8::b hmac 9"},
		{encapSeg6, []any{"segs", addrsVal("2001:db8::a")}, "mode encap segs 2001:db8::a"},
		{encapSeg6Local, []any{"action", "End.B6", "segs", addrsVal("2001:db8::a"), "flavors", 1 << 1, "lblen", 32, "count", true}, "action End.B6 flavors psp lblen 32 count 1 segs 2001:db8::a"},
		{encapSeg6Local, []any{"action", "End.BPF", "prog", 5, "prog_name", "p", "oif", wire.IntVal(3)}, "action End.BPF oif 3 prog 5 prog_name p"},
		{encapRPL, []any{"segs", addrsVal("2001:db8::a", "2001:db8::b")}, "segs 2001:db8::a,2001:db8::b"},
		{encapIOAM6, []any{"mode", "auto", "tundst", addr("2001:db8::9"), "type", 0x800000, "ns", 1, "size", 12, "freq", "1/10"}, "freq 1/10 mode auto tundst 2001:db8::9 type 0x800000 ns 1 size 12"},
		{encapBPF, []any{"in_fd", 3, "in_prog", "a", "xmit_fd", 4, "xmit_prog", "b", "headroom", 14}, "in_fd 3 in_prog a xmit_fd 4 xmit_prog b headroom 14"},
		{encapXfrm, []any{"if_id", 1, "link_dev", wire.IntVal(2)}, "if_id 0x1 link_dev 2"},
		{encapILA, []any{"locator", "2001:db8:0:1", "csum_mode", "no-action", "ident_type", "luid"}, "locator 2001:db8:0:1 csum_mode no-action ident_type luid"},
	} {
		msg := encapBytes(t, rowsOf(t, c.tab, c.row...))
		e := encapOf(t, msg)
		if got := e.Text(nil); got != c.want || e.Table != c.tab {
			t.Errorf("%s:\n got  %s\n want %s", c.tab.Name, got, c.want)
		}
		if again := encapBytes(t, e); !bytes.Equal(again, msg) {
			t.Errorf("%s %s:\n got  %x\n want %x", c.tab.Name, c.want, again, msg)
		}
	}
}

func TestEncapRefuses(t *testing.T) {
	for _, c := range []struct {
		tab  *wire.Table
		row  []any
		want string
	}{
		{encapMPLS, []any{"dst", wire.StrVal("16/x")}, `encap.mpls.dst: "16/x": a label is a number up to 1048575, several are written "200/201"`},
		{encapSeg6, []any{"mode", wire.IntVal(1)}, "encap.seg6: segs is missing"},
		{encapSeg6, []any{"segs", addrsVal("10.0.0.1")}, "encap.seg6.segs: segment 10.0.0.1 is not an IPv6 address"},
		{encapIP, []any{"geneve_opts", wire.ListOf(wire.StrVal("1:2:345"))}, `encap.ip.geneve_opts[0]: data "345" is not 4 to 124 bytes in hexadecimal, a multiple of 4`},
		{encapIP, []any{"erspan_opts", "1:2"}, `encap.ip.erspan_opts: wants "VERSION:INDEX:DIRECTION:HWID", such as "2:0:1:17"`},
		{encapRPL, []any{"segs", wire.ListOf()}, "encap.rpl.segs: 0 segments; 1 to 127 fit"},
		{encapIOAM6, []any{"type", 1, "size", 6}, "encap.ioam6.size: must be a multiple of 4, at least 4"},
		{encapIOAM6, []any{"freq", "x", "size", 4}, `encap.ioam6.freq: "x" is not of the form "1/10"`},
	} {
		s := rowsOf(t, Route.Table, "dst", "10.0.0.0/8", "encap", wire.SubVal(rowsOf(t, c.tab, c.row...)))
		var b wire.Builder
		if err := Route.Append(&b, Route.New, 0, s); err == nil || err.Error() != c.want {
			t.Errorf("%v:\n got  %v\n want %s", c.row, err, c.want)
		}
	}
}

// TestEncapCanon: the kernel reports zeros and the bits of options that nobody
// sent, and all Geneve options in one nest.
func TestEncapCanon(t *testing.T) {
	sent := rowsOf(t, encapIP, "dst", wire.AddrVal(netip.MustParseAddr("10.0.0.9")), "geneve_opts",
		wire.ListOf(wire.StrVal("0102:80:00000001"), wire.StrVal("0103:80:00000002")))
	told := rowsOf(t, encapIP, "id", 0, "dst", wire.AddrVal(netip.MustParseAddr("10.0.0.9")), "src", wire.AddrVal(netip.IPv4Unspecified()),
		"ttl", 0, "tos", 0, "key", false, "has_geneve", true, "geneve_opts", wire.ListOf(wire.StrVal("0102:80:00000001,0103:80:00000002")))
	route := func(e *wire.Set) string {
		return reported(t, Route, rowsOf(t, Route.Table, "dst", "10.0.0.0/8", "encap", wire.SubVal(e))).Text(nil)
	}
	if a, b := route(sent), route(told); a != b {
		t.Errorf("sent %s\ntold %s", a, b)
	}
}

// TestGeneveInOneNest reads options as the kernel reports them: without a nest
// for each.
func TestGeneveInOneNest(t *testing.T) {
	var b wire.Builder
	m := b.Begin(Route.New, 0)
	b.Fixed(unix.SizeofRtMsg)
	b.Uint16(unix.RTA_ENCAP_TYPE, unix.LWTUNNEL_ENCAP_IP)
	encap := b.Nest(unix.RTA_ENCAP)
	opts := b.Nest(lwtunnelOpts)
	g := b.Nest(lwtunnelOptsGeneve)
	for i := range byte(2) {
		copy(b.Attr(1, 2), []byte{1, 2 + i})
		b.Uint8(2, 0x80)
		copy(b.Attr(3, 4), []byte{0, 0, 0, 1 + i})
	}
	b.End(g)
	b.End(opts)
	b.End(encap)
	b.End(m)
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	s := wire.NewSet(Route.Table)
	if err := Route.Decode(msg, nil, s); err != nil {
		t.Fatal(err)
	}
	Route.Canon(s)
	v, _ := s.Get("encap")
	opt, _ := v.Sub.Get("geneve_opts")
	if want := wire.ListOf(wire.StrVal("0102:80:00000001"), wire.StrVal("0103:80:00000002")); !opt.Equal(want) {
		t.Errorf("options are %v, want %v", opt, want)
	}
}

// TestEncapKeeps: what the rows of a codec cannot say is kept and sent as it came.
func TestEncapKeeps(t *testing.T) {
	header := []byte{0, 2, 4, 0, 0, 0, 0, 5, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9} // a tag of 5
	flavors := "08000100020000000800630001000000"                                                    // bytes show as they are
	if wire.IsBigEndian {
		flavors = "00080001000000020008006300000001"
	}
	for _, c := range []struct {
		what string
		typ  uint16
		fill func(b *wire.Builder)
		want string
	}{
		{"a tag in the header of seg6", unix.LWTUNNEL_ENCAP_SEG6, func(b *wire.Builder) {
			copy(b.Attr(seg6SRH, 4+len(header))[4:], header)
		}, "mode inline srh 000204000000000520010db8000000000000000000000009"},
		{"a tag in the header of seg6local", unix.LWTUNNEL_ENCAP_SEG6_LOCAL, func(b *wire.Builder) {
			b.Uint32(seg6LocalAction, 10)
			copy(b.Attr(seg6LocalSRH, len(header)), header)
		}, "action End.B6.Encaps srh 000204000000000520010db8000000000000000000000009"},
		{"an unknown flavor attribute", unix.LWTUNNEL_ENCAP_SEG6_LOCAL, func(b *wire.Builder) {
			b.Uint32(seg6LocalAction, 1)
			m := b.Nest(seg6LocalFlavors)
			b.Uint32(1, 2)
			b.Uint32(99, 1)
			b.End(m)
		}, "action End attr 11 " + flavors},
		{"a trace in use", unix.LWTUNNEL_ENCAP_IOAM6, func(b *wire.Builder) {
			b.Uint32(ioam6FreqK, 1)
			b.Uint32(ioam6FreqN, 1)
			b.Uint8(ioam6Mode, 1)
			copy(b.Attr(ioam6Trace, 8), []byte{0, 1, 8, 3, 0x80, 0, 0, 0})
		}, "freq 1/1 mode inline trace 0001080380000000"},
	} {
		var b wire.Builder
		m := b.Begin(Route.New, 0)
		b.Fixed(unix.SizeofRtMsg)
		b.Uint16(unix.RTA_ENCAP_TYPE, c.typ)
		n := b.Nest(unix.RTA_ENCAP)
		c.fill(&b)
		b.End(n)
		b.End(m)
		msg, _, err := b.Last()
		if err != nil {
			t.Fatal(err)
		}
		msg = bytes.Clone(msg)
		e := encapOf(t, msg)
		if got := e.Text(nil); got != c.want {
			t.Errorf("%s:\n got  %s\n want %s", c.what, got, c.want)
		}
		s := wire.NewSet(Route.Table)
		if err := Route.Decode(msg, nil, s); err != nil {
			t.Fatal(err)
		}
		b.Reset()
		if err := Route.Append(&b, Route.New, 0, s); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if again, _, _ := b.Last(); !bytes.Equal(again, msg) {
			t.Errorf("%s:\n got  %x\n want %x", c.what, again, msg)
		}
	}
}
