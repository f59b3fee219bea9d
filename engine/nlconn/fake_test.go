package nlconn

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

const port = 4711

// A script is a transport that answers each send with the next of its replies.
type script struct {
	replies [][]event // by send
	sent    int
	queue   []event
	seqs    []uint32 // of the messages sent
	broken  error    // what send returns
}

// An event is what one recvmsg returns.
type event struct {
	data []byte
	err  error
	from uint32
}

func (s *script) send(msgs [][]byte) error {
	if s.broken != nil {
		return s.broken
	}
	base := uint32(0)
	for i, b := range msgs {
		for m := range wire.Messages(b) {
			s.seqs = append(s.seqs, m.Seq)
			if i == 0 {
				base = m.Seq
			}
		}
	}
	for _, e := range s.replies[s.sent] {
		e.data = slices.Clone(e.data)
		for m := range wire.Messages(e.data) { // scripted numbers count from the first message
			if m.PID == port {
				restamp(m.Bytes, m.Seq+base)
			}
		}
		s.queue = append(s.queue, e)
	}
	s.sent++
	return nil
}

func (s *script) recv(buf []byte, wait, peek bool) (int, uint32, error) {
	if len(s.queue) == 0 {
		if wait {
			return 0, 0, os.ErrDeadlineExceeded
		}
		return 0, 0, unix.EAGAIN
	}
	e := s.queue[0]
	if !peek || e.err != nil { // an error is told once
		s.queue = s.queue[1:]
	}
	copy(buf, e.data)
	return len(e.data), e.from, e.err
}

func (s *script) deadline(time.Time) error { return nil }

func fake(replies ...[]event) (*Conn, *script) {
	s := &script{replies: replies}
	return &Conn{sock: s, buf: make([]byte, 256), port: port, max: 1000, queue: 100}, s
}

// msg builds a message with a u32 as body; pid and seq as given.
func msg(typ, flags uint16, seq, pid, body uint32) []byte {
	var b wire.Builder
	m := b.Begin(typ, flags)
	put32(b.Fixed(4), body)
	b.End(m)
	out, _, err := b.Last()
	if err != nil {
		panic(err)
	}
	restamp(out, seq)
	put32(out[12:], pid)
	return out
}

func part(seq, body uint32, flags uint16) []byte {
	return msg(unix.RTM_NEWLINK, unix.NLM_F_MULTI|flags, seq, port, body)
}

func finish(errno int32, flags uint16) []byte {
	return msg(unix.NLMSG_DONE, unix.NLM_F_MULTI|flags, 0, port, uint32(-errno))
}

// ack answers message i of the window.
func ack(i uint32, errno int32) []byte {
	var b wire.Builder
	m := b.Begin(unix.NLMSG_ERROR, unix.NLM_F_CAPPED)
	put32(b.Fixed(4), uint32(-errno))
	b.Fixed(wire.HeaderLen)
	b.End(m)
	out, _, _ := b.Last()
	restamp(out, i)
	put32(out[12:], port)
	return out
}

func data(bs ...[]byte) event { return event{data: slices.Concat(bs...)} }

func bodies(p Parts) (out []uint32) {
	for m := range p.Messages() {
		out = append(out, get32(m.Data))
	}
	return out
}

func requests(n int) (out [][]byte) {
	for i := range n {
		out = append(out, msg(unix.RTM_NEWROUTE, unix.NLM_F_ACK, 99, 99, uint32(i)))
	}
	return out
}

