package engine_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/internal/faults"
	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A looker looks addresses up, as packets that are sent do.
type looker struct {
	conn *nlconn.Conn
	b    wire.Builder
	n    atomic.Int64 // look-ups so far
}

func newLooker(t *testing.T, ns *testnet.NS) *looker {
	t.Helper()
	l := &looker{}
	ns.Do(func() {
		var err error
		if l.conn, err = nlconn.Dial(nlconn.Config{Strict: true}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { l.conn.Close() })
	return l
}

// via returns the gateway for an address, "none" when there is no route.
func (l *looker) via(a netip.Addr) (string, error) {
	s := wire.NewSet(rtnl.Route.Table)
	family := uint64(unix.AF_INET)
	if a.Is6() {
		family = unix.AF_INET6
	}
	s.PutName("family", wire.IntVal(family))
	s.PutName("dst", wire.NetVal(netip.PrefixFrom(a, a.BitLen())))
	l.b.Reset()
	if err := rtnl.Route.Append(&l.b, unix.RTM_GETROUTE, unix.NLM_F_REQUEST, s); err != nil {
		return "", err
	}
	req, _, err := l.b.Last()
	if err != nil {
		return "", err
	}
	msg, err := l.conn.Get(req)
	l.n.Add(1)
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
		return "none", nil
	}
	if err != nil {
		return "", err
	}
	got := wire.NewSet(rtnl.Route.Table)
	if err := rtnl.Route.Table.DecodeState(msg[wire.HeaderLen:], got); err != nil {
		return "", err
	}
	if got.Uint("type") == unix.RTN_UNREACHABLE {
		return "none", nil
	}
	v, ok := got.Get("via")
	if !ok {
		return "link", nil
	}
	return v.A.String(), nil
}

// An oldNew is an address that is looked up, and what the routes before and
// after say of it.
type oldNew struct {
	addr     netip.Addr
	old, new string
}

// watch looks up in a tight loop until stopped, and reports the first answer
// that is neither old nor new, and any old one behind a new one.
func (l *looker) watch(all []oldNew, stop *atomic.Bool) (lookups int, wrong error) {
	var first string
	for !stop.Load() {
		x := all[rand.IntN(len(all))]
		got, err := l.via(x.addr)
		lookups++
		switch {
		case err != nil:
			return lookups, err
		case got != x.old && got != x.new:
			return lookups, fmt.Errorf("look-up %d: %s is by %s, neither by %s as before nor by %s as after", lookups, x.addr, got, x.old, x.new)
		case got == x.new && x.new != x.old && first == "":
			first = fmt.Sprintf("look-up %d, of %s", lookups, x.addr)
		case got == x.old && x.new != x.old && first != "":
			return lookups, fmt.Errorf("look-up %d: %s is by %s as before, after %s was by the new routes", lookups, x.addr, got, first)
		}
	}
	return lookups, nil
}

// watchBack is watch for a cut-over that is undone: old, new, old again.
func (l *looker) watchBack(all []oldNew, stop *atomic.Bool) (lookups, changes int, wrong error) {
	isNew := false
	for !stop.Load() {
		x := all[rand.IntN(len(all))]
		got, err := l.via(x.addr)
		lookups++
		switch {
		case err != nil:
			return lookups, changes, err
		case got != x.old && got != x.new:
			return lookups, changes, fmt.Errorf("look-up %d: %s is by %s, neither by %s as before nor by %s as after", lookups, x.addr, got, x.old, x.new)
		case x.old == x.new:
		case (got == x.new) != isNew:
			isNew = !isNew
			changes++
		}
		if changes > 2 {
			return lookups, changes, fmt.Errorf("look-up %d: %s: old and new routes were seen by turns", lookups, x.addr)
		}
	}
	return lookups, changes, nil
}

// during runs f while somebody looks up.
func during(t *testing.T, l *looker, all []oldNew, f func()) {
	t.Helper()
	var stop atomic.Bool
	l.n.Store(0)
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := l.watch(all, &stop)
		done <- result{n, err}
	}()
	for l.n.Load() == 0 && len(done) == 0 {
		time.Sleep(time.Millisecond)
	}
	f()
	stop.Store(true)
	r := <-done
	if r.err != nil {
		t.Error(r.err)
	}
	t.Logf("%d look-ups", r.n)
	for _, x := range all {
		if got, err := l.via(x.addr); err != nil || got != x.new {
			t.Fatalf("in the end %s is by %s (%v), want %s", x.addr, got, err, x.new)
		}
	}
}

