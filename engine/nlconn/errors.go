package nlconn

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

var (
	// ErrOverflow says that replies or notifications were lost. The kernel has
	// processed every message all the same: what is must be read again.
	ErrOverflow = errors.New("rtnetlink: receive buffer overflow, replies were lost")

	// ErrInterrupted says that the tables changed during a dump, so that it is
	// no image of any moment (NLM_F_DUMP_INTR).
	ErrInterrupted = errors.New("rtnetlink: dump interrupted by changes")

	// errTruncated is a datagram that was longer than the buffer. Its callers
	// treat it as lost, or ask again.
	errTruncated = errors.New("rtnetlink: datagram truncated")
)

// A ReplyError is a reply with an errno. It unwraps to the syscall.Errno.
type ReplyError struct{ wire.Reply }

func (e *ReplyError) Unwrap() error { return e.Errno }

// Error is what the kernel says, what it would accept if it tells, and the
// errno's name: "VXLAN ID must be lower than 16777216 (ERANGE)".
func (e *ReplyError) Error() string {
	text := e.Errno.Error()
	name := unix.ErrnoName(e.Errno)
	switch {
	case name == "":
		name = text // of the kernel's own: errno 524
		if e.Message == "" {
			return text
		}
		text = e.Message
	case e.Message != "":
		text = e.Message
	}
	if e.Policy != nil {
		text += ": want " + e.Policy.String()
	}
	return fmt.Sprintf("%s (%s)", text, name)
}

// isLoss reports whether err means that something from the kernel was lost,
// with more to read behind it.
func isLoss(err error) bool {
	return err == error(unix.ENOBUFS) || err == errTruncated
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
