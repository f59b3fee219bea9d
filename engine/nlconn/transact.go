package nlconn

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// Transact sends up to Window messages as one datagram and reads all replies.
// It writes flags and sequence numbers into the messages: an ack is asked for
// the last one only. result is called, in the order of the messages, for each
// that failed and for the last one in any case; it must not use the Conn.
//
// A message that the kernel refused is no error of Transact. After an error it
// is not known which messages took effect, and what is must be read again; after
// ErrOverflow all have been processed.
//
// NB: sendmsg cannot be interrupted. A cancelled context takes effect between
// calls of Transact.
func (c *Conn) Transact(msgs [][]byte, result func(i int, r wire.Reply)) error {
	if len(msgs) == 0 {
		return nil
	}
	seq, err := c.transmit(msgs)
	if err != nil {
		return err
	}
	lost := false
	for {
		b, err := c.answer(lost, c.Keep)
		if isLoss(err) {
			lost = true
			continue
		}
		if err != nil {
			return err
		}
		last := false
		for m, err := range wire.Messages(b) {
			if err != nil {
				return err
			}
			i := c.index(m, seq, len(msgs))
			if !wire.IsReply(m) {
				c.notify(i, m)
				continue
			}
			if i < 0 {
				continue // of an exchange that was given up
			}
			r, err := wire.ParseReply(m)
			if err != nil && r.Errno == 0 {
				return err
			}
			result(i, r)
			last = last || i == len(msgs)-1
		}
		c.take(c.Keep)
		switch {
		case last && lost:
			return ErrOverflow
		case last:
			return nil
		}
	}
}

// transmit stamps the messages and sends them.
func (c *Conn) transmit(msgs [][]byte) (seq uint32, err error) {
	if len(msgs) > Window {
		return 0, fmt.Errorf("rtnetlink: %d messages in one datagram, at most %d", len(msgs), Window)
	}
	seq = c.next(len(msgs))
	size := 0
	for i, m := range msgs {
		set, clear := uint16(unix.NLM_F_REQUEST), uint16(unix.NLM_F_ACK)
		if i == len(msgs)-1 {
			set, clear = set|clear, 0
		}
		if err := wire.Stamp(m, set, clear, seq+uint32(i)); err != nil {
			return 0, fmt.Errorf("message %d: %w", i, err)
		}
		size += len(m)
	}
	if size > c.max {
		return 0, fmt.Errorf("rtnetlink: datagram of %d bytes, at most %d fit", size, c.max)
	}
	return seq, c.sock.send(msgs)
}

// index returns which of n messages, sent with numbers from seq on, m answers,
// or -1.
func (c *Conn) index(m wire.Message, seq uint32, n int) int {
	if i := m.Seq - seq; m.PID == c.port && i < uint32(n) {
		return int(i)
	}
	return -1
}

// Get sends one request and returns the message that answers it. If the kernel
// refuses the error is a *ReplyError.
func (c *Conn) Get(req []byte) (msg []byte, err error) {
	notify := c.Notify
	defer func() { c.Notify = notify }()
	c.Notify = func(i int, m wire.Message) {
		switch {
		case i == 0 && msg == nil:
			msg = bytes.Clone(m.Bytes)
		case notify != nil:
			notify(i, m)
		}
	}
	var refused error
	result := func(_ int, r wire.Reply) {
		if r.Errno != 0 {
			refused = &ReplyError{r}
		}
	}
	err = c.Transact([][]byte{req}, result)
	if err == ErrOverflow && msg == nil && refused == nil {
		// Perhaps the answer was longer than the buffer, which has grown.
		err = c.Transact([][]byte{req}, result)
	}
	switch {
	case refused != nil:
		return nil, refused
	case msg != nil && (err == nil || err == ErrOverflow):
		return msg, nil
	case err == nil:
		err = fmt.Errorf("rtnetlink: the request was acknowledged and not answered")
	}
	return nil, err
}
