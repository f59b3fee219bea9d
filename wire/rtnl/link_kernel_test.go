package rtnl

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// kernelLinks are links that every kind makes, with every row that is then told.
var kernelLinks = []struct {
	kind *wire.Table
	rows map[string]wire.Value
	over bool // on top of v0
}{
	{kind: dummyKind},
	{kind: ifbKind},
	{kind: vrfKind, rows: map[string]wire.Value{"table": wire.IntVal(77)}},
	{kind: bridgeKind, rows: map[string]wire.Value{
		"forward_delay": wire.IntVal(400), "hello_time": wire.IntVal(300), "max_age": wire.IntVal(1000), "ageing_time": wire.IntVal(6000),
		"stp_state": wire.IntVal(1), "priority": wire.IntVal(4096), "group_fwd_mask": wire.IntVal(8), "no_linklocal_learn": wire.IntVal(1),
		"group_address": wire.StrVal("\x01\x80\xc2\x00\x00\x0a"), "mcast_snooping": wire.IntVal(1), "mcast_router": wire.IntVal(2),
		"mcast_query_use_ifaddr": wire.IntVal(1), "mcast_querier": wire.IntVal(1), "mcast_hash_max": wire.IntVal(512),
		"mcast_last_member_count": wire.IntVal(3), "mcast_startup_query_count": wire.IntVal(4), "mcast_last_member_interval": wire.IntVal(200),
		"mcast_membership_interval": wire.IntVal(2600), "mcast_querier_interval": wire.IntVal(2500), "mcast_query_interval": wire.IntVal(1200),
		"mcast_query_response_interval": wire.IntVal(900), "mcast_startup_query_interval": wire.IntVal(50), "mcast_stats_enabled": wire.IntVal(1),
		"mcast_igmp_version": wire.IntVal(3), "mcast_mld_version": wire.IntVal(2),
	}},
	{kind: vxlanKind, rows: map[string]wire.Value{
		"id": wire.IntVal(42), "remote": wire.AddrVal(netip.MustParseAddr("2001:db8::2")), "local": wire.AddrVal(netip.MustParseAddr("2001:db8::1")),
		"dstport": wire.IntVal(4789), "srcport": wire.ListOf(wire.IntVal(10000), wire.IntVal(20000)), "ttl": wire.IntVal(5), "tos": wire.IntVal(16),
		"df": wire.IntVal(1), "flowlabel": wire.IntVal(0x12345), "learning": wire.IntVal(0), "ageing": wire.IntVal(60), "maxaddress": wire.IntVal(9),
		"proxy": wire.IntVal(1), "rsc": wire.IntVal(1), "l2miss": wire.IntVal(1), "l3miss": wire.IntVal(1), "udpcsum": wire.IntVal(0),
		"udp6zerocsumtx": wire.IntVal(1), "udp6zerocsumrx": wire.IntVal(1), "remcsumtx": wire.IntVal(1), "remcsumrx": wire.IntVal(1),
		"remcsum_nopartial": wire.IntVal(1), "gbp": wire.IntVal(1),
	}},
	{kind: vlanKind, over: true, rows: map[string]wire.Value{
		"id": wire.IntVal(4094), "protocol": wire.IntVal(unix.ETH_P_8021AD), "reorder_hdr": wire.IntVal(0), "loose_binding": wire.IntVal(1),
		"ingress_qos_map": wire.ListOf(qosMap(3, 4), qosMap(1, 2)), "egress_qos_map": wire.ListOf(qosMap(17, 5), qosMap(1, 2)),
	}},
	{kind: macvlanKind, over: true, rows: map[string]wire.Value{
		"mode": wire.IntVal(16), "nodst": wire.IntVal(1), "macaddr_mode": wire.IntVal(macaddrSet), "bcqueuelen": wire.IntVal(500),
		"macaddr": wire.ListOf(wire.StrVal("\x02\x00\x00\x00\x00\x09"), wire.StrVal("\x02\x00\x00\x00\x00\x01")),
	}},
	{kind: macvtapKind, over: true, rows: map[string]wire.Value{"mode": wire.IntVal(4)}},
	{kind: bondKind, rows: map[string]wire.Value{
		"mode": wire.IntVal(4), "miimon": wire.IntVal(100), "updelay": wire.IntVal(250), "downdelay": wire.IntVal(300), "peer_notify_delay": wire.IntVal(200),
		"primary_reselect": wire.IntVal(2), "fail_over_mac": wire.IntVal(1), "xmit_hash_policy": wire.IntVal(1), "resend_igmp": wire.IntVal(3),
		"num_grat_arp": wire.IntVal(4), "all_slaves_active": wire.IntVal(1), "min_links": wire.IntVal(1), "lp_interval": wire.IntVal(5),
		"lacp_rate": wire.IntVal(1), "lacp_active": wire.IntVal(0), "ad_select": wire.IntVal(2), "ad_user_port_key": wire.IntVal(9),
		"ad_actor_sys_prio": wire.IntVal(7), "ad_actor_system": wire.StrVal("\x02\x00\x00\x00\x00\x42"),
	}},
	{kind: bondKind, rows: map[string]wire.Value{
		"mode": wire.IntVal(1), "arp_interval": wire.IntVal(200), "arp_validate": wire.IntVal(3), "arp_all_targets": wire.IntVal(1),
		"arp_ip_target": wire.ListOf(wire.AddrVal(netip.MustParseAddr("192.0.2.9")), wire.AddrVal(netip.MustParseAddr("192.0.2.1"))),
	}},
	{kind: bondKind, rows: map[string]wire.Value{"mode": wire.IntVal(5), "tlb_dynamic_lb": wire.IntVal(0), "miimon": wire.IntVal(50)}},
}

