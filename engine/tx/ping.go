package tx

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Types of ICMP and ICMPv6 messages.
const (
	echoRequest4, echoReply4 = 8, 0
	echoRequest6, echoReply6 = 128, 129
)

// ping sends an ICMP echo and waits for its answer until ctx ends. It needs no
// privilege where net.ipv4.ping_group_range lets the group have ping sockets.
func ping(ctx context.Context, ns Namespace, to netip.Addr) error {
	s, err := openEcho(ns, to)
	if err != nil {
		return netError(err)
	}
	defer s.f.Close()
	stop := context.AfterFunc(ctx, func() { s.f.SetDeadline(time.Unix(1, 0)) }) // fails only when closed
	defer stop()
	if _, err := s.f.Write(s.request()); err != nil {
		return netError(err)
	}
	b := make([]byte, 1500)
	for {
		n, err := s.f.Read(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errNoAnswer
		case err != nil:
			return netError(err)
		case s.answers(b[:n]):
			return nil
		}
	}
}

// An echo is a socket for one exchange with one address.
type echo struct {
	f      *os.File
	v6     bool
	raw    bool     // not a ping socket: IPv4 headers are read, checksums are ours to make
	cookie [16]byte // tells our answer from those to others
}

// openEcho opens a ping socket, or where that is not allowed a raw one.
func openEcho(ns Namespace, to netip.Addr) (*echo, error) {
	family, proto := unix.AF_INET, unix.IPPROTO_ICMP
	var sa unix.Sockaddr
	if to.Is6() {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
		sa = &unix.SockaddrInet6{Addr: to.As16()}
	} else {
		sa = &unix.SockaddrInet4{Addr: to.As4()}
	}
	s := &echo{v6: to.Is6()}
	for i := range s.cookie {
		s.cookie[i] = byte(rand.Uint32())
	}
	err := ns.Do(func() error {
		const flags = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|flags, proto)
		if err != nil {
			s.raw = true
			fd, err = unix.Socket(family, unix.SOCK_RAW|flags, proto)
		}
		if err != nil {
			return err
		}
		if err := unix.Connect(fd, sa); err != nil {
			unix.Close(fd)
			return err
		}
		s.f = os.NewFile(uintptr(fd), "icmp")
		return nil
	})
	return s, err
}

// request is an echo request: type, code, checksum, identifier, sequence number,
// cookie. A ping socket fills in identifier and checksum, and so does a raw one
// of ICMPv6 the checksum.
func (s *echo) request() []byte {
	b := make([]byte, 8, 8+len(s.cookie))
	b[0] = echoRequest4
	if s.v6 {
		b[0] = echoRequest6
	}
	copy(b[4:6], s.cookie[:])
	b[7] = 1
	b = append(b, s.cookie[:]...)
	if !s.v6 {
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
	return b
}

// answers reports whether a message is the reply to our request.
func (s *echo) answers(b []byte) bool {
	if s.raw && !s.v6 {
		if len(b) < 20 {
			return false
		}
		b = b[min(int(b[0]&15)*4, len(b)):]
	}
	want := byte(echoReply4)
	if s.v6 {
		want = echoReply6
	}
	return len(b) >= 8 && b[0] == want && bytes.Equal(b[8:], s.cookie[:])
}

// checksum is that of the internet protocols (RFC 1071).
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
