package nlconn

import (
	"context"
	"errors"
	"iter"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

const (
	attempts  = 10 // at a dump that changes interrupt
	firstPart = 8 << 10
	lastPart  = 256 << 10
)

// Parts are the messages of a dump, in memory of their own.
type Parts [][]byte

// Messages iterates over the messages. They may be kept.
func (p Parts) Messages() iter.Seq[wire.Message] {
	return func(yield func(wire.Message) bool) {
		for _, part := range p {
			for m, err := range wire.Messages(part) {
				if err != nil || !yield(m) {
					return
				}
			}
		}
	}
}

// add copies a message.
func (p *Parts) add(msg []byte) {
	n := (len(msg) + 3) &^ 3
	size := firstPart
	if l := len(*p); l > 0 {
		last := &(*p)[l-1]
		if len(*last)+n <= cap(*last) {
			*last = append(*last, msg...)
			*last = (*last)[:(len(*last)+3)&^3]
			return
		}
		size = min(2*cap(*last), lastPart)
	}
	part := append(make([]byte, 0, max(size, n)), msg...)
	*p = append(*p, part[:n])
}

// Dump sends req as a dump and returns everything the kernel reports. When the
// tables change meanwhile, or the receive buffer overflows, it begins again;
// after several times in vain the error is ErrInterrupted or ErrOverflow. If
// the kernel refuses it is a *ReplyError.
func (c *Conn) Dump(ctx context.Context, req []byte) (Parts, error) {
	var err error
	for range attempts {
		var p Parts
		err = c.Stream(ctx, req, func(m wire.Message) error {
			p.add(m.Bytes)
			return nil
		})
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, ErrInterrupted) && !errors.Is(err, ErrOverflow) {
			break
		}
	}
	return nil, err
}

// Stream is Dump without memory and without a second attempt: each is called
// for every message, which is valid during the call only. After ErrInterrupted
// or ErrOverflow what was streamed is worth nothing. An error of each is
// returned; like a cancelled context it makes Stream drop the rest of the dump,
// which is read in any case, for the next request to find an empty socket.
func (c *Conn) Stream(ctx context.Context, req []byte, each func(wire.Message) error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	seq := c.next(1)
	if err := wire.Stamp(req, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, unix.NLM_F_ACK, seq); err != nil {
		return err
	}
	if err := c.sock.send([][]byte{req}); err != nil {
		return err
	}
	var failed error
	lost, interrupted := false, false
	for {
		b, err := c.answer(lost, false)
		if isLoss(err) {
			lost = true
			continue
		}
		if err != nil {
			return err
		}
		if failed == nil {
			failed = context.Cause(ctx)
		}
		for m, err := range wire.Messages(b) {
			if err != nil {
				failed = err
				break
			}
			own := c.index(m, seq, 1) == 0
			if own && m.Flags&unix.NLM_F_DUMP_INTR != 0 {
				interrupted = true
			}
			switch {
			case !wire.IsReply(m) && !own:
				c.notify(-1, m)
			case !own: // of an exchange that was given up
			case wire.IsReply(m):
				return c.ended(m, seq, failed, lost, interrupted)
			case failed == nil && !lost && !interrupted:
				failed = each(m)
			}
		}
	}
}

// ended says what the dump of this number, which ended with m, is worth.
func (c *Conn) ended(m wire.Message, seq uint32, failed error, lost, interrupted bool) error {
	r, err := wire.ParseReply(m)
	if m.Type == unix.NLMSG_ERROR {
		// Short of memory the kernel refuses a dump and continues it
		// nevertheless (__netlink_dump_start).
		err := c.Drain(func(m wire.Message) {
			if c.index(m, seq, 1) < 0 {
				c.notify(-1, m)
			}
		})
		if err != nil {
			return errors.Join(&ReplyError{r}, err)
		}
	}
	switch {
	case r.Errno != 0:
		return &ReplyError{r}
	case err != nil:
		return err
	case failed != nil:
		return failed
	case lost:
		return ErrOverflow
	case interrupted:
		return ErrInterrupted
	}
	return nil
}
