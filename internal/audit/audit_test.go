// Package audit compares the tables with the running kernel: an attribute of a
// wrong length makes it say which type it wants (NLMSGERR_ATTR_POLICY).
//
// It says so for what is checked by a policy. What is checked by hand is listed
// in the log as not named, and each test knows how many there must be at least.
package audit

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// known are differences that are meant, by the path of the row.
var known = map[string]string{
	"gso_max_size":      "its minimum, MAX_TCP_HEADER + 1, depends on how the kernel was built",
	"gso_ipv4_max_size": "the same",
}

// knownOfSome are differences that only some kernels have.
var knownOfSome = map[string]string{
	"txqueuelen": "Linux 6.12 takes at most 32767, those before and after it more",
}

// newest is the last kernel whose attributes are all in the tables.
var newest = [2]int{6, 18}

// rowless are attributes that the kernel checks and that are meant to have no row.
var rowless = map[string]string{
	"link: 15":      "IFLA_WEIGHT, which nothing reads",
	"link: 53":      "IFLA_ALT_IFNAME names the device of a request, which has an index here",
	"neigh: 5":      "NDA_VLAN and what follows are of forwarding databases: bridge.fdb",
	"neigh: 6":      "NDA_PORT",
	"neigh: 7":      "NDA_VNI",
	"neigh: 8":      "NDA_IFINDEX; also a device to list, which is picked from the whole here",
	"neigh: 9":      "NDA_MASTER; the same",
	"neigh: 13":     "NDA_NH_ID",
	"neigh: 14":     "NDA_FDB_EXT_ATTRS",
	"bridge.fdb: 4": "NDA_PROBES is of neighbours",
	"qdisc: 11":     "TCA_CHAIN is of filters",

	"bridge.vlan_options: entry.2":         "the end of a range of vid",
	"bridge.vlan_global: global_options.2": "the same",
}

var ne = binary.NativeEndian

const flagsAdd = unix.NLM_F_CREATE | unix.NLM_F_EXCL

// family begins every header of rtnetlink.
func family(f byte) func([]byte) { return func(h []byte) { h[0] = f } }

// at is a header that begins like ifinfomsg, ndmsg and tcmsg: family, and the
// index of a device at 4.
func at(f byte, index int) func([]byte) {
	return func(h []byte) {
		h[0] = f
		ne.PutUint32(h[4:], uint32(index))
	}
}

// loopback is the index of lo.
const loopback = 1

func TestLink(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("v0")
	p := newProber(t, ns)
	// A creation of what exists is checked whole and then refused; some is
	// looked at only by a change.
	p.walk(rtnl.Link, []shape{
		{typ: unix.RTM_NEWLINK, flags: flagsAdd, head: at(0, loopback)},
		{typ: unix.RTM_SETLINK, head: at(0, ns.Index("v0"))},
	}, rtnl.Link.Table, nil, "")
	p.report("link", 44)
}

// kindsAtLeast are how many attributes of a kind the kernel names.
var kindsAtLeast = map[string]int{"bond": 29, "bridge": 38, "macvlan": 8, "macvtap": 8, "veth": 30, "vlan": 3, "vrf": 1, "vxlan": 27}

// The audits of kinds and ports know what to expect of each that has rows.
func TestKindsAreExpected(t *testing.T) {
	for _, u := range []struct {
		name   string
		tables []*wire.Table
		least  map[string]int
	}{{"kindsAtLeast", rtnl.Kinds.Tables, kindsAtLeast}, {"portsAtLeast", rtnl.Ports.Tables, portsAtLeast}} {
		for _, tab := range u.tables {
			if _, ok := u.least[tab.Name]; !ok && len(tab.Declared()) > 0 {
				t.Errorf("%s does not say how many attributes of %s the kernel names", u.name, tab.Name)
			}
		}
	}
}