const cutBase = `
commit(
    link(["eth0", "eth1"], up = True),
    addr("192.0.2.1/24", dev = "eth0"), addr("198.51.100.1/24", dev = "eth1"),
    addr("2001:db8:1::1/64", dev = "eth0", nodad = True), addr("2001:db8:2::1/64", dev = "eth1", nodad = True),
)
`

func cutNS(t *testing.T) (*testnet.NS, runner) {
	ns := testnet.New(t)
	ns.Veth("eth0", "eth1")
	r := newRunner(t, ns)
	r.must(cutBase)
	return ns, r
}

// A look-up during a cut-over of 2,000 routes sees the old ones or the new ones,
// never some of each.
func TestCutover(t *testing.T) {
	const n = 2000
	ns, r := cutNS(t)
	old := `commit(route(ip.prefix("10.0.0.0/8").subnets(20)[:2000], via = "192.0.2.9"), route("10.0.0.0/8", via = "192.0.2.8"), route("172.16.0.0/12", via = "192.0.2.7", mtu = 1400))`
	r.must(old)
	// The first 100 are gone and covered by a shorter one, the next 100 stay as
	// they were; there are some where none were; 172.16.0.0/12 is gone.
	src := `commit(cutover([
    route(ip.prefix("10.0.0.0/8").subnets(20)[100:200], via = "192.0.2.9"),
    route(ip.prefix("10.0.0.0/8").subnets(20)[200:2100], via = "198.51.100.9"),
    route("10.0.0.0/8", via = "198.51.100.8", metric = 5),
]), label = "move")`
	base := netip.MustParseAddr("10.0.0.0").As4()
	var all []oldNew
	for i := range n + 100 {
		a := base
		a[1], a[2], a[3] = byte(i>>4), byte(i<<4), 7
		x := oldNew{netip.AddrFrom4(a), "192.0.2.9", "198.51.100.9"}
		switch {
		case i < 100:
			x.new = "198.51.100.8"
		case i < 200:
			x.new = "192.0.2.9"
		case i >= n:
			x.old = "192.0.2.8"
		}
		all = append(all, x)
	}
	all = append(all, oldNew{netip.MustParseAddr("172.17.0.1"), "192.0.2.7", "none"}, oldNew{netip.MustParseAddr("203.0.113.1"), "none", "none"},
		oldNew{netip.MustParseAddr("192.0.2.77"), "link", "link"})
	l := newLooker(t, ns)
	begin := time.Now()
	var res *engine.Result
	during(t, l, all, func() { res = r.must(src) })
	t.Logf("%s, %v", res, time.Since(begin))
	if got := r.must(src).Outcome; got != "unchanged" {
		t.Errorf("the second time: outcome %s", got)
	}
	// And back: undo restores what was there.
	if err := res.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if got, err := l.via(x.addr); err != nil || got != x.old {
			t.Fatalf("undone: %s is by %s (%v), want %s", x.addr, got, err, x.old)
		}
	}
	r.same(old + "\ncommit(absent(rule(priority = 32765, table = 1313603584)))")
}

// The same change as an ordinary commit is seen in part, or these tests would
// see nothing.
func TestCutoverSeen(t *testing.T) {
	ns, r := cutNS(t)
	l := newLooker(t, ns)
	script := func(via string) string {
		return `commit(route(ip.prefix("10.0.0.0/8").subnets(20)[:2000], via = "` + via + `"))`
	}
	for range 20 {
		r.must(script("192.0.2.9"))
		var all []oldNew
		for i := range 2000 {
			all = append(all, oldNew{netip.AddrFrom4([4]byte{10, byte(i >> 4), byte(i << 4), 7}), "192.0.2.9", "198.51.100.9"})
		}
		var stop atomic.Bool
		wrong := make(chan error, 1)
		go func() {
			_, err := l.watch(all, &stop)
			wrong <- err
		}()
		r.must(script("198.51.100.9"))
		stop.Store(true)
		if err := <-wrong; err != nil {
			t.Log(err)
			return
		}
	}
	t.Error("nothing was seen")
}

