package nlconn

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// mdbaSetEntry is MDBA_SET_ENTRY of linux/if_bridge.h.
const mdbaSetEntry = 1

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
	if b, err := c.read(false, false); err != unix.EAGAIN {
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

// MaxDatagram is exactly what the kernel takes.
func TestMaxDatagram(t *testing.T) {
	c := dial(t, testnet.New(t), Config{})
	full := func(more int) [][]byte {
		return [][]byte{noops(t, 1)[0], build(t, unix.NLMSG_NOOP, 0, c.MaxDatagram()-len(noops(t, 1)[0])-wire.HeaderLen+more, nil, nil)}
	}
	must(t, c, full(0)...)
	if err := c.Transact(full(4), nil); err == nil {
		t.Error("4 bytes more were sent")
	}
	if err := c.sock.send(full(4)); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("the kernel on 4 bytes more: %v, want EMSGSIZE", err)
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
