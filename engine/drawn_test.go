package engine_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// The plan, and what is said of a run, as drawn in the design.
func TestDrawn(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0", "eth1", "eth2")
	mustRun(t, e, `commit(
    link("guest", kind = kind.bridge()),
    addr("10.9.0.1/24", dev = "guest"),
    addr("192.0.2.2/24", dev = "eth0"),
    addr("2001:db8::2/64", dev = "eth2"),
    route("default", via = "192.0.2.9"),
    route("10.0.0.0/8", metric = 100, via = "192.0.2.9"),
    qdisc("eth1", parent = "root", handle = "1:", kind = sch.tbf(rate = "10mbit", burst = "16kb", limit = "64kb")),
)`, nil)
	s := engine.Script{Name: "site.star", Source: []byte(`
commit(
    link("lan", kind = kind.bridge(stp_state = False, forward_delay = "4s"), up = True),
    link("eth1", master = "lan"),
    link("guest", kind = kind.bridge(ageing_time = "5s")),
    route("default", via = "192.0.2.1", mtu = 1400),
    route("10.0.0.0/8", metric = 200, via = "192.0.2.1"),
    label = "lans",
)
commit(
    absent(link("guest")),
    qdisc.delete("eth1", parent = "root"),
    addr("192.0.2.2/24", dev = "eth0"),
    label = "cleanup",
)
`)}
	p, err := e.Plan(t.Context(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	const want = `commit 1 "lans"                                                                 site.star:2
  + link lan            kind bridge forward_delay 4s stp_state 0, up            site.star:3
  ~ link eth1           master none -> lan                                      site.star:4
  ~ link guest          ageing_time 300s -> 5s                                  site.star:5
  ~ route default       via 192.0.2.9 -> 192.0.2.1, mtu none -> 1400            site.star:6
  + route 10.0.0.0/8    metric 200 via 192.0.2.1                                site.star:7
      note: 10.0.0.0/8 metric 100 exists and stays; metric is part of a route's key
commit 2 "cleanup"                                                              site.star:10
  - link guest                                                                  site.star:11
      - addr 10.9.0.1/24 dev guest             goes with it
  > qdisc.delete eth1 root                     sent as it is, not compared      site.star:12
  = 1 object is so already (-v shows them)

plan: 2 to add, 3 to change, 1 to delete (1 more goes with it), 1 to send, 1 unchanged; 7 messages
`
	if got := p.String(); got != want {
		t.Errorf("got\n%swant\n%s%s", got, want, firstLine(got, want))
	}
	r, err := e.Run(t.Context(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if got := r.String(); !strings.HasPrefix(got, "committed: 2 added, 3 changed, 1 deleted (1 with it), 1 sent; 7 messages, ") || !strings.HasSuffix(got, " ms; verified") {
		t.Error(got)
	}
	r, err = e.Run(t.Context(), engine.Script{Name: "site.star", Source: []byte(`commit(link("lan", up = True), route("default", via = "192.0.2.1", mtu = 1400))`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.String(); !strings.HasPrefix(got, "unchanged: 2 objects are so already (") || !strings.HasSuffix(got, " ms)") {
		t.Error(got)
	}
}

// firstLine shows where two texts begin to differ.
func firstLine(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("%q\n%q", x[i], y[i])
		}
	}
	return ""
}

// A sysctl that is undone is no message, and is told of all the same.
func TestUndoneSysctl(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(sysctl("net.ipv4.ip_forward", 1), route("10.9.0.0/16", via = "192.0.2.1"))`)})
	if text := fmt.Sprintf("%+v", err); !strings.Contains(text, "rolled back, verified: 1 of 1 sysctl undone in ") {
		t.Error(text)
	}
}

// A sysctl may be longer than what is read at first: a bitmap of ports.
func TestLongSysctl(t *testing.T) {
	e := enginetest.Sandbox(t)
	var ports []string
	for n := 20001; n < 20801; n += 2 {
		ports = append(ports, strconv.Itoa(n))
	}
	const path = `"net.ipv4.ip_local_reserved_ports"`
	run := func(src string) error {
		_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
		return err
	}
	long := fmt.Sprintf("commit(sysctl(%s, %q))", path, strings.Join(ports, ","))
	if err := run(long); err != nil {
		t.Fatalf("%+v", err)
	}
	if err := run("commit(sysctl(" + path + `, "30000"))` + "\nfail(\"x\")"); err == nil {
		t.Fatal("did not fail")
	}
	if text := planned(t, e, long); text != "" {
		t.Errorf("not undone:\n%s", text)
	}
}