func TestKinds(t *testing.T) {
	found := 0
	for _, kind := range rtnl.Kinds.Tables {
		t.Run(kind.Name, func(t *testing.T) {
			ns := testnet.New(t)
			p := newProber(t, ns)
			create := []shape{{typ: unix.RTM_NEWLINK, flags: flagsAdd, head: at(0, loopback)}}
			if kind.Name == "veth" {
				// Before 6.13 the peer is looked at once there is a device: one
				// that must have the index of another, so that none is made.
				create = append(create, shape{typ: unix.RTM_NEWLINK, flags: flagsAdd, head: at(0, noDevice)})
			}
			steps := []step{{typ: unix.IFLA_LINKINFO}, {
				typ: unix.IFLA_INFO_DATA, fixed: kind.Fixed,
				before: func(b *wire.Builder) { b.Text(unix.IFLA_INFO_KIND, kind.Name) },
			}}
			if !p.hasKind(kind.Name) {
				testnet.Lacks(t, kind.Name)
				t.SkipNow()
			}
			found++
			p.walk(rtnl.Link, create, kind, steps, "kind."+kind.Name+".")
			p.report(kind.Name, kindsAtLeast[kind.Name])
		})
	}
	if found < 4 {
		testnet.Refuse(t, "this kernel has hardly any kind of link")
	}
}

// hasKind tries to make a link of this kind.
func (p *prober) hasKind(kind string) bool {
	var b wire.Builder
	m := b.Begin(unix.RTM_NEWLINK, flagsAdd)
	b.Fixed(unix.SizeofIfInfomsg)
	info := b.Nest(unix.IFLA_LINKINFO)
	b.Text(unix.IFLA_INFO_KIND, kind)
	b.End(info)
	b.End(m)
	msg, err := b.Bytes()
	if err != nil {
		p.t.Fatal(err)
	}
	return !unknownKind(p.send(msg))
}

var portsAtLeast = map[string]int{"bond": 2, "bridge": 25, "vrf": 0}

func TestPorts(t *testing.T) {
	for _, port := range rtnl.Ports.Tables {
		t.Run(port.Name, func(t *testing.T) {
			ns := testnet.New(t)
			ns.Veth("v0")
			p := newProber(t, ns)
			if !p.must(port.Name, newLink("master0", port.Name)) {
				testnet.Lacks(t, port.Name)
				t.SkipNow()
			}
			index := ns.Index("v0")
			if !p.must("port", setMaster(index, ns.Index("master0"))) {
				t.Fatal("v0 cannot be a port")
			}
			steps := []step{{typ: unix.IFLA_LINKINFO}, {
				typ:    unix.IFLA_INFO_SLAVE_DATA,
				before: func(b *wire.Builder) { b.Text(unix.IFLA_INFO_SLAVE_KIND, port.Name) },
			}}
			p.walk(rtnl.Link, []shape{{typ: unix.RTM_NEWLINK, head: at(0, index)}}, port, steps, "port."+port.Name+".")
			p.report(port.Name, portsAtLeast[port.Name])
		})
	}
}

// vrfTable is IFLA_VRF_TABLE, without which no vrf is made.
const vrfTable = 1

func newLink(name, kind string) *wire.Builder {
	b := new(wire.Builder)
	m := b.Begin(unix.RTM_NEWLINK, flagsAdd)
	b.Fixed(unix.SizeofIfInfomsg)
	b.String(unix.IFLA_IFNAME, name)
	info := b.Nest(unix.IFLA_LINKINFO)
	b.Text(unix.IFLA_INFO_KIND, kind)
	switch kind {
	case "vrf":
		data := b.Nest(unix.IFLA_INFO_DATA)
		b.Uint32(vrfTable, 100)
		b.End(data)
	case "vxlan":
		data := b.Nest(unix.IFLA_INFO_DATA)
		b.Uint32(unix.IFLA_VXLAN_ID, 42)
		b.End(data)
	}
	b.End(info)
	b.End(m)
	return b
}

// setMaster makes a device, which must be down for a bond, a port.
func setMaster(index, master int) *wire.Builder {
	b := new(wire.Builder)
	m := b.Begin(unix.RTM_SETLINK, 0)
	h := b.Fixed(unix.SizeofIfInfomsg)
	at(0, index)(h)
	ne.PutUint32(h[12:], unix.IFF_UP) // ifi_change: down
	b.Uint32(unix.IFLA_MASTER, uint32(master))
	b.End(m)
	return b
}

func TestAddr(t *testing.T) {
	p := newProber(t, testnet.New(t))
	for _, f := range families {
		p.walk(rtnl.Addr, []shape{{typ: unix.RTM_NEWADDR, flags: flagsAdd, head: at(f.af, noDevice)}}, rtnl.Addr.Table, nil, f.name)
	}
	p.report("addr", 20)
}

