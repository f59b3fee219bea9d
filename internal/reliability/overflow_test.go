package reliability

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A bench is a namespace with buffers of a chosen size.
type bench struct {
	t     *testing.T
	e     *engine.Engine // the other program
	k     tx.Kernel
	arena wire.Builder
}

func newBench(t *testing.T, replies, announcements int) *bench {
	t.Helper()
	b := &bench{t: t, e: enginetest.Sandbox(t, "eth0")}
	b.arena.Chunk = 1 << 16
	b.run(`commit(addr("10.0.0.1/24", dev = "eth0"), route("10.77.0.0/24", via = "10.0.0.9"))`)
	testnet.Do(t, b.e.NetNS(), func() {
		var err error
		if b.k.Conn, err = nlconn.Dial(nlconn.Config{Strict: true, RecvBuf: replies}); err != nil {
			t.Fatal(err)
		}
		if b.k.Mon, err = tx.NewMonitor(b.k.Conn.PortID(), announcements); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { b.k.Conn.Close(); b.k.Mon.Close() })
	return b
}

// run is what another program does.
func (b *bench) run(src string) {
	b.t.Helper()
	if _, err := b.e.Run(b.t.Context(), engine.Script{Name: "other.star", Source: []byte(src)}); err != nil {
		b.t.Fatalf("%+v", err)
	}
}

// outcome is what running a script would come to.
func (b *bench) outcome(src string) string {
	b.t.Helper()
	s := engine.Script{Name: "look.star", Source: []byte(src)}
	p, err := b.e.Plan(b.t.Context(), s)
	if err != nil {
		b.t.Fatalf("%+v", err)
	}
	if p.Empty() {
		return "unchanged"
	}
	return "committed"
}

// routes makes ops of routes, by a verb or none.
func (b *bench) routes(verb string, n int, via string) (l []*builtins.Op) {
	b.t.Helper()
	for i := range n {
		l = append(l, b.op("route"+verb, fmt.Sprintf("10.%d.%d.0/24", 100+i/256, i%256), map[string]any{"via": via}))
	}
	return l
}

func (b *bench) op(object, subject string, attrs map[string]any) *builtins.Op {
	b.t.Helper()
	op, err := builtins.NewScript("", nil).NewOp(rtnl.Objects, object, subject, attrs)
	if err != nil {
		b.t.Fatal(err)
	}
	return op
}

func (b *bench) commit(approve tx.Approve, ops ...*builtins.Op) (*tx.Done, error) {
	return tx.Commit(b.t.Context(), b.k, &b.arena, ops, approve, nil)
}

// Windows of which every message is refused: no reply is lost with the buffer
// that the engine has, and with the smallest the error is there all the same.
func TestAllErrors(t *testing.T) {
	for _, size := range []int{0, 1} {
		t.Run(fmt.Sprint("buffer ", size), func(t *testing.T) {
			b := newBench(t, size, 0)
			b.run(`commit(route(ip.prefix("10.100.0.0/15").subnets(24)[:384], via = "10.0.0.9"))`)
			before := enginetest.Take(t, b.e)
			for range 20 {
				d, err := b.commit(nil, b.routes(".add", 3*nlconn.Window, "10.0.0.9")...)
				var k *tx.KernelError
				switch {
				case err == nil:
					t.Fatal("all messages were refused, and the commit says it held")
				case size == 0 && (!errors.As(err, &k) || k.Errno != unix.EEXIST || d.Refused != nlconn.Window):
					t.Fatalf("%d messages were refused, %v; want %d", d.Refused, err, nlconn.Window)
				case errors.As(err, &k) && (k.Errno != unix.EEXIST || tx.Title(k.Op) == ""):
					t.Fatalf("an error that nobody made: %v", err)
				}
				if _, left, err := d.Plan.Undo(context.Background(), b.k, 0); err != nil || len(left) > 0 {
					t.Fatalf("undo: %v, %d left", err, len(left))
				}
			}
			if d := before.Differs(t, b.e); d != "" {
				t.Error(d)
			}
		})
	}
}

// With the smallest buffer what holds is no error, and the one message of many
// that is refused is found, wherever it is.
func TestSmallBuffer(t *testing.T) {
	b := newBench(t, 1, 0)
	d, err := b.commit(nil, b.routes("", 500, "10.0.0.9")...)
	if err != nil {
		t.Fatalf("500 routes: %v", err)
	}
	if _, left, err := d.Plan.Undo(context.Background(), b.k, 0); err != nil || len(left) > 0 {
		t.Fatalf("undo: %v, %v", err, left)
	}
	before := enginetest.Take(t, b.e)
	for _, at := range []int{0, 1, 63, 126, 127, 128, 200} {
		ops := b.routes(".add", 256, "10.0.0.9")
		ops[at] = b.op("route.add", "10.99.0.0/16", map[string]any{"via": "192.0.2.1"}) // nobody knows the way to it
		d, err := b.commit(nil, ops...)
		var k *tx.KernelError
		if !errors.As(err, &k) || k.Op != ops[at] || k.Errno != unix.ENETUNREACH || d.Refused != 1 {
			t.Errorf("message %d refused: %d, %v", at, d.Refused, err)
		}
		if _, left, err := d.Plan.Undo(context.Background(), b.k, 0); err != nil || len(left) > 0 {
			t.Fatalf("undo: %v, %v", err, left)
		}
	}
	if d := before.Differs(t, b.e); d != "" {
		t.Error(d)
	}
}

// A monitor that overflows between plan and send: what another program wrote
// elsewhere is no conflict, and what it wrote on our route is one.
func TestMonitorOverflows(t *testing.T) {
	flood := `route(ip.prefix("10.192.0.0/14").subnets(24)[:1000], via = "10.0.0.9", table = 77)`
	for _, c := range []struct {
		name, others string
		conflict     bool
	}{
		{"elsewhere", "commit(" + flood + ")", false},
		{"ours", `commit(route("10.77.0.0/24", via = "10.0.0.66"), ` + flood + ")", true},
		{"ours last", "commit(" + flood + `, route("10.77.0.0/24", via = "10.0.0.66"))`, true},
		{"ours removed", `commit(absent(route("10.77.0.0/24")), ` + flood + ")", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 0, 1)
			var others enginetest.Snapshot
			meddle := func(context.Context, *tx.Plan) error {
				b.run(c.others)
				others = enginetest.Take(t, b.e)
				return nil
			}
			d, err := b.commit(meddle, b.op("route", "10.77.0.0/24", map[string]any{"via": "10.0.0.5"}))
			var conflict *tx.ConflictError
			switch {
			case !c.conflict && err != nil:
				t.Fatalf("a conflict that nobody made: %v", err)
			case !c.conflict:
				if _, left, err := d.Plan.Undo(context.Background(), b.k, 0); err != nil || len(left) > 0 {
					t.Fatalf("undo: %v, %v", err, left)
				}
			case !errors.As(err, &conflict) || !strings.Contains(conflict.Title, "10.77.0.0/24"):
				t.Fatalf("%v, want a conflict about 10.77.0.0/24", err)
			case d.Plan != nil:
				if _, left, err := d.Plan.Undo(context.Background(), b.k, 0); err != nil || len(left) > 0 {
					t.Fatalf("undo: %v, %v", err, left)
				}
			}
			if d := others.Differs(t, b.e); d != "" {
				t.Errorf("what the other program made is not there:\n%s", d)
			}
		})
	}
}
