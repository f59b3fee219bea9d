package testnet

import (
	"net"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { Main(m) }

func link(t *testing.T) string {
	t.Helper()
	s, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Namespaces are apart, and the thread of the test stays where it was.
func TestNew(t *testing.T) {
	home := link(t)
	a, b := New(t), New(t)
	var inA, inB string
	a.Do(func() { inA = link(t) })
	b.Do(func() { inB = link(t) })
	if inA == inB || inA == home || inB == home {
		t.Errorf("home %s, a %s, b %s", home, inA, inB)
	}
	if now := link(t); now != home {
		t.Errorf("the test moved from %s to %s", home, now)
	}
	a.Do(func() {
		if lo, err := net.InterfaceByName("lo"); err != nil || lo.Flags&net.FlagUp == 0 {
			t.Errorf("lo is not up: %v %v", lo, err)
		}
	})
}

func TestVeth(t *testing.T) {
	ns := New(t)
	ns.Veth("wan0", "lan0")
	var names []string
	ns.Do(func() {
		devs, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range devs {
			if d.Flags&(net.FlagUp|net.FlagRunning|net.FlagBroadcast) == net.FlagUp|net.FlagRunning|net.FlagBroadcast {
				names = append(names, d.Name)
			}
		}
	})
	slices.Sort(names)
	if want := []string{"lan0", "lan0p", "wan0", "wan0p"}; !slices.Equal(names, want) {
		t.Errorf("running devices %q, want %q", names, want)
	}
	if ns.Index("lan0") == ns.Index("wan0") {
		t.Error("two devices with one index")
	}
}

// A namespace is gone after its test: its descriptor is closed.
func TestEnds(t *testing.T) {
	var fd int
	t.Run("inner", func(t *testing.T) { fd = New(t).FD() })
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != unix.EBADF {
		t.Errorf("descriptor %d after the test: %v", fd, err)
	}
}

// f may end the test from its own goroutine: the caller of Do ends too.
func TestDoEndsTest(t *testing.T) {
	ns := New(t)
	after := false
	t.Run("skip", func(t *testing.T) {
		(&NS{t: t, f: ns.f}).Do(func() { t.Skip("from inside") })
		after = true
	})
	if after {
		t.Error("the test went on after f skipped it")
	}
}
