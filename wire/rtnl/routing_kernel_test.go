package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// TestRoutingKernel adds objects and lists what is there: what Canon makes of
// the message sent is what it makes of the one reported.
//
// No case has an encap: some kernels hang for good on those of ip and ip6.
func TestRoutingKernel(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("r0", "r1")
	dev := func(name string) wire.Value { return wire.IntVal(uint64(ns.Index(name))) }
	r0, r1 := dev("r0"), dev("r1")
	hop := func(row ...any) wire.Value { return wire.SubVal(rowsOf(t, Hop, row...)) }
	k := dialRouting(t, ns)
	for _, a := range []struct {
		addr string
		dev  wire.Value
	}{{"192.0.2.2/24", r0}, {"2001:db8::2/64", r0}, {"198.51.100.2/24", r1}, {"2001:db8:1::2/64", r1}} {
		k.addr(prefix(t, a.addr).String(), uint32(a.dev.N))
	}
	for _, c := range []struct {
		o   *wire.Object
		row []any
	}{
		{Route, []any{"dst", "10.1.0.0/16", "via", "192.0.2.1"}},
		{Route, []any{"dst", "10.2.0.0/16", "dev", r0}},
		{Route, []any{"dst", "10.3.0.0/16", "dev", r0, "metric", 7, "src", "192.0.2.2", "table", 1000, "protocol", "static"}},
		{Route, []any{"dst", "10.4.0.0/16", "via", "192.0.2.1", "mtu", 70000, "advmss", 70000, "hoplimit", 300, "lock", 1 << 2, "rto_min", 40, "congctl", "reno", "quickack", 0}},
		{Route, []any{"dst", "10.5.0.0/16", "type", "unreachable"}},
		{Route, []any{"dst", "10.6.0.0/16", "via", "2001:db8::1", "dev", r0}},
		{Route, []any{"dst", "10.7.0.0/16", "via", "203.0.113.1", "dev", r0, "onlink", true}},
		{Route, []any{"dst", "10.8.0.0/16", "nexthops", wire.ListOf(hop("via", "192.0.2.1", "dev", r0, "weight", 2), hop("via", "198.51.100.1", "dev", r1))}},
		{Route, []any{"dst", "10.9.0.0/16", "nexthops", wire.ListOf(hop("via", "192.0.2.1", "dev", r0, "weight", 9))}},
		{Route, []any{"dst", "10.10.0.0/16", "nexthops", wire.ListOf(hop("via", "192.0.2.1", "dev", r0), hop("via", "2001:db8:1::1", "dev", r1))}},
		{Route, []any{"dst", "10.11.0.0/16", "dev", r0, "tos", 0x10}},
		{Route, []any{"dst", "10.12.0.0/16", "type", "local", "dev", r0}},
		{Route, []any{"dst", "default", "via", "192.0.2.1", "table", 77}},
		{Route, []any{"dst", "2001:db8:100::/48", "via", "2001:db8::1"}},
		{Route, []any{"dst", "2001:db8:101::1/48", "dev", r0, "metric", 5, "pref", "high", "mtu", 1400}},
		{Route, []any{"dst", "2001:db8:102::/48", "type", "blackhole"}},
		{Route, []any{"dst", "2001:db8:103::/48", "nexthops", wire.ListOf(hop("via", "2001:db8:1::1", "dev", r1), hop("via", "2001:db8::1", "dev", r0, "weight", 3))}},
		{Route, []any{"dst", "default", "family", "inet6", "via", "2001:db8::1", "table", 77}},
		{Route, []any{"dst", "2001:db8:104::/48", "dev", r0, "scope", "link", "realms", 3}},
		{Route, []any{"dst", "2001:db8:105::/48", "dev", r0, "expires", 600}},
		{Nexthop, []any{"id", 1, "via", "192.0.2.1", "dev", r0}},
		{Nexthop, []any{"id", 2, "via", "198.51.100.1", "dev", r1, "protocol", "static"}},
		{Nexthop, []any{"id", 3, "blackhole", true}},
		{Nexthop, []any{"id", 4, "via", "2001:db8::1", "dev", r0}},
		{Nexthop, []any{"id", 5, "dev", r0}},
		{Nexthop, []any{"id", 6, "via", "203.0.113.1", "dev", r0, "onlink", true}},
		{Nexthop, []any{"id", 10, "group", "1/2,20"}},
		{Nexthop, []any{"id", 11, "group", "1/2", "type", "mpath"}},
		{Nexthop, []any{"id", 12, "group", "1/2", "type", "resilient", "buckets", 8, "idle_timer", 12000}},
		{Nexthop, []any{"id", 13, "group", "1/2", "type", "resilient", "buckets", 8, "idle_timer", 6000, "unbalanced_timer", 30000}},
		{Route, []any{"dst", "10.20.0.0/16", "nhid", 1}},
		{Route, []any{"dst", "10.21.0.0/16", "nhid", 10}},
		{Route, []any{"dst", "2001:db8:120::/48", "nhid", 4}},
		{Rule, []any{"from_", "10.0.0.0/8", "table", 100, "priority", 100}},
		{Rule, []any{"from_", "all", "to", "192.0.2.0/24", "priority", 101, "not_", true}},
		{Rule, []any{"fwmark", 1, "priority", 102, "table", 1000}},
		{Rule, []any{"fwmark", wire.Value{Type: wire.Int, N: 1, HasMask: true, M: 0xff}, "priority", 103}},
		{Rule, []any{"iif", "nosuch", "oif", "r0", "priority", 104, "type", "prohibit"}},
		{Rule, []any{"goto", 32766, "priority", 105}},
		{Rule, []any{"goto", 40000, "priority", 106}},
		{Rule, []any{"type", "nop", "priority", 107}},
		{Rule, []any{"l3mdev", 1, "priority", 108, "protocol", "static"}},
		{Rule, []any{"suppress_prefixlength", 0, "suppress_ifgroup", 0, "priority", 109}},
		{Rule, []any{"ipproto", "tcp", "sport", ports(53, 53), "dport", ports(1024, 2000), "priority", 110, "tos", 0x10}},
		{Rule, []any{"tun_id", 7, "priority", 111}},
		{Rule, []any{"to", "2001:db8::/32", "table", 100, "priority", 112, "realms", 3}},
	} {
		sent := rowsOf(t, c.o.Table, c.row...)
		written := sent.Clone()
		if err := c.o.Finish(sent, c.o.Verb("add")); err != nil {
			t.Fatal(err)
		}
		if err := k.send(c.o, sent); err != nil {
			t.Errorf("%s %s: %v", c.o.Name, sent.Text(nil), err)
			continue
		}
		want := reported(t, c.o, sent)
		got := k.find(c.o, want, written)
		if got == "" {
			t.Errorf("%s %s: not found among\n%s", c.o.Name, comparable(want, written), k.texts(c.o, written))
		}
	}
}

