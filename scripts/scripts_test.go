// Package scripts tests the scripts that people start from.
package scripts

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files")
	enginetest.Main(m)
}

func TestGolden(t *testing.T) { enginetest.Golden(t, "*.star", nil) }

func script(t *testing.T, name string) engine.Script {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Script{Name: name, Source: src}
}

// furnished is a namespace with what a script finds on the machine it is for.
func furnished(t *testing.T, s engine.Script) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.WithFacts(engine.Facts{}))
	if err != nil {
		t.Fatal(err)
	}
	devices, err := e.Devices(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return enginetest.Sandbox(t, slices.DeleteFunc(devices, func(d string) bool { return d == "lo" })...)
}

// commits runs a script, a second time, and plans it.
func commits(t *testing.T, e *engine.Engine, s engine.Script) {
	t.Helper()
	for _, want := range []string{"committed", "unchanged"} {
		r, err := e.Run(t.Context(), s)
		if err != nil {
			t.Fatalf("%+v", err)
		}
		if r.Outcome != want {
			t.Fatalf("%s, want %s\n%s", r.Outcome, want, r.Plan)
		}
		if len(r.Warnings) > 0 {
			t.Errorf("warnings: %q", r.Warnings)
		}
	}
	p, err := e.Plan(t.Context(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if !p.Empty() {
		t.Errorf("a plan of what is so already:\n%s", p)
	}
}

// ip is what ip(8) or tc(8) says of the namespace, one object of JSON a line.
func ip(t *testing.T, e *engine.Engine, command string) []string {
	t.Helper()
	args := strings.Fields(command)
	bin, err := exec.LookPath(args[0])
	if err != nil {
		t.Skipf("no %s here", args[0])
	}
	var out []byte
	testnet.Do(t, e.NetNS(), func() { out, err = exec.Command(bin, append([]string{"-j"}, args[1:]...)...).Output() })
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	var objects []json.RawMessage
	if err := json.Unmarshal(out, &objects); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	var l []string
	for _, o := range objects {
		l = append(l, string(o))
	}
	return l
}

// holds checks that some object that the command shows has all the words in it.
func holds(t *testing.T, e *engine.Engine, command string, words ...string) {
	t.Helper()
	all := ip(t, e, command)
	if !slices.ContainsFunc(all, func(o string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(o, w) })
	}) {
		t.Errorf("%s: nothing has %q:\n%s", command, words, strings.Join(all, "\n"))
	}
}

