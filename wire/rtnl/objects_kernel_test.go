package rtnl

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// TestKernelKeeps sends objects and finds in the kernel's report, in canonical
// form, all that was sent.
func TestKernelKeeps(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("v0")
	k := &keeper{routingKernel: dialRouting(t, ns), dev: wire.IntVal(uint64(ns.Index("v0")))}
	mac := wire.StrVal("\x02\x00\x00\x00\x00\x77")
	addr := func(s string) wire.Value { return wire.AddrVal(netip.MustParseAddr(s)) }
	yes := wire.BoolVal(true)
	root := wire.IntVal(tcRoot)

	k.keeps(t, Addr, "add", map[string]wire.Value{"local": netVal("10.0.0.1/24"), "broadcast": wire.StrVal("+"), "label": wire.StrVal("v0:lab"), "metric": wire.IntVal(50)})
	k.keeps(t, Addr, "add", map[string]wire.Value{"local": netVal("10.1.0.1/32"), "peer": netVal("10.2.0.1/24"), "noprefixroute": yes, "scope": wire.IntVal(unix.RT_SCOPE_LINK)})
	k.keeps(t, Addr, "add", map[string]wire.Value{"local": netVal("10.3.0.1/24"), "valid_lft": wire.IntVal(1000), "preferred_lft": wire.IntVal(0), "proto": wire.IntVal(9)})
	k.keeps(t, Addr, "add", map[string]wire.Value{"local": netVal("2001:db8::1/64"), "nodad": yes, "home": yes, "noprefixroute": yes, "mngtmpaddr": yes})
	k.keeps(t, Addr, "add", map[string]wire.Value{"local": netVal("2001:db8:1::1/128"), "peer": netVal("2001:db8:1::2/128"), "nodad": yes, "metric": wire.IntVal(7)})
	k.keeps(t, Addr, "add", map[string]wire.Value{"local": netVal("fe80::9/64"), "nodad": yes, "scope": wire.IntVal(unix.RT_SCOPE_SITE)})
	k.keeps(t, Addr, "change", map[string]wire.Value{"local": netVal("10.3.0.1/24"), "valid_lft": wire.IntVal(500), "preferred_lft": wire.IntVal(400)})

	k.keeps(t, Neigh, "add", map[string]wire.Value{"to": addr("10.0.0.5"), "lladdr": mac, "protocol": wire.IntVal(unix.RTPROT_ZEBRA)})
	k.keeps(t, Neigh, "add", map[string]wire.Value{"to": addr("2001:db8::5"), "lladdr": mac, "router": yes, "nud": wire.IntVal(unix.NUD_NOARP)})
	k.keeps(t, Neigh, "add", map[string]wire.Value{"to": addr("10.0.0.6"), "proxy": yes})
	k.keeps(t, Neigh, "add", map[string]wire.Value{"to": addr("10.0.0.7"), "lladdr": mac, "extern_learn": yes})

	k.keeps(t, Neigh, "add", map[string]wire.Value{"to": addr("10.0.0.8"), "lladdr": mac, "extern_learn": yes, "nud": wire.IntVal(unix.NUD_REACHABLE)})
	k.keeps(t, Neigh, "add", map[string]wire.Value{"to": addr("10.0.0.9"), "managed": yes})

	k.keeps(t, FDB, "add", map[string]wire.Value{"lladdr": mac})

	k.keeps(t, Qdisc, "replace", map[string]wire.Value{"parent": root, "kind": kind(schBfifo, map[string]uint64{"limit": 5000})})
	k.keeps(t, Qdisc, "add", map[string]wire.Value{"kind": kind(schClsact, nil)})
	k.keeps(t, Qdisc, "replace", map[string]wire.Value{"parent": root, "handle": wire.IntVal(0x10000), "kind": kind(schHTB, map[string]uint64{"default": 0x10030, "r2q": 20, "direct_qlen": 7}),
		"stab": wire.SubVal(set(stabTable, map[string]wire.Value{"overhead": wire.IntVal(^uint64(3)), "mpu": wire.IntVal(64), "linklayer": wire.IntVal(linklayerATM)}))})
	k.keeps(t, Class, "add", map[string]wire.Value{"classid": wire.IntVal(0x10001), "parent": wire.IntVal(0x10000), "kind": kind(schHTBClass, map[string]uint64{"rate": 125000, "ceil": 1 << 33, "mpu": 64, "overhead": 20, "linklayer": linklayerATM})})
	k.keeps(t, Class, "add", map[string]wire.Value{"classid": wire.IntVal(0x10002), "parent": wire.IntVal(0x10001), "kind": kind(schHTBClass, map[string]uint64{"rate": 1e6, "burst": 15360, "cburst": 20000, "quantum": 3000, "prio": 3}),
		"estimator": wire.ListOf(wire.StrVal("1s"), wire.StrVal("8s"))})
	k.keeps(t, Qdisc, "add", map[string]wire.Value{"parent": wire.IntVal(0x10002), "kind": kind(schPfifo, map[string]uint64{"limit": 9})})
	k.delete(t, Qdisc, map[string]wire.Value{"parent": root})
}

