package nlconn

import (
	"net/netip"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// adopt makes a second descriptor of a socket, as another process has it.
func adopt(t *testing.T, c *Conn) *Conn {
	t.Helper()
	var copied *os.File
	err := c.Share(func(fd int) error {
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		copied = os.NewFile(uintptr(n), "rtnetlink")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Adopt(copied)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if a.PortID() != c.PortID() {
		t.Errorf("the copy has port %d, the socket %d", a.PortID(), c.PortID())
	}
	return a
}

// What a process was told of and did not live to note is there for who holds a
// copy of its socket; what it had done with is not.
func TestKeep(t *testing.T) {
	ns := testnet.New(t)
	for _, tt := range []struct {
		keep   bool
		stopAt int
		want   []uint32 // messages whose replies are left
	}{
		{true, 0, []uint32{0, 1, 2}},
		{true, 1, []uint32{1, 2}},
		{true, 2, []uint32{2}},
		{true, 3, nil},
		{false, 1, []uint32{2}},
	} {
		c := dial(t, ns, Config{})
		c.Keep = tt.keep
		survivor := adopt(t, c)
		first := c.NextSeq()
		func() {
			defer func() { recover() }()
			var msgs [][]byte
			for i := range byte(3) {
				msgs = append(msgs, route4(t, unix.RTM_DELROUTE, 0, unix.RT_TABLE_MAIN, netip.AddrFrom4([4]byte{10, 0, 0, i}), 1))
			}
			c.Transact(msgs, func(i int, _ wire.Reply) {
				if i == tt.stopAt {
					panic("killed")
				}
			})
		}()
		var got []uint32
		if err := survivor.Drain(func(m wire.Message) { got = append(got, m.Seq-first) }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("keep %v, killed at reply %d: the survivor reads those to %d, want %d", tt.keep, tt.stopAt, got, tt.want)
		}
	}
}

// Announcements, too.
func TestKeepAnnouncements(t *testing.T) {
	ns := testnet.New(t)
	c, watch := dial(t, ns, Config{}), dial(t, ns, Config{Groups: []uint32{unix.RTNLGRP_LINK}})
	watch.Keep = true
	survivor := adopt(t, watch)
	must(t, c, addVeth(t, "a0"))
	n := 0
	func() {
		defer func() { recover() }()
		watch.Drain(func(wire.Message) { panic("killed") })
	}()
	if err := survivor.Drain(func(wire.Message) { n++ }); err != nil || n == 0 {
		t.Errorf("the survivor hears %d, %v", n, err)
	}
	n = 0
	if err := watch.Drain(func(wire.Message) { n++ }); err != nil || n != 0 {
		t.Errorf("%d are told twice, %v", n, err)
	}
}
