package reliability

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
)

// A key is what our commits and the other writer both write, with values that
// nobody writes twice.
type key int

const (
	theRoute key = iota // its initcwnd
	theLink             // its mtu
	theNeigh            // its address
	keys
)

var keyNames = [keys]string{"route", "link", "neigh"}

// ours is where our values begin; theirs are smaller, and grow. An mtu has no
// room for more.
const ours = 40000

// oursOfMany is the same where the other program writes all the time.
const oursOfMany = 1 << 30

// A writer is another program. It sends messages of its own making.
type writer struct {
	conn *nlconn.Conn
	dev  uint32
	b    wire.Builder
	next uint32
	last [keys]uint32 // written and acknowledged
}

// write gives a key the next value.
func (w *writer) write(k key) error {
	w.next++
	v := w.next
	w.b.Reset()
	var m wire.Mark
	u32 := func(typ uint16, v uint32) { binary.NativeEndian.PutUint32(w.b.Attr(typ, 4), v) }
	switch k {
	case theRoute:
		m = w.b.Begin(unix.RTM_NEWROUTE, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
		copy(w.b.Fixed(12), []byte{unix.AF_INET, 24, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST, 0, 0, 0, 0})
		copy(w.b.Attr(unix.RTA_DST, 4), []byte{10, 77, 0, 0})
		copy(w.b.Attr(unix.RTA_GATEWAY, 4), []byte{10, 0, 0, 9})
		metrics := w.b.Nest(unix.RTA_METRICS)
		u32(unix.RTAX_INITCWND, v)
		w.b.End(metrics)
	case theLink:
		m = w.b.Begin(unix.RTM_NEWLINK, unix.NLM_F_REQUEST)
		binary.NativeEndian.PutUint32(w.b.Fixed(16)[4:], w.dev)
		u32(unix.IFLA_MTU, v)
	case theNeigh:
		m = w.b.Begin(unix.RTM_NEWNEIGH, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
		h := w.b.Fixed(12)
		h[0] = unix.AF_INET
		binary.NativeEndian.PutUint32(h[4:], w.dev)
		binary.NativeEndian.PutUint16(h[8:], unix.NUD_PERMANENT)
		copy(w.b.Attr(unix.NDA_DST, 4), []byte{10, 0, 0, 77})
		copy(w.b.Attr(unix.NDA_LLADDR, 6), []byte{2, 0, byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	w.b.End(m)
	msg, err := w.b.Bytes()
	if err != nil {
		return err
	}
	var refused error
	err = w.conn.Transact([][]byte{msg}, func(_ int, r wire.Reply) {
		if r.Errno != 0 {
			refused = fmt.Errorf("%v %s", r.Errno, r.Message)
		}
	})
	w.last[k] = v
	return errors.Join(err, refused)
}

// writes marks the process that writes without a pause.
const writes = "write"

// begin says that a writer has begun. The channel is closed when its standard input
// ends, and it with that.
func begin() <-chan struct{} {
	ended := make(chan struct{})
	fmt.Println("begun")
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	return ended
}

// otherProgram writes the route until its standard input ends, and keeps the log
// of it: what it reads in step with its writing cannot be lost. It says when it
// has begun, and in the end what it wrote last, what the log has last, and what
// each value of ours has overwritten.
func otherProgram() error {
	var conns [2]*nlconn.Conn
	for i, groups := range [][]uint32{nil, {unix.RTNLGRP_IPV4_ROUTE}} {
		c, err := nlconn.Dial(nlconn.Config{Groups: groups})
		if err != nil {
			return err
		}
		conns[i] = c
	}
	w, l := &writer{conn: conns[0], next: 2000}, newLog(0)
	var ended <-chan struct{}
	for {
		if err := w.write(theRoute); err != nil {
			return err
		}
		if err := conns[1].Drain(l.follow); err != nil {
			return err
		}
		if ended == nil {
			ended = begin()
		}
		select {
		case <-ended:
			if err := conns[1].Drain(l.follow); err != nil { // ours may be the last
				return err
			}
			fmt.Println(w.last[theRoute], l.values[theRoute][len(l.values[theRoute])-1], len(l.over))
			for ours, over := range l.over {
				fmt.Println(ours, over)
			}
			return nil
		default:
		}
	}
}

// A log is what the kernel says was written, in its order.
type log struct {
	mu     sync.Mutex
	values [keys][]uint32
	over   map[uint32]uint32 // what our values of the route have overwritten
	lost   error
	dev    uint32
}

// follow takes an announcement.
func (l *log) follow(m wire.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	note := func(k key, v uint32) {
		n := len(l.values[k])
		if n > 0 && l.values[k][n-1] == v {
			return
		}
		if n > 0 && k == theRoute && v >= oursOfMany {
			l.over[v] = l.values[k][n-1]
		}
		l.values[k] = append(l.values[k], v)
	}
	attr := func(off int, typ uint16) []byte {
		for a := range wire.Attrs(m.Data[off:]) {
			if a.Type == typ {
				return a.Data
			}
		}
		return nil
	}
	switch m.Type {
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		if string(attr(12, unix.RTA_DST)) != "\x0a\x4d\x00\x00" {
			return
		}
		v := uint32(0)
		for a := range wire.Attrs(attr(12, unix.RTA_METRICS)) {
			if a.Type == unix.RTAX_INITCWND && m.Type == unix.RTM_NEWROUTE {
				v = binary.NativeEndian.Uint32(a.Data)
			}
		}
		note(theRoute, v)
	case unix.RTM_NEWLINK:
		if b := attr(16, unix.IFLA_MTU); binary.NativeEndian.Uint32(m.Data[4:]) == l.dev && len(b) == 4 {
			note(theLink, binary.NativeEndian.Uint32(b))
		}
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		b := attr(12, unix.NDA_LLADDR)
		switch {
		case string(attr(12, unix.NDA_DST)) != "\x0a\x00\x00\x4d":
		case m.Type == unix.RTM_DELNEIGH:
			note(theNeigh, 0)
		case len(b) == 6:
			note(theNeigh, binary.BigEndian.Uint32(b[2:]))
		}
	}
}

// settle returns the log when it is as it should be, or will not be.
func (l *log) settle(complete func([keys][]uint32) bool) [keys][]uint32 {
	for end := time.Now().Add(500 * time.Millisecond); ; time.Sleep(time.Millisecond) {
		if now := l.all(); complete(now) || time.Now().After(end) {
			return now
		}
	}
}

// recent is how much of a log is looked at: more than is written beside a commit.
const recent = 20000

// all returns the end of the log.
func (l *log) all() [keys][]uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var c [keys][]uint32
	for k := range l.values {
		c[k] = slices.Clone(l.values[k][max(0, len(l.values[k])-recent):])
	}
	return c
}

func newLog(dev uint32) *log { return &log{dev: dev, over: map[uint32]uint32{}} }

// watch follows the announcements of a namespace until the test ends.
func watch(t *testing.T, e *engine.Engine, dev uint32) *log {
	t.Helper()
	c, err := nlconn.Dial(nlconn.Config{NetNS: e.NetNS(), Groups: []uint32{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_NEIGH}, RecvBuf: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(dev)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := c.Receive(ctx, l.follow); err != nil && ctx.Err() == nil {
				l.mu.Lock()
				l.lost = errors.Join(l.lost, err)
				l.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done; c.Close() })
	return l
}

var arrow = regexp.MustCompile(`(initcwnd|mtu|lladdr) (\S+) -> (\S+)`)

// seen is what a plan says of a key: the value before, and ours.
func seen(t *testing.T, p *engine.Plan) (before, after [keys]uint32, ok [keys]bool) {
	t.Helper()
	number := func(s string) uint32 {
		s = regexp.MustCompile(`[,;]$`).ReplaceAllString(s, "")
		if m, err := net.ParseMAC(s); err == nil {
			return binary.BigEndian.Uint32(m[2:])
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Errorf("value %q in the plan:\n%s", s, p)
		}
		return uint32(n)
	}
	for _, m := range arrow.FindAllStringSubmatch(p.String(), -1) {
		k := map[string]key{"initcwnd": theRoute, "mtu": theLink, "lladdr": theNeigh}[m[1]]
		before[k], after[k], ok[k] = number(m[2]), number(m[3]), true
	}
	return before, after, ok
}

// TestForeignWriter has another program write what we commit, at full speed. The
// kernel's announcements tell in which order it was all done: a commit that
// reports success has overwritten nothing but what its plan saw, and after one
// that was aborted the other program's last value is there.
func TestForeignWriter(t *testing.T) {
	commits := often(500, 100)
	e := enginetest.Sandbox(t, "eth0")
	var dev uint32
	testnet.Do(t, e.NetNS(), func() {
		d, err := net.InterfaceByName("eth0")
		if err != nil {
			t.Fatal(err)
		}
		dev = uint32(d.Index)
	})
	if _, err := e.Run(t.Context(), engine.Script{Name: "before.star", Source: []byte(`commit(addr("10.0.0.1/24", dev = "eth0"))`)}); err != nil {
		t.Fatal(err)
	}
	conn, err := nlconn.Dial(nlconn.Config{NetNS: e.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w := &writer{conn: conn, dev: dev, next: 2000}
	l := watch(t, e, dev)
	write := func(k key) {
		if err := w.write(k); err != nil {
			t.Errorf("the other writer: %v", err)
		}
	}
	for k := range keys {
		write(k)
	}
	r := rand.New(rand.NewPCG(7, 7))
	committed, conflicts, written, lost, stale := 0, 0, 0, 0, 0
	took := 4 * time.Millisecond
	// More than so many, until there is one of each.
	i := 0
	for ; i < commits || (committed == 0 || conflicts == 0) && i < 5*commits; i++ {
		v := uint32(ours + i)
		src := fmt.Sprintf(`commit(
    route("10.77.0.0/24", via = "10.0.0.9", initcwnd = %d),
    link("eth0", mtu = %d),
    neigh("10.0.0.77", lladdr = "%s", dev = "eth0", nud = "permanent"),
)`, v, v, net.HardwareAddr{2, 0, 0, 0, byte(v >> 8), byte(v)})
		// A burst somewhere in the commit, or before it, or none.
		n, wait, only := r.IntN(12), time.Duration(r.Int64N(int64(took))), key(r.IntN(int(keys)+1))
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(wait)
			for j := range n {
				k := only
				if k == keys {
					k = key(j) % keys
				}
				write(k)
			}
		}()
		written += n
		at := l.all()
		began := time.Now()
		res, err := e.Run(t.Context(), engine.Script{Name: "ours.star", Source: []byte(src)})
		if err == nil {
			took = time.Since(began)
		}
		<-done
		// The log is complete when what was written last is in it.
		now := l.settle(func(now [keys][]uint32) bool {
			for k := range keys {
				if err == nil && !slices.Contains(now[k], v) || !slices.Contains(now[k], w.last[k]) {
					return false
				}
				if end := now[k][len(now[k])-1]; err != nil && end != w.last[k] {
					return false
				}
			}
			return true
		})
		var failed *engine.Error
		switch {
		case err == nil:
			committed++
			before, after, changed := seen(t, res.Plan)
			for k := range keys {
				p := slices.Index(now[k], v)
				switch {
				case !changed[k] || after[k] != v:
					t.Errorf("commit %d: %s is not in the plan:\n%s", i, keyNames[k], res.Plan)
				case p < 1:
					t.Errorf("commit %d: success, and %s was never written: %v", i, keyNames[k], now[k][len(at[k]):])
				case now[k][p-1] != before[k]:
					lost++
					t.Errorf("commit %d: success over a lost update of %s: it saw %d and overwrote %v", i, keyNames[k], before[k], now[k][p-1])
				}
			}
		case errors.As(err, &failed) && failed.Outcome == "conflict":
			conflicts++
			for k := range keys {
				if end := now[k][len(now[k])-1]; end != w.last[k] && end < ours {
					stale++
					t.Errorf("commit %d: aborted, and %s is %d, not %d as the other program wrote last: %v", i, keyNames[k], end, w.last[k], now[k][max(0, len(at[k])-1):])
				} else if end == v {
					stale++
					t.Errorf("commit %d: aborted, and our %s is still there: %v", i, keyNames[k], now[k][max(0, len(at[k])-1):])
				}
			}
		default:
			t.Errorf("commit %d: %+v", i, err)
		}
		if t.Failed() && lost+stale > 4 {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		t.Fatalf("the test itself has lost announcements: %v", l.lost)
	}
	t.Logf("foreign writer: %d commits beside %d writes: %d committed, %d conflicts; %d lost updates, %d stale values", i, written, committed, conflicts, lost, stale)
	if committed == 0 || conflicts == 0 {
		t.Errorf("%d committed, %d conflicts: one of them was hardly tried", committed, conflicts)
	}
}

// beside starts a process of this program in the namespace of an engine, and waits
// until it has begun. stop tells it to end; says reads a line of what it says.
func beside(t *testing.T, e *engine.Engine, mark string) (stop func() error, says func(a ...any)) {
	t.Helper()
	other := exec.Command("/proc/self/exe")
	other.Env, other.Stderr = append(os.Environ(), childMark+"="+mark), os.Stderr
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	testnet.Do(t, e.NetNS(), func() { err = other.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		other.Wait()
	})
	says = func(a ...any) {
		t.Helper()
		if _, err := fmt.Fscanln(out, a...); err != nil {
			t.Fatalf("the other program: %v", err)
		}
	}
	var begun string
	says(&begun)
	return in.Close, says
}

// lostUpdates reads n lines of the other program's log, each of a value of ours that it
// found and its own before that, and counts the commits that report success and saw
// something else: saw has that, by what they wrote.
func lostUpdates(t *testing.T, says func(a ...any), n int, saw map[uint32]uint32) (lost int) {
	t.Helper()
	over := map[uint32]uint32{}
	for range n {
		var v, old uint32
		says(&v, &old)
		over[v] = old
	}
	for v, before := range saw {
		if old, ok := over[v]; !ok || old != before {
			lost++
			t.Errorf("commit %d: success over a lost update: it saw %d and overwrote %d (in the log: %v)", v-oursOfMany, before, old, ok)
		}
	}
	return lost
}

// TestForeignWriterAllTheTime has another process write the route without a
// pause: no commit that reports success has overwritten what it did not see, and
// what is there in the end is the other program's.
func TestForeignWriterAllTheTime(t *testing.T) {
	commits := often(500, 20)
	e := enginetest.Sandbox(t, "eth0")
	if _, err := e.Run(t.Context(), engine.Script{Name: "before.star", Source: []byte(`commit(addr("10.0.0.1/24", dev = "eth0"))`)}); err != nil {
		t.Fatal(err)
	}
	stop, says := beside(t, e, writes)
	saw := map[uint32]uint32{} // by what is committed
	conflicts := 0
	// More than so many, until one is in conflict: what runs beside may leave the other
	// process no turn.
	i := 0
	for ; i < commits || conflicts == 0 && i < 50*commits; i++ {
		v := uint32(oursOfMany + i)
		res, err := e.Run(t.Context(), engine.Script{Name: "ours.star", Source: []byte(fmt.Sprintf(`commit(route("10.77.0.0/24", via = "10.0.0.9", initcwnd = %d))`, v))})
		var failed *engine.Error
		switch {
		case err == nil:
			before, _, _ := seen(t, res.Plan)
			saw[v] = before[theRoute]
		case errors.As(err, &failed) && failed.Outcome == "conflict":
			conflicts++
		default:
			t.Errorf("commit %d: %+v", i, err)
		}
	}
	stop()
	var last, end uint32
	var n int
	says(&last, &end, &n)
	// The last commit may have come behind it, and hold.
	if _, committed := saw[end]; end != last && !committed {
		t.Errorf("in the end the route is %d, not %d as the other program wrote last", end, last)
	}
	lost := lostUpdates(t, says, n, saw)
	t.Logf("foreign writer: %d commits beside %d writes without a pause: %d committed, %d conflicts; %d lost updates", i, last-2000, len(saw), conflicts, lost)
	if conflicts == 0 {
		t.Error("nothing was in conflict")
	}
}
