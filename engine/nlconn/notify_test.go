package nlconn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

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

// Another program that is faster than the reader does not hold it up for ever.
func TestDrainEnds(t *testing.T) {
	ns := testnet.New(t)
	c := dial(t, ns, Config{})
	watch := dial(t, ns, Config{Groups: []uint32{unix.RTNLGRP_LINK}, RecvBuf: 1 << 14})
	must(t, c, addVeth(t, "a0"))
	n := 0
	more := func(wire.Message) {
		n++
		must(t, c, addVeth(t, fmt.Sprintf("v%d", n)))
	}
	if err := watch.Drain(more); err != nil && !errors.Is(err, ErrOverflow) || n == 0 {
		t.Errorf("%d notifications, %v", n, err)
	}
}
