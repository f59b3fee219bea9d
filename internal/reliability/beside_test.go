package reliability

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// besides are what another program does beside a transaction, and how that is taken
// back.
var besides = []struct{ does, undoes string }{
	{`addr("10.0.0.77/24", dev = "eth0")`, ""},
	{`addr("10.77.0.1/24", dev = "eth0")`, ""},
	{`addr("10.1.0.77/24", dev = "eth1")`, ""},
	{`addr("10.2.0.77/24", dev = "eth2")`, ""},
	{`addr("192.0.2.77/24", dev = "eth0")`, ""},
	{`addr("2001:db8::77/64", dev = "eth0", nodad = True)`, ""},
	{`addr("2001:db8:5::77/64", dev = "eth1", nodad = True)`, ""},
	{`route("10.123.0.0/16", via = "10.0.0.9")`, ""},
	{`route("10.123.0.0/16", via = "10.0.0.9", table = 100)`, ""},
	{`route("10.123.0.0/16", dev = "eth2", table = 200)`, ""},
	{`route("10.9.0.0/16", via = "10.0.0.10", metric = 77)`, ""},
	{`route("2001:db8:123::/48", via = "2001:db8::9")`, ""},
	{`route("2001:db8:9::/48", via = "2001:db8::10", metric = 77)`, ""},
	{`rule(from_ = "10.123.0.0/16", table = 100, priority = 1000)`, ""},
	{`rule(from_ = "10.123.0.0/16", table = 100, priority = 100)`, ""},
	{`rule(to = "2001:db8:123::/48", table = 100, priority = 1000)`, ""},
	{`nexthop(777, via = "10.0.0.9", dev = "eth0")`, ""},
	{`neigh("10.0.0.78", lladdr = "02:00:00:00:00:78", dev = "eth0", nud = "permanent")`, ""},
	{`neigh("2001:db8:1::78", lladdr = "02:00:00:00:00:78", dev = "eth1", nud = "permanent")`, ""},
	{`bridge.fdb("02:00:00:00:00:79", dev = "eth2", master = True, state = "static")`, ""},
	{`link("eth0", alias = "theirs")`, `link("eth0", alias = "")`},
	{`link("eth1", txqueuelen = 777)`, `link("eth1", txqueuelen = 1000)`},
	{`link("eth1", altnames = ["theirs"])`, `link("eth1", altnames = [])`},
	{`link("eth2", altnames = ["theirs"])`, `link("eth2", altnames = [])`},
	{`link("eth3", mtu = 1444)`, `link("eth3", mtu = 1500)`},
	{`link("eth2", up = True)`, `link("eth2", up = False)`},
	{`link("theirs", kind = kind.bridge(), index = 777, address = "02:00:00:00:07:77")`, `absent(link("theirs"))`},
	{`qdisc(dev = "eth3", kind = kind.tbf(rate = "1mbit", burst = 10000, latency = "50ms"))`, ""},
}

// TestBeside has another program do something else beside each transaction, which then
// fails: before it is sent, or when it holds and another commit comes. A run that says
// that the network is as it was has taken nothing of the other program's along.
func TestBeside(t *testing.T) {
	testnet.NotInVM(t)
	base, all := transactions(t)
	const step = 11 // has nothing in common with the number of besides
	var runs, told atomic.Int32
	t.Run("of", func(t *testing.T) {
		for i, x := range all {
			if strings.HasPrefix(x.name, "site") || x.several() || i%often(1, 4) != 0 {
				continue
			}
			t.Run(x.name, func(t *testing.T) {
				t.Parallel()
				b := &company{t: t, x: x}
				for j := range often(6, 1) {
					if b.sc == nil {
						b.sc = x.scene(t, base)
						b.before = b.sc.take()
					}
					n := (i + j*step) % len(besides)
					if !b.early(n) || !b.late((n+1)%len(besides)) {
						b.sc = nil // it is not as it was
					}
				}
				runs.Add(b.runs)
				told.Add(b.told)
			})
		}
	})
	t.Logf("%d runs beside another program; %d told of a conflict, or of what they could not restore", runs.Load(), told.Load())
}

// A company is a transaction beside another program.
type company struct {
	t      *testing.T
	x      transaction
	sc     *scene
	before look

	runs, told int32
}

func (b *company) run(src string, opts ...engine.Option) error {
	b.t.Helper()
	e, err := engine.New(append(opts, engine.WithNetNS(b.sc.e.NetNS()))...)
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = e.Run(b.t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
	return err
}

// does lets the other program act, and takes it back; false when it cannot here.
func (b *company) does(n int) bool { return b.run("commit("+besides[n].does+")") == nil }

func (b *company) takesBack(n int) bool {
	src := besides[n].undoes
	if src == "" {
		src = "absent(" + besides[n].does + ")"
	}
	return b.run("commit("+src+")") == nil && b.before.differs() == ""
}

// holds reports whether what the other program does is there.
func (b *company) holds(n int) bool {
	p, err := b.sc.e.Plan(b.t.Context(), engine.Script{Name: "b.star", Source: []byte("commit(" + besides[n].does + ")")})
	return err == nil && p.Empty()
}

// fails runs a script that fails in the end, with the other program acting when a
// plan is made that changes something of a link.
func (b *company) fails(n int, src, link string) (acted, undone bool) {
	b.t.Helper()
	var once sync.Once
	err := b.run(src+"\nfail('undo it')", engine.WithPolicy(func(_ context.Context, p *engine.Plan) error {
		if link == "" || p.Changes[0].Key == link {
			once.Do(func() { acted = b.does(n) })
		}
		return nil
	}))
	var failed *engine.Error
	if !errors.As(err, &failed) {
		b.t.Fatalf("%+v", err)
	}
	b.runs++
	if failed.Outcome != "rolled_back" {
		b.told++
		b.t.Logf("beside %s: %+v", besides[n].does, err)
	}
	return acted, failed.Outcome == "rolled_back"
}

// early has the other program act between plan and send. All is as if it alone had
// acted then. It reports whether all is as before in the end.
func (b *company) early(n int) bool {
	b.t.Helper()
	if b.holds(n) || !b.does(n) {
		return b.before.differs() == ""
	}
	alone := b.sc.take()
	if !b.takesBack(n) {
		return false
	}
	acted, undone := b.fails(n, b.x.after, "")
	if acted && undone {
		if d := alone.differs(); d != "" {
			b.t.Errorf("beside %s, before it was sent: %s", besides[n].does, d)
		}
	}
	return acted && b.takesBack(n)
}

// late has it act when the transaction holds. What it made is there still, though maybe
// at another place among its like; what goes with a device is not looked at.
func (b *company) late(n int) bool {
	b.t.Helper()
	does := besides[n].does
	if b.holds(n) || strings.HasPrefix(does, "link") || strings.HasPrefix(does, "bridge") || strings.HasPrefix(does, "qdisc") {
		return b.before.differs() == ""
	}
	acted, undone := b.fails(n, b.x.after+"\ncommit(link('lo', group = 7))", "link lo")
	if acted && undone && !b.holds(n) {
		b.t.Errorf("beside %s, when it held: that is gone", does)
	}
	return acted && b.takesBack(n)
}
