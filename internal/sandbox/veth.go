// Package sandbox furnishes a private network namespace with the devices that a
// script expects to find: veth pairs that stand in for them.
package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

const (
	vethPeer = 1  // VETH_INFO_PEER of linux/veth.h
	nameMax  = 15 // IFNAMSIZ without the NUL
)

// Veth makes Ethernet devices with these names in the network namespace of the
// calling thread, up and with carrier: each is a veth whose other end is called
// Peer(name). It is for namespaces that nobody else uses.
func Veth(names ...string) error {
	runtime.LockOSThread() // the sockets must be of this thread's namespace
	defer runtime.UnlockOSThread()
	for _, name := range names {
		if err := veth(name); err != nil {
			return fmt.Errorf("veth %s: %w", name, err)
		}
	}
	return nil
}

// Peer names the other end of a stand-in: the name with a "p" behind it, which
// takes the place of the last letter when there is no room.
func Peer(name string) string { return name[:min(len(name), nameMax-1)] + "p" }

func veth(name string) error {
	if name == "" || len(name) > nameMax || Peer(name) == name {
		return fmt.Errorf("%q cannot be a stand-in", name)
	}
	var b wire.Builder
	m := b.Begin(unix.RTM_NEWLINK, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	b.Fixed(unix.SizeofIfInfomsg)
	b.String(unix.IFLA_IFNAME, name)
	info := b.Nest(unix.IFLA_LINKINFO)
	b.String(unix.IFLA_INFO_KIND, "veth")
	data := b.Nest(unix.IFLA_INFO_DATA)
	peer := b.Nest(vethPeer)
	b.Fixed(unix.SizeofIfInfomsg)
	b.String(unix.IFLA_IFNAME, Peer(name))
	for _, mark := range []wire.Mark{peer, data, info, m} {
		b.End(mark)
	}
	if err := request(&b); err != nil {
		return err
	}
	for _, n := range []string{Peer(name), name} {
		if err := up(n); err != nil {
			return fmt.Errorf("%s up: %w", n, err)
		}
	}
	return nil
}

func up(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("SIOCSIFFLAGS", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req))
}

// request sends one message on a socket of its own and waits for its ack.
func request(b *wire.Builder) error {
	msg, err := b.Bytes()
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	buf := make([]byte, 8192)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return os.NewSyscallError("recvfrom", err)
	}
	for m, err := range wire.Messages(buf[:n]) {
		if err != nil {
			return err
		}
		r, err := wire.ParseReply(m)
		if err != nil {
			return err
		}
		if r.Errno != 0 {
			return r.Errno
		}
		return nil
	}
	return errors.New("no answer")
}
