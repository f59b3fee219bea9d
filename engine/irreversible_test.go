package engine_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/testnet"
)

// refuses fails the test unless a run of src is refused before anything of the
// last commit is sent, for want of a name.
func refuses(t *testing.T, e *engine.Engine, src, name, what string) {
	t.Helper()
	before := enginetest.Take(t, e)
	p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
	if err != nil {
		t.Fatalf("%s: plan: %v", src, err)
	}
	if line := "cannot be restored: " + name + ", " + what; !strings.Contains(p.String(), line) {
		t.Errorf("%s: no line %q in\n%s", src, line, p)
	}
	marked := false
	for _, c := range p.Changes {
		for _, l := range c.Irreversible {
			marked = marked || l == name+": "+what
		}
	}
	if !marked {
		t.Errorf("%s: no change is marked: %+v", src, p.Changes)
	}
	_, err = e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "rolled_back" || failed.Pos == "" ||
		!strings.Contains(failed.Message, "cannot be restored: "+what) || !strings.Contains(failed.Message, `irreversible = ["`+name+`"]`) {
		t.Errorf("%s: %+v", src, err)
	}
	if d := before.Differs(t, e); d != "" {
		t.Errorf("%s: refused, but\n%s", src, d)
	}
}

func TestIrreversible(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	tun(t, e, "tun0")
	const what = "kind tun, the program that holds it"
	refuses(t, e, `commit(absent(link("tun0")))`, "link tun0", what)
	refuses(t, e, `commit(link.delete("tun0"))`, "link tun0", what)
	refuses(t, e, `commit(link("br0", kind = kind.bridge())); commit(absent(link("tun0")), irreversible = ["link tun1"])`, "link tun0", what)

	// A change of what is there is nobody's loss.
	mustRun(t, e, `commit(link("tun0", mtu = 1400, up = True)); commit(link("tun0", up = False))`, nil)

	// An attempt is refused like any commit, and is told why.
	mustRun(t, e, `
err = attempt(absent(link("tun0")))
if not err or "cannot be restored" not in err.message:
    fail(str(err))
`, nil)

	// Named, it goes; what fails later tells of it.
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`
commit(absent(link("tun0")), irreversible = ["link tun0"])
commit(route("10.9.0.0/16", via = "192.0.2.1"))
`)})
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "residue" || len(failed.Residue) != 1 || !strings.HasPrefix(failed.Residue[0].Key, "link tun0") {
		t.Fatalf("%+v", err)
	}
	tun(t, e, "tun0")
	named := `commit(absent(link("tun0")), irreversible = ["link tun0"])`
	p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(named)})
	if err != nil || !strings.Contains(p.String(), "named, so run does it") {
		t.Fatal(p, err)
	}
	mustRun(t, e, named, nil)
	mustRun(t, e, named, nil) // and names what is gone
}

func TestIrreversibleFromGo(t *testing.T) {
	e := enginetest.Sandbox(t)
	tun(t, e, "tun0")
	op, err := engine.NewOp("link", "tun0", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Commit(t.Context(), op.Absent()); err == nil || !strings.Contains(err.Error(), "cannot be restored") {
		t.Fatal(err)
	}
	if _, err := e.Commit(t.Context(), op.Irreversible("link tun0").Absent()); err != nil {
		t.Fatal(err)
	}
}

// The other end of a veth, in a namespace that has no name and no process.
func TestIrreversibleOtherEnd(t *testing.T) {
	e, nobody := enginetest.Sandbox(t), calm(t)
	mustRun(t, e, `commit(link("v0", kind = kind.veth(peer = {"name": "w0", "netns": param("b")})))`, map[string]any{"b": at(nobody)})
	refuses(t, e, `commit(absent(link("v0")))`, "link v0", "its other end, in a network namespace that cannot be reached")
	mustRun(t, e, `commit(absent(link("v0")), irreversible = ["link v0"])`, nil)
	at := places(t, 1)[0]
	mustRun(t, e, `commit(netns(path = "`+at+`"), link("v0", kind = kind.veth(peer = {"name": "w0", "netns": "`+at+`"})))`, nil)
	mustRun(t, e, `commit(absent(link("v0")), netns(path = "`+at+`"))`, nil)

	// What the run itself has made is no loss.
	both := `
commit(netns(path = "` + at + `"), link("v0", kind = kind.veth(peer = {"name": "w0", "netns": "` + at + `"})))
commit(absent(link("v0")))
`
	p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(both)})
	if err != nil || strings.Contains(p.String(), "cannot be restored") {
		t.Error(p, err)
	}
	mustRun(t, e, both, nil)
}

