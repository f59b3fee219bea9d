package nlconn

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

const (
	// Window is how many messages a datagram may hold: even if all fail, their
	// replies fit into a default receive buffer.
	Window = 128

	recvBuf  = 1 << 20
	readSize = 64 << 10         // the kernel fills at most 32 KB unless one object is larger
	patience = 10 * time.Second // for a reply that should be there already

	leastBuffer = 256 + 320 // of the receive buffer, for a datagram: struct sk_buff and skb_shared_info
)

// A Config says how to dial. The zero Config is a socket for requests in the
// current namespace.
type Config struct {
	NetNS   int      // descriptor of a network namespace; 0: the current one
	Groups  []uint32 // multicast groups to join: RTNLGRP_LINK and its like
	Strict  bool     // dumps filter by what the request holds, and refuse what they cannot
	RecvBuf int      // receive buffer in bytes; 0: 1 MB. The kernel may give less
}

// A Conn is one rtnetlink socket. It is not safe for concurrent use.
type Conn struct {
	// Notify, when set, gets every message that is neither a reply nor part of
	// a dump: an answer to or the echo (NLM_F_ECHO) of message i of the window,
	// or for i = -1 a notification of a group. m is valid during the call only,
	// which must not use the Conn.
	Notify func(i int, m wire.Message)

	// Keep leaves replies to Transact, and what Drain reads, in the socket until
	// they have been told of. So who holds a copy of the socket when this process
	// is killed finds what this one had no time for (Adopt).
	Keep bool

	sock  transport
	close io.Closer
	raw   syscall.RawConn
	buf   []byte
	scrap [1]byte
	owed  error // a loss that was met between two reads
	port  uint32
	seq   uint32 // the last one given out
	max   int
	queue int // more datagrams than this are not queued at a time

	datagrams, bytes int // read
}

// Dial opens a socket with extended acknowledgements. The calling thread stays
// in its namespace.
func Dial(cfg Config) (*Conn, error) {
	nl, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: cfg.NetNS, Groups: lowGroups(cfg.Groups)})
	if err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	c, err := open(nl, cfg)
	if err != nil {
		nl.Close()
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	return c, nil
}

// lowGroups are the groups that bind can join, all at once.
func lowGroups(groups []uint32) (mask uint32) {
	for _, g := range groups {
		if g >= 1 && g <= 32 {
			mask |= 1 << (g - 1)
		}
	}
	return mask
}

func open(nl *netlink.Conn, cfg Config) (*Conn, error) {
	options := []netlink.ConnOption{netlink.ExtendedAcknowledge, netlink.CapAcknowledge}
	if cfg.Strict {
		options = append(options, netlink.GetStrictCheck)
	}
	for _, o := range options {
		if err := nl.SetOption(o, true); err != nil {
			return nil, err
		}
	}
	if cfg.RecvBuf == 0 {
		cfg.RecvBuf = recvBuf
	}
	if err := nl.SetReadBuffer(cfg.RecvBuf); err != nil {
		return nil, err
	}
	rcvbuf, err := nl.ReadBuffer()
	if err != nil {
		return nil, err
	}
	sndbuf, err := nl.WriteBuffer()
	if err != nil {
		return nil, err
	}
	raw, err := nl.SyscallConn()
	if err != nil {
		return nil, err
	}
	for _, g := range cfg.Groups {
		if g <= 32 {
			continue // joined by bind
		}
		if err := nl.JoinGroup(g); err != nil {
			return nil, fmt.Errorf("group %d: %w", g, err)
		}
	}
	return &Conn{sock: newSocket(nl, raw), close: nl, raw: raw, buf: make([]byte, readSize), port: nl.PID(), max: sndbuf - 32, queue: rcvbuf/leastBuffer + 1}, nil
}

// Adopt returns a copy of another process's socket, to be drained when that one
// is gone. It takes f over.
func Adopt(f *os.File) (*Conn, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &Conn{sock: newSocket(f, raw), close: f, raw: raw, buf: make([]byte, readSize)}
	err = c.control(func(fd int) error {
		sa, err := unix.Getsockname(fd)
		if nl, ok := sa.(*unix.SockaddrNetlink); ok {
			c.port = nl.Pid
		}
		if err != nil {
			return os.NewSyscallError("getsockname", err)
		}
		rcvbuf, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		c.queue = rcvbuf/leastBuffer + 1
		return os.NewSyscallError("SO_RCVBUF", err)
	})
	return c, err
}