var families = []struct {
	name string
	af   byte
}{{"ipv4 ", unix.AF_INET}, {"ipv6 ", unix.AF_INET6}}

// A route of a probe goes out by a device that does not exist.
func TestRoute(t *testing.T) {
	p := newProber(t, testnet.New(t))
	for _, f := range families {
		head := func(h []byte) {
			h[0], h[4], h[5], h[7] = f.af, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RTN_UNICAST
		}
		p.walk(rtnl.Route, []shape{{
			typ: unix.RTM_NEWROUTE, flags: flagsAdd, head: head,
			attrs: func(b *wire.Builder) { b.Uint32(unix.RTA_OIF, noDevice) },
		}, {typ: unix.RTM_NEWROUTE, flags: flagsAdd, head: head}}, rtnl.Route.Table, nil, f.name)
	}
	p.report("route", 27)
}

// A rule of a probe looks up a table that it does not name, which is refused.
func TestRule(t *testing.T) {
	p := newProber(t, testnet.New(t))
	for _, f := range families {
		head := func(h []byte) { h[0], h[7] = f.af, unix.FR_ACT_TO_TBL }
		p.walk(rtnl.Rule, []shape{{typ: unix.RTM_NEWRULE, flags: flagsAdd, head: head}}, rtnl.Rule.Table, nil, f.name)
	}
	p.report("rule", 34)
}

func TestNeigh(t *testing.T) {
	p := newProber(t, testnet.New(t))
	p.walk(rtnl.Neigh, []shape{{typ: unix.RTM_NEWNEIGH, flags: flagsAdd, head: at(unix.AF_INET, noDevice)}}, rtnl.Neigh.Table, nil, "")
	p.report("neigh", 5)
}

// Entries of forwarding databases are checked by each driver; the requests that
// list and flush them have policies.
func TestFDB(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("v0")
	p := newProber(t, ns)
	if !p.must("bridge", newLink("br0", "bridge")) || !p.must("vxlan", newLink("vx0", "vxlan")) {
		testnet.Lacks(t, "bridge or vxlan")
		t.SkipNow()
	}
	port := ns.Index("v0")
	p.must("port", setMaster(port, ns.Index("br0")))
	master := func(h []byte) {
		at(unix.AF_BRIDGE, port)(h)
		ne.PutUint16(h[8:], unix.NUD_NOARP)
		h[10] = unix.NTF_MASTER
	}
	self := func(index int) func([]byte) {
		return func(h []byte) {
			at(unix.AF_BRIDGE, index)(h)
			h[10] = unix.NTF_SELF
		}
	}
	p.walk(rtnl.FDB, []shape{
		{typ: unix.RTM_DELNEIGH, flags: unix.NLM_F_BULK, head: self(ns.Index("vx0"))},
		{typ: unix.RTM_DELNEIGH, flags: unix.NLM_F_BULK, head: self(ns.Index("br0"))},
		{typ: unix.RTM_NEWNEIGH, flags: unix.NLM_F_CREATE, head: master, attrs: func(b *wire.Builder) { b.Attr(unix.NDA_LLADDR, 6)[5] = 1 }},
		{typ: unix.RTM_GETNEIGH, head: at(unix.AF_BRIDGE, noDevice)},
	}, rtnl.FDB.Table, nil, "")
	p.report("bridge.fdb", 13)
}

// Options of VLANs are in nests with policies of their own.
func TestVLANOptions(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("v0")
	p := newProber(t, ns)
	p.must("bridge", newLink("br0", "bridge"))
	br, port := ns.Index("br0"), ns.Index("v0")
	p.must("port", setMaster(port, br))
	var b wire.Builder
	m := b.Begin(unix.RTM_NEWVLAN, 0)
	at(unix.AF_BRIDGE, port)(b.Fixed(rtnl.VLANOptions.Table.Fixed))
	b.End(m)
	none, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if p.send(none).Errno == unix.EOPNOTSUPP {
		testnet.Lacks(t, "VLANs of bridges")
		t.SkipNow()
	}
	p.walk(rtnl.VLANOptions, []shape{{typ: unix.RTM_NEWVLAN, head: at(unix.AF_BRIDGE, port)}}, rtnl.VLANOptions.Table, nil, "")
	p.report("bridge.vlan_options", 5)
	p = newProber(t, ns)
	p.walk(rtnl.VLANGlobal, []shape{{typ: unix.RTM_NEWVLAN, head: at(unix.AF_BRIDGE, br)}}, rtnl.VLANGlobal.Table, nil, "")
	p.report("bridge.vlan_global", 13)
}