// TestKernelKeepsFDB does the same in a bridge, by its port and by itself, and in
// a vxlan.
func TestKernelKeepsFDB(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("v0")
	k := &keeper{routingKernel: dialRouting(t, ns)}
	v0 := wire.IntVal(uint64(ns.Index("v0")))
	link := func(verb string, rows map[string]wire.Value) {
		t.Helper()
		v := Link.Verb(verb)
		var b wire.Builder
		if err := Link.Append(&b, v.Type, v.Flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK, set(Link.Table, rows)); err != nil {
			t.Fatal(err)
		}
		msg, _, err := b.Last()
		if err == nil {
			err = k.request(msg, func(wire.Message) {})
		}
		if errors.Is(err, unix.EOPNOTSUPP) {
			testnet.Refuse(t, "this kernel has no bridge or vxlan")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	br0, vx0 := wire.IntVal(40), wire.IntVal(50)
	link("add", map[string]wire.Value{"name": wire.StrVal("br0"), "index": br0, "kind": kind(bridgeKind, nil)})
	link("add", map[string]wire.Value{"name": wire.StrVal("vx0"), "index": vx0, "kind": kind(vxlanKind, map[string]uint64{"id": 5, "dstport": 4789})})
	link("change", map[string]wire.Value{"index": v0, "master": br0})

	mac := func(n byte) wire.Value { return wire.StrVal("\x02\x00\x00\x00\x00" + string(rune(n))) }
	yes := wire.BoolVal(true)
	k.dev = v0
	k.keeps(t, FDB, "add", map[string]wire.Value{"lladdr": mac(1), "master": yes})
	k.keeps(t, FDB, "add", map[string]wire.Value{"lladdr": mac(2), "master": yes, "state": wire.IntVal(fdbStatic), "sticky": yes})
	k.keeps(t, FDB, "replace", map[string]wire.Value{"lladdr": mac(3), "master": yes, "extern_learn": yes, "state": wire.IntVal(fdbDynamic)})
	k.dev = br0
	k.keeps(t, FDB, "add", map[string]wire.Value{"lladdr": mac(5)})
	k.dev = vx0
	for _, last := range []byte{7, 8} {
		remote := wire.AddrVal(netip.AddrFrom4([4]byte{10, 0, 0, last}))
		k.keeps(t, FDB, "append", map[string]wire.Value{"lladdr": wire.StrVal("\x00\x00\x00\x00\x00\x00"), "dst": remote, "vni": wire.IntVal(9), "port": wire.IntVal(5), "via": v0})
	}
	k.keeps(t, FDB, "add", map[string]wire.Value{"lladdr": mac(6), "dst": wire.AddrVal(netip.MustParseAddr("10.0.0.9")), "router": yes})

	k.dev = br0
	if err := k.request(k.message(t, FDB, FDB.Verb("flush"), map[string]wire.Value{"state": wire.IntVal(fdbStatic)}), func(wire.Message) {}); err != nil {
		t.Error("flush: ", err)
	}
	left := map[string]bool{}
	k.reported(t, FDB, func(s *wire.Set) {
		ll, _ := s.Get("lladdr")
		left[ll.S] = true
	})
	if !left[mac(1).S] || left[mac(2).S] {
		t.Errorf("a flush of static entries left %v", left)
	}
}

// TestKernelKeepsVLAN does the same for VLANs of a port and of a bridge.
func TestKernelKeepsVLAN(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("v0")
	k := &keeper{routingKernel: dialRouting(t, ns), dev: wire.IntVal(uint64(ns.Index("v0")))}
	br0 := wire.IntVal(40)
	for _, rows := range []map[string]wire.Value{
		{"name": wire.StrVal("br0"), "index": br0, "kind": kind(bridgeKind, map[string]uint64{"vlan_filtering": 1})},
		{"index": k.dev, "master": br0},
	} {
		flags := uint16(0)
		if _, made := rows["name"]; made {
			flags = flagsAdd
		}
		err := k.raw(t, Link, unix.RTM_NEWLINK, flags, set(Link.Table, rows))
		if errors.Is(err, unix.EOPNOTSUPP) && !testnet.InVM() {
			t.Skip("this kernel's bridges know no VLANs: see test/vm")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	yes := wire.BoolVal(true)
	vid := func(n uint64) wire.Value { return wire.ListOf(wire.IntVal(n), wire.IntVal(n)) }
	k.keeps(t, VLAN, "add", map[string]wire.Value{"vid": vid(7)})
	k.keeps(t, VLAN, "add", map[string]wire.Value{"vid": vid(8), "untagged": yes, "master": yes})
	k.keeps(t, VLAN, "add", map[string]wire.Value{"vid": vid(9), "untagged": yes, "pvid": yes})
	k.keeps(t, VLAN, "add", map[string]wire.Value{"vid": vid(4094)})
	k.dev = br0
	k.keeps(t, VLAN, "add", map[string]wire.Value{"vid": vid(7), "self": yes, "pvid": yes})
}

// TestKernelKeepsTBF: buckets that the kernel keeps as times and reports in
// ticks are found again, whatever the rate.
func TestKernelKeepsTBF(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("v0")
	k := &keeper{routingKernel: dialRouting(t, ns), dev: wire.IntVal(uint64(ns.Index("v0")))}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		rate := uint64(1000) << r.IntN(24)
		rate += r.Uint64N(rate)
		rows := map[string]uint64{"rate": rate, "burst": 2000 + r.Uint64N(1<<(11+r.IntN(12))), "limit": 1 + r.Uint64N(1e6),
			"overhead": r.Uint64N(40), "mpu": r.Uint64N(100), "linklayer": 1 + r.Uint64N(2)}
		if rows["burst"]/rate > 250 {
			continue // the kernel cannot report more than 274s
		}
		if r.IntN(2) == 0 {
			rows["peakrate"], rows["mtu"] = rate+1+r.Uint64N(rate), 1500+r.Uint64N(60000)
		}
		k.keeps(t, Qdisc, "replace", map[string]wire.Value{"parent": wire.IntVal(tcRoot), "handle": wire.IntVal(0x10000), "kind": kind(schTBF, rows)})
		if t.Failed() {
			return
		}
	}
}

func kind(tab *wire.Table, rows map[string]uint64) wire.Value {
	s := wire.NewSet(tab)
	for name, n := range rows {
		s.PutName(name, wire.IntVal(n))
	}
	return wire.SubVal(s)
}

// A keeper sends objects of one device.
type keeper struct {
	*routingKernel
	dev wire.Value
}

func (k *keeper) message(t *testing.T, o *wire.Object, v *wire.Verb, rows map[string]wire.Value) []byte {
	t.Helper()
	rows["dev"] = k.dev
	s := set(o.Table, rows)
	if err := o.Finish(s, v); err != nil {
		t.Fatal(err)
	}
	var b wire.Builder
	if err := o.Append(&b, v.Type, v.Flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK, s); err != nil {
		t.Fatal(err)
	}
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func (k *keeper) delete(t *testing.T, o *wire.Object, rows map[string]wire.Value) {
	t.Helper()
	if err := k.request(k.message(t, o, o.Verb("delete"), rows), func(wire.Message) {}); err != nil {
		t.Errorf("%s.delete: %v", o.Name, err)
	}
}

func (k *keeper) keeps(t *testing.T, o *wire.Object, verb string, rows map[string]wire.Value) {
	t.Helper()
	msg := k.message(t, o, o.Verb(verb), rows)
	err := k.request(msg, func(wire.Message) {})
	if errors.Is(err, unix.EOPNOTSUPP) || o == Qdisc && errors.Is(err, unix.ENOENT) {
		testnet.Lacks(t, fmt.Sprintf("%s %v", o.Name, rows["kind"]))
		return
	}
	sent := wire.NewSet(o.Table)
	if err := o.Decode(msg, nil, sent); err != nil {
		t.Fatal(err)
	}
	o.Canon(sent)
	if err != nil {
		t.Errorf("%s.%s %s: %v", o.Name, verb, sent.Text(nil), err)
		return
	}
	fail := func(what string) { t.Errorf("%s.%s %s: %s", o.Name, verb, sent.Text(nil), what) }
	have := k.find(t, o, sent)
	if have == nil {
		fail("not reported")
		return
	}
	for _, l := range lost(sent, have, "") {
		fail(l)
	}
	if o.Foreign != nil && o.Foreign(have) {
		fail("taken for the kernel's own")
	}

	// What was reported is enough to remove the object and to make it again.
	del := wire.NewSet(o.Table)
	for _, name := range o.Delete {
		if v, ok := have.Get(name); ok {
			del.PutName(name, v)
		}
	}
	if err := k.raw(t, o, o.Del, 0, del); err != nil {
		fail("not deleted: " + err.Error())
		return
	}
	if s := k.find(t, o, sent); s != nil && !(o.Foreign != nil && o.Foreign(s)) {
		fail("still there: " + s.Text(nil))
	}
	if err := k.raw(t, o, o.New, unix.NLM_F_CREATE|unix.NLM_F_APPEND*b2i(o == FDB), writable(have)); err != nil {
		fail("not made again: " + err.Error())
		return
	}
	again := k.find(t, o, sent)
	if again == nil {
		fail("not reported after it was made again")
		return
	}
	for _, l := range lost(have, again, "") {
		fail("made again, " + l)
	}
}

func b2i(b bool) uint16 {
	if b {
		return 1
	}
	return 0
}

// writable is what of a reported object can be sent.
func writable(s *wire.Set) *wire.Set {
	s = s.Clone()
	s.Extra = nil
	s.Ents = slices.DeleteFunc(s.Ents, func(e wire.Entry) bool { return e.F.RO || e.F.WO || e.F.Volatile })
	for i := range s.Ents {
		if v := &s.Ents[i].V; v.Sub != nil {
			v.Sub = writable(v.Sub)
		}
	}
	return s
}

func (k *keeper) raw(t *testing.T, o *wire.Object, typ, flags uint16, s *wire.Set) error {
	t.Helper()
	var b wire.Builder
	if err := o.Append(&b, typ, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK, s); err != nil {
		t.Fatal(err)
	}
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	return k.request(msg, func(wire.Message) {})
}

// find returns the reported object with the key of s, or nil.
func (k *keeper) find(t *testing.T, o *wire.Object, s *wire.Set) (found *wire.Set) {
	t.Helper()
	k.reported(t, o, func(r *wire.Set) {
		if sameKey(o, s, r) {
			found = r
		}
	})
	return found
}

func sameKey(o *wire.Object, a, b *wire.Set) bool {
	for _, name := range o.Key {
		v, _ := a.Get(name)
		w, _ := b.Get(name)
		if v.N != w.N || v.S != w.S || v.A != w.A || !slices.EqualFunc(v.L, w.L, wire.Value.Equal) {
			return false
		}
	}
	return o.KeyOf == nil || string(o.KeyOf(a, nil)) == string(o.KeyOf(b, nil))
}

// lost lists the rows of sent that the report has not, or otherwise.
func lost(sent, reported *wire.Set, path string) []string {
	var out []string
	for _, e := range sent.Ents {
		switch got, ok := reported.At(e.F); {
		case e.F.WO || e.F.Volatile || e.F.RO:
		case ok && e.V.Sub != nil && got.Sub.Table == e.V.Sub.Table:
			out = append(out, lost(e.V.Sub, got.Sub, path+e.F.Name+".")...)
		case e.F.Name == "valid_lft" || e.F.Name == "preferred_lft":
			if got.N > e.V.N || got.N+2 < e.V.N {
				out = append(out, fmt.Sprintf("%s is %d", e.F.Name, got.N))
			}
		case !got.Equal(e.V):
			out = append(out, fmt.Sprintf("%s%s is %s", path, e.F.Name, e.F.Text(got, nil)))
		}
	}
	return out
}

// reported dumps the objects of the device in canonical form.
func (k *keeper) reported(t *testing.T, o *wire.Object, f func(*wire.Set)) {
	t.Helper()
	dumps := o.Dumps
	if dumps == nil {
		dumps = []map[string]uint64{nil}
	}
	for _, head := range dumps {
		s := wire.NewSet(o.Table)
		for name, n := range head {
			s.PutName(name, wire.IntVal(n))
		}
		if o == Class {
			s.PutName("dev", k.dev)
		}
		var b wire.Builder
		if err := o.Append(&b, o.Get, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, s); err != nil {
			t.Fatal(err)
		}
		msg, _, err := b.Last()
		if err != nil {
			t.Fatal(err)
		}
		one := func(data []byte) {
			s := wire.NewSet(o.Table)
			if err := o.Table.DecodeState(data, s); err != nil {
				t.Fatal(err)
			}
			for _, d := range unknown(s, "") {
				t.Errorf("%s: %s", o.Name, d)
			}
			o.Canon(s)
			f(s)
		}
		err = k.request(msg, func(m wire.Message) {
			if o.Reports == nil {
				one(m.Data)
				return
			}
			for _, part := range o.Reports(m.Bytes) {
				one(part[wire.HeaderLen:])
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
