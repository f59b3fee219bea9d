package nlconn

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// Drain calls each for every notification that is queued, and does not wait. It
// ends even when they come as fast as they are read: all that were there when it
// was called have been read then.
// ErrOverflow says that there were more, which are lost; each has been called
// for the others. Messages are valid during the call only.
func (c *Conn) Drain(each func(wire.Message)) error {
	lost := false
	for range c.queue {
		b, err := c.read(false, c.Keep)
		switch {
		case isLoss(err):
			lost = true
			continue
		case err == unix.EAGAIN && lost:
			return ErrOverflow
		case err == unix.EAGAIN:
			return nil
		case err != nil:
			return err
		}
		for m, err := range wire.Messages(b) {
			if err != nil {
				return err
			}
			each(m)
		}
		c.take(c.Keep)
	}
	if lost {
		return ErrOverflow
	}
	return nil
}

// Receive waits until notifications come, calls each for them and then for all
// that are queued behind them, as Drain does. It ends early with the cause of
// ctx.
func (c *Conn) Receive(ctx context.Context, each func(wire.Message)) error {
	expired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(expired)
		c.sock.deadline(time.Unix(1, 0)) // fails only when closed, as read then does
	})
	b, err := c.read(true, false)
	if !stop() {
		<-expired
		if derr := c.sock.deadline(time.Time{}); derr != nil && err == nil {
			err = derr
		}
	}
	switch {
	case isTimeout(err):
		return context.Cause(ctx)
	case isLoss(err):
		if err := c.Drain(each); err != nil {
			return err
		}
		return ErrOverflow
	case err != nil:
		return err
	}
	for m, err := range wire.Messages(b) {
		if err != nil {
			return err
		}
		each(m)
	}
	return c.Drain(each)
}