// Both families switch, IPv6 with a default route before and after.
func TestCutoverIPv6(t *testing.T) {
	ns, r := cutNS(t)
	r.must(`commit(route(ip.prefix("2001:db8:8000::/36").subnets(48)[:300], via = "2001:db8:1::9"), route("default", via = "2001:db8:1::8"))`)
	src := `commit(cutover([route(ip.prefix("2001:db8:8000::/36").subnets(48)[50:300], via = "2001:db8:2::9"), route("default", via = "2001:db8:2::8", mtu = 1400),
    route("default", via = "192.0.2.9")]))`
	var all []oldNew
	for i := range 300 {
		a := netip.MustParseAddr("2001:db8:8000::7").As16()
		a[4], a[5] = byte(0x80+i>>8), byte(i)
		x := oldNew{netip.AddrFrom16(a), "2001:db8:1::9", "2001:db8:2::9"}
		if i < 50 {
			x.new = "2001:db8:2::8"
		}
		all = append(all, x)
	}
	all = append(all, oldNew{netip.MustParseAddr("2001:db8:ffff::1"), "2001:db8:1::8", "2001:db8:2::8"}, oldNew{netip.MustParseAddr("2001:db8:1::77"), "link", "link"})
	l := newLooker(t, ns)
	during(t, l, all, func() { r.must(src) })
	if got := r.must(src).Outcome; got != "unchanged" {
		t.Errorf("the second time: outcome %s", got)
	}
}