func qosMap(from, to uint64) wire.Value {
	s := wire.NewSet(vlanQoS)
	s.PutName("from_", wire.IntVal(from))
	s.PutName("to", wire.IntVal(to))
	return wire.SubVal(s)
}

func TestMain(m *testing.M) { testnet.Main(m) }

// TestLinkKernel makes a link of each kind that this kernel has and reads it
// back: what was sent is what it reports, and nothing it reports is unnamed.
func TestLinkKernel(t *testing.T) {
	testnet.New(t).Do(func() {
		c := dialKernel(t)
		peer := set(vethPeer, map[string]wire.Value{"name": wire.StrVal("v1"), "index": wire.IntVal(11), "mtu": wire.IntVal(1400)})
		v0 := set(Link.Table, map[string]wire.Value{"name": wire.StrVal("v0"), "index": wire.IntVal(10), "kind": wire.SubVal(set(vethKind, map[string]wire.Value{"peer": wire.SubVal(peer)}))})
		if err := c.send("add", v0); err != nil {
			t.Fatal("veth: ", err)
		}
		if got := c.links()["v1"]; got == nil || got.Uint("mtu") != 1400 || got.Uint("index") != 11 {
			t.Errorf("the peer is %v", got)
		}
		for _, k := range kernelLinks {
			name := "t-" + k.kind.Name
			s := set(Link.Table, map[string]wire.Value{"name": wire.StrVal(name), "mtu": wire.IntVal(1300), "txqueuelen": wire.IntVal(77),
				"group": wire.IntVal(5), "address": wire.StrVal("\x02\x00\x00\x00\x00\x77"), "kind": wire.SubVal(set(k.kind, k.rows))})
			if k.over {
				s.PutName("link", wire.IntVal(10))
			}
			err := c.send("add", s)
			if errors.Is(err, unix.EOPNOTSUPP) {
				testnet.Lacks(t, k.kind.Name)
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			reported := c.links()[name]
			if reported == nil {
				t.Errorf("%s: not reported", name)
				continue
			}
			checkReported(t, name, s, reported)
			if err := c.send("delete", set(Link.Table, map[string]wire.Value{"index": wire.IntVal(reported.Uint("index"))})); err != nil {
				t.Errorf("%s: delete: %v", name, err)
			}
		}
		c.patches(t)
		c.slaves(t)
	})
}

// checkReported compares the rows that were sent with those reported.
func checkReported(t *testing.T, path string, sent, reported *wire.Set) {
	t.Helper()
	if sent.Table == Link.Table {
		Link.Canon(sent)
		Link.Canon(reported)
	}
	for _, e := range sent.Ents {
		if e.F.WO || e.F.Name == "index" {
			continue
		}
		got, ok := reported.At(e.F)
		switch {
		case e.F.Kind == wire.Union && ok:
			if got.Sub.Table != e.V.Sub.Table {
				t.Errorf("%s: %s is %s", path, e.F.Name, got.Sub.Table.Name)
				continue
			}
			checkReported(t, path+"."+e.F.Name, e.V.Sub, got.Sub)
		case e.F.Kind == wire.Nest && ok:
			checkReported(t, path+"."+e.F.Name, e.V.Sub, got.Sub)
		case !ok && !e.V.True():
		case !ok || !got.Equal(e.V):
			t.Errorf("%s: %s: sent %s, reported %s (%v)", path, e.F.Name, e.F.Text(e.V, nil), e.F.Text(got, nil), ok)
		}
	}
}

// patches changes what cannot be given on creation.
func (c *kernel) patches(t *testing.T) {
	t.Helper()
	v0 := map[string]wire.Value{"index": wire.IntVal(10)}
	change := func(verb string, rows map[string]wire.Value) {
		t.Helper()
		s := set(Link.Table, v0)
		for name, v := range rows {
			s.PutName(name, v)
		}
		if err := c.send(verb, s); err != nil {
			t.Errorf("%s %v: %v", verb, s.Text(nil), err)
			return
		}
		if rows["newname"].S == "" && verb != "property_delete" {
			checkReported(t, verb, s, c.links()["v0"])
		}
	}
	change("change", map[string]wire.Value{"alias": wire.StrVal("a b"), "addrgenmode": wire.IntVal(1), "up": wire.IntVal(1), "arp": wire.IntVal(0), "allmulticast": wire.IntVal(1)})
	change("set", map[string]wire.Value{"up": wire.IntVal(0), "arp": wire.IntVal(1), "gso_max_segs": wire.IntVal(100), "broadcast": wire.StrVal("\xff\xff\xff\xff\xff\xfe")})
	change("property_add", map[string]wire.Value{"altnames": wire.ListOf(wire.StrVal("second"), wire.StrVal("first"))})
	change("property_delete", map[string]wire.Value{"altnames": wire.ListOf(wire.StrVal("second"))})
	if v, _ := c.links()["v0"].Get("altnames"); len(v.L) != 1 || v.L[0].S != "first" {
		t.Errorf("altnames are %v", v.L)
	}
	inet := set(inetConf, map[string]wire.Value{"rp_filter": wire.IntVal(2), "medium_id": wire.IntVal(^uint64(0))})
	change("change", map[string]wire.Value{"inet": wire.SubVal(inet)})
	c.port(t)
	change("change", map[string]wire.Value{"newname": wire.StrVal("w0")})
	if got := c.links()["w0"]; got == nil || got.Uint("index") != 10 {
		t.Error("v0 was not renamed")
	}
}

// port makes v0 the port of a bridge and writes all options that one port has.
func (c *kernel) port(t *testing.T) {
	t.Helper()
	br := set(Link.Table, map[string]wire.Value{"name": wire.StrVal("br0"), "index": wire.IntVal(40), "kind": wire.SubVal(set(bridgeKind, nil))})
	err := c.send("add", br)
	if errors.Is(err, unix.EOPNOTSUPP) {
		testnet.Lacks(t, "bridge")
		return
	}
	if err != nil {
		t.Fatal("br0: ", err)
	}
	if err := c.send("change", set(Link.Table, map[string]wire.Value{"index": wire.IntVal(10), "master": wire.IntVal(40)})); err != nil {
		t.Fatal("master: ", err)
	}
	rows := map[string]wire.Value{"priority": wire.IntVal(5), "cost": wire.IntVal(9), "group_fwd_mask": wire.IntVal(8), "mcast_router": wire.IntVal(2)}
	for _, f := range bridgePort.Rows() {
		if f.Kind == wire.Bool && !f.RO && !f.WO && f.Since == "" {
			rows[f.Name] = wire.IntVal(1)
		}
	}
	s := set(Link.Table, map[string]wire.Value{"index": wire.IntVal(10), "port": wire.SubVal(set(bridgePort, rows))})
	if err := c.send("change", s); err != nil {
		t.Fatal("port: ", err)
	}
	checkReported(t, "v0", s, c.links()["v0"])
	if err := c.send("change", set(Link.Table, map[string]wire.Value{"index": wire.IntVal(10), "master": wire.IntVal(0)})); err != nil {
		t.Error("nomaster: ", err)
	}
	if c.links()["v0"].Has("master") {
		t.Error("v0 still has a master")
	}
}

// slaves makes v1 the port of a bond and of a VRF, where the kernel has these.
func (c *kernel) slaves(t *testing.T) {
	t.Helper()
	for _, m := range []struct {
		kind, port *wire.Table
		kindRows   map[string]wire.Value
		sent, told map[string]wire.Value
	}{
		{bondKind, bondPort, map[string]wire.Value{"mode": wire.IntVal(1), "miimon": wire.IntVal(100)},
			map[string]wire.Value{"prio": wire.IntVal(^uint64(2)), "queue_id": wire.IntVal(3)}, nil},
		{vrfKind, vrfPort, map[string]wire.Value{"table": wire.IntVal(1077)}, nil, map[string]wire.Value{"table": wire.IntVal(1077)}},
	} {
		err := c.send("add", set(Link.Table, map[string]wire.Value{"name": wire.StrVal("m0"), "index": wire.IntVal(50), "kind": wire.SubVal(set(m.kind, m.kindRows))}))
		if errors.Is(err, unix.EOPNOTSUPP) {
			testnet.Lacks(t, m.kind.Name)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", m.kind.Name, err)
			continue
		}
		if err := c.send("change", set(Link.Table, map[string]wire.Value{"index": wire.IntVal(11), "master": wire.IntVal(50)})); err != nil {
			t.Errorf("%s: master: %v", m.kind.Name, err)
		}
		if m.sent != nil {
			s := set(Link.Table, map[string]wire.Value{"index": wire.IntVal(11), "port": wire.SubVal(set(m.port, m.sent))})
			if err := c.send("change", s); err != nil {
				t.Errorf("%s port: %v", m.port.Name, err)
			}
			checkReported(t, "v1", s, c.links()["v1"])
		}
		if m.told != nil {
			checkReported(t, "v1", set(Link.Table, map[string]wire.Value{"port": wire.SubVal(set(m.port, m.told))}), c.links()["v1"])
		}
		if err := c.send("delete", set(Link.Table, map[string]wire.Value{"index": wire.IntVal(50)})); err != nil {
			t.Errorf("%s: delete: %v", m.kind.Name, err)
		}
	}
}

// A kernel is a socket of the test's namespace.
type kernel struct {
	t  *testing.T
	fd int
}

func dialKernel(t *testing.T) *kernel {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &kernel{t, fd}
}

// send sends a link and returns the kernel's answer.
func (c *kernel) send(verb string, s *wire.Set) error {
	c.t.Helper()
	v := Link.Verb(verb)
	if err := Link.Finish(s, v); err != nil {
		c.t.Fatal(err)
	}
	var b wire.Builder
	if err := Link.Append(&b, v.Type, v.Flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK, s); err != nil {
		c.t.Fatal(err)
	}
	var answer error
	c.ask(&b, func(m wire.Message) bool {
		if errno := unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data))); errno != 0 {
			answer = errno
		}
		return false
	})
	return answer
}

