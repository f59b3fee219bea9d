package nlconn

import (
	"context"
	"errors"
	"net/netip"
	"os"
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

// An object longer than the buffer makes it grow.
func TestBufferGrows(t *testing.T) {
	c := dial(t, testnet.New(t), Config{})
	c.buf = make([]byte, 64)
	if got := names(t, c); !slices.Contains(got, "lo") {
		t.Errorf("devices %q", got)
	}
	c.buf = make([]byte, 64)
	if b, err := c.Get(linkMsg(t, unix.RTM_GETLINK, 0, func(b *wire.Builder) { b.String(unix.IFLA_IFNAME, "lo") })); err != nil || len(b) <= 64 {
		t.Errorf("get: %d bytes, %v", len(b), err)
	}
}
