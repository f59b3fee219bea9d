package reliability

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

var (
	randomSeed   = flag.Uint64("random.seed", 1, "of the first chain of TestRandom")
	randomChains = flag.Int("random.chains", 0, "chains of random scripts; 0: a few")
	randomShrink = flag.Bool("random.shrink", false, "look for less that fails in the same way")
)

// A chain is random scripts behind each other in one namespace: what each of them
// finds there is what those before it have left.
type chain struct {
	t *testing.T
	e *engine.Engine
	w *author

	tally
}

type tally struct {
	scripts, failed, refused int
	places                   Kills
}

func (n *tally) add(o tally) {
	n.scripts += o.scripts
	n.failed += o.failed
	n.refused += o.refused
	n.places.add(o.places)
}

// A work is a script: commits, of ops.
type work [][]string

func (x work) source() string {
	var b strings.Builder
	for _, ops := range x {
		fmt.Fprintf(&b, "commit(\n    %s,\n)\n", strings.Join(ops, ",\n    "))
	}
	return b.String()
}

// TestRandom runs random scripts behind each other: one that fails leaves nothing,
// one that holds can be undone, also when any one of its messages is refused, and
// when it is killed.
func TestRandom(t *testing.T) {
	testnet.NotInVM(t)
	n := *randomChains
	if n == 0 {
		n = often(4, 1)
	}
	var mu sync.Mutex
	var sum tally
	t.Run("of", func(t *testing.T) {
		for i := range n {
			seed := *randomSeed + uint64(i)
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				c := random(t, seed)
				mu.Lock()
				defer mu.Unlock()
				sum.add(c)
			})
		}
	})
	t.Logf("random scripts: %d, of which %d failed by themselves; %d refusals; %d kills, %d states as before, %d as after, %d wrong",
		sum.scripts, sum.failed, sum.refused, sum.places.places, sum.places.before, sum.places.after, sum.places.wrong)
}

// length is how many scripts a chain has.
const length = 12

// random is one chain.
func random(t *testing.T, seed uint64) tally {
	c := &chain{t: t, e: enginetest.Sandbox(t, usual...), w: &author{r: rand.New(rand.NewPCG(seed, 0))}}
	c.begin()
	var held []work
	for range length {
		c.w.devs = c.links()
		var x work
		for range 1 + c.w.r.IntN(2) {
			x = append(x, c.w.ops(1+c.w.r.IntN(5)))
		}
		if !c.try(x) {
			if *randomShrink {
				shrink(t, held, x)
			} else {
				t.Logf("what held before it:\n%s\nand then\n%s", sources(held), x.source())
			}
			return c.tally
		}
		switch {
		case c.w.odds(3):
			if c.kill(x) {
				held = append(held, x)
			}
		case c.w.odds(4):
		case c.run(x) == nil:
			held = append(held, x)
		}
		if t.Failed() {
			t.Logf("what held before it:\n%s\nand then, killed\n%s", sources(held), x.source())
			return c.tally
		}
	}
	return c.tally
}

func sources(l []work) string {
	var b strings.Builder
	for _, x := range l {
		b.WriteString(x.source() + "# --\n")
	}
	return b.String()
}

// begin makes what there is at first.
func (c *chain) begin() {
	c.t.Helper()
	if _, err := c.e.Run(c.t.Context(), engine.Script{Name: "base.star", Source: []byte(ground)}); err != nil {
		c.t.Fatalf("%+v", err)
	}
}

// ground is what there is at first: gateways that can be reached, a bridge with a
// port, next hops and a group, a tree of classes. Link-local addresses come when the
// kernel likes, so there are none.
const ground = `
commit(
    sysctl("net.ipv6.conf.default.addr_gen_mode", 1),
    link(["eth0", "eth1", "eth2", "eth3"], addrgenmode = "none", up = False),
)
commit(
    link(["eth0", "eth1", "eth2", "eth3"], up = True),
    link("br0", kind = kind.bridge(), address = "02:00:00:00:00:b0", up = True),
    link("eth3", master = "br0"),
    [addr(["10.%d.0.1/24" % i, "2001:db8:%d::1/64" % i], dev = "eth%d" % i) for i in range(4)],
    nexthop(1, via = "10.0.0.9", dev = "eth0"),
    nexthop(2, via = "10.1.0.9", dev = "eth1"),
    nexthop(3, via = "10.2.0.9", dev = "eth2"),
    nexthop(5, via = "2001:db8:1::9", dev = "eth1"),
    nexthop(10, group = [1, 2]),
    qdisc("eth0", parent = "root", handle = "1:", kind = sch.htb(default = "1:20")),
    class_("eth0", classid = "1:20", parent = "1:", kind = sch.htb_class(rate = "10mbit")),
)
`