// Filters have no table: they are lost with what they hang on.
func TestIrreversibleFilters(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(
    link("eth0", up = False),
    qdisc("eth0", parent = "root", handle = "1:", kind = sch.htb()),
    class_("eth0", parent = "1:", classid = "1:1", kind = sch.htb_class(rate = "1mbit")),
)`, nil)
	// tc filter add dev eth0 parent 1:1 prio 1 protocol all u32 match u32 0 0
	index := 0
	testnet.Do(t, e.NetNS(), func() {
		dev, err := net.InterfaceByName("eth0")
		if err != nil {
			t.Error(err)
			return
		}
		index = dev.Index
	})
	var head [20]byte // struct tcmsg
	binary.NativeEndian.PutUint32(head[4:], uint32(index))
	binary.NativeEndian.PutUint32(head[12:], 0x10001)
	binary.NativeEndian.PutUint32(head[16:], 1<<16|0x0300)
	mustRun(t, e, `commit(message(44, flags = 0x605, header = param("head"), attrs = [
    attr(1, str = "u32"),
    attr(2, nested = [attr(5, bytes = "01000100" + "00000000" * 7)]),
]))`, map[string]any{"head": fmt.Sprintf("%x", head)})
	const what = "its filters, which have no table here"
	refuses(t, e, `commit(qdisc("eth0", parent = "root", handle = "2:", kind = sch.tbf(rate = "1mbit", burst = "16kb", limit = "64kb")))`, "class_ eth0 classid 1:1 root", what)
	refuses(t, e, `commit(absent(link("eth0")))`, "class_ eth0 classid 1:1 root", what)
	// Options of what they hang on are no loss.
	mustRun(t, e, `commit(class_("eth0", parent = "1:", classid = "1:1", kind = sch.htb_class(rate = "2mbit")))`, nil)
	loses(t, e, `commit(absent(qdisc("eth0", parent = "root", handle = "1:")), irreversible = ["class_ eth0 classid 1:1 root"])`, "class_ eth0 classid 1:1 root", "lost "+what)
}

// loses fails the test unless a run that does what src says and then fails tells of what it
// has lost for good of an object, though an earlier commit was about that, too; as does
// who reads its journal later.
func loses(t *testing.T, e *engine.Engine, src, title, text string) {
	t.Helper()
	e, err := engine.New(engine.WithNetNS(e.NetNS()), engine.WithJournal(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src + `
commit(route("10.9.0.0/16", via = "192.0.2.1"))`)})
	for range 2 {
		var failed *engine.Error
		if !errors.As(err, &failed) || failed.Outcome != "residue" || len(failed.Residue) != 1 || failed.Residue[0].Key != title+"  "+text {
			t.Errorf("%s: %+v", src, err)
		}
		_, err = e.Recover(t.Context())
	}
}

// Entries of bridge mdb and VNIs have no table: they go with the bridge, the vxlan, and
// with a port that leaves.
func TestIrreversibleGroups(t *testing.T) {
	e := enginetest.Sandbox(t)
	const br, port, vx = 1001, 1002, 1003
	head := func(index uint32) string { // struct br_port_msg, struct tunnel_msg
		var b [8]byte
		b[0] = unix.AF_BRIDGE
		binary.NativeEndian.PutUint32(b[4:], index)
		return fmt.Sprintf("%x", b)
	}
	var entry [28]byte // struct br_mdb_entry
	binary.NativeEndian.PutUint32(entry[:], port)
	entry[4] = 1 // MDB_PERMANENT
	copy(entry[8:], net.IPv4(239, 1, 1, 1).To4())
	binary.BigEndian.PutUint16(entry[24:], unix.ETH_P_IP)
	params := map[string]any{"br": head(br), "vx": head(vx), "entry": fmt.Sprintf("%x", entry)}
	const make = `
commit(
    link("br0", kind = kind.bridge(), index = 1001, up = True), link("br1", kind = kind.bridge()),
    link("eth0", index = 1002, kind = kind.veth(peer = {"name": "eth0p", "up": True}), master = "br0", up = True),
    link("eth1", kind = kind.veth(peer = {"name": "eth1p"}), master = "br0", up = True),
    link("vx0", index = 1003, kind = kind.vxlan(external = True, vnifilter = True, dstport = 4789)),
    link("vx1", kind = kind.vxlan(external = True, vnifilter = True, dstport = 4790)),
)
`
	mustRun(t, e, make, nil)
	mustRun(t, e, `commit(
    message(84, flags = 0x605, header = param("br"), attrs = [attr(1, bytes = param("entry"))]),
    message(120, flags = 0x605, header = param("vx"), attrs = [attr(1, nested = [attr(1, u32 = 10)])]),
)`, params)
	const groups, vnis = "its permanent entries of bridge mdb, which have no table here", "its VNIs (bridge vni), which have no table here"
	refuses(t, e, `commit(absent(link("br0")))`, "link br0", groups)
	refuses(t, e, `commit(absent(link("eth0")))`, "link eth0", groups)
	refuses(t, e, `commit(absent(link("eth0p")))`, "link eth0", groups)
	refuses(t, e, `commit(link("eth0", master = "br1"))`, "link eth0", groups)
	refuses(t, e, `commit(link.set("eth0", master = 0))`, "link eth0", groups)
	refuses(t, e, `commit(exact(link, master = "br0"))`, "link eth0", groups)
	refuses(t, e, `commit(link("eth0", netns = "`+at(calm(t))+`"))`, "link eth0", groups)
	refuses(t, e, `commit(absent(link("vx0")))`, "link vx0", vnis)

	// Others have none, and a port that is down keeps them.
	mustRun(t, e, `
commit(link("eth0", up = False))
commit(link("eth1", master = "br1"), absent(link("vx1")))
commit(link("br0", up = False), absent(link("br1")))
`, nil)
	refuses(t, e, `commit(absent(link("br0")))`, "link br0", groups)
	loses(t, e, `
commit(link("vx0", alias = "x"))
commit(absent(link("vx0")), irreversible = ["link vx0"])`, "link vx0", "lost "+vnis)
	// A refused message loses nothing.
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(route("10.9.0.0/16", via = "192.0.2.1"), link("eth0", master = 0), irreversible = ["link eth0"])`)})
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
		t.Errorf("%+v", err)
	}
	mustRun(t, e, `commit(absent(link("eth0")), absent(link("br0")), absent(link("vx0")), irreversible = ["link eth0", "link br0", "link vx0"])`, nil)
	mustRun(t, e, make+`commit([absent(link(n)) for n in ("br0", "eth0", "vx0")])`, nil)
}

