package engine_test

import (
	"os"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// A sysctl that the kernel spreads to others is behind none of them: what an op behind
// it says of a device is written again, as the plan says, and is so a second time.
func TestSysctlSpreads(t *testing.T) {
	for name, tt := range map[string]struct {
		src, path, want string
		changes         int
	}{
		"disable_ipv6": {`commit(sysctl("net.ipv6.conf.all.disable_ipv6", 1), sysctl("net.ipv6.conf.eth0.disable_ipv6", 0))`,
			"net.ipv6.conf.eth0.disable_ipv6", "0", 2},
		"the same value": {`commit(sysctl("net.ipv6.conf.all.disable_ipv6", 1), sysctl("net.ipv6.conf.eth0.disable_ipv6", 1))`,
			"net.ipv6.conf.eth0.disable_ipv6", "1", 1},
		"forwarding": {`commit(sysctl("net.ipv4.ip_forward", 1), sysctl("net.ipv4.conf.eth0.forwarding", 0))`,
			"net.ipv4.conf.eth0.forwarding", "0", 2},
		"its redirects": {`commit(sysctl("net.ipv4.ip_forward", 1), sysctl("net.ipv4.conf.all.accept_redirects", 1))`,
			"net.ipv4.conf.all.accept_redirects", "1", 2},
		"in the link": {`commit(sysctl("net.ipv4.ip_forward", 1), link("eth0", inet = {"forwarding": 0}))`,
			"net.ipv4.conf.eth0.forwarding", "0", 2},
		"in another commit": {`commit(sysctl("net.ipv4.ip_forward", 1)); commit(link("eth0", inet = {"forwarding": 0}))`,
			"net.ipv4.conf.eth0.forwarding", "0", 2},
		"there so already": {`commit(sysctl("net.ipv4.ip_forward", 1)); commit(link("eth0", inet = {"forwarding": 1}), sysctl("net.ipv4.conf.eth0.forwarding", 1))`,
			"net.ipv4.conf.eth0.forwarding", "1", 1},
		"default": {`commit(sysctl("net.ipv4.conf.default.rp_filter", 1), sysctl("net.ipv4.conf.eth0.rp_filter", 0))`,
			"net.ipv4.conf.eth0.rp_filter", "0", 2},
		"default, and the link": {`commit(sysctl("net.ipv4.conf.default.rp_filter", 1), link("eth0", inet = {"rp_filter": 0}))`,
			"net.ipv4.conf.eth0.rp_filter", "0", 2},
		"default, the same value": {`commit(sysctl("net.ipv4.conf.default.rp_filter", 1), link("eth0", inet = {"rp_filter": 1}))`,
			"net.ipv4.conf.eth0.rp_filter", "1", 2},
		"addr_gen_mode": {`commit(sysctl("net.ipv6.conf.all.addr_gen_mode", 1), link("eth0", addrgenmode = "eui64"))`,
			"net.ipv6.conf.eth0.addr_gen_mode", "0", 2},
		"a device to come": {`commit(sysctl("net.ipv6.conf.default.addr_gen_mode", 1), link("v0", kind = kind.veth(peer = {"name": "v1", "addrgenmode": "eui64"})))`,
			"net.ipv6.conf.v1.addr_gen_mode", "0", 2},
	} {
		t.Run(name, func(t *testing.T) {
			e := enginetest.Sandbox(t, "eth0")
			undone(t, e, tt.src)
			p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(tt.src)})
			if err != nil {
				t.Fatalf("%+v", err)
			}
			r := run(t, e, tt.src)
			if got := readSysctl(t, e, tt.path); got != tt.want {
				t.Errorf("%s is %s, want %s", tt.path, got, tt.want)
			}
			changes := func(p *engine.Plan) (n int) {
				for _, c := range p.Changes {
					if c.Action == "change" || c.Action == "create" {
						n++
					}
				}
				return n
			}
			if planned, made := changes(p), changes(r.Plan); planned != made || made < tt.changes || name != "a device to come" && made != tt.changes {
				t.Errorf("%d changes, planned %d, want %d\n%s", made, planned, tt.changes, p)
			}
			if r := run(t, e, tt.src); r.Outcome != "unchanged" {
				t.Errorf("again: %s\n%s", r.Outcome, r.Plan)
			}
		})
	}
}

// What was so already and is changed along with another fails the commit.
func TestSysctlSpreadsBehind(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	before := enginetest.Take(t, e)
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(sysctl("net.ipv6.conf.eth0.disable_ipv6", 0), sysctl("net.ipv6.conf.all.disable_ipv6", 1))`)})
	if err == nil || !strings.Contains(sprint(err), `the kernel holds "1", not "0" as written`) {
		t.Errorf("%+v", err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Error(d)
	}
	const force = "net.ipv6.conf.eth0.force_forwarding"
	if _, err := os.Stat(sysctlFile("net.ipv6.conf.all.force_forwarding")); err == nil { // since 6.17
		writeSysctl(t, e, force, "1")
		undone(t, e, `commit(sysctl("net.ipv6.conf.all.force_forwarding", 1), sysctl("`+force+`", 0))`)
		writeSysctl(t, e, "net.ipv6.conf.all.force_forwarding", "1")
		undone(t, e, `commit(sysctl("net.ipv6.conf.all.force_forwarding", 0))`)
	}
	writeSysctl(t, e, "net.ipv6.conf.eth0.disable_ipv6", "1")
	undone(t, e, `commit(sysctl("net.ipv6.conf.all.disable_ipv6", 1))`)
	undone(t, e, `commit(sysctl("net.ipv6.conf.all.disable_ipv6", 1), sysctl("net.ipv6.conf.eth0.disable_ipv6", 0))`)
}