func (c *chain) links() (l []string) {
	testnet.Do(c.t, c.e.NetNS(), func() {
		all, err := net.Interfaces()
		if err != nil {
			c.t.Fatal(err)
		}
		for _, i := range all {
			if i.Name != "lo" && !strings.HasSuffix(i.Name, "p") {
				l = append(l, i.Name)
			}
		}
	})
	slices.Sort(l)
	return l
}

func (x work) script() engine.Script {
	return engine.Script{Name: "x.star", Source: []byte(x.source())}
}

func (c *chain) run(x work) error {
	_, err := c.e.Run(c.t.Context(), x.script())
	return err
}

// try runs a script, which leaves no trace.
func (c *chain) try(x work) bool {
	t := c.t
	c.scripts++
	before := enginetest.Take(t, c.e)
	r, err := c.e.Run(t.Context(), x.script())
	if err != nil {
		c.failed++
		if os.Getenv("WHY") != "" {
			t.Logf("WHY %v", err)
		}
		var failed *engine.Error
		if !errors.As(err, &failed) || failed.Outcome != "rolled_back" || failed.Op == "" {
			t.Errorf("failed otherwise: %+v", err)
		}
		if d := before.Differs(t, c.e); d != "" {
			t.Errorf("failed, and the state is not as before:\n%s\n%+v", d, err)
		}
		return !t.Failed()
	}
	idle := r.Outcome == "unchanged"
	if err := r.Undo(t.Context()); err != nil {
		t.Errorf("undo: %+v", err)
	}
	if d := before.Differs(t, c.e); d != "" {
		t.Errorf("undone, and the state is not as before:\n%s", d)
	}
	if !idle && !t.Failed() {
		f := enginetest.CountFailures(t, c.e, x.script())
		c.refused += f.Cases()
	}
	return !t.Failed()
}

// kill kills the script at a random place, with or without its watcher, and recovers.
// held reports that it had finished.
func (c *chain) kill(x work) (held bool) {
	t := c.t
	v := &victim{t: t, e: c.e, dir: t.TempDir(), mark: one(c.w, watchedMark, watchedMark, aloneMark)}
	v.sc = &scene{t: t, e: c.e, x: transaction{after: x.source()}}
	v.file = filepath.Join(v.dir, "x.star")
	if err := os.WriteFile(v.file, []byte(x.source()), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if v.e, err = engine.New(engine.WithNetNS(c.e.NetNS()), engine.WithJournal(v.dir)); err != nil {
		t.Fatal(err)
	}
	v.before = v.sc.take()
	at := c.w.r.IntN(100)
	tr := v.trace(at)
	v.places = 1
	where := fmt.Sprintf("at place %d of %d", at, tr.n)
	switch {
	case v.left() == 0 && tr.ended:
		if held = v.before.own.Changed(t, c.e); held { // else it fails, or changes nothing
			v.after++
		} else {
			v.Kills.before++
		}
	case v.mark == aloneMark:
		if clean, ok := v.recovered(where); ok && clean {
			v.Kills.before++
		} else if ok {
			held = true // some is left, and listed
		}
	default:
		v.restored(where)
	}
	c.places.add(v.Kills)
	return held
}

// shrink looks for as few scripts and ops as possible that make the last script fail.
func shrink(t *testing.T, held []work, x work) {
	n := 0
	fails := func(held []work, x work) bool {
		n++
		return !t.Run(fmt.Sprintf("try %d", n), func(t *testing.T) {
			c := &chain{t: t, e: enginetest.Sandbox(t, usual...)}
			c.begin()
			for _, h := range held {
				c.run(h)
			}
			c.try(x)
		})
	}
	if !fails(held, x) {
		t.Logf("it does not fail again")
		return
	}
	for smaller := true; smaller; {
		smaller = false
		for i := len(held) - 1; i >= 0; i-- {
			if less := slices.Delete(slices.Clone(held), i, i+1); fails(less, x) {
				held, smaller = less, true
			}
		}
		for at := range slices.Backward(without(x)) {
			if at < len(without(x)) {
				if less := without(x)[at]; len(less) > 0 && fails(held, less) {
					x, smaller = less, true
				}
			}
		}
		for i := len(held) - 1; i >= 0; i-- {
			for at := len(without(held[i])) - 1; at >= 0; at-- {
				if l := without(held[i]); at < len(l) {
					less := slices.Clone(held)
					less[i] = l[at]
					if fails(less, x) {
						held, smaller = less, true
					}
				}
			}
		}
	}
	t.Logf("SHRUNK:\n%s\nand then\n%s", sources(held), x.source())
}

// without are the works that have one op less.
func without(x work) (l []work) {
	for i, ops := range x {
		for j := range ops {
			y := slices.Clone(x)
			y[i] = slices.Delete(slices.Clone(ops), j, j+1)
			if len(y[i]) == 0 {
				y = slices.Delete(y, i, i+1)
			}
			l = append(l, y)
		}
	}
	return l
}