func TestNexthop(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("v0")
	p := newProber(t, ns)
	for _, f := range families {
		p.walk(rtnl.Nexthop, []shape{{typ: unix.RTM_NEWNEXTHOP, flags: flagsAdd, head: family(f.af)}}, rtnl.Nexthop.Table, nil, f.name)
	}
	const member = 1000
	// What is in a group is looked at once its members exist.
	var b wire.Builder
	m := b.Begin(unix.RTM_NEWNEXTHOP, flagsAdd)
	family(unix.AF_INET)(b.Fixed(rtnl.Nexthop.Table.Fixed))
	b.Uint32(unix.NHA_ID, member)
	b.Uint32(unix.NHA_OIF, uint32(ns.Index("v0")))
	b.End(m)
	if !p.must("nexthop", &b) {
		t.Fatal("no next hops")
	}
	p.walk(rtnl.Nexthop, []shape{{
		typ: unix.RTM_NEWNEXTHOP, flags: flagsAdd, head: family(unix.AF_UNSPEC),
		attrs: func(b *wire.Builder) {
			ne.PutUint32(b.Attr(unix.NHA_GROUP, 8), member)
			b.Uint16(unix.NHA_GROUP_TYPE, 1) // NEXTHOP_GRP_TYPE_RES
		},
	}}, rtnl.Nexthop.Table, nil, "group ")
	p.report("nexthop", 22)
}

func TestQdisc(t *testing.T) {
	p := newProber(t, testnet.New(t))
	p.walk(rtnl.Qdisc, []shape{{typ: unix.RTM_NEWQDISC, flags: flagsAdd, head: at(0, noDevice)}}, rtnl.Qdisc.Table, nil, "")
	p.report("qdisc", 5)
}

// Of the qdiscs and classes here only these have attributes.
func TestHTBAndTBF(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("v0")
	index := ns.Index("v0")
	p := newProber(t, ns)
	if !p.must("htb", newHTB(index)) {
		testnet.Lacks(t, "htb")
		t.SkipNow()
	}
	options := []step{{typ: unix.TCA_OPTIONS}}
	p.walk(rtnl.Qdisc, []shape{tc(unix.RTM_NEWQDISC, index, 2<<16, tcRoot, "htb")}, rtnl.Qdiscs.Table("htb"), options, "sch.htb.")
	p.walk(rtnl.Class, []shape{tc(unix.RTM_NEWTCLASS, index, 1<<16|1, 1<<16, "htb")}, rtnl.Classes.Table("htb"), options, "sch.htb_class.")
	p.walk(rtnl.Qdisc, []shape{tc(unix.RTM_NEWQDISC, index, 2<<16, tcRoot, "tbf")}, rtnl.Qdiscs.Table("tbf"), options, "sch.tbf.")
	p.report("htb and tbf", 3)
}

const tcRoot = 1<<32 - 1 // TC_H_ROOT

func tc(typ uint16, index int, handle, parent uint32, kind string) shape {
	return shape{
		typ: typ, flags: unix.NLM_F_CREATE | unix.NLM_F_REPLACE,
		head: func(h []byte) {
			at(0, index)(h)
			ne.PutUint32(h[8:], handle)
			ne.PutUint32(h[12:], parent)
		},
		attrs: func(b *wire.Builder) { b.String(unix.TCA_KIND, kind) },
	}
}

// newHTB makes the qdisc that classes need, 1: at the root of a device.
func newHTB(index int) *wire.Builder {
	b := new(wire.Builder)
	s := tc(unix.RTM_NEWQDISC, index, 1<<16, tcRoot, "htb")
	m := b.Begin(s.typ, s.flags)
	s.head(b.Fixed(20))
	s.attrs(b)
	options := b.Nest(unix.TCA_OPTIONS)
	glob := b.Attr(2, 20) // TCA_HTB_INIT, tc_htb_glob
	ne.PutUint32(glob, 3)
	ne.PutUint32(glob[4:], 10)
	b.End(options)
	b.End(m)
	return b
}
