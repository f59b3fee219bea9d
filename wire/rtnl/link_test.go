package rtnl

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// linkTruth are messages that iproute2 6.1 sent, without their nlmsghdr.
var linkTruth = []struct{ argv, hex string }{
	{"ip link add d0 mtu 9000 txqueuelen 10 address 02:11:22:33:44:55 index 78 up type dummy",
		"000000004e0000000100000001000000080004002823000008000d000a0000000a00010002112233445500000700030064300000100012000900010064756d6d79000000"},
	{"ip link add d0 arp off type dummy",
		"000000000000000080000000800000000700030064300000100012000900010064756d6d79000000"},
	{"ip link add d0 mode dormant type dummy",
		"0000000000000000000000000000000005001100010000000700030064300000100012000900010064756d6d79000000"},
	{"ip link add ve0 index 30 address 02:00:00:00:00:30 gso_max_size 20000 type veth peer name ve1 index 31 address 02:00:00:00:00:31 gso_max_segs 10",
		"000000001e00000000000000000000000a000100020000000030000008002900204e000008000300766530004000120008000100766574683400020030000100000000001f00000000000000000000000a0001000200000000310000080028000a0000000800030076653100"},
	{"ip link add br0 index 40 address 02:00:00:00:00:40 type bridge forward_delay 400",
		"000000002800000000000000000000000a000100020000000040000008000300627230001c0012000a00010062726964676500000c0002000800010090010000"},
	{"ip link add br0 index 40 address 02:00:00:00:00:40 type bridge vlan_protocol 802.1ad",
		"000000002800000000000000000000000a000100020000000040000008000300627230001c0012000a00010062726964676500000c0002000600080088a80000"},
	{"ip link add br0 index 40 address 02:00:00:00:00:40 type bridge no_linklocal_learn 1",
		"000000002800000000000000000000000a00010002000000004000000800030062723000200012000a0001006272696467650000100002000c002e000100000001000000"},
	{"ip link add br0 index 40 address 02:00:00:00:00:40 type bridge group_address 01:80:c2:00:00:0a",
		"000000002800000000000000000000000a00010002000000004000000800030062723000200012000a0001006272696467650000100002000a0014000180c200000a0000"},
	{"ip link set br0 type bridge fdb_flush",
		"00000000280000000000000000000000180012000a00010062726964676500000800020004001500"},
	{"ip link set v0 type bridge_slave fdb_flush",
		"000000000a00000000000000000000001c001200100001006272696467655f736c6176650800050004001800"},
	{"ip link set v0 type bridge_slave backup_port w0",
		"000000000a000000000000000000000020001200100001006272696467655f736c6176650c0005000800220014000000"},
	{"ip link set v0 type bridge_slave state 3",
		"000000000a000000000000000000000020001200100001006272696467655f736c6176650c0005000500010003000000"},
	{"ip link add bond0 index 40 address 02:00:00:00:00:40 type bond arp_interval 200 arp_ip_target 10.0.0.1,10.0.0.2,10.0.0.3",
		"000000002800000000000000000000000a00010002000000004000000a000300626f6e64300000003400120008000100626f6e642800020008000700c80000001c000800080000000a000001080001000a000002080002000a000003"},
	{"ip link add bond0 index 40 address 02:00:00:00:00:40 type bond mode 802.3ad xmit_hash_policy layer3+4",
		"000000002800000000000000000000000a00010002000000004000000a000300626f6e64300000002000120008000100626f6e6414000200050001000400000005000e0001000000"},
	{"ip link set v0 type bond_slave prio 10",
		"000000000a0000000000000000000000200012000e000100626f6e645f736c61766500000c000500080009000a000000"},
	{"ip link set bond0 type bond primary w0",
		"000000002800000000000000000000001800120008000100626f6e640c00020008000b0014000000"},
	{"ip link add link v0 name v0.5 index 50 type vlan id 4094 protocol 802.1ad",
		"00000000320000000000000000000000080005000a0000000900030076302e35000000002000120008000100766c616e1400020006000100fe0f00000600050088a80000"},
	{"ip link add link v0 name v0.5 index 50 type vlan id 4094 ingress-qos-map 1:1 egress-qos-map 2:2",
		"00000000320000000000000000000000080005000a0000000900030076302e35000000003800120008000100766c616e2c00020006000100fe0f0000100004000c0001000100000001000000100003000c0001000200000002000000"},
	{"ip link set v0.5 type vlan reorder_hdr off",
		"000000003200000000000000000000001c00120008000100766c616e100002000c0002000000000001000000"},
	{"ip link add link v0 name v0.5 index 50 type vlan id 4094 gvrp on",
		"00000000320000000000000000000000080005000a0000000900030076302e35000000002400120008000100766c616e1800020006000100fe0f00000c0002000200000002000000"},
	{"ip link add vx0 index 50 address 02:00:00:00:00:50 type vxlan id 42 dstport 4789 local 2001:db8::1 remote 2001:db8::2",
		"000000003200000000000000000000000a00010002000000005000000800030076783000540012000900010076786c616e00000044000200080001002a0000001400110020010db80000000000000000000000011400100020010db8000000000000000000000002050007000100000006000f0012b50000"},
	{"ip link add vx0 index 50 address 02:00:00:00:00:50 type vxlan id 42 dstport 4789 ttl inherit",
		"000000003200000000000000000000000a00010002000000005000000800030076783000300012000900010076786c616e0000002000020004001c00080001002a000000050007000100000006000f0012b50000"},
	{"ip link add vx0 index 50 address 02:00:00:00:00:50 type vxlan id 42 dstport 4789 flowlabel 0x12345 remote 2001:db8::2",
		"000000003200000000000000000000000a00010002000000005000000800030076783000480012000900010076786c616e0000003800020008001a0000012345080001002a0000001400100020010db8000000000000000000000002050007000100000006000f0012b50000"},
	{"ip link add vx0 index 50 address 02:00:00:00:00:50 type vxlan id 42 dstport 4789 srcport 10000 20000",
		"000000003200000000000000000000000a00010002000000005000000800030076783000340012000900010076786c616e0000002400020008000a0027104e20080001002a000000050007000100000006000f0012b50000"},
	{"ip link add vx0 index 50 address 02:00:00:00:00:50 type vxlan id 42 dstport 4789 gbp",
		"000000003200000000000000000000000a00010002000000005000000800030076783000300012000900010076786c616e0000002000020004001700080001002a000000050007000100000006000f0012b50000"},
	{"ip link add vx0 index 50 address 02:00:00:00:00:50 type vxlan dstport 4789 external vnifilter",
		"000000003200000000000000000000000a00010002000000005000000800030076783000340012000900010076786c616e00000024000200050019000100000005001e0001000000050007000000000006000f0012b50000"},
	{"ip link add vx0 index 50 address 02:00:00:00:00:50 mtu 1400 up type vxlan id 10 group 239.0.0.1 dev v0 local 10.0.0.1 dstport 8472 srcport 32768 61000 ttl 4 tos 1 ageing 100 maxaddress 50 nolearning proxy rsc l2miss l3miss",
		"000000003200000001000000010000000a0001000200000000500000080004007805000008000300767830008c0012000900010076786c616e0000007c000200080003000a00000008000a008000ee48050005000400000005000600010000000800080064000000080009003200000005000b000100000005000c000100000005000d000100000005000e0001000000080001000a000000080004000a00000108000200ef000001050007000000000006000f0021180000"},
	{"ip link add link v0 name mv0 index 50 address 02:00:00:00:00:50 type macvlan mode source macaddr add 02:00:00:00:00:51",
		"000000003200000000000000000000000a0001000200000000500000080005000a000000080003006d763000300012000b0001006d6163766c616e002000020008000300000000000a00040002000000005100000800010010000000"},
	{"ip link add link v0 name mv0 index 50 address 02:00:00:00:00:50 type macvlan mode source macaddr set 02:00:00:00:00:51 02:00:00:00:00:52",
		"000000003200000000000000000000000a0001000200000000500000080005000a000000080003006d763000400012000b0001006d6163766c616e003000020008000300030000001c0005000a00040002000000005100000a00040002000000005200000800010010000000"},
	{"ip link add link v0 name mv0 index 50 address 02:00:00:00:00:50 type macvlan mode passthru nopromisc",
		"000000003200000000000000000000000a0001000200000000500000080005000a000000080003006d763000240012000b0001006d6163766c616e001400020008000100080000000600020001000000"},
	{"ip link add vrf0 index 50 address 02:00:00:00:00:50 type vrf table main",
		"000000003200000000000000000000000a00010002000000005000000900030076726630000000001800120007000100767266000c00020008000100fe000000"},
	{"ip link set v0 trailers on",
		"000000000a0000000000000020000000"},
	{"ip link set v0 addrgenmode random",
		"000000000a000000000000000000000010001a000c000a000500080003000000"},
	{"ip link set v0 xdpgeneric off",
		"000000000a000000000000000000000014002b0008000100ffffffff0800030003000000"},
	{"ip link set v0 down address 02:00:00:00:00:98 name ren0",
		"000000000a00000000000000010000000a00010002000000009800000900030072656e3000000000"},
	{"ip link set v0 up promisc on allmulticast on multicast off",
		"000000000a0000000103000001130000"},
	{"ip link set group default up",
		"0000000000000000010000000100000008001b0000000000"},
	{"ip link set v0 vf 0 max_tx_rate 1000 min_tx_rate 100",
		"000000000a00000000000000000000001800160014000100100006000000000064000000e8030000"},
	{"ip link set v0 vf 0 mac 02:00:00:00:00:01 vlan 7 spoofchk off trust on",
		"000000000a0000000000000000000000580016005400010028000100000000000200000000010000000000000000000000000000000000000000000000000000100002000000000007000000000000000c00040000000000000000000c0009000000000001000000"},
	{"ip link set v0 vf 0 port_guid 00:11:22:33:44:55:66:77",
		"000000000a00000000000000000000001c0016001800010014000b0000000000000000007766554433221100"},
	{"ip link property add dev v0 altname averylongalternativenameforthisinterfacelongerthanfifteen",
		"000000000a0000000000000000000000440034803e00350061766572796c6f6e67616c7465726e61746976656e616d65666f7274686973696e746572666163656c6f6e6765727468616e6669667465656e000000"},
	{"ip link set vx0 protodown on",
		"000000003200000000000000000000000500270001000000"},
}