// links dumps all links, by name. Attributes within the numbers a table has
// must have a row.
func (c *kernel) links() map[string]*wire.Set {
	c.t.Helper()
	var b wire.Builder
	s := set(Link.Table, map[string]wire.Value{"ext_mask": wire.IntVal(1)})
	if err := Link.Append(&b, Link.Get, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, s); err != nil {
		c.t.Fatal(err)
	}
	links := map[string]*wire.Set{}
	c.ask(&b, func(m wire.Message) bool {
		if m.Type != Link.New {
			return false
		}
		s := wire.NewSet(Link.Table)
		if err := Link.Table.DecodeState(m.Data, s); err != nil {
			c.t.Fatal(err)
		}
		name, _ := s.Get("name")
		links[name.S] = s
		c.named(name.S, s)
		return true
	})
	return links
}

func (c *kernel) named(path string, s *wire.Set) {
	c.t.Helper()
	var most uint16
	for _, f := range s.Table.Rows() {
		most = max(most, f.Type)
	}
	for _, x := range s.Extra {
		if typ := x.Type &^ (wire.Nested | wire.NetByteorder); typ <= most {
			c.t.Errorf("%s: %s attribute %d is not understood: %x", path, s.Table.Name, typ, x.Data)
		}
	}
	for _, e := range s.Ents {
		for _, v := range append([]wire.Value{e.V}, e.V.L...) {
			if v.Sub != nil {
				c.named(path+"."+e.F.Name, v.Sub)
			}
		}
	}
}

// ask sends one request and gives the answers to f until it returns false.
func (c *kernel) ask(b *wire.Builder, f func(wire.Message) bool) {
	c.t.Helper()
	msg, _, err := b.Last()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := unix.Sendto(c.fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		c.t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(c.fd, buf, 0)
		if err != nil {
			c.t.Fatal(err)
		}
		for m, err := range wire.Messages(buf[:n]) {
			if err != nil {
				c.t.Fatal(err)
			}
			if !f(m) {
				return
			}
		}
	}
}