// sysctl is the value of a setting in the namespace.
func sysctl(t *testing.T, e *engine.Engine, path string) string {
	t.Helper()
	var b []byte
	var err error
	testnet.Do(t, e.NetNS(), func() { b, err = os.ReadFile("/proc/sys/" + path) })
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestRouter(t *testing.T) {
	s := script(t, "router.star")
	e := furnished(t, s)
	commits(t, e, s)
	holds(t, e, "ip -d link show lan1", `"info_kind":"bridge"`, `"stp_state":0`, `"UP"`)
	holds(t, e, "ip link show eth1", `"master":"lan1"`, `"UP"`)
	holds(t, e, "ip link show eth2", `"master":"lan2"`, `"UP"`)
	holds(t, e, "ip addr show lan2", `"local":"10.2.0.1"`, `"prefixlen":24`)
	holds(t, e, "ip route show default", `"gateway":"192.0.2.1"`, `"dev":"eth0"`, `"mtu":1400`)
	holds(t, e, "ip route show 10.99.0.0/16", `"gateway":"10.1.0.2"`, `"weight":2`, `"gateway":"10.2.0.2"`)
	holds(t, e, "ip route show table 100", `"dst":"default"`, `"gateway":"192.0.2.254"`)
	holds(t, e, "ip rule", `"src":"10.2.0.0"`, `"srclen":24`, `"table":"100"`, `"priority":1001`)
	holds(t, e, "tc qdisc show dev eth0", `"kind":"tbf"`, `"rate":12500000`, `"lat":50000`)
	if v := sysctl(t, e, "net/ipv4/ip_forward"); v != "1" {
		t.Errorf("ip_forward is %s", v)
	}
}

func TestDualUplink(t *testing.T) {
	s := script(t, "dual-uplink.star")
	e := furnished(t, s)
	commits(t, e, s)
	holds(t, e, "ip nexthop", `"id":101`, `"gateway":"192.0.2.1"`, `"dev":"eth0"`)
	holds(t, e, "ip nexthop", `"id":100`, `{"id":101,"weight":3}`, `{"id":102}`)
	holds(t, e, "ip route show default", `"nhid":100`)
	holds(t, e, "ip route show table 102", `"dst":"default"`, `"nhid":102`)
	holds(t, e, "ip route show table 102", `"dst":"198.51.100.0/24"`, `"prefsrc":"198.51.100.10"`)
	holds(t, e, "ip route show", `"type":"unreachable"`, `"dst":"172.16.0.0/12"`)
	holds(t, e, "ip rule", `"src":"198.51.100.10"`, `"table":"102"`, `"priority":1102`)
	if v := sysctl(t, e, "net/ipv4/conf/eth1/rp_filter"); v != "2" {
		t.Errorf("rp_filter is %s", v)
	}
}

func TestVXLANLeaf(t *testing.T) {
	s := script(t, "vxlan-leaf.star")
	e := furnished(t, s)
	needs(t, e, kinds["vxlan-leaf.star"]...)
	commits(t, e, s)
	holds(t, e, "ip -d link show vx1002", `"id":1002`, `"local":"10.255.0.1"`, `"port":4789`, `"learning":false`, `"master":"br1002"`, `"neigh_suppress":true`)
	holds(t, e, "ip link show br1001", `"address":"02:00:5e:00:01:00"`, `"mtu":1500`)
	holds(t, e, "ip link show swp1", `"mtu":1550`)
	holds(t, e, "ip route show 10.255.0.0/24", `"prefsrc":"10.255.0.1"`, `"gateway":"10.254.1.0"`, `"gateway":"10.254.2.0"`)
	holds(t, e, "bridge fdb show dev vx1001", `"mac":"00:00:00:00:00:00"`, `"dst":"10.255.0.2"`)
	holds(t, e, "bridge fdb show dev vx1001", `"mac":"00:00:00:00:00:00"`, `"dst":"10.255.0.3"`)
	holds(t, e, "bridge fdb show dev vx1002", `"mac":"02:00:00:00:12:20"`, `"dst":"10.255.0.2"`, `"static"`)
	holds(t, e, "ip neigh show dev br1001", `"dst":"10.1.1.30"`, `"lladdr":"02:00:00:00:11:30"`, `PERMANENT`)
}

func TestBondedServer(t *testing.T) {
	s := script(t, "bonded-server.star")
	e := furnished(t, s)
	needs(t, e, kinds["bonded-server.star"]...)
	commits(t, e, s)
	holds(t, e, "ip -d link show bond0", `"info_kind":"bond"`, `"mode":"802.3ad"`, `"miimon":100`, `"ad_lacp_rate":"fast"`, `"xmit_hash_policy":"layer3+4"`, `"mtu":9000`)
	for _, port := range []string{"eth0", "eth1"} {
		holds(t, e, "ip link show "+port, `"master":"bond0"`, `"mtu":9000`, `"UP"`)
	}
	for _, vlan := range []struct{ id, mtu string }{{"10", "1500"}, {"20", "1500"}, {"30", "9000"}} {
		holds(t, e, "ip -d link show bond0."+vlan.id, `"link":"bond0"`, `"info_kind":"vlan"`, `"id":`+vlan.id+",", `"mtu":`+vlan.mtu+",", `"UP"`)
		holds(t, e, "ip addr show bond0."+vlan.id, `"local":"10.`+vlan.id+`.0.5"`, `"prefixlen":24`)
	}
	holds(t, e, "ip -6 addr show bond0.20", `"local":"2001:db8:20::5"`, `"prefixlen":64`)
	holds(t, e, "ip route show default", `"gateway":"10.10.0.1"`, `"dev":"bond0.10"`)
}

func TestContainers(t *testing.T) {
	s := script(t, "containers.star")
	e := furnished(t, s)
	commits(t, e, s)
	holds(t, e, "ip -d link show h-web", `"link":"c-web"`, `"master":"br-front"`, `"hairpin":true`)
	holds(t, e, "ip link show c-web", `"address":"02:42:0a:58:01:0a"`)
	holds(t, e, "ip -d link show br-back", `"forward_delay":0`, `"address":"02:42:0a:58:02:01"`)
	holds(t, e, "ip addr show br-back", `"local":"10.88.2.1"`)
	holds(t, e, "ip rule", `"src":"10.88.1.0"`, `"dst":"10.88.3.0"`, `"action":"prohibit"`)

	// An end that was given to a container stays there.
	other := testnet.New(t)
	moved, err := engine.NewOp("link", "c-web", map[string]any{"netns_fd": other.FD()})
	if err == nil {
		_, err = e.Commit(t.Context(), moved)
	}
	if err != nil {
		t.Fatalf("%+v", err)
	}
	r, err := e.Run(t.Context(), s)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if r.Outcome != "unchanged" {
		t.Errorf("after an end has moved: %s\n%s", r.Outcome, r.Plan)
	}
	if other.Index("c-web") == 0 {
		t.Error("c-web came back")
	}
}

func TestRouteServer(t *testing.T) {
	s := script(t, "route-server.star")
	e := furnished(t, s)
	commits(t, e, s)
	all := ip(t, e, "ip route show table 1000")
	n := 0
	for _, r := range all {
		if strings.Contains(r, `"type":"blackhole"`) {
			n++
		}
	}
	if len(all) != 10000 || n != 1000 {
		t.Errorf("%d routes, %d to nowhere", len(all), n)
	}
	holds(t, e, "ip route show table 1000", `"dst":"100.64.9.0/24"`, `"nhid":1,`)
	holds(t, e, "ip nexthop show id 1", `{"id":2,"weight":2}`, `{"id":3}`, `{"id":4}`)
	holds(t, e, "ip rule", `"priority":1000,`, `"table":"1000"`)
}

// needs skips the test when the kernel lacks a kind of link.
func needs(t *testing.T, e *engine.Engine, kinds ...string) {
	t.Helper()
	for _, kind := range kinds {
		k := map[string]any{"kind": kind}
		if kind == "vlan" || kind == "vxlan" {
			k["id"] = 1
		}
		op, err := engine.NewOp("link", "probe", map[string]any{"kind": k})
		if err != nil {
			t.Fatal(err)
		}
		r, err := e.Commit(t.Context(), op)
		switch {
		case err == nil:
			if err := r.Undo(t.Context()); err != nil {
				t.Fatal(err)
			}
		case strings.Contains(err.Error(), "EOPNOTSUPP"):
			testnet.Lacks(t, kind)
			t.SkipNow()
		case kind == "vlan": // of no device
		default:
			t.Fatalf("%+v", err)
		}
	}
}

// kinds are those that not every kernel has, by the script that needs them.
var kinds = map[string][]string{
	"bonded-server.star": {"bond", "vlan"},
	"vxlan-leaf.star":    {"vxlan"},
}

// Whichever message the kernel refuses, nothing is left behind.
func TestEveryFailure(t *testing.T) {
	for _, name := range []string{"router.star", "dual-uplink.star", "containers.star", "route-server.star", "vxlan-leaf.star", "bonded-server.star"} {
		t.Run(name, func(t *testing.T) {
			s := script(t, name)
			e := furnished(t, s)
			needs(t, e, kinds[name]...)
			if !slices.Contains(kinds[name], "bond") {
				testnet.NotInVM(t)
			}
			enginetest.EveryFailure(t, e, s)
		})
	}
}
