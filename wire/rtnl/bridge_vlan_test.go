package rtnl

import (
	"encoding/binary"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

func vlanOf(low, high uint64, rows ...string) *wire.Set {
	s := wire.NewSet(VLAN.Table)
	s.PutName("dev", wire.IntVal(10))
	setEnds(s, "vid", low, high)
	for _, r := range rows {
		s.PutName(r, wire.BoolVal(true))
	}
	return s
}

// info is an attribute IFLA_BRIDGE_VLAN_INFO.
func info(b *wire.Builder, flags, vid uint16) {
	p := b.Attr(bridgeVlanInfo, 4)
	binary.NativeEndian.PutUint16(p, flags)
	binary.NativeEndian.PutUint16(p[2:], vid)
}

// report is what the kernel says of a port, or of a bridge itself.
func report(index, master uint32, spec func(b *wire.Builder)) []byte {
	var b wire.Builder
	m := b.Begin(unix.RTM_NEWLINK, 0)
	h := b.Fixed(ifinfomsgLen)
	h[0] = unix.AF_BRIDGE
	binary.NativeEndian.PutUint32(h[4:], index)
	b.Uint32(unix.IFLA_MASTER, master)
	n := b.Nest(unix.IFLA_AF_SPEC)
	spec(&b)
	b.End(n)
	b.End(m)
	msg, _ := b.Bytes()
	return msg
}

// Of a report each VLAN is an object.
func TestVLANReports(t *testing.T) {
	spec := func(b *wire.Builder) {
		b.Uint16(1, 0) // IFLA_BRIDGE_MODE
		info(b, vlanPVID|vlanUntagged, 1)
		info(b, vlanRangeBegin|vlanUntagged, 4093)
		info(b, vlanRangeEnd|vlanUntagged, 4094)
		info(b, 0, 7)
		info(b, vlanRangeEnd, 9)
		info(b, vlanRangeBegin, 65535)
		info(b, vlanRangeEnd, 65535)
	}
	for _, c := range []struct {
		msg  []byte
		want []string
	}{
		{report(10, 40, spec), []string{"family bridge dev 10 vid 1 pvid untagged", "family bridge dev 10 vid 4093 untagged", "family bridge dev 10 vid 4094 untagged",
			"family bridge dev 10 vid 7", "family bridge dev 10 vid 9"}},
		{report(40, 40, func(b *wire.Builder) { info(b, 0, 5) }), []string{"family bridge dev 40 self vid 5"}},
		{report(40, 40, func(*wire.Builder) {}), nil},
		{nil, nil},
		{make([]byte, 40), nil},
	} {
		var got []string
		for _, m := range VLAN.Reports(c.msg) {
			s := wire.NewSet(VLAN.Table)
			if typ, _ := wire.TypeFlags(m); typ != VLAN.New {
				t.Errorf("type %d", typ)
			}
			if err := VLAN.Table.DecodeState(m[wire.HeaderLen:], s); err != nil {
				t.Fatal(err)
			}
			canonVLAN(s)
			got = append(got, s.Text(nil))
		}
		if len(got) != len(c.want) {
			t.Errorf("got %q, want %q", got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("got %q, want %q", got[i], c.want[i])
			}
		}
	}
}

// A range is its VLANs, and these are the range again.
func TestVLANEach(t *testing.T) {
	all := vlanOf(101, 139, "untagged")
	l := VLAN.Each(all)
	if len(l) != 39 {
		t.Fatalf("%d VLANs", len(l))
	}
	joined := l[0]
	for _, s := range l[1:] {
		if joined = VLAN.Join(joined, s); joined == nil {
			t.Fatal("a VLAN does not join")
		}
	}
	if !joined.Equal(all) {
		t.Errorf("joined again: %s", joined.Text(nil))
	}
	other := vlanOf(8, 8)
	other.PutName("dev", wire.IntVal(11))
	for _, next := range []*wire.Set{vlanOf(7, 7), vlanOf(9, 9), vlanOf(8, 8, "untagged"), vlanOf(8, 8, "pvid"), vlanOf(8, 8, "self"), other} {
		if s := VLAN.Join(vlanOf(7, 7), next); s != nil {
			t.Errorf("7 and %s are %s", next.Text(nil), s.Text(nil))
		}
	}
	if s := VLAN.Join(vlanOf(7, 7, "pvid"), vlanOf(8, 8, "pvid")); s != nil {
		t.Errorf("a range is the pvid: %s", s.Text(nil))
	}
}

func TestVLANFinish(t *testing.T) {
	for _, c := range []struct {
		set  *wire.Set
		want string
	}{
		{vlanOf(1, 4094), ""},
		{vlanOf(7, 7, "pvid"), ""},
		{vlanOf(7, 8, "pvid"), "pvid: one VLAN can be it, not a range"},
		{wire.NewSet(VLAN.Table), "dev: is missing"},
	} {
		err := finishVLAN(c.set, nil)
		if (err != nil || c.want != "") && (err == nil || err.Error() != c.want) {
			t.Errorf("%s: %v, want %s", c.set.Text(nil), err, c.want)
		}
	}
}

// What iproute2 says of master and self is what the kernel makes of it.
func TestVLANCanon(t *testing.T) {
	for _, c := range []struct{ sent, want *wire.Set }{
		{vlanOf(7, 7, "master"), vlanOf(7, 7)},
		{vlanOf(7, 7, "self", "master"), vlanOf(7, 7)},
		{vlanOf(7, 7, "self"), vlanOf(7, 7, "self")},
	} {
		if canonVLAN(c.sent); !c.sent.Equal(c.want) {
			t.Errorf("%s, want %s", c.sent.Text(nil), c.want.Text(nil))
		}
	}
}

// Messages about links in family bridge are about VLANs when they have what the
// bridge keeps, and not the options of a port.
func TestVLANByType(t *testing.T) {
	message := func(typ uint16, family byte, attrs ...uint16) *wire.Object {
		var b wire.Builder
		m := b.Begin(typ, 0)
		b.Fixed(ifinfomsgLen)[0] = family
		for _, a := range attrs {
			b.End(b.Nest(a))
		}
		b.End(m)
		msg, _ := b.Bytes()
		return ByType(typ, msg[wire.HeaderLen:])
	}
	for _, c := range []struct {
		got, want *wire.Object
	}{
		{message(unix.RTM_SETLINK, unix.AF_BRIDGE, unix.IFLA_AF_SPEC), VLAN},
		{message(unix.RTM_DELLINK, unix.AF_BRIDGE, unix.IFLA_AF_SPEC), VLAN},
		{ByType(unix.RTM_SETLINK, specMessage(7, func(b *wire.Builder) { b.End(b.Nest(bridgeTunnelInfo)) })[wire.HeaderLen:]), TunnelInfo},
		{ByType(unix.RTM_DELLINK, specMessage(7, func(b *wire.Builder) { info(b, 0, 7); b.End(b.Nest(bridgeTunnelInfo)) })[wire.HeaderLen:]), VLAN},
		{message(unix.RTM_SETLINK, unix.AF_BRIDGE, unix.IFLA_PROTINFO), Link},
		{message(unix.RTM_SETLINK, unix.AF_BRIDGE, unix.IFLA_AF_SPEC, unix.IFLA_PROTINFO), Link},
		{message(unix.RTM_SETLINK, unix.AF_BRIDGE), Link},
		{message(unix.RTM_SETLINK, 0, unix.IFLA_AF_SPEC), Link},
		{message(unix.RTM_DELLINK, 0), Link},
		{message(unix.RTM_NEWLINK, unix.AF_BRIDGE, unix.IFLA_AF_SPEC), Link},
		{ByType(unix.RTM_SETLINK, nil), Link},
		{ByType(unix.RTM_NEWNEIGH, []byte{unix.AF_BRIDGE}), FDB},
		{ByType(unix.RTM_NEWNEIGH, []byte{unix.AF_INET}), Neigh},
	} {
		if c.got != c.want {
			t.Errorf("%v, want %s", c.got, c.want.Name)
		}
	}
}

func TestVLANOracle(t *testing.T) {
	oracleCases(t, "bridge/vlan/", 20, func(t *testing.T, c oracleCase) {
		if c.Argv[2] != "add" && c.Argv[2] != "del" {
			t.Skip("another object")
		}
		o, words := VLAN, c.Argv[3:]
		if i := slices.Index(words, "tunnel_info"); i >= 0 {
			o, words = TunnelInfo, slices.Delete(words, i, i+1)
		}
		checkNamed(t, o, c)
		s := wire.NewSet(o.Table)
		putWords(t, s, words, nil)
		checkWords(t, o, c.Argv[2], &c, s)
	})
}

// The flags are macros in the header.
func TestVLANFlags(t *testing.T) {
	text, err := os.ReadFile("/usr/include/linux/if_bridge.h")
	if err != nil {
		t.Skipf("no kernel headers: %v", err)
	}
	for name, want := range map[string]uint64{"BRIDGE_FLAGS_MASTER": bridgeFlagsMaster, "BRIDGE_FLAGS_SELF": bridgeFlagsSelf,
		"BRIDGE_VLAN_INFO_PVID": vlanPVID, "BRIDGE_VLAN_INFO_UNTAGGED": vlanUntagged,
		"BRIDGE_VLAN_INFO_RANGE_BEGIN": vlanRangeBegin, "BRIDGE_VLAN_INFO_RANGE_END": vlanRangeEnd} {
		m := regexp.MustCompile(`#define\s+` + name + `\s+(?:\(1<<(\d+)\)|(\d+))`).FindSubmatch(text)
		if m == nil {
			t.Errorf("%s is not in the header", name)
			continue
		}
		n, _ := strconv.Atoi(string(m[1]) + string(m[2]))
		got := uint64(n)
		if len(m[1]) > 0 {
			got = 1 << n
		}
		if got != want {
			t.Errorf("%s is %d, here %d", name, got, want)
		}
	}
}

// tunnel is a VLAN of a report that is mapped.
func tunnel(b *wire.Builder, flags, vid uint16, id uint32) {
	n := b.Nest(bridgeTunnelInfo)
	b.Uint32(tunnelID, id)
	b.Uint16(tunnelVID, vid)
	b.Uint16(tunnelFlags, flags)
	b.End(n)
}

func TestTunnelReports(t *testing.T) {
	msg := report(10, 40, func(b *wire.Builder) {
		info(b, 0, 5)
		tunnel(b, 0, 5, 500)
		tunnel(b, vlanRangeBegin, 10, 1000)
		tunnel(b, vlanRangeEnd, 12, 1002)
	})
	var got []string
	for _, m := range TunnelInfo.Reports(msg) {
		s := wire.NewSet(TunnelInfo.Table)
		if err := TunnelInfo.Table.DecodeState(m[wire.HeaderLen:], s); err != nil {
			t.Fatal(err)
		}
		got = append(got, s.Text(nil))
	}
	want := []string{"family bridge dev 10 vid 5 id 500", "family bridge dev 10 vid 10 id 1000", "family bridge dev 10 vid 11 id 1001", "family bridge dev 10 vid 12 id 1002"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestTunnelEach(t *testing.T) {
	all := func(low, high, id, last uint64) *wire.Set {
		s := wire.NewSet(TunnelInfo.Table)
		s.PutName("dev", wire.IntVal(10))
		setEnds(s, "vid", low, high)
		setEnds(s, "id", id, last)
		return s
	}
	if err := finishTunnelInfo(all(5, 8, 500, 502), nil); err == nil || err.Error() != "id: as many as there are VLANs are wanted" {
		t.Errorf("4 VLANs, 3 tunnels: %v", err)
	}
	l := eachTunnel(all(5, 8, 500, 503))
	if len(l) != 4 || !l[3].Equal(all(8, 8, 503, 503)) {
		t.Fatalf("%d VLANs, the last %s", len(l), l[len(l)-1].Text(nil))
	}
	if s := joinTunnel(l[0], l[1]); s == nil || !s.Equal(all(5, 6, 500, 501)) {
		t.Error("two do not join")
	}
	for _, next := range []*wire.Set{all(6, 6, 600, 600), all(7, 7, 501, 501)} {
		if s := joinTunnel(l[0], next); s != nil {
			t.Errorf("joined as %s", s.Text(nil))
		}
	}
}
