package nlconn

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

func TestMain(m *testing.M) { testnet.Main(m) }

func dial(t testing.TB, ns *testnet.NS, cfg Config) *Conn {
	t.Helper()
	cfg.NetNS = ns.FD()
	c, err := Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// build makes one message: fixed header by head, attributes by attrs.
func build(t testing.TB, typ, flags uint16, fixed int, head func(h []byte), attrs func(b *wire.Builder)) []byte {
	t.Helper()
	var b wire.Builder
	m := b.Begin(typ, flags)
	h := b.Fixed(fixed)
	if head != nil {
		head(h)
	}
	if attrs != nil {
		attrs(&b)
	}
	b.End(m)
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func linkMsg(t testing.TB, typ, flags uint16, attrs func(b *wire.Builder)) []byte {
	return build(t, typ, flags, unix.SizeofIfInfomsg, nil, attrs)
}

// mdbaSetEntry is MDBA_SET_ENTRY of linux/if_bridge.h.
const mdbaSetEntry = 1

const create = unix.NLM_F_CREATE | unix.NLM_F_EXCL

func addVeth(t testing.TB, name string) []byte {
	return linkMsg(t, unix.RTM_NEWLINK, create, func(b *wire.Builder) {
		b.String(unix.IFLA_IFNAME, name)
		n := b.Nest(unix.IFLA_LINKINFO)
		b.String(unix.IFLA_INFO_KIND, "veth")
		b.End(n)
	})
}

func delLink(t testing.TB, name string) []byte {
	return linkMsg(t, unix.RTM_DELLINK, 0, func(b *wire.Builder) { b.String(unix.IFLA_IFNAME, name) })
}

// route4 makes an IPv4 route of a /32 out of a device.
func route4(t testing.TB, typ, flags uint16, table uint8, dst netip.Addr, dev int) []byte {
	return build(t, typ, flags, unix.SizeofRtMsg, func(h []byte) {
		copy(h, []byte{unix.AF_INET, 32, 0, 0, table, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, unix.RTN_UNICAST})
	}, func(b *wire.Builder) {
		b.Addr(unix.RTA_DST, dst)
		b.Uint32(unix.RTA_OIF, uint32(dev))
	})
}

// outcome collects what Transact reports.
type outcome map[int]wire.Reply

func (o outcome) result(i int, r wire.Reply) { o[i] = r }

func transact(t testing.TB, c *Conn, msgs ...[]byte) outcome {
	t.Helper()
	o := outcome{}
	if err := c.Transact(msgs, o.result); err != nil {
		t.Fatal(err)
	}
	return o
}

// must sends messages that the kernel has to accept.
func must(t testing.TB, c *Conn, msgs ...[]byte) {
	t.Helper()
	for i, r := range transact(t, c, msgs...) {
		if r.Errno != 0 {
			t.Fatalf("message %d: %v", i, &ReplyError{r})
		}
	}
}

func names(t testing.TB, c *Conn) (out []string) {
	t.Helper()
	p, err := c.Dump(context.Background(), linkMsg(t, unix.RTM_GETLINK, 0, nil))
	if err != nil {
		t.Fatal(err)
	}
	for m := range p.Messages() {
		out = append(out, attrString(t, m, unix.SizeofIfInfomsg, unix.IFLA_IFNAME))
	}
	return out
}

func attrString(t testing.TB, m wire.Message, fixed int, typ uint16) string {
	t.Helper()
	for a, err := range wire.Attrs(m.Data[fixed:]) {
		if err != nil {
			t.Fatal(err)
		}
		if a.Type == typ {
			return strings.TrimRight(string(a.Data), "\x00")
		}
	}
	return ""
}

func TestAddAndDelete(t *testing.T) {
	c := dial(t, testnet.New(t), Config{})
	o := transact(t, c, addVeth(t, "a0"), addVeth(t, "a0"), addVeth(t, "b0"))
	if len(o) != 2 || o[1].Errno != unix.EEXIST || o[2].Errno != 0 {
		t.Errorf("replies %+v, want EEXIST of message 1 and an ack of message 2", o)
	}
	if got := names(t, c); !slices.Contains(got, "a0") || !slices.Contains(got, "b0") {
		t.Errorf("devices %q", got)
	}
	must(t, c, delLink(t, "a0"), delLink(t, "b0"))
	if got := names(t, c); slices.Contains(got, "a0") || slices.Contains(got, "b0") {
		t.Errorf("devices after delete %q", got)
	}
}

// The offset is that of the attribute, in a nest as well, and the policy says
// what it should have been.
func TestExtendedAck(t *testing.T) {
	c := dial(t, testnet.New(t), Config{})
	flat := linkMsg(t, unix.RTM_NEWLINK, create, func(b *wire.Builder) {
		b.String(unix.IFLA_IFNAME, "a0")
		b.Attr(unix.IFLA_MTU, 1)
	})
	top := len(flat) - 8
	deep := linkMsg(t, unix.RTM_NEWLINK, create, func(b *wire.Builder) {
		n := b.Nest(unix.IFLA_LINKINFO)
		b.String(unix.IFLA_INFO_KIND, "bridge")
		d := b.Nest(unix.IFLA_INFO_DATA)
		b.Attr(unix.IFLA_BR_FORWARD_DELAY, 1)
		b.End(d)
		b.End(n)
	})
	nested := len(deep) - 8
	unreachable := build(t, unix.RTM_NEWROUTE, create, unix.SizeofRtMsg, func(h []byte) {
		copy(h, []byte{unix.AF_INET, 32, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, 0, unix.RTN_UNICAST})
	}, func(b *wire.Builder) {
		b.Addr(unix.RTA_DST, netip.MustParseAddr("10.0.0.1"))
		b.Addr(unix.RTA_GATEWAY, netip.MustParseAddr("192.0.2.1"))
	})
	o := transact(t, c, flat, deep, unreachable)
	if r := o[0]; r.Errno != unix.ERANGE && r.Errno != unix.EINVAL || r.Offset != top || r.Message == "" || r.Policy == nil || r.Policy.Type != unix.NL_ATTR_TYPE_U32 {
		t.Errorf("mtu of one byte: %+v, policy %v, want offset %d", r, r.Policy, top)
	}
	if r := o[1]; r.Errno == unix.EOPNOTSUPP {
		testnet.Refuse(t, "this kernel has no bridge")
	} else if r.Errno != unix.ERANGE && r.Errno != unix.EINVAL || r.Offset != nested || r.Policy == nil || r.Policy.Type != unix.NL_ATTR_TYPE_U32 {
		t.Errorf("forward delay of one byte: %+v, policy %v, want offset %d", r, r.Policy, nested)
	}
	if r := o[2]; r.Errno != unix.ENETUNREACH || r.Message == "" {
		t.Errorf("gateway out of reach: %+v", r)
	}
	err := &ReplyError{o[0]}
	if !errors.Is(err, o[0].Errno) || !strings.Contains(err.Error(), "want u32") || !strings.HasSuffix(err.Error(), "("+unix.ErrnoName(o[0].Errno)+")") {
		t.Errorf("text %q", err)
	}
}

// The kernel names an attribute that is missing.
func TestMissingAttribute(t *testing.T) {
	c := dial(t, testnet.New(t), Config{})
	mdb := build(t, unix.RTM_NEWMDB, create, 8, func(h []byte) {
		h[0] = unix.AF_BRIDGE
		put32(h[4:], 1) // br_port_msg.ifindex: lo
	}, nil)
	r := transact(t, c, mdb)[0]
	if r.Errno != unix.EINVAL || r.MissType != mdbaSetEntry || r.MissNest != -1 || r.Offset != -1 {
		t.Errorf("mdb entry without an entry: %+v, want attribute %d missing at the top", r, mdbaSetEntry)
	}
}

// A window in which every message fails fits, in order, and the next call finds
// an empty socket.
func TestAllFail(t *testing.T) {
	c := dial(t, testnet.New(t), Config{RecvBuf: 212992 / 2}) // what a kernel gives by default
	for round := range 3 {
		msgs := make([][]byte, Window)
		for i := range msgs {
			msgs[i] = route4(t, unix.RTM_DELROUTE, 0, unix.RT_TABLE_MAIN, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1)
		}
		var order []int
		err := c.Transact(msgs, func(i int, r wire.Reply) {
			order = append(order, i)
			if r.Errno != unix.ESRCH {
				t.Errorf("message %d: %v", i, &ReplyError{r})
			}
		})
		if err != nil || len(order) != Window || !slices.IsSorted(order) {
			t.Fatalf("round %d: %d replies, %v", round, len(order), err)
		}
	}
	if b, err := c.read(false); err != unix.EAGAIN {
		t.Errorf("left over: %x, %v", b, err)
	}
}

// With too small a buffer replies are lost: the caller is told, and the socket
// is good again.
func TestOverflow(t *testing.T) {
	c := dial(t, testnet.New(t), Config{RecvBuf: 1})
	msgs := make([][]byte, Window)
	for i := range msgs {
		msgs[i] = route4(t, unix.RTM_DELROUTE, 0, unix.RT_TABLE_MAIN, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1)
	}
	n := 0
	if err := c.Transact(msgs, func(int, wire.Reply) { n++ }); err != ErrOverflow || n == 0 || n >= Window {
		t.Errorf("%d replies, %v; want some and ErrOverflow", n, err)
	}
	o := transact(t, c, msgs[:2]...)
	if len(o) != 2 || o[1].Errno != unix.ESRCH {
		t.Errorf("after the overflow: %+v", o)
	}
}

func TestDumpManyRoutes(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("wan0", "lan0")
	wan, lan := ns.Index("wan0"), ns.Index("lan0")
	c := dial(t, ns, Config{Strict: true})
	const routes = 10 * Window // more than one part of a dump
	var msgs [][]byte
	for i := range routes {
		dev, table := wan, uint8(100)
		if i%10 == 0 {
			dev, table = lan, 101
		}
		msgs = append(msgs, route4(t, unix.RTM_NEWROUTE, create, table, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), dev))
	}
	for w := range slices.Chunk(msgs, Window) {
		must(t, c, w...)
	}
	dump := func(table uint8, dev int) int {
		t.Helper()
		req := build(t, unix.RTM_GETROUTE, 0, unix.SizeofRtMsg, func(h []byte) { h[0], h[4] = unix.AF_INET, table }, func(b *wire.Builder) {
			if dev != 0 {
				b.Uint32(unix.RTA_OIF, uint32(dev))
			}
		})
		p, err := c.Dump(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for m := range p.Messages() {
			if m.Type != unix.RTM_NEWROUTE || m.Data[0] != unix.AF_INET {
				t.Fatalf("message of type %d, family %d", m.Type, m.Data[0])
			}
			n++
		}
		return n
	}
	if n := dump(100, 0); n != routes*9/10 {
		t.Errorf("table 100: %d routes, want %d", n, routes*9/10)
	}
	if n := dump(101, lan); n != routes/10 {
		t.Errorf("table 101 on lan0: %d routes, want %d", n, routes/10)
	}
	if n := dump(101, wan); n != 0 {
		t.Errorf("table 101 on wan0: %d routes, want none", n)
	}
	if n := dump(0, 0); n < routes {
		t.Errorf("all tables: %d routes, want at least %d", n, routes)
	}
}

// A strict socket has filters refused that an ordinary one ignores.
func TestDumpRefused(t *testing.T) {
	ns := testnet.New(t)
	req := func() []byte {
		return build(t, unix.RTM_GETROUTE, 0, unix.SizeofRtMsg, func(h []byte) { h[0], h[1] = unix.AF_INET, 8 }, nil) // dst_len
	}
	strict := dial(t, ns, Config{Strict: true})
	_, err := strict.Dump(context.Background(), req())
	var re *ReplyError
	if !errors.As(err, &re) || re.Errno != unix.EINVAL || re.Message == "" {
		t.Errorf("strict: %v, want EINVAL with a message", err)
	}
	if got := names(t, strict); len(got) == 0 {
		t.Error("no devices after a refused dump")
	}
	if _, err := dial(t, ns, Config{}).Dump(context.Background(), req()); err != nil {
		t.Errorf("not strict: %v", err)
	}
}

func TestGet(t *testing.T) {
	ns := testnet.New(t)
	c := dial(t, ns, Config{})
	get := func(name string) []byte {
		return linkMsg(t, unix.RTM_GETLINK, 0, func(b *wire.Builder) { b.String(unix.IFLA_IFNAME, name) })
	}
	for range 2 {
		b, err := c.Get(get("lo"))
		if err != nil {
			t.Fatal(err)
		}
		for m := range wire.Messages(b) {
			if name := attrString(t, m, unix.SizeofIfInfomsg, unix.IFLA_IFNAME); m.Type != unix.RTM_NEWLINK || name != "lo" {
				t.Errorf("type %d, name %q", m.Type, name)
			}
		}
	}
	if b, err := c.Get(get("none0")); !errors.Is(err, unix.ENODEV) || b != nil {
		t.Errorf("no such device: %x, %v", b, err)
	}
}

// An echo comes with the number of the message that asked for it.
func TestEcho(t *testing.T) {
	c := dial(t, testnet.New(t), Config{})
	var got []string
	c.Notify = func(i int, m wire.Message) {
		if i != 1 || m.Type != unix.RTM_NEWLINK {
			t.Errorf("message of type %d for %d", m.Type, i)
		}
		got = append(got, attrString(t, m, unix.SizeofIfInfomsg, unix.IFLA_IFNAME))
	}
	echo := addVeth(t, "b0")
	if err := wire.Stamp(echo, unix.NLM_F_ECHO, 0, 0); err != nil {
		t.Fatal(err)
	}
	must(t, c, addVeth(t, "a0"), echo, addVeth(t, "c0"))
	if !slices.Contains(got, "b0") || slices.Contains(got, "a0") || slices.Contains(got, "c0") {
		t.Errorf("echoes of %q, want b0", got)
	}
}

func TestReceive(t *testing.T) {
	ns := testnet.New(t)
	c := dial(t, ns, Config{})
	watch := dial(t, ns, Config{Groups: []uint32{unix.RTNLGRP_LINK}})
	var got []string
	each := func(m wire.Message) { got = append(got, attrString(t, m, unix.SizeofIfInfomsg, unix.IFLA_IFNAME)) }
	if err := watch.Drain(each); err != nil || got != nil {
		t.Errorf("before: %q, %v", got, err)
	}
	must(t, c, addVeth(t, "a0"))
	if err := watch.Receive(t.Context(), each); err != nil || !slices.Contains(got, "a0") {
		t.Errorf("devices %q, %v", got, err)
	}
	// A dump on a socket with groups keeps both apart.
	must(t, c, addVeth(t, "b0"))
	got = nil
	watch.Notify = func(_ int, m wire.Message) { each(m) }
	if all := names(t, watch); !slices.Contains(all, "b0") || !slices.Contains(got, "b0") {
		t.Errorf("dump %q, notifications %q", all, got)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := watch.Receive(ctx, each); err != cause {
		t.Errorf("cancelled: %v", err)
	}
	must(t, c, addVeth(t, "c0"))
	got = nil
	if err := watch.Receive(t.Context(), each); err != nil || !slices.Contains(got, "c0") {
		t.Errorf("after cancel: %q, %v", got, err)
	}
}

// The filter lets through what others did.
func TestIgnorePort(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("wan0")
	dev := ns.Index("wan0")
	own, other := dial(t, ns, Config{}), dial(t, ns, Config{})
	watch := dial(t, ns, Config{Groups: []uint32{unix.RTNLGRP_IPV4_ROUTE}})
	if err := watch.IgnorePort(own.PortID()); err != nil {
		t.Fatal(err)
	}
	must(t, own, route4(t, unix.RTM_NEWROUTE, create, 100, netip.MustParseAddr("10.0.0.1"), dev))
	must(t, other, route4(t, unix.RTM_NEWROUTE, create, 100, netip.MustParseAddr("10.0.0.2"), dev))
	var ports []uint32
	if err := watch.Drain(func(m wire.Message) { ports = append(ports, m.PID) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ports, []uint32{other.PortID()}) {
		t.Errorf("ports %d, want only %d", ports, other.PortID())
	}
}

func TestCookie(t *testing.T) {
	a, b := testnet.New(t), testnet.New(t)
	a1, err1 := dial(t, a, Config{}).Cookie()
	a2, err2 := dial(t, a, Config{}).Cookie()
	b1, err3 := dial(t, b, Config{}).Cookie()
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if a1 != a2 || a1 == b1 || a1 == 0 {
		t.Errorf("cookies %d %d of one namespace, %d of another", a1, a2, b1)
	}
}

func TestOpenNetNS(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("wan0")
	dir := t.TempDir()
	ns.Do(func() {
		target, err := os.Readlink("/proc/thread-self")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("/proc", target, "ns/net"), filepath.Join(dir, "blue")); err != nil {
			t.Fatal(err)
		}
		f, err := openNetNS(dir, "blue")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c, err := Dial(Config{NetNS: int(f.Fd())})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got := names(t, c); !slices.Contains(got, "wan0") {
			t.Errorf("devices %q, want wan0 among them", got)
		}
	})
	if err := os.Symlink("/proc/self/ns/mnt", filepath.Join(dir, "mnt")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gone"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"red": "no such network namespace", "mnt": "is none", "gone": "is none", "../x": "no name", "": "no name", "..": "no name"} {
		f, err := openNetNS(dir, name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
		if err == nil {
			f.Close()
		}
	}
	if _, err := OpenNetNS("nlscript-no-such"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("unknown name: %v", err)
	}
}

func TestClosed(t *testing.T) {
	c := dial(t, testnet.New(t), Config{})
	done := make(chan error)
	go func() { done <- c.Receive(context.Background(), func(wire.Message) {}) }()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("waiting when closed: %v", err)
	}
	if err := c.Transact([][]byte{delLink(t, "x")}, nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("send when closed: %v", err)
	}
}

func TestDialErrors(t *testing.T) {
	ns := testnet.New(t)
	if _, err := Dial(Config{NetNS: ns.FD(), Groups: []uint32{1 << 20}}); err == nil {
		t.Error("a group that does not exist was joined")
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Dial(Config{NetNS: int(f.Fd())}); err == nil {
		t.Error("/dev/null served as namespace")
	}
}

// noops are messages that the kernel acknowledges without doing anything.
func noops(t testing.TB, n int) [][]byte {
	msgs := make([][]byte, n)
	for i := range msgs {
		msgs[i] = build(t, unix.NLMSG_NOOP, 0, 64, nil, nil)
	}
	return msgs
}

func TestTransactAllocs(t *testing.T) {
	c := dial(t, testnet.New(t), Config{})
	msgs := noops(t, Window)
	n := 0
	result := func(i int, r wire.Reply) {
		if i != Window-1 || r.Errno != 0 {
			t.Errorf("reply %d: %v", i, r.Errno)
		}
		n++
	}
	allocs := testing.AllocsPerRun(50, func() {
		if err := c.Transact(msgs, result); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 || n != 51 {
		t.Errorf("%v allocations for a window of %d messages, %d replies", allocs, Window, n)
	}
}

func BenchmarkTransact(b *testing.B) {
	c := dial(b, testnet.New(b), Config{})
	msgs := noops(b, Window)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Transact(msgs, func(int, wire.Reply) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*Window), "ns/message")
}
