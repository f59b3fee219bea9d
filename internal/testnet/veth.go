package testnet

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// vethPeer is VETH_INFO_PEER of linux/veth.h.
const vethPeer = 1

// Veth makes Ethernet devices with these names, up and with carrier: each is a
// veth whose peer has the name with a "p" behind it. A name is therefore at most
// 14 bytes long.
func (ns *NS) Veth(names ...string) {
	ns.t.Helper()
	ns.Do(func() {
		for _, name := range names {
			if err := veth(name); err != nil {
				ns.t.Fatalf("veth %s: %v", name, err)
			}
		}
	})
}

// Index returns the interface index of a device.
func (ns *NS) Index(name string) int {
	ns.t.Helper()
	var dev *net.Interface
	var err error
	ns.Do(func() { dev, err = net.InterfaceByName(name) })
	if err != nil {
		ns.t.Fatal(err)
	}
	return dev.Index
}

func veth(name string) error {
	var b wire.Builder
	m := b.Begin(unix.RTM_NEWLINK, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	b.Fixed(unix.SizeofIfInfomsg)
	b.String(unix.IFLA_IFNAME, name)
	info := b.Nest(unix.IFLA_LINKINFO)
	b.String(unix.IFLA_INFO_KIND, "veth")
	data := b.Nest(unix.IFLA_INFO_DATA)
	peer := b.Nest(vethPeer)
	b.Fixed(unix.SizeofIfInfomsg)
	b.String(unix.IFLA_IFNAME, name+"p")
	for _, mark := range []wire.Mark{peer, data, info, m} {
		b.End(mark)
	}
	if err := request(&b); err != nil {
		return err
	}
	for _, name := range []string{name + "p", name} {
		if err := up(name); err != nil {
			return fmt.Errorf("%s up: %w", name, err)
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
	return fmt.Errorf("no answer")
}
