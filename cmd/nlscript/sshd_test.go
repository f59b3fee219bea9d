package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/wire"
)

// sshd is a program: it runs its arguments as a command, as a daemon of that name
// would for somebody who came from 198.51.100.7 by eth0. The other end, eth0p, it
// moves to a network namespace of its own.
func sshd() {
	keepMainThread()
	away, err := namespaceAway()
	if err == nil {
		err = moveLink("eth0p", away)
	}
	if err == nil {
		err = commit("eth0", "198.51.100.1/24")
	}
	if err == nil {
		err = commit("eth0p", "198.51.100.7/24", engine.WithNetNS(int(away.Fd())))
	}
	if err != nil {
		fatal(err)
	}
	l, err := net.Listen("tcp", "198.51.100.1:22")
	if err != nil {
		fatal(err)
	}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is in another namespace
		err := unix.Setns(int(away.Fd()), unix.CLONE_NEWNET)
		var fd int
		if err == nil {
			fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		}
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrInet4{Port: 22, Addr: [4]byte{198, 51, 100, 1}})
		}
		if err != nil {
			fatal(err)
		}
	}()
	c, err := l.Accept()
	if err != nil {
		fatal(err)
	}
	defer c.Close()
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Run()
	runtime.KeepAlive(c)
	finish(err)
}

// keepMainThread lets nothing happen on the thread whose namespace counts as the
// process's. The caller may be locked to it.
func keepMainThread() {
	main := func() bool {
		runtime.LockOSThread()
		return unix.Gettid() == unix.Getpid()
	}
	found := main()
	for !found {
		c := make(chan bool)
		go func() {
			c <- main()
			select {}
		}()
		found = <-c
	}
}

func commit(dev, addr string, opts ...engine.Option) error {
	e, err := engine.New(opts...)
	if err != nil {
		return err
	}
	src := fmt.Sprintf("commit(link(%q, up = True), addr(%q, dev = %q))", dev, addr, dev)
	_, err = e.Run(context.Background(), engine.Script{Name: "sshd.star", Source: []byte(src)})
	return err
}

// namespaceAway makes a network namespace.
func namespaceAway() (f *os.File, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: as above
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			f, err = os.Open("/proc/thread-self/ns/net")
		}
	}()
	<-done
	return f, err
}

func moveLink(name string, to *os.File) error {
	c, err := nlconn.Dial(nlconn.Config{})
	if err != nil {
		return err
	}
	defer c.Close()
	var b wire.Builder
	m := b.Begin(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	b.Fixed(unix.SizeofIfInfomsg)
	b.String(unix.IFLA_IFNAME, name)
	b.Uint32(unix.IFLA_NET_NS_FD, uint32(to.Fd()))
	b.End(m)
	msg, err := b.Bytes()
	if err != nil {
		return err
	}
	return c.Transact([][]byte{msg}, func(_ int, r wire.Reply) {
		if r.Errno != 0 {
			fatal(r.Errno)
		}
	})
}
