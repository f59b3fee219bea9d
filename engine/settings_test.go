package engine_test

import (
	"os"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// The sysctls of a device are as they were when it is, whatever it went through.
func TestUndoOfSettings(t *testing.T) {
	for name, tt := range map[string]struct{ before, src string }{
		"a link that moves": {`net.ipv6.conf.eth0.hop_limit=33 net.ipv6.neigh.eth0.ucast_solicit=5 net.ipv4.neigh.eth0.ucast_solicit=6`,
			`netns("BLUE"), link("eth0", netns = "BLUE")`},
		"by a verb":              {`net.ipv6.conf.eth0.hop_limit=33`, `netns("BLUE"), link.set("eth0", netns = "BLUE")`},
		"changed before it goes": {`net.ipv6.conf.eth0.hop_limit=33`, `netns("BLUE"), link("eth0", alias = "x"), link.set("eth0", netns = "BLUE")`},
		"called otherwise":       {`net.ipv6.conf.eth0.hop_limit=33`, `link("eth0", newname = "wan"), link.set("wan", mtu = 1000)`},
		"its name and one": {`net.ipv6.conf.eth0.hop_limit=33 net.ipv6.conf.eth0.accept_ra=0 net.ipv4.neigh.eth0.ucast_solicit=5`,
			`link("eth0", newname = "x"), sysctl("net.ipv6.conf.x.hop_limit", 9), sysctl("net.ipv6.conf.x.accept_ra", 2), sysctl("net.ipv4.neigh.x.ucast_solicit", 7)`},
		"the name of another": {`net.ipv6.conf.eth0.hop_limit=33 net.ipv6.conf.eth1.hop_limit=44`,
			`link("eth0", newname = "x"), link.change("eth1", newname = "eth0"), sysctl("net.ipv6.conf.eth0.hop_limit", 9)`},
		"a secret":         {`net.ipv6.conf.eth0.stable_secret=2001:0db8:0000:0000:0000:0000:0000:0005`, `link("eth0", mtu = 1000)`},
		"its mode alone":   {`net.ipv6.conf.eth0.stable_secret=2001:0db8:0000:0000:0000:0000:0000:0005 net.ipv6.conf.eth0.addr_gen_mode=0`, `link("eth0", mtu = 1000)`},
		"that of a bridge": {`net.ipv6.conf.br1.stable_secret=2001:0db8:0000:0000:0000:0000:0000:0005`, `absent(link("br1"))`},
		"another secret": {`net.ipv6.conf.eth0.stable_secret=2001:0db8:0000:0000:0000:0000:0000:0005 net.ipv6.conf.eth0.addr_gen_mode=1`,
			`sysctl("net.ipv6.conf.eth0.stable_secret", "2001:db8::6")`},
		"an mtu":        {`net.ipv6.conf.eth0.mtu=1400`, `link("eth0", mtu = 1300)`},
		"a greater one": {`net.ipv6.conf.eth0.mtu=1400`, `link("eth0", mtu = 1600)`},
		"down":          {`net.ipv6.conf.eth0.mtu=1400`, `link("eth0", up = False)`},
		"of its bridge": {`net.ipv6.conf.br0.mtu=1400`, `link("eth1", mtu = 1450)`},
		"a port comes":  {`net.ipv6.conf.br0.mtu=1400`, `link("eth0", mtu = 1450), link.set("eth0", master = "br0")`},
		"both":          {`net.ipv6.conf.eth0.mtu=1450`, `link("eth0", mtu = 1400), sysctl("net.ipv6.conf.eth0.mtu", 1300)`},
		"one is made":   {`net.ipv6.conf.br0.mtu=1400`, `link("v0", kind = kind.veth(), mtu = 1450, master = "br0")`},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(tt.src, "BLUE") {
				testnet.NotInVM(t)
				tt.src = strings.ReplaceAll(tt.src, "BLUE", testnet.Places(t, 1)[0])
			}
			e := enginetest.Sandbox(t, "eth0", "eth1")
			mustRun(t, e, `commit(link("br0", kind = kind.bridge(), up = True), link("br1", kind = kind.bridge()), link("eth1", master = "br0"))`, nil)
			for _, set := range strings.Fields(tt.before) {
				path, value, _ := strings.Cut(set, "=")
				writeSysctl(t, e, path, value)
			}
			undone(t, e, "commit("+tt.src+")")
			for _, set := range strings.Fields(tt.before) {
				path, value, _ := strings.Cut(set, "=")
				if now := readSysctl(t, e, path); now != value {
					t.Errorf("%s was %s, is %s", path, value, now)
				}
			}
		})
	}
}

// A device gets its first secret, which no undo takes back: that has to be said.
func TestFirstSecret(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	const op = `sysctl("net.ipv6.conf.eth0.stable_secret", "2001:db8::6")`
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + op + ")")})
	if err == nil || !strings.Contains(sprint(err), "its value before, which cannot be") {
		t.Errorf("%+v", err)
	}
	undone(t, e, "commit("+op+`, irreversible = ["sysctl net.ipv6.conf.eth0.stable_secret"])`)
	undone(t, e, `commit(sysctl("net.ipv6.conf.default.stable_secret", "2001:db8::7"), irreversible = ["sysctl net.ipv6.conf.default.stable_secret"])`)
	if r := mustRun(t, e, "commit("+op+")", nil); r.Outcome != "unchanged" {
		t.Errorf("again: %s", r)
	}
}

// undone runs a script that fails at its end, and fails the test unless all is as it
// was before.
func undone(t *testing.T, e *engine.Engine, src string) {
	t.Helper()
	before := enginetest.Take(t, e)
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src + "\nfail('no')")})
	if err == nil || !strings.Contains(sprint(err), "fail: no") || !strings.Contains(sprint(err), "rolled back, verified") {
		t.Errorf("%+v", err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Error(d)
	}
}

func sysctlFile(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }

func writeSysctl(t *testing.T, e *engine.Engine, name, value string) {
	t.Helper()
	testnet.Do(t, e.NetNS(), func() {
		if err := os.WriteFile(sysctlFile(name), []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	})
}

func readSysctl(t *testing.T, e *engine.Engine, name string) (value string) {
	t.Helper()
	testnet.Do(t, e.NetNS(), func() {
		b, err := os.ReadFile(sysctlFile(name))
		if err != nil {
			t.Error(err)
		}
		value = strings.TrimSpace(string(b))
	})
	return value
}
