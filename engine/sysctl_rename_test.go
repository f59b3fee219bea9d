package engine_test

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine/enginetest"
)

// What a commit writes of a device is of that device when it gets another name, also when
// its own becomes that of another device.
func TestSysctlOfRenamed(t *testing.T) {
	const exchange = `link("eth0", newname = "t"), link("eth1", newname = "eth0"), link("t", newname = "eth1")`
	for name, tt := range map[string]struct {
		src, holds, plan string
		again            bool // a second run finds all of it so
	}{
		"written twice": {`commit(sysctl("net.ipv4.conf.eth0.rp_filter", 2), link("eth0", newname = "w0"), sysctl("net.ipv4.conf.w0.rp_filter", 0))`,
			"net.ipv4.conf.w0.rp_filter=0", "3 to change, 0 to delete, 0 unchanged", false},
		"the same": {`commit(sysctl("net.ipv4.conf.eth0.rp_filter", 2), link("eth0", newname = "w0"), sysctl("net.ipv4.conf.w0.rp_filter", 2))`,
			"net.ipv4.conf.w0.rp_filter=2", "2 to change, 0 to delete, 1 unchanged", false},
		"in commits": {`commit(sysctl("net.ipv4.conf.eth0.rp_filter", 2)); commit(link("eth0", newname = "w0"), sysctl("net.ipv4.conf.w0.rp_filter", 0))`,
			"net.ipv4.conf.w0.rp_filter=0", "3 to change, 0 to delete, 0 unchanged", false},
		"by a verb": {`commit(sysctl("net.ipv6.conf.eth0.hop_limit", 9), link.set("eth0", newname = "w0"), sysctl("net.ipv6.conf.w0.hop_limit", 33))`,
			"net.ipv6.conf.w0.hop_limit=33", "2 to change, 0 to delete, 1 to send, 0 unchanged", false},
		"in the link": {`commit(link("eth0", newname = "w0", inet = {"rp_filter": 2}), link("w0", newname = "x0"), sysctl("net.ipv4.conf.x0.rp_filter", 2))`,
			"net.ipv4.conf.x0.rp_filter=2", "2 to change, 0 to delete, 1 unchanged", false},
		"another gets the name": {`commit(sysctl("net.ipv6.conf.eth0.hop_limit", 9), link("eth0", newname = "w0"), link("eth1", newname = "eth0"), sysctl("net.ipv6.conf.eth0.hop_limit", 10))`,
			"net.ipv6.conf.w0.hop_limit=9 net.ipv6.conf.eth0.hop_limit=10", "4 to change, 0 to delete, 0 unchanged", false},
		"exchanged, before": {`commit(sysctl("net.ipv6.conf.eth0.hop_limit", 9), ` + exchange + `)`,
			"net.ipv6.conf.eth1.hop_limit=9 net.ipv6.conf.eth0.hop_limit=44", "4 to change, 0 to delete, 0 unchanged", false},
		"exchanged, behind": {`commit(` + exchange + `, sysctl("net.ipv6.conf.eth0.hop_limit", 9))`,
			"net.ipv6.conf.eth1.hop_limit=33 net.ipv6.conf.eth0.hop_limit=9", "4 to change, 0 to delete, 0 unchanged", false},
		"behind, once": {`commit(link("eth0", newname = "w0"), sysctl("net.ipv6.conf.w0.hop_limit", 9))`,
			"net.ipv6.conf.w0.hop_limit=9", "2 to change, 0 to delete, 0 unchanged", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := enginetest.Sandbox(t, "eth0", "eth1")
			writeSysctl(t, e, "net.ipv4.conf.eth0.rp_filter", "0")
			writeSysctl(t, e, "net.ipv6.conf.eth0.hop_limit", "33")
			writeSysctl(t, e, "net.ipv6.conf.eth1.hop_limit", "44")
			if p := asPlanned(t, e, tt.src, tt.again).String(); !strings.Contains(p, tt.plan) {
				t.Errorf("no %q in\n%s", tt.plan, p)
			}
			for _, set := range strings.Fields(tt.holds) {
				path, value, _ := strings.Cut(set, "=")
				if now := readSysctl(t, e, path); now != value {
					t.Errorf("%s is %s, not %s", path, now, value)
				}
			}
		})
	}
}