func TestDumpRestarts(t *testing.T) {
	ctx := context.Background()
	stale := event{data: msg(unix.NLMSG_DONE, 0, 77, port, 0)}
	spoofed := event{data: finish(0, 0), from: 1234}
	for _, tc := range []struct {
		name    string
		replies [][]event
		want    []uint32
		err     error
		sends   int
	}{
		{"whole", [][]event{{data(part(0, 1, 0), part(0, 2, 0)), data(part(0, 3, 0)), data(finish(0, 0))}}, []uint32{1, 2, 3}, nil, 1},
		{"done beside the last", [][]event{{data(part(0, 1, 0), finish(0, 0))}}, []uint32{1}, nil, 1},
		{"empty", [][]event{{data(finish(0, 0))}}, nil, nil, 1},
		{"interrupted", [][]event{
			{data(part(0, 1, 0)), data(part(0, 2, unix.NLM_F_DUMP_INTR)), data(part(0, 3, 0)), data(finish(0, 0))},
			{data(part(0, 4, 0), finish(0, 0))}}, []uint32{4}, nil, 2},
		{"interrupted at the end", [][]event{
			{data(part(0, 1, 0)), data(finish(0, unix.NLM_F_DUMP_INTR))},
			{data(part(0, 5, 0), finish(0, 0))}}, []uint32{5}, nil, 2},
		{"overflow", [][]event{
			{data(part(0, 1, 0)), {err: unix.ENOBUFS}, data(part(0, 2, 0), finish(0, 0))},
			{data(part(0, 6, 0), finish(0, 0))}}, []uint32{6}, nil, 2},
		{"overflow takes the end", [][]event{
			{data(part(0, 1, 0)), {err: unix.ENOBUFS}},
			{data(part(0, 6, 0), finish(0, 0))}}, []uint32{6}, nil, 2},
		{"silence", slices.Repeat([][]event{{data(part(0, 1, 0))}}, attempts), nil, ErrOverflow, attempts},
		{"always interrupted", slices.Repeat([][]event{{data(part(0, 1, unix.NLM_F_DUMP_INTR), finish(0, 0))}}, attempts), nil, ErrInterrupted, attempts},
		{"refused at the end", [][]event{{data(part(0, 1, 0)), data(finish(int32(unix.EINVAL), 0))}}, nil, unix.EINVAL, 1},
		{"refused", [][]event{{data(ack(0, int32(unix.EPERM)))}}, nil, unix.EPERM, 1},
		{"refused and continued", [][]event{{data(ack(0, int32(unix.ENOBUFS))), data(part(0, 1, 0)), data(finish(0, 0))}}, nil, unix.ENOBUFS, 1},
		{"stale and spoofed", [][]event{{stale, spoofed, data(part(0, 7, 0), finish(0, 0))}}, []uint32{7}, nil, 1},
		{"longer than the buffer", [][]event{
			{data(slices.Repeat(part(0, 8, 0), 20)), data(finish(0, 0))},
			{data(slices.Repeat(part(0, 8, 0), 20)), data(finish(0, 0))}}, slices.Repeat([]uint32{8}, 20), nil, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := fake(tc.replies...)
			c.Notify = func(i int, m wire.Message) { t.Errorf("notified of message type %d", m.Type) }
			p, err := c.Dump(ctx, msg(unix.RTM_GETLINK, 0, 0, 0, 0))
			if !errors.Is(err, tc.err) || tc.err == nil && err != nil {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if got := bodies(p); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if s.sent != tc.sends || len(s.queue) != 0 {
				t.Errorf("%d requests, want %d; %d datagrams left unread", s.sent, tc.sends, len(s.queue))
			}
		})
	}
}

// Notifications of groups between the parts of a dump go to Notify.
func TestDumpNotifications(t *testing.T) {
	c, _ := fake([]event{data(part(0, 1, 0)), {data: msg(unix.RTM_DELLINK, 0, 0, 0, 9)}, data(part(0, 2, 0), finish(0, 0))})
	var notes []uint32
	c.Notify = func(i int, m wire.Message) {
		if i != -1 {
			t.Errorf("notification of message %d", i)
		}
		notes = append(notes, get32(m.Data))
	}
	p, err := c.Dump(context.Background(), msg(unix.RTM_GETLINK, 0, 0, 0, 0))
	if err != nil || !slices.Equal(bodies(p), []uint32{1, 2}) || !slices.Equal(notes, []uint32{9}) {
		t.Errorf("dump %v, notifications %v, %v", bodies(p), notes, err)
	}
}