// The group of a multicast address that goes with its device stays joined, and cannot be
// joined again; that of one that is removed by itself can.
func TestIrreversibleAutojoin(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	mustRun(t, e, `commit(link("eth0", up = True), addr(["224.0.0.9/32", "ff05::7/128"], dev = "eth0", autojoin = True))`, nil)
	const v4, v6, what = "addr 224.0.0.9 dev eth0", "addr ff05::7 dev eth0", "as the kernel stays in its group (autojoin)"
	refuses(t, e, `commit(absent(link("eth0")))`, v4, what)
	refuses(t, e, `commit(link("eth0", up = False))`, v6, what)
	refuses(t, e, `commit(link.set("eth0", up = False))`, v6, what)
	refuses(t, e, `commit(sysctl("net.ipv6.conf.eth0.disable_ipv6", 1))`, v6, what)
	enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(`commit(exact(addr, [], dev = "eth0"), link("eth0", alias = "x"))`)})
	_, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(`
commit(link("eth0", up = False), irreversible = ["` + v6 + `"])
commit(route("10.9.0.0/16", via = "192.0.2.1"))`)})
	var failed *engine.Error
	if !errors.As(err, &failed) || failed.Outcome != "residue" || len(failed.Residue) != 1 || !strings.HasPrefix(failed.Residue[0].Key, v6) {
		t.Errorf("%+v", err)
	}

	// An address that stays is none that goes.
	mustRun(t, e, `commit(sysctl("net.ipv6.conf.eth0.keep_addr_on_down", 1), addr("ff05::8/128", dev = "eth0", autojoin = True), addr("ff02::77/128", dev = "eth0", autojoin = True))`, nil)
	refuses(t, e, `commit(link("eth0", up = False))`, "addr ff02::77 dev eth0", what)
	mustRun(t, e, `commit(absent(addr("ff02::77/128", dev = "eth0")))`, nil)
	if text := planned(t, e, `commit(link("eth0", up = False))`); strings.Contains(text, "goes with it") {
		t.Errorf("it stays:\n%s", text)
	}
	enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(`commit(link("eth0", up = False), link("eth0", alias = "x"))`)})
}