// A table of its own, with a rule that selects.
func TestCutoverTable(t *testing.T) {
	ns, r := cutNS(t)
	r.must(`commit(route("default", via = "192.0.2.9", table = 100), route("10.1.0.0/16", via = "192.0.2.8", table = 100), route("192.0.2.0/24", dev = "eth0", table = 100),
    rule(table = 100, priority = 500, to = "10.0.0.0/8"))`)
	src := `commit(cutover([route("198.51.100.0/24", dev = "eth1"), route("default", via = "198.51.100.9"), route("10.2.0.0/16", via = "198.51.100.8", table = 100)], table = 100))`
	all := []oldNew{{netip.MustParseAddr("10.1.0.1"), "192.0.2.8", "198.51.100.9"}, {netip.MustParseAddr("10.2.0.1"), "192.0.2.9", "198.51.100.8"}, {netip.MustParseAddr("10.3.0.1"), "192.0.2.9", "198.51.100.9"}}
	during(t, newLooker(t, ns), all, func() { r.must(src) })
	if got := r.must(src).Outcome; got != "unchanged" {
		t.Errorf("the second time: outcome %s", got)
	}
	// Nobody looks up table 200: it is written as it is.
	r.must(`commit(route("10.1.0.0/16", via = "192.0.2.8", table = 200))`)
	p, err := r.e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(cutover([route("10.2.0.0/16", via = "198.51.100.8", table = 200)], table = 200))`)})
	if err != nil || len(p.Messages) != 2 || !strings.Contains(p.String(), "* cutover 200         inet, one by one: no rule leads to the table") {
		t.Errorf("%v\n%s", err, p)
	}
}

// A route that changes takes three messages: it comes to the table beside, is
// replaced in its own, and goes from the one beside.
func TestCutoverMessages(t *testing.T) {
	_, r := cutNS(t)
	const routes = `[route(p, via = %s) for p in ip.prefix("10.0.0.0/8").subnets(16)]`
	r.must(fmt.Sprintf(`commit(cutover(`+routes+`))`, `"192.0.2.9"`))
	for _, hops := range []string{`"192.0.2.8"`, `None, dev = "eth1"`, `None, nexthops = [hop(via = "192.0.2.9"), hop(via = "192.0.2.8")]`} {
		src := fmt.Sprintf(`commit(cutover(`+routes+`))`, hops)
		p, err := r.e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
		if err != nil {
			t.Fatal(err)
		}
		const beside = 2 + 2*3 // the rule; two networks and the end of the table beside
		if n := len(p.Messages); n != 3*256+beside {
			t.Errorf("via %s: %d messages, want %d", hops, n, 3*256+beside)
		}
		if got := r.must(src).String(); !strings.Contains(got, "256 changed") {
			t.Error(got)
		}
		if got := r.must(src).Outcome; got != "unchanged" {
			t.Errorf("again: %s", got)
		}
	}
}

// Where only the next hops behind an id change, that is the one message.
func TestCutoverNexthops(t *testing.T) {
	ns, r := cutNS(t)
	const routes = `route(ip.prefix("10.0.0.0/8").subnets(16), nhid = 10)`
	r.must(`commit(nexthop(1, via = "192.0.2.9", dev = "eth0"), nexthop(10, group = [1]), ` + routes + `)`)
	src := `commit(cutover([nexthop(2, via = "198.51.100.9", dev = "eth1"), nexthop(10, group = [2]), ` + routes + `]))`
	var all []oldNew
	for i := range 256 {
		all = append(all, oldNew{netip.AddrFrom4([4]byte{10, byte(i), 1, 1}), "192.0.2.9", "198.51.100.9"})
	}
	during(t, newLooker(t, ns), all, func() {
		if got := r.must(src).String(); !strings.Contains(got, "2 messages") {
			t.Errorf("got %s, want 2 messages", got)
		}
	})
	for _, tt := range []struct{ src, want string }{
		{`commit(cutover([nexthop(10, group = [1]), route("10.0.0.0/16", nhid = 10)]))`, "nexthop 10 changes, and routes do too, which is not one instant"},
		{`commit(cutover([nexthop(2, via = "198.51.100.7", dev = "eth1"), nexthop(10, group = [1]), ` + routes + `]))`, "nexthop 10: changes, and nexthop 2 does too"},
	} {
		if _, err := r.run(tt.src); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\ngot  %v\nwant %q", tt.src, err, tt.want)
		}
	}
	// Other ids are another matter.
	r.must(`commit(cutover([nexthop(3, via = "192.0.2.3", dev = "eth0"), route(ip.prefix("10.0.0.0/8").subnets(16)[:9], nhid = 3)]))`)
}

// Each message of a cut-over is refused in turn, and all is as it was.
func TestCutoverFailures(t *testing.T) {
	testnet.NotInVM(t)
	_, r := cutNS(t)
	r.must(`commit(wait.dad())`) // what the kernel adds by itself is there
	r.must(`commit(route(ip.prefix("10.0.0.0/8").subnets(11)[:4], via = "192.0.2.9"), route("default", via = "192.0.2.8", metric = 7), route("default", via = "2001:db8:1::8"))`)
	enginetest.EveryFailure(t, r.e, engine.Script{Name: "cut.star", Source: []byte(`commit(
    cutover([
        route(ip.prefix("10.0.0.0/8").subnets(11)[2:4], via = "198.51.100.9"),
        route("default", via = "192.0.2.8", metric = 7),
        route("default", via = "2001:db8:2::8"),
    ]),
    link("eth0", alias = "behind it"),
)
`)})
}

// A cut-over that is undone, at whatever point, is not seen in part either.
func TestCutoverUndone(t *testing.T) {
	testnet.NotInVM(t)
	ns, r := cutNS(t)
	old := `commit(route(ip.prefix("10.0.0.0/8").subnets(18)[:1000], via = "192.0.2.9"), route(ip.prefix("2001:db8:8000::/36").subnets(48)[:100], via = "2001:db8:1::9"))`
	r.must(old)
	const cut = `cutover([route(ip.prefix("10.0.0.0/8").subnets(18)[100:1000], via = "198.51.100.9"), route(ip.prefix("2001:db8:8000::/36").subnets(48)[:100], via = "2001:db8:2::9")])`
	var all []oldNew
	for i := range 1000 {
		x := oldNew{netip.AddrFrom4([4]byte{10, byte(i >> 2), byte(i << 6), 7}), "192.0.2.9", "198.51.100.9"}
		if i < 100 {
			x.new = "none"
		}
		all = append(all, x)
	}
	l := newLooker(t, ns)
	undone := func(name string, least int, ctx context.Context, src string) {
		t.Helper()
		var stop atomic.Bool
		var n, changes int
		var wrong error
		done := make(chan bool)
		go func() {
			n, changes, wrong = l.watchBack(all, &stop)
			close(done)
		}()
		_, err := r.e.Run(ctx, engine.Script{Name: "a.star", Source: []byte(src)})
		stop.Store(true)
		<-done
		var failed *engine.Error
		if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
			t.Errorf("%s: %+v, want a failure that is undone", name, err)
		}
		if wrong != nil || changes < least {
			t.Errorf("%s: %v; seen to change %d times, want %d at least", name, wrong, changes, least)
		}
		t.Logf("%s: %d look-ups, %d changes", name, n, changes)
		r.same(old + "\ncommit(absent(rule(priority = 32765, table = 1313603584)))")
	}
	undone("a check fails", 2, t.Context(), `commit(`+cut+`, checks = [check.carrier("eth9")], within = "100ms")`)
	undone("a later commit fails", 2, t.Context(), `commit(`+cut+`, label = "cut")`+"\n"+`commit(route("10.0.0.0/8", via = "203.0.113.1"))`)
	// The steps of IPv4: 903 in the fresh table and 2 of the kernel, the rule,
	// 1,900 in the old one, the rule, 903 again.
	for _, at := range []int{100, 903, 910, 1500, 2500, 2803, 2806, 2810, 3000} {
		fault := &faults.Fault{At: at, Spoil: func(s faults.Step) faults.Step {
			s.Msg = slices.Clone(s.Msg)
			binary.NativeEndian.PutUint16(s.Msg[4:], 0x7f0)
			return s
		}}
		undone(fmt.Sprintf("step %d", at), 0, faults.With(t.Context(), fault), `commit(`+cut+`)`)
	}
}

// Recovering a cut-over whose run has died is one instant too.
func TestCutoverRecovered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	ns := testnet.New(t)
	ns.Veth("eth0", "eth1")
	r := newRunner(t, ns, engine.WithJournal(dir))
	r.must(cutBase)
	old := `commit(route(ip.prefix("10.0.0.0/8").subnets(16), via = "192.0.2.9"))`
	r.must(old)
	res, err := r.e.Run(t.Context(), engine.Script{Name: "a.star", Confirm: time.Minute, Source: []byte(`commit(cutover([route(ip.prefix("10.0.0.0/8").subnets(16), via = "198.51.100.9")]))`)})
	if err != nil {
		t.Fatal(err)
	}
	// The journal of a run that died here.
	l, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil || len(l) != 1 {
		t.Fatal(l, err)
	}
	journal, err := os.ReadFile(l[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l[0], journal, 0o600); err != nil {
		t.Fatal(err)
	}
	var all []oldNew
	for i := range 256 {
		all = append(all, oldNew{netip.AddrFrom4([4]byte{10, byte(i), 1, 1}), "198.51.100.9", "192.0.2.9"})
	}
	during(t, newLooker(t, ns), all, func() {
		if _, err := r.e.Recover(t.Context()); err != nil {
			t.Errorf("%+v", err)
		}
	})
	r.same(old + "\ncommit(absent(rule(priority = 32765, table = 1313603584)))")
}

// What cannot be one instant is refused, and says why.
func TestCutoverRefused(t *testing.T) {
	_, r := cutNS(t)
	r.must(`commit(route("10.1.0.0/16", via = "192.0.2.9"), route("10.1.0.0/16", via = "192.0.2.9", table = 77))`)
	const cut = `cutover([route("10.1.0.0/16", via = "198.51.100.9")])`
	for _, tt := range []struct{ before, cut, want string }{
		{`rule(table = "main", priority = 100, from_ = "192.0.2.0/24")`, cut, "several rules lead to table main, of priority 100 and 32766"},
		{`rule(table = 77, priority = 32800)`, cut, "goes on to the rule of priority 32800, and would not while the table is switched; give it a default route"},
		{`rule(table = 101, priority = 50)`, `cutover([route("default", via = "198.51.100.9", table = 101)], table = 101)`, "goes on to the rule of priority 32766, and would not while an undo switches it back: it has no default route now; commit one to it first, without cutover"},
		{`rule(goto = 32766, priority = 100)`, cut, "the rule of priority 100 goes to that of priority 32766"},
		{`rule(table = 300, priority = 0, from_ = "10.0.0.0/8"), route("10.0.0.0/8", via = "192.0.2.9", table = 300)`, `cutover([route("10.1.0.0/16", via = "198.51.100.9")], table = 300)`, "is the first: none can be in front of it"},
		{`rule(table = 300, priority = 99, suppress_prefixlength = 0)`, `cutover([route("10.1.0.0/16", via = "198.51.100.9")], table = 300)`, "suppresses routes"},
		{``, `cutover([route("10.1.0.0/16", via = "198.51.100.9", table = 9)])`, "route 10.1.0.0/16: table: the cutover is of table main"},
		{``, `cutover([route("10.1.0.0/16", type = "throw")])`, "route 10.1.0.0/16: type: throw goes on to the next rule"},
		{``, `cutover([route("10.1.0.0/16", via = "198.51.100.9")], table = "local")`, "the table local is the kernel's"},
		{``, `addr("203.0.113.1/24", dev = "eth0"), ` + cut, "addr 203.0.113.1/24 dev eth0 changes before it in the same commit"},
		{``, `cutover([route("192.0.2.0/24", dev = "eth1")])`, "belongs to the kernel or a daemon (protocol kernel)"},
		{``, `cutover([route("10.1.0.0/16", via = "198.51.100.9"), route("10.1.0.0/16", via = "198.51.100.8")])`, "is given twice in this commit with different values"},
		{``, `route("10.3.0.0/16", via = "192.0.2.9"), ` + cut, "route 10.3.0.0/16 is not among the routes, but wanted by a.star:1"},
		{``, cut + `, route("10.3.0.0/16", via = "192.0.2.9")`, "route 10.3.0.0/16: cutover main at a.star:1 names all that shall be there, and not this"},
	} {
		if tt.before != "" {
			r.must("commit(" + tt.before + ")")
		}
		_, err := r.run("commit(" + tt.cut + ")")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\n%s\ngot  %v\nwant %q", tt.before, tt.cut, err, tt.want)
		}
		if tt.before != "" {
			r.must("commit(absent(" + tt.before + "))")
		}
	}
	r.same(`commit(route("10.1.0.0/16", via = "192.0.2.9"))`)
}

// With facts there is nothing to read: the plan is for a new namespace.
func TestCutoverShown(t *testing.T) {
	e, err := engine.New(engine.WithFacts(engine.Facts{Links: map[string]int{"eth0": 2}}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(cutover([route("10.0.0.0/8", dev = "eth0"), route("default", dev = "eth0")]))`)})
	if err != nil {
		t.Fatal(err)
	}
	want := `  + route 10.0.0.0/8`
	if s := p.String(); !strings.Contains(s, want) || !strings.Contains(s, "  * cutover main        inet, at one instant; 0 routes of the kernel stay") ||
		!strings.Contains(s, "      note: by table 1313603584 and a rule of priority 32765, which go again\n") ||
		!strings.Contains(s, "plan: 2 to add, 0 to change, 0 to delete, 0 unchanged; 10 messages") {
		t.Errorf("got\n%s", s)
	}
	_, err = e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(link("blue", kind = kind.vrf(table = 10), up = True))
commit(cutover([route("10.0.0.0/8", dev = "eth0")], table = 10))`)})
	if err == nil || !strings.Contains(err.Error(), "table 10 is that of the VRF blue: its devices come to it by two ways") {
		t.Errorf("the table of a VRF: %v", err)
	}
	g, err := p.Golden("a.star")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# route 10.0.0.0/8 +\n", "# cutover main *\n", "# newrule", "# delrule"} {
		if !strings.Contains(g, want) {
			t.Errorf("no %q in\n%s", want, g)
		}
	}
}