// TestLinkTruth decodes what iproute2 sent, leaving nothing unnamed, and sends
// the same attributes again.
func TestLinkTruth(t *testing.T) {
	skipBigEndian(t)
	for _, c := range linkTruth {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		s := decodeLink(t, b)
		if x := unnamed(s); x != "" {
			t.Errorf("%s: %s", c.argv, x)
		}
		if got, want := linkTree(encodeLink(t, s)), linkTree(b); got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.argv, got, want)
		}
	}
}

// TestLinkOracle does the same with all captures of these kinds.
func TestLinkOracle(t *testing.T) {
	for _, c := range oracle(t, "link/dummy/", "link/ifb/", "link/veth/", "link/bridge/", "link/bridge_slave/", "link/bond/", "link/bond_slave/",
		"link/vlan/", "link/vxlan/", "link/macvlan/", "link/macvtap/", "link/vrf/", "link/set/", "link/set-other/", "link/del/", "link/property/") {
		for _, m := range c.Messages {
			if Link.New <= m.Type && m.Type <= Link.New+3 || m.Type == unix.RTM_NEWLINKPROP || m.Type == unix.RTM_DELLINKPROP {
				checkRoundTrip(t, Link, &c, &m)
			}
		}
	}
}

func decodeLink(t *testing.T, payload []byte) *wire.Set {
	t.Helper()
	s := wire.NewSet(Link.Table)
	if err := Link.Table.Decode(payload, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func encodeLink(t *testing.T, s *wire.Set) []byte {
	t.Helper()
	var b wire.Builder
	if err := Link.Append(&b, unix.RTM_NEWLINK, 0, s); err != nil {
		t.Fatal(err)
	}
	m, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	return m[wire.HeaderLen:]
}

// unnamed describes an attribute that no row knows, anywhere in s.
func unnamed(s *wire.Set) string {
	if len(s.Extra) > 0 {
		return s.Table.Name + " has an attribute without a row: " + hex.EncodeToString([]byte{byte(s.Extra[0].Type)})
	}
	for _, e := range s.Ents {
		for _, v := range append([]wire.Value{e.V}, e.V.L...) {
			if v.Sub != nil {
				if x := unnamed(v.Sub); x != "" {
					return x
				}
			}
		}
	}
	return ""
}

// linkTree writes a message with its attributes in the order of their numbers:
// iproute2's order is that of its arguments, and it leaves NLA_F_NESTED out.
func linkTree(b []byte) string {
	return hex.EncodeToString(b[:ifinfomsgLen]) + branch(b[ifinfomsgLen:], "", "")
}

func branch(b []byte, path, kind string) string {
	for a := range wire.Attrs(b) {
		if path == "/18" && a.Type == unix.IFLA_INFO_KIND {
			kind = string(a.Data)
		}
	}
	var out []string
	for a := range wire.Attrs(b) {
		at := path + "/" + strconv.Itoa(int(a.Type))
		text := hex.EncodeToString(a.Data)
		if skip, ok := nestHeader(at, kind); ok {
			text = hex.EncodeToString(a.Data[:skip]) + branch(a.Data[skip:], at, kind)
		}
		out = append(out, strconv.Itoa(int(a.Type))+"="+text)
	}
	slices.Sort(out)
	return "{" + strings.Join(out, " ") + "}"
}

// nestHeader reports whether an attribute of a link message holds attributes,
// and the length of the struct before these.
func nestHeader(path, kind string) (int, bool) {
	switch path {
	case "/18", "/18/2", "/18/5", "/22", "/22/1", "/26", "/26/10", "/43", "/52":
		return 0, true
	}
	switch kind + path {
	case "veth/18/2/1":
		return ifinfomsgLen, true
	case "bond/18/2/8", "vlan/18/2/3", "vlan/18/2/4", "macvlan/18/2/5":
		return 0, true
	}
	return 0, false
}

func set(tab *wire.Table, rows map[string]wire.Value) *wire.Set {
	s := wire.NewSet(tab)
	for name, v := range rows {
		s.PutName(name, v)
	}
	return s
}

// A name beside an index renames, and reads as a name.
func TestRename(t *testing.T) {
	s := set(Link.Table, map[string]wire.Value{"index": wire.IntVal(7), "newname": wire.StrVal("lan0")})
	got := decodeLink(t, encodeLink(t, s))
	if name, _ := got.Get("name"); name.S != "lan0" || got.Uint("index") != 7 || got.Has("newname") {
		t.Errorf("got %v", got.Ents)
	}
}

// arp and trailers are written the other way round, and every flag that is
// written says so in ifi_change.
func TestFlags(t *testing.T) {
	s := set(Link.Table, map[string]wire.Value{"up": wire.BoolVal(false), "arp": wire.BoolVal(true), "promisc": wire.BoolVal(true)})
	b := encodeLink(t, s)
	flags, change := binary.NativeEndian.Uint32(b[ifiFlags:]), binary.NativeEndian.Uint32(b[ifiChange:])
	if flags != unix.IFF_PROMISC || change != unix.IFF_UP|unix.IFF_NOARP|unix.IFF_PROMISC {
		t.Errorf("flags %#x change %#x", flags, change)
	}
	if got := decodeLink(t, b); !got.Equal(s) {
		t.Errorf("got %v", got.Ents)
	}
}

// The kernel reports settings as an array and takes them as attributes.
func TestSettings(t *testing.T) {
	var array []byte
	for i := range inetSettings {
		array = binary.NativeEndian.AppendUint32(array, uint32(i%2))
	}
	array = binary.NativeEndian.AppendUint32(array, 77) // of a later kernel
	s := wire.NewSet(inetConf)
	if err := inetConf.Decode(array, s); err != nil {
		t.Fatal(err)
	}
	if len(s.Ents) != len(inetSettings) || s.Uint("mc_forwarding") != 1 || s.Uint("proxy_arp") != 0 || len(s.Extra) != 1 {
		t.Errorf("array: %d settings, %d not known", len(s.Ents), len(s.Extra))
	}

	medium := wire.IntVal(^uint64(0))
	s = set(inetConf, map[string]wire.Value{"forwarding": wire.IntVal(1), "rp_filter": wire.IntVal(2), "medium_id": medium})
	link := set(Link.Table, map[string]wire.Value{"index": wire.IntVal(3), "inet": wire.SubVal(s)})
	if got := decodeLink(t, encodeLink(t, link)); !got.Equal(link) {
		t.Errorf("got %v", got.Ents)
	}
}

// A virtual function's number is in each struct; its VLAN is in one of two.
func TestVF(t *testing.T) {
	for _, c := range []struct {
		rows map[string]wire.Value
		want string
	}{
		{map[string]wire.Value{"vf": wire.IntVal(3), "trust": wire.IntVal(1), "state": wire.IntVal(2)}, "{5=0300000002000000 9=0300000001000000}"},
		{map[string]wire.Value{"vlan": wire.IntVal(5), "qos": wire.IntVal(1)}, "{2=000000000500000001000000}"},
		{map[string]wire.Value{"vf": wire.IntVal(1), "vlan": wire.IntVal(5), "proto": wire.IntVal(unix.ETH_P_8021AD)}, "{12=1400010001000000050000000000000088a80000}"},
		{map[string]wire.Value{"node_guid": wire.StrVal("\x00\x11\x22\x33\x44\x55\x66\x77")}, "{10=00000000000000007766554433221100}"},
	} {
		skipBigEndian(t)
		s := set(vfTable, c.rows)
		var b wire.Builder
		m := b.Begin(0, 0)
		if err := vfTable.Append(&b, s); err != nil {
			t.Fatal(err)
		}
		b.End(m)
		msg, _, err := b.Last()
		if err != nil {
			t.Fatal(err)
		}
		if got := branch(msg[wire.HeaderLen:], "/vf", ""); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		got := wire.NewSet(vfTable)
		if err := vfTable.Decode(msg[wire.HeaderLen:], got); err != nil || !got.Equal(s) {
			t.Errorf("%s: read %v, %v", c.want, got.Ents, err)
		}
	}
	s := set(vfTable, map[string]wire.Value{"port_guid": wire.StrVal("short")})
	var b wire.Builder
	b.Begin(0, 0)
	if err := vfTable.Append(&b, s); err == nil {
		t.Error("a GUID of 5 bytes was written")
	}
}

// A flag attribute that the kernel reports as a number is what the number says.
func TestFlagAsNumber(t *testing.T) {
	for _, c := range []struct {
		data []byte
		want uint64
	}{{[]byte{0}, 0}, {[]byte{1}, 1}, {nil, 1}} {
		var b wire.Builder
		m := b.Begin(0, 0)
		copy(b.Attr(unix.IFLA_VXLAN_TTL_INHERIT, len(c.data)), c.data)
		b.End(m)
		msg, _, err := b.Last()
		if err != nil {
			t.Fatal(err)
		}
		s := wire.NewSet(vxlanKind)
		if err := vxlanKind.Decode(msg[wire.HeaderLen:], s); err != nil {
			t.Fatal(err)
		}
		if v, ok := s.Get("ttl_inherit"); !ok || v.N != c.want {
			t.Errorf("%v: got %v %v", c.data, v.N, ok)
		}
	}
}

// group and remote are one attribute, told apart by the address.
func TestGroupOrRemote(t *testing.T) {
	for addr, row := range map[string]string{"239.1.1.1": "group", "ff05::1": "group", "192.0.2.1": "remote", "2001:db8::1": "remote"} {
		s := set(vxlanKind, map[string]wire.Value{row: wire.AddrVal(netip.MustParseAddr(addr))})
		link := set(Link.Table, map[string]wire.Value{"kind": wire.SubVal(s)})
		if got := decodeLink(t, encodeLink(t, link)); !got.Equal(link) {
			t.Errorf("%s: got %v", addr, member(got, "kind").Ents)
		}
	}
}

func TestFinishMacvlan(t *testing.T) {
	k := set(macvlanKind, map[string]wire.Value{"macaddr": wire.ListOf(wire.StrVal("abcdef"))})
	s := set(Link.Table, map[string]wire.Value{"kind": wire.SubVal(k)})
	if err := Link.Finish(s, Link.Verb("change")); err != nil || k.Uint("macaddr_mode") != macaddrSet {
		t.Errorf("mode %d, %v", k.Uint("macaddr_mode"), err)
	}
	k.PutName("macaddr_mode", wire.IntVal(2))
	if err := Link.Finish(s, Link.Verb("change")); err != nil || k.Uint("macaddr_mode") != 2 {
		t.Error("a mode that was written was replaced")
	}
}

// What is sent and what the kernel makes of it are the same canonical set.
func TestCanonLink(t *testing.T) {
	zero, n := wire.IntVal(0), wire.IntVal
	qos := func(from, to uint64) wire.Value {
		return wire.SubVal(set(vlanQoS, map[string]wire.Value{"from_": n(from), "to": n(to)}))
	}
	for _, c := range []struct {
		name           string
		kind           *wire.Table
		sent, reported map[string]wire.Value
	}{
		{"no master", nil, map[string]wire.Value{"master": zero, "alias": wire.StrVal("")}, nil},
		{"names", nil, map[string]wire.Value{"altnames": wire.ListOf(wire.StrVal("b"), wire.StrVal("a"))},
			map[string]wire.Value{"altnames": wire.ListOf(wire.StrVal("a"), wire.StrVal("b"))}},
		{"bond delays", bondKind, map[string]wire.Value{"miimon": n(100), "updelay": n(250), "primary": zero},
			map[string]wire.Value{"miimon": n(100), "updelay": n(200)}},
		{"bridge", bridgeKind, map[string]wire.Value{"stp_state": n(1), "mcast_query_interval": n(5)},
			map[string]wire.Value{"stp_state": n(2), "mcast_query_interval": n(100)}},
		{"vxlan", vxlanKind, map[string]wire.Value{"id": n(1), "remote": wire.AddrVal(netip.IPv4Unspecified()), "gbp": zero, "vnifilter": zero},
			map[string]wire.Value{"id": n(1)}},
		{"qos", vlanKind, map[string]wire.Value{"egress_qos_map": wire.ListOf(qos(5, 1), qos(2, 3))},
			map[string]wire.Value{"egress_qos_map": wire.ListOf(qos(2, 3), qos(5, 1))}},
	} {
		a, b := canonical(c.kind, c.sent), canonical(c.kind, c.reported)
		if !a.Equal(b) {
			t.Errorf("%s: sent and reported differ: %v, %v", c.name, a.Ents, b.Ents)
		}
	}
}

func canonical(kind *wire.Table, rows map[string]wire.Value) *wire.Set {
	s := set(Link.Table, nil)
	if kind == nil {
		s = set(Link.Table, rows)
	} else {
		s.PutName("kind", wire.SubVal(set(kind, rows)))
	}
	Link.Canon(s)
	return s
}

func TestForeign(t *testing.T) {
	for _, c := range []struct {
		rows map[string]wire.Value
		want bool
	}{
		{map[string]wire.Value{"name": wire.StrVal("lo"), "link_type": wire.IntVal(unix.ARPHRD_LOOPBACK)}, true},
		{map[string]wire.Value{"name": wire.StrVal("sit0"), "link_type": wire.IntVal(unix.ARPHRD_SIT)}, true},
		{map[string]wire.Value{"name": wire.StrVal("sit1"), "link_type": wire.IntVal(unix.ARPHRD_SIT)}, false},
	} {
		if got := Link.Foreign(set(Link.Table, c.rows)); got != c.want {
			t.Errorf("%v: %v", c.rows["name"].S, got)
		}
	}
}

// skipBigEndian skips a test of fixed bytes.
func skipBigEndian(t *testing.T) {
	t.Helper()
	if wire.IsBigEndian {
		t.Skip("the bytes are little-endian")
	}
}
