package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/tx"
)

// A watcher is a process that outlives the one that runs a script, to undo what
// that leaves: when it is killed half-way, or when nobody confirms. It holds the
// journal, which says what was there before, and copies of the run's sockets, in
// which lie the kernel's answers that the other had no time to read.

// SetWatcher says how to start such a process for a run with a journal. start
// gets the journal, to be kept open, and a socket that ends with this process;
// the new process gives them to Watch. Both have to be its own when start returns,
// which need not wait for more. It is called while the run notes what it is about
// to send.
//
// Without a watcher a run that is killed is undone by the next one, or Recover;
// what it had just sent, and nobody knows whether it or another program made it,
// is then left and told as residue. A run that waits to be confirmed is undone by
// this process.
func (e *Engine) SetWatcher(start func(journal, alive *os.File) error) { e.watcher = start }

// watcherStart bounds how long a watcher may take to say that it is there.
const watcherStart = 10 * time.Second

// Messages on the socket. The cookie of a namespace comes with the sockets of the
// run there.
const (
	cookieLen = 8
	dismissed = 1 // to the watcher: what is left is not its business
	ready     = 2 // from the watcher
)

// watch begins to start the watcher, and returns what waits until that is done: to
// be called before anything is sent. A run that is to be confirmed waits until it
// is there; others go on without, if need be.
func (s *session) watch() (started func() error, err error) {
	if s.e.watcher == nil {
		return func() error { return nil }, nil
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	own, other := os.NewFile(uintptr(fds[0]), "watcher"), os.NewFile(uintptr(fds[1]), "alive")
	s.alive = own
	done := make(chan error, 1)
	go func() {
		err := s.e.watcher(s.j.File(), other)
		other.Close()
		done <- err
	}()
	return func() error {
		err := <-done
		if err == nil && s.confirm > 0 {
			own.SetReadDeadline(time.Now().Add(watcherStart))
			if _, rerr := io.ReadFull(own, make([]byte, 1)); rerr != nil {
				err = errors.New("it does not start")
			}
		}
		if err == nil {
			return nil
		}
		own.Close()
		s.alive = nil
		if s.confirm > 0 {
			return fmt.Errorf("watcher: %w", err)
		}
		s.e.log.Debug("no watcher: a kill leaves what cannot be told from what others made", "error", err)
		return nil
	}, nil
}

// share gives the watcher copies of the sockets that it does not have yet. From
// then on answers stay in them until they are noted.
func (s *session) share() error {
	if s.alive == nil {
		return nil
	}
	if err := s.shareOne(s.cookie, s.kernel); err != nil {
		return fmt.Errorf("watcher: %w", err)
	}
	for _, sp := range s.spaces.list {
		if err := s.shareOne(sp.Cookie, sp.Kernel); err != nil {
			return fmt.Errorf("watcher: %w", err)
		}
	}
	return nil
}

func (s *session) shareOne(cookie uint64, k tx.Kernel) error {
	if k.Conn == nil || k.Mon == nil || slices.Contains(s.watched, k.Conn) {
		return nil
	}
	raw, err := s.alive.SyscallConn()
	if err != nil {
		return err
	}
	msg := binary.NativeEndian.AppendUint64(nil, cookie)
	err = k.Conn.Share(func(requests int) error {
		return k.Mon.Share(func(monitor int) error {
			var sent error
			err := raw.Write(func(fd uintptr) bool {
				sent = unix.Sendmsg(int(fd), msg, unix.UnixRights(requests, monitor), nil, 0)
				return sent != unix.EAGAIN
			})
			return errors.Join(err, os.NewSyscallError("sendmsg", sent))
		})
	})
	if s.confirm <= 0 && (errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET)) {
		return nil // it has died: the run goes on without
	}
	if err == nil {
		k.Conn.Keep = true
		k.Mon.Keep()
		s.watched = append(s.watched, k.Conn)
	}
	return err
}

// dismiss lets the watcher go without undoing anything.
func (s *session) dismiss() {
	if s.alive != nil {
		s.alive.Write([]byte{dismissed})
		s.alive.Close()
		s.alive = nil
	}
}

// A testimony is what a watcher holds of a run in one namespace.
type testimony struct {
	cookie            uint64
	requests, monitor *nlconn.Conn
}

func (t *testimony) close() {
	t.requests.Close()
	t.monitor.Close()
}

// Watch is in charge of another process's run: it waits until that process ends.
// A run that was not complete has died then, and is undone at once; one that
// waits to be confirmed at its deadline, unless it was confirmed meanwhile.
func (e *Engine) Watch(ctx context.Context, journal, alive *os.File) error {
	j, err := tx.AdoptJournal(journal)
	if errors.Is(err, os.ErrNotExist) {
		return alive.Close() // the run was over before this process had begun
	}
	if err != nil {
		return err
	}
	alive.Write([]byte{ready}) // when that fails nobody waits for it
	held, left, err := gather(alive)
	defer func() {
		for i := range held {
			held[i].close()
		}
	}()
	if err == nil && !left {
		err = j.Reread()
	}
	if err != nil || left || j.Gone() {
		return errors.Join(err, j.Close())
	}
	if j.Head().Due == 0 {
		for i := range held {
			t := &held[i]
			err = errors.Join(err, j.Testify(t.cookie, t.requests, t.monitor))
		}
	}
	return errors.Join(err, e.untilConfirmed(ctx, j))
}

// gather collects the sockets of a run until its process ends. left reports that
// it has left nothing to do.
func gather(alive *os.File) (held []testimony, left bool, err error) {
	defer alive.Close()
	fd := int(alive.Fd())
	if err := unix.SetNonblock(fd, false); err != nil {
		return nil, false, os.NewSyscallError("fcntl", err)
	}
	buf, rights := make([]byte, cookieLen+1), make([]byte, unix.CmsgSpace(8*4))
	for {
		n, nr, _, _, err := unix.Recvmsg(fd, buf, rights, unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EINTR || err == unix.ECONNRESET: // it did not wait for us to be ready
			continue
		case err != nil:
			return held, false, os.NewSyscallError("recvmsg", err)
		case n == 0:
			return held, left, nil
		case n == 1:
			left = buf[0] == dismissed
			continue
		case n != cookieLen:
			continue
		}
		t, err := adopt(rights[:nr])
		if err != nil {
			return held, false, err
		}
		t.cookie = binary.NativeEndian.Uint64(buf)
		held = append(held, t)
	}
}

func adopt(rights []byte) (t testimony, err error) {
	ctl, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(ctl) != 1 {
		return t, fmt.Errorf("sockets of the run: %d messages, %w", len(ctl), err)
	}
	fds, err := unix.ParseUnixRights(&ctl[0])
	if err != nil || len(fds) != 2 {
		return t, fmt.Errorf("sockets of the run: %d descriptors, %w", len(fds), err)
	}
	requests, monitor := os.NewFile(uintptr(fds[0]), "requests"), os.NewFile(uintptr(fds[1]), "monitor")
	if t.requests, err = nlconn.Adopt(requests); err == nil {
		t.monitor, err = nlconn.Adopt(monitor)
	}
	return t, err
}