// What each refuses, and what a cancelled context does not want, is read all
// the same.
func TestStreamDrains(t *testing.T) {
	replies := []event{data(part(0, 1, 0)), data(part(0, 2, 0)), data(part(0, 3, 0)), data(finish(0, 0))}
	enough := errors.New("enough")
	c, s := fake(replies)
	n := 0
	if err := c.Stream(context.Background(), msg(unix.RTM_GETLINK, 0, 0, 0, 0), func(wire.Message) error { n++; return enough }); err != enough || n != 1 || len(s.queue) != 0 {
		t.Errorf("after refusal: %v, %d calls, %d datagrams left", err, n, len(s.queue))
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	c, s = fake(replies)
	n = 0
	if err := c.Stream(ctx, msg(unix.RTM_GETLINK, 0, 0, 0, 0), func(wire.Message) error { n++; cancel(enough); return nil }); err != enough || n != 1 || len(s.queue) != 0 {
		t.Errorf("after cancel: %v, %d calls, %d datagrams left", err, n, len(s.queue))
	}
	if err := c.Stream(ctx, nil, nil); err != enough || s.sent != 1 {
		t.Errorf("cancelled before: %v, %d requests", err, s.sent)
	}
}

func TestPartsKeepEverything(t *testing.T) {
	var p Parts
	var want []byte
	for i := range 3000 {
		m := part(0, uint32(i), 0)
		if i == 1000 {
			m = slices.Concat(m, make([]byte, 2*lastPart)) // larger than any part
			put32(m, uint32(len(m)))
		}
		p.add(m)
		want = append(want, m...)
	}
	if got := slices.Concat(p...); !slices.Equal(got, want) {
		t.Errorf("%d bytes kept of %d, or others", len(got), len(want))
	}
	n := 0
	for range p.Messages() {
		n++
	}
	if n != 3000 {
		t.Errorf("%d messages, want 3000", n)
	}
	for range p.Messages() {
		break // must be allowed
	}
}

func TestTransactReplies(t *testing.T) {
	type res struct {
		i     int
		errno int32
	}
	for _, tc := range []struct {
		name    string
		replies []event
		want    []res
		err     error
	}{
		{"ack", []event{data(ack(2, 0))}, []res{{2, 0}}, nil},
		{"errors", []event{data(ack(0, 17)), data(ack(1, 2)), data(ack(2, 0))}, []res{{0, 17}, {1, 2}, {2, 0}}, nil},
		{"last fails", []event{data(ack(2, 22))}, []res{{2, 22}}, nil},
		{"two in a datagram", []event{data(ack(0, 17), ack(2, 0))}, []res{{0, 17}, {2, 0}}, nil},
		{"overflow", []event{{err: unix.ENOBUFS}, data(ack(0, 17)), data(ack(1, 17))}, []res{{0, 17}, {1, 17}}, ErrOverflow},
		{"overflow with ack", []event{data(ack(0, 17)), {err: unix.ENOBUFS}, data(ack(2, 0))}, []res{{0, 17}, {2, 0}}, ErrOverflow},
		{"silence", []event{data(ack(0, 17))}, []res{{0, 17}}, ErrOverflow},
		{"stale", []event{{data: msg(unix.NLMSG_ERROR, 0, 1<<31, port, 0)}, data(ack(2, 0))}, []res{{2, 0}}, nil},
		{"other port", []event{{data: msg(unix.NLMSG_ERROR, 0, 3, 1, 0)}, {data: ack(2, 1), from: 9}, data(ack(2, 0))}, []res{{2, 0}}, nil},
		{"socket error", []event{{err: unix.EBADF}}, nil, unix.EBADF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := fake(tc.replies)
			var got []res
			err := c.Transact(requests(3), func(i int, r wire.Reply) { got = append(got, res{i, int32(r.Errno)}) })
			if err != tc.err {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if !slices.Equal(got, tc.want) || len(s.queue) != 0 {
				t.Errorf("results %v, want %v; %d datagrams left", got, tc.want, len(s.queue))
			}
		})
	}
}

func TestTransactRefusesBeforeSending(t *testing.T) {
	never := func(int, wire.Reply) { t.Error("a result of nothing") }
	cut := requests(2)
	cut[1] = cut[1][:16]
	for name, msgs := range map[string][][]byte{"too many": requests(Window + 1), "too long": requests(60), "cut": cut} {
		c, s := fake([]event{data(ack(0, 0))})
		if err := c.Transact(msgs, never); err == nil || s.sent != 0 {
			t.Errorf("%s: error %v, %d datagrams sent", name, err, s.sent)
		}
	}
	c, s := fake()
	if err := c.Transact(nil, never); err != nil || s.sent != 0 {
		t.Errorf("nothing to send: %v", err)
	}
	s.broken = unix.ENOBUFS
	if err := c.Transact(requests(1), never); !errors.Is(err, unix.ENOBUFS) {
		t.Errorf("send fails: %v", err)
	}
}

// Numbers go on from call to call, also over the end of 32 bits, and the ack is
// asked for the last message only.
func TestTransactStamps(t *testing.T) {
	c, s := fake([]event{data(ack(2, 0))}, []event{data(ack(1, 0))})
	c.seq = 1<<32 - 3
	n := 0
	count := func(int, wire.Reply) { n++ }
	msgs := requests(3)
	if err := errors.Join(c.Transact(msgs, count), c.Transact(requests(2), count)); err != nil {
		t.Fatal(err)
	}
	if want := []uint32{1<<32 - 2, 1<<32 - 1, 0, 1, 2}; !slices.Equal(s.seqs, want) || n != 2 {
		t.Errorf("numbers %v, want %v; %d results", s.seqs, want, n)
	}
	for i, b := range msgs {
		for m := range wire.Messages(b) {
			want := uint16(unix.NLM_F_REQUEST)
			if i == 2 {
				want |= unix.NLM_F_ACK
			}
			if m.Flags != want || m.PID != 0 {
				t.Errorf("message %d: flags %#x, want %#x; port %d", i, m.Flags, want, m.PID)
			}
		}
	}
}

func TestGetReplies(t *testing.T) {
	answer := msg(unix.RTM_NEWLINK, 0, 0, port, 5)
	long := slices.Concat(answer, make([]byte, 400))
	put32(long, uint32(len(long)))
	for _, tc := range []struct {
		name    string
		replies [][]event
		size    int
		err     error
	}{
		{"answer", [][]event{{data(answer), data(ack(0, 0))}}, len(answer), nil},
		{"refused", [][]event{{data(ack(0, int32(unix.ENODEV)))}}, 0, unix.ENODEV},
		{"longer than the buffer", [][]event{{data(long), data(ack(0, 0))}, {data(long), data(ack(0, 0))}}, len(long), nil},
		{"lost", slices.Repeat([][]event{{{err: unix.ENOBUFS}}}, 2), 0, ErrOverflow},
	} {
		c, s := fake(tc.replies...)
		got, err := c.Get(msg(unix.RTM_GETLINK, 0, 0, 0, 0))
		if !errors.Is(err, tc.err) || len(got) != tc.size || len(s.queue) != 0 || s.sent != len(tc.replies) {
			t.Errorf("%s: %d bytes, %v; %d datagrams left, %d requests", tc.name, len(got), err, len(s.queue), s.sent)
		}
	}
	c, _ := fake([]event{data(ack(0, 0))})
	if got, err := c.Get(msg(unix.RTM_GETLINK, 0, 0, 0, 0)); err == nil || got != nil {
		t.Errorf("no answer: %v %v", got, err)
	}
}

func TestReceiveReportsLoss(t *testing.T) {
	note := func(n uint32) event { return event{data: msg(unix.RTM_NEWLINK, 0, 0, 0, n)} }
	for _, tc := range []struct {
		queue []event
		want  []uint32
		err   error
	}{
		{[]event{note(1), note(2)}, []uint32{1, 2}, nil},
		{[]event{note(1), {err: unix.ENOBUFS}, note(2)}, []uint32{1, 2}, ErrOverflow},
		{[]event{{err: unix.ENOBUFS}, note(1)}, []uint32{1}, ErrOverflow},
	} {
		c, s := fake()
		s.queue = tc.queue
		var got []uint32
		err := c.Receive(context.Background(), func(m wire.Message) { got = append(got, get32(m.Data)) })
		if err != tc.err || !slices.Equal(got, tc.want) {
			t.Errorf("got %v, %v; want %v, %v", got, err, tc.want, tc.err)
		}
	}
}

func TestReplyErrorText(t *testing.T) {
	for want, r := range map[string]wire.Reply{
		"VXLAN ID must be lower than 16777216 (ERANGE)": {Errno: unix.ERANGE, Message: "VXLAN ID must be lower than 16777216"},
		"file exists (EEXIST)":                          {Errno: unix.EEXIST},
		"integer out of range: want u32 1..9 (ERANGE)":  {Errno: unix.ERANGE, Message: "integer out of range", Policy: &wire.Policy{Type: 4, Ranged: true, MinU: 1, MaxU: 9}},
		"errno 524":                {Errno: 524}, // ENOTSUPP, which leaks from some drivers
		"no such mode (errno 524)": {Errno: 524, Message: "no such mode"},
	} {
		if got := (&ReplyError{r}).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
