package reliability

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/internal/testnet"
)

// holds fails unless a script has nothing to do.
func (b *bench) holds(src string) {
	b.t.Helper()
	if r := b.outcome(src); r != "unchanged" {
		b.t.Errorf("does not hold: %s", src)
	}
}

// Announcements that are lost after the first message was sent: what another
// program wrote over ours meanwhile is a conflict, and stands.
func TestLostWhileSending(t *testing.T) {
	b := newBench(t, 0, 1)
	meddled := false
	progress := func(done, _ int) {
		if meddled {
			return
		}
		meddled = true
		b.run(`commit(route(ip.prefix("10.192.0.0/14").subnets(24)[:1000], via = "10.0.0.9", table = 77), route("10.100.5.0/24", via = "10.0.0.66"))`)
	}
	d, err := tx.Commit(t.Context(), b.k, &b.arena, b.routes("", 300, "10.0.0.5"), nil, progress)
	if !meddled {
		t.Fatal("all was sent at once")
	}
	var conflict *tx.ConflictError
	if !errors.As(err, &conflict) || !strings.Contains(conflict.Title, "10.100.5.0/24") {
		t.Errorf("%v, want a conflict about 10.100.5.0/24", err)
	}
	if _, left, err := d.Plan.Undo(context.Background(), b.k, 0); err != nil || len(left) > 0 {
		t.Fatalf("undo: %v, %v", err, left)
	}
	b.holds(`commit(route("10.100.5.0/24", via = "10.0.0.66"), absent(route("10.100.6.0/24")))`)
}

// A field of a link that another program writes between our messages stays its
// own; the others that we wrote are undone.
func TestFieldByField(t *testing.T) {
	b := newBench(t, 0, 0)
	meddled := false
	progress := func(done, _ int) {
		if !meddled {
			meddled = true
			b.run(`commit(link("eth0", mtu = 1300))`)
		}
	}
	ops := append([]*builtins.Op{b.op("link", "eth0", map[string]any{"mtu": 1400, "txqueuelen": 500})}, b.routes("", 200, "10.0.0.5")...)
	d, err := tx.Commit(t.Context(), b.k, &b.arena, ops, nil, progress)
	if conflict := (*tx.ConflictError)(nil); !errors.As(err, &conflict) {
		t.Errorf("%v, want a conflict", err)
	}
	if _, left, err := d.Plan.Undo(context.Background(), b.k, 0); err != nil || len(left) > 0 {
		t.Fatalf("undo: %v, %v", err, left)
	}
	b.holds(`commit(link("eth0", mtu = 1300, txqueuelen = 1000))`)
}

// sysctls are those of a device, with something that happens when they are read.
type sysctls struct {
	b      *bench
	onRead func(path string)
	refuse bool
}

func (s *sysctls) Read(path string) (v string, err error) {
	if s.onRead != nil {
		s.onRead(path)
	}
	testnet.Do(s.b.t, s.b.e.NetNS(), func() {
		var b []byte
		b, err = os.ReadFile("/proc/sys/" + path)
		v = strings.TrimSpace(string(b))
	})
	return v, err
}

func (s *sysctls) Write(path, value string) (err error) {
	if s.refuse {
		return unix.EPERM
	}
	testnet.Do(s.b.t, s.b.e.NetNS(), func() { err = os.WriteFile("/proc/sys/"+path, []byte(value), 0) })
	return err
}

func (s *sysctls) All(dir string) (map[string]string, error) {
	if dir != "net/ipv6/conf/eth0" {
		return nil, fs.ErrNotExist
	}
	v, err := s.Read(dir + "/accept_ra")
	return map[string]string{dir + "/accept_ra": v}, err
}

// What another program does to a link while the undo runs stands, and a sysctl of
// a device that cannot be written back is told.
func TestWhileUndoing(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprint("refuse ", refuse), func(t *testing.T) {
			b := newBench(t, 0, 0)
			s := &sysctls{b: b}
			b.k.Sys = s
			if err := s.Write("net/ipv6/conf/eth0/accept_ra", "2"); err != nil {
				t.Fatal(err)
			}
			b.run(`commit(link("v0", kind = kind.veth(peer = {"name": "v1"})), link("v1", mtu = 1500))`)
			before := enginetest.Take(t, b.e)
			d, err := b.commit(nil, b.op("link", "eth0", map[string]any{"mtu": 1200}), b.op("link", "v1", map[string]any{"mtu": 1400}),
				b.op("route.add", "10.99.0.0/16", map[string]any{"via": "192.0.2.1"}))
			if err == nil {
				t.Fatal("a route by nobody was made")
			}
			meddled := false
			if !refuse {
				s.onRead = func(string) {
					if !meddled && b.outcome(`commit(link("v1", mtu = 1500))`) == "unchanged" { // the undo has begun
						meddled = true
						b.run(`commit(link("v1", mtu = 1300))`)
					}
				}
			}
			s.refuse = refuse
			_, left, err := d.Plan.Undo(context.Background(), b.k, 0)
			switch {
			case err != nil:
				t.Fatal(err)
			case refuse && (len(left) != 1 || left[0].Title != "sysctl net/ipv6/conf/eth0/accept_ra" || !strings.Contains(left[0].Text, `was "2", is "1" (operation not permitted)`)):
				t.Errorf("left: %v; want the sysctl that cannot be written", left)
			case refuse:
				return
			case len(left) > 0:
				t.Errorf("left: %v", left)
			case !meddled:
				t.Fatal("nothing happened meanwhile")
			}
			b.holds(`commit(link("v1", mtu = 1300))`)
			b.run(`commit(link("v1", mtu = 1500))`)
			if d := before.Differs(t, b.e); d != "" {
				t.Error(d)
			}
		})
	}
}