// A sysctl that can only be written, and one whose writing does something.
func TestIrreversibleSysctl(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte(`commit(sysctl("net.ipv4.route.flush", 1))`)})
	if err != nil || strings.Contains(p.String(), "cannot be restored") {
		t.Error(p, err)
	}
}

// A program on a link, which is lost when the link goes, and when another takes its place.
func TestIrreversibleXDP(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	fd, err := xdpPass()
	if err != nil {
		t.Skipf("no BPF programs can be loaded here: %v", err)
	}
	defer unix.Close(fd)
	attach := fmt.Sprintf(`commit(link("eth0", xdp = {"fd": %d, "flags": ["skb"]})`, fd)
	before := enginetest.Take(t, e)
	enginetest.EveryFailure(t, e, engine.Script{Name: "a.star", Source: []byte(attach + `, addr("192.0.2.1/24", dev = "eth0"))`)})
	if d := before.Differs(t, e); d != "" {
		t.Errorf("a program that is to be taken away again:\n%s", d)
	}
	mustRun(t, e, attach+`)`, nil)
	refuses(t, e, attach+`)`, "link eth0", "its XDP program")
	refuses(t, e, `commit(link.change("eth0", xdp = {"fd": -1}))`, "link eth0", "its XDP program")
	refuses(t, e, `commit(absent(link("eth0")))`, "link eth0", "its XDP program")
	mustRun(t, e, `commit(link("eth0", xdp = {"fd": -1, "flags": ["skb"]}), irreversible = ["link eth0"])`, nil)
	mustRun(t, e, `commit(absent(link("eth0")))`, nil)
}

// xdpPass loads the program that lets all pass.
func xdpPass() (fd int, err error) {
	program := []uint64{
		0x2_0000_00b7, // r0 = XDP_PASS
		0x95,          // exit
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		program[0] = 0xb700_0000_0000_0002
		program[1] = 0x9500_0000_0000_0000
	}
	license := []byte("GPL\x00")
	var attr struct {
		kind, count     uint32
		insns, license  uint64
		level, size     uint32
		log             uint64
		version, flags  uint32
		name            [16]byte
		ifindex, attach uint32
	}
	const progLoad, typeXDP = 5, 6
	attr.kind, attr.count = typeXDP, uint32(len(program))
	attr.insns, attr.license = uint64(uintptr(unsafe.Pointer(&program[0]))), uint64(uintptr(unsafe.Pointer(&license[0])))
	r, _, errno := unix.Syscall(unix.SYS_BPF, progLoad, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(program)
	runtime.KeepAlive(license)
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}
