package nlconn

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A transport moves datagrams. Tests put a script of replies in its place.
type transport interface {
	// send sends the slices as one datagram to the kernel.
	send(msgs [][]byte) error

	// recv reads one datagram. n is its length, also when buf is shorter; port
	// is the sender's. When there is none it waits until the deadline, or
	// returns unix.EAGAIN. Errors of the socket are a syscall.Errno. With peek
	// the next recv reads the same.
	recv(buf []byte, wait, peek bool) (n int, port uint32, err error)

	// deadline ends waiting in recv; the zero time never does.
	deadline(t time.Time) error
}

// A socket is the transport to the kernel. All that the system calls need lives
// in it, so that they allocate nothing: x/sys/unix makes an iovec array a call,
// and a Sockaddr for each datagram read.
type socket struct {
	nl   deadliner
	raw  syscall.RawConn
	out  unix.Msghdr
	in   unix.Msghdr
	iov  [Window]unix.Iovec
	into unix.Iovec
	from unix.RawSockaddrNetlink

	// The two system calls, as SyscallConn wants them, and their results.
	sendmsg, recvmsg func(fd uintptr) bool
	wait             bool
	flags            uintptr
	n                int
	errno            syscall.Errno
}

type deadliner interface{ SetReadDeadline(time.Time) error }

func newSocket(nl deadliner, raw syscall.RawConn) *socket {
	s := &socket{nl: nl, raw: raw}
	s.in.Name = (*byte)(unsafe.Pointer(&s.from))
	s.in.Iov = &s.into
	s.in.SetIovlen(1)
	s.sendmsg = func(fd uintptr) bool {
		s.call(unix.SYS_SENDMSG, fd, &s.out, 0)
		return true
	}
	s.recvmsg = func(fd uintptr) bool {
		s.in.Namelen = unix.SizeofSockaddrNetlink
		s.call(unix.SYS_RECVMSG, fd, &s.in, s.flags)
		return s.errno != unix.EAGAIN || !s.wait
	}
	return s
}

// call repeats the system call when a signal comes in between.
func (s *socket) call(nr, fd uintptr, hdr *unix.Msghdr, flags uintptr) {
	for {
		n, _, errno := unix.Syscall(nr, fd, uintptr(unsafe.Pointer(hdr)), flags)
		if errno != unix.EINTR {
			s.n, s.errno = int(n), errno
			return
		}
	}
}

func (s *socket) send(msgs [][]byte) error {
	for i, m := range msgs {
		s.iov[i].Base = &m[0]
		s.iov[i].SetLen(len(m))
	}
	s.out.Iov = &s.iov[0]
	s.out.SetIovlen(len(msgs))
	err := s.raw.Write(s.sendmsg)
	clear(s.iov[:len(msgs)]) // hold on to nobody's memory
	if err != nil {
		return pollError(err)
	}
	if s.errno != 0 {
		return os.NewSyscallError("sendmsg", s.errno)
	}
	return nil
}

func (s *socket) recv(buf []byte, wait, peek bool) (n int, port uint32, err error) {
	s.into.Base = &buf[0]
	s.into.SetLen(len(buf))
	s.wait, s.flags = wait, unix.MSG_TRUNC
	if peek {
		s.flags |= unix.MSG_PEEK
	}
	if err := s.raw.Read(s.recvmsg); err != nil {
		return 0, 0, pollError(err)
	}
	if s.errno != 0 {
		return 0, 0, s.errno
	}
	return s.n, s.from.Pid, nil
}

// pollError gives the error of a RawConn, which has no system call of its own
// to report, a name: the deadline has passed or the socket was closed.
func pollError(err error) error {
	if isTimeout(err) {
		return err
	}
	return os.ErrClosed
}

func (s *socket) deadline(t time.Time) error { return s.nl.SetReadDeadline(t) }