func ports(lo, hi uint64) wire.Value { return wire.ListOf(wire.IntVal(lo), wire.IntVal(hi)) }

// comparable is what of an object is compared: not what changes by itself, nor
// what only counts when it was written and was not.
func comparable(s, written *wire.Set) string {
	s = s.Clone()
	for _, e := range slices.Clone(s.Ents) {
		if e.F.Volatile || e.F.WO || e.F.RO || e.F.Loose && !written.Has(e.F.Name) {
			s.Del(e.F.Name)
		}
	}
	return s.Text(nil)
}

// A routingKernel is a socket in a test's namespace.
type routingKernel struct {
	t   *testing.T
	fd  int
	seq uint32
}

func dialRouting(t *testing.T, ns *testnet.NS) *routingKernel {
	t.Helper()
	k := &routingKernel{t: t}
	var err error
	ns.Do(func() { k.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(k.fd) })
	return k
}

func (k *routingKernel) send(o *wire.Object, s *wire.Set) error { return k.verb("add", o, s) }

func (k *routingKernel) delete(o *wire.Object, s *wire.Set) error { return k.verb("delete", o, s) }

func (k *routingKernel) verb(verb string, o *wire.Object, s *wire.Set) error {
	v := o.Verb(verb)
	var b wire.Builder
	if err := o.Append(&b, v.Type, v.Flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK, s); err != nil {
		return err
	}
	msg, _, err := b.Last()
	if err != nil {
		return err
	}
	return k.request(msg, func(wire.Message) {})
}

// addr gives a device an address, without waiting for duplicates to answer.
func (k *routingKernel) addr(s string, index uint32) {
	p := prefix(k.t, s)
	var b wire.Builder
	m := b.Begin(unix.RTM_NEWADDR, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE)
	h := b.Fixed(unix.SizeofIfAddrmsg)
	h[0], h[1], h[2] = byte(addrFamily(p.Addr())), byte(p.Bits()), unix.IFA_F_NODAD
	binary.NativeEndian.PutUint32(h[4:], index)
	b.Addr(unix.IFA_LOCAL, p.Addr())
	b.Addr(unix.IFA_ADDRESS, p.Addr())
	b.End(m)
	msg, _, err := b.Last()
	if err == nil {
		err = k.request(msg, func(wire.Message) {})
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// dump calls f with every object there is.
func (k *routingKernel) dump(o *wire.Object, f func(s *wire.Set)) {
	var b wire.Builder
	if err := o.Append(&b, o.Get, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, wire.NewSet(o.Table)); err != nil {
		k.t.Fatal(err)
	}
	msg, _, err := b.Last()
	if err == nil {
		err = k.request(msg, func(m wire.Message) {
			s := wire.NewSet(o.Table)
			if err := o.Table.DecodeState(m.Data, s); err != nil {
				k.t.Fatal(err)
			}
			for _, d := range unknown(s, "") {
				k.t.Errorf("%s: %s", o.Name, d)
			}
			o.Canon(s)
			f(s)
		})
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// find returns the text of the object that is as wanted, or "".
func (k *routingKernel) find(o *wire.Object, want, written *wire.Set) (found string) {
	text := comparable(want, written)
	k.dump(o, func(s *wire.Set) {
		if comparable(s, written) == text {
			found = text
		}
	})
	return found
}

func (k *routingKernel) texts(o *wire.Object, written *wire.Set) (all string) {
	k.dump(o, func(s *wire.Set) { all += "  " + comparable(s, written) + "\n" })
	return all
}

// request sends a message and calls f with the replies up to the last.
func (k *routingKernel) request(msg []byte, f func(wire.Message)) error {
	k.seq++
	binary.NativeEndian.PutUint32(msg[8:], k.seq)
	if err := unix.Sendto(k.fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(k.fd, buf, 0)
		if err != nil {
			return err
		}
		for m, err := range wire.Messages(buf[:n]) {
			switch {
			case err != nil:
				return err
			case m.Seq != k.seq:
				return fmt.Errorf("sequence %d, want %d", m.Seq, k.seq)
			case m.Type == unix.NLMSG_DONE:
				return nil
			case m.Type == unix.NLMSG_ERROR:
				if len(m.Data) < 4 {
					return errors.New("short error")
				}
				if e := int32(binary.NativeEndian.Uint32(m.Data)); e != 0 {
					return unix.Errno(-e)
				}
				return nil
			}
			f(m)
		}
	}
}