// Share calls f with the socket's descriptor, which is valid during the call.
func (c *Conn) Share(f func(fd int) error) error { return c.control(f) }

// Close closes the socket. A dump or wait that is under way fails.
func (c *Conn) Close() error { return c.close.Close() }

// NextSeq is the number that the next message will get.
func (c *Conn) NextSeq() uint32 { return c.seq + 1 }

// PortID is the address of the socket: nlmsg_pid of its echoes, and of the
// notifications that its changes cause.
func (c *Conn) PortID() uint32 { return c.port }

// MaxDatagram is how many bytes the messages of one Transact may have together
// (netlink_sendmsg: SO_SNDBUF - 32).
func (c *Conn) MaxDatagram() int { return c.max }

// Cookie returns the number of the socket's network namespace, which no other
// has until the machine is booted again.
func (c *Conn) Cookie() (uint64, error) {
	var cookie uint64
	err := c.control(func(fd int) (err error) {
		cookie, err = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		return os.NewSyscallError("SO_NETNS_COOKIE", err)
	})
	return cookie, err
}

// IgnorePort has the kernel drop what carries this port: a socket that watches
// for the changes of others does not drown in those of our own request socket.
// It is meant for sockets that make no requests themselves.
func (c *Conn) IgnorePort(port uint32) error {
	// A filter loads words big-endian; nlmsg_pid is in native order.
	var pid [4]byte
	binary.NativeEndian.PutUint32(pid[:], port)
	prog := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 12},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: binary.BigEndian.Uint32(pid[:])},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1},
	}
	return c.control(func(fd int) error {
		return os.NewSyscallError("SO_ATTACH_FILTER", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}))
	})
}

func (c *Conn) control(f func(fd int) error) error {
	var ferr error
	if err := c.raw.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}

// next gives out n sequence numbers and returns the first.
func (c *Conn) next(n int) uint32 {
	first := c.seq + 1
	c.seq += uint32(n)
	return first
}

func (c *Conn) notify(i int, m wire.Message) {
	if c.Notify != nil {
		c.Notify(i, m)
	}
}

// read returns the next datagram of the kernel, valid until the next call. One
// that does not fit is lost: the error is errTruncated and the next one as long
// fits. With peek it stays where it is until it is taken.
func (c *Conn) read(wait, peek bool) ([]byte, error) {
	if err := c.owed; err != nil {
		c.owed = nil
		return nil, err
	}
	for {
		n, port, err := c.sock.recv(c.buf, wait, peek)
		switch {
		case err != nil:
			return nil, err
		case port != 0: // from another process
			c.take(peek)
		case n > len(c.buf):
			c.take(peek)
			c.buf = make([]byte, (2*n+3)&^3)
			return nil, errTruncated
		default:
			c.datagrams++
			c.bytes += n
			return c.buf[:n], nil
		}
	}
}

// Received is how much the socket has read.
func (c *Conn) Received() (datagrams, bytes int) { return c.datagrams, c.bytes }

// take removes the datagram that was peeked at. A loss that the socket reports in
// its place is told by the next read.
func (c *Conn) take(peeked bool) {
	for peeked {
		_, _, err := c.sock.recv(c.scrap[:], false, false)
		if peeked = isLoss(err); peeked {
			c.owed = err
		}
	}
}

// answer returns the next datagram after a request. It is there already; when
// it is not, and replies were lost, none will come.
func (c *Conn) answer(lost, peek bool) ([]byte, error) {
	b, err := c.read(false, peek)
	if err != unix.EAGAIN {
		return b, err
	}
	if lost {
		return nil, ErrOverflow
	}
	if err := c.sock.deadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	b, err = c.read(true, peek)
	if derr := c.sock.deadline(time.Time{}); derr != nil {
		return nil, derr
	}
	if isTimeout(err) {
		return nil, ErrOverflow
	}
	return b, err
}
