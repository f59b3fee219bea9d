package session

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// A process of a procfs made of files.
type process struct {
	comm   string
	parent int
	netns  string
	socket string // inode
	tcp    string
	tcp6   string
}

func fixture(t *testing.T, m map[int]process) string {
	t.Helper()
	proc := t.TempDir()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for pid, p := range m {
		dir := filepath.Join(proc, strconv.Itoa(pid))
		for _, d := range []string{"ns", "fd", "net"} {
			check(os.MkdirAll(filepath.Join(dir, d), 0o755))
		}
		check(os.WriteFile(filepath.Join(dir, "stat"), fmt.Appendf(nil, "%d (%s) S %d 1 1 0", pid, p.comm, p.parent), 0o644))
		check(os.Symlink(p.netns, filepath.Join(dir, "ns/net")))
		check(os.Symlink("/dev/null", filepath.Join(dir, "fd/0")))
		if p.socket != "" {
			check(os.Symlink("socket:["+p.socket+"]", filepath.Join(dir, "fd/4")))
		}
		check(os.WriteFile(filepath.Join(dir, "net/tcp"), []byte(tcpHeader+p.tcp), 0o644))
		check(os.WriteFile(filepath.Join(dir, "net/tcp6"), []byte(tcpHeader+p.tcp6), 0o644))
	}
	return proc
}

const tcpHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// tcpLine is a line of /proc/net/tcp as this machine would print it.
func tcpLine(remote, state, inode string) string {
	to := netip.MustParseAddr(remote)
	return fmt.Sprintf("   0: %s:0016 %s:C350 %s 00000000:00000000 02:000A7D4E 00000000     0        0 %s 4 0000 20\n", words(localOf(to)), words(to), state, inode)
}

// localOf is the address here of a connection from another, of its family.
func localOf(remote netip.Addr) netip.Addr {
	switch {
	case remote.Is4():
		return netip.MustParseAddr("192.0.2.2")
	case remote.Is4In6():
		return netip.MustParseAddr("::ffff:192.0.2.2")
	}
	return netip.MustParseAddr("2001:db8::2")
}

func words(a netip.Addr) (s string) {
	b := a.AsSlice()
	for i := 0; i < len(b); i += 4 {
		s += fmt.Sprintf("%08X", binary.NativeEndian.Uint32(b[i:]))
	}
	return s
}

func TestEnds(t *testing.T) {
	const here, there = "net:[1]", "net:[2]"
	sshd := process{comm: "sshd", parent: 5, netns: here, socket: "77",
		tcp: tcpLine("192.0.2.99", "01", "76") + tcpLine("198.51.100.7", "01", "77")}
	with := func(f func(*process)) process { p := sshd; f(&p); return p }
	tests := []struct {
		name string
		sshd process
		want string
	}{
		{"v4", sshd, "198.51.100.7"},
		{"sshd-session", with(func(p *process) { p.comm = "sshd-session" }), "198.51.100.7"},
		{"mapped", with(func(p *process) { p.tcp, p.tcp6 = "", tcpLine("::ffff:198.51.100.7", "01", "77") }), "198.51.100.7"},
		{"v6", with(func(p *process) { p.tcp, p.tcp6 = "", tcpLine("2001:db8::7", "01", "77") }), "2001:db8::7"},
		{"listening", with(func(p *process) { p.tcp = tcpLine("0.0.0.0", "0A", "77") }), ""},
		{"loopback", with(func(p *process) { p.tcp = tcpLine("127.0.0.1", "01", "77") }), ""},
		{"no socket of its own", with(func(p *process) { p.socket = "" }), ""},
		{"another namespace", with(func(p *process) { p.netns = there }), ""},
		{"no sshd", with(func(p *process) { p.comm = "login" }), ""},
		{"torn table", with(func(p *process) { p.tcp = "   0: 0:0 zz:1 01 0 0 0 0 0 77\n  1: x\n" }), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			proc := fixture(t, map[int]process{
				9: {comm: "nlscript", parent: 8, netns: here},
				8: {comm: "sh) S 3 (", parent: 7, netns: here},
				7: tt.sshd,
				5: {comm: "sshd", parent: 1, netns: here, socket: "11", tcp: tcpLine("0.0.0.0", "0A", "11")},
			})
			local, got, ok := Ends(proc, 9)
			if ok != (tt.want != "") || ok && (got != netip.MustParseAddr(tt.want) || local != localOf(got)) {
				t.Errorf("got %v to %v %v, want %q", got, local, ok, tt.want)
			}
		})
	}
}

// Parents that go round in a circle, as they seem to when ids are used again.
func TestEndsCircle(t *testing.T) {
	proc := fixture(t, map[int]process{9: {comm: "a", parent: 8, netns: "net:[1]"}, 8: {comm: "b", parent: 9, netns: "net:[1]"}})
	if _, a, ok := Ends(proc, 9); ok {
		t.Error(a)
	}
}

// This process, by the procfs of this machine: whatever it finds, it ends.
func TestEndsHere(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no procfs")
	}
	if _, a, ok := Ends("/proc", os.Getpid()); ok && (!a.IsValid() || a.IsLoopback()) {
		t.Errorf("got %v", a)
	}
}
