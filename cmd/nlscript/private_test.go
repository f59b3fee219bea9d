package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A user who may change the network of a namespace and make none has scripts
// rehearsed, and sysctls exported, in a user namespace of this program's own.
func TestPrivate(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("takes capabilities away, which root has")
	}
	for _, tool := range []string{"setpriv", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("lib.star", `bridge = "br7"`)
	write("good.star", `load("lib.star", "bridge")
print("once")
commit(link(bridge, kind = kind.bridge(), up = True), addr("10.1.0.1/24", dev = bridge), route("10.2.0.0/16", via = "10.0.0.9"))`)
	write("bad.star", `load("lib.star", "bridge")
print("once")
commit(link(bridge, kind = kind.bridge(), up = True), addr("10.0.0.7/24", dev = "v0"))
commit(route("10.9.0.0/16", via = "192.0.2.1"))`)
	write("before.star", `commit(link("v0", kind = kind.veth(peer = {"name": "v1", "up": True}), up = True), addr("10.0.0.1/24", dev = "v0"), sysctl("net.ipv4.ip_forward", 1))`)
	write("test.sh", `set -e
"$1" run --journal none before.star
as="setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin --bounding-set=-all,+net_admin"
ip monitor link address route > monitor.txt &
sleep 0.3
$as "$1" run --journal none --rehearse bad.star && exit 1
sleep 0.3
kill $!
echo "announced: $(wc -l < monitor.txt)"
$as "$1" run --journal none --rehearse good.star
$as "$1" export --kinds sysctl
`)
	for _, d := range []string{dir, dir + "/.."} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("unshare", "-n", "sh", "test.sh", nlscript(t))
	cmd.Dir = dir
	b, err := cmd.CombinedOutput()
	out := string(b)
	if strings.Contains(out, "a user namespace of its own: ") || strings.Contains(out, "setpriv: ") {
		t.Skipf("not here: %s", out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"once\nbad.star:4:13: in <toplevel>\nbad.star:4:13: error: in rehearsal: commit: route 10.9.0.0/16: Nexthop has invalid gateway (ENETUNREACH)\n",
		"rehearsed: failed in a copy of this namespace (2 links), ",
		"announced: 0\nonce\n",
		"rehearsed: held in a copy of this namespace (2 links), ",
		"committed: 3 added",
		"commit(\n    sysctl(\"net.ipv4.ip_forward\", 1),\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
