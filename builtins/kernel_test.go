package builtins

import (
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/internal/testnet"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// send sends one message and returns what the kernel says to it.
func send(t *testing.T, msg []byte) error {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Sendto(fd, msg, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	n, _, err := syscall.Recvfrom(fd, buf, 0)
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range wire.Messages(buf[:n]) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := wire.ParseReply(m)
		if err != nil {
			t.Fatal(err)
		}
		if r.Errno != 0 {
			return r.Errno
		}
	}
	return nil
}

// TestKernelReadBack: what the kernel reports of an object, written as source,
// is what the script wrote, without what goes without saying.
func TestKernelReadBack(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("v0")
	want := []string{
		`addr("10.0.0.1/24", dev = "v0")`,
		`addr("2001:db8::1/64", dev = "v0", nodad = True)`,
		`neigh("10.0.0.9", dev = "v0", lladdr = "02:00:00:00:00:01")`,
		`route("default", via = "10.0.0.2", dev = "v0", mtu = 1300)`,
		`route("10.8.0.0/16", table = 100, metric = 5, via = "10.0.0.2", dev = "v0")`,
		`route("10.9.0.0/16", nexthops = [hop(weight = 2, dev = "v0", via = "10.0.0.3"), hop(dev = "v0", via = "10.0.0.4")])`,
		`rule(table = 100, from_ = "10.0.0.0/8", priority = 7)`,
	}
	src := strings.NewReplacer("addr(", "addr.add(", "neigh(", "neigh.add(", "route(", "route.add(", "rule(", "rule.add(").
		Replace("x = [" + strings.Join(want, ",\n") + "]")
	var got []string
	ns.Do(func() {
		_, g, err := exec(t, nil, src)
		if err != nil {
			t.Error(err)
			return
		}
		l := g["x"].(*starlark.List)
		index := func(name string) uint32 {
			i, err := net.InterfaceByName(name)
			if err != nil {
				t.Error(err)
				return 0
			}
			return uint32(i.Index)
		}
		for i := range l.Len() {
			op := l.Index(i).(*Op)
			if err := send(t, wire.Link(op.Msg, op.Rel, index)); err != nil {
				t.Errorf("%s: %v", op, err)
			}
		}
		got = readBack(t, rtnl.Addr, rtnl.Neigh, rtnl.Route, rtnl.Rule)
	})
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("not read back: %s\nthere is\n%s", w, strings.Join(got, "\n"))
		}
	}
}

// readBack dumps objects and returns their sources, each checked to run and to
// print as itself.
func readBack(t *testing.T, objects ...*wire.Object) (l []string) {
	p := Printer{Ensure: true, Names: func(i uint32) string {
		if dev, err := net.InterfaceByIndex(int(i)); err == nil {
			return dev.Name
		}
		return ""
	}}
	for _, o := range objects {
		dump, err := syscall.NetlinkRIB(int(o.Get), syscall.AF_UNSPEC)
		if err != nil {
			t.Error(err)
			return nil
		}
		for m, err := range wire.Messages(dump) {
			if err != nil || m.Type != o.New {
				continue
			}
			var set wire.Set
			var b strings.Builder
			if err := o.Table.DecodeState(m.Data, &set); err != nil {
				t.Errorf("%s: %v", o.Name, err)
				continue
			}
			if err := p.Message(&b, o, o.New, ensureFlags, &set); err != nil {
				t.Errorf("%s: %v", o.Name, err)
				continue
			}
			_, g, err := exec(t, nil, "x = "+b.String())
			if err != nil {
				t.Errorf("%v\n%s", err, b.String())
				continue
			}
			s := strings.Join(strings.Fields(b.String()), " ")
			s = strings.NewReplacer("( ", "(", ", )", ")", "[ ", "[", ", ]", "]").Replace(s)
			if again := g["x"].(*Op).String(); again != b.String() {
				t.Errorf("%s\nprints as\n%s", b.String(), again)
			}
			l = append(l, s)
		}
	}
	return l
}
