package nlconn

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/internal/testnet"
)

func TestCookie(t *testing.T) {
	a, b := testnet.New(t), testnet.New(t)
	a1, err1 := dial(t, a, Config{}).Cookie()
	a2, err2 := dial(t, a, Config{}).Cookie()
	b1, err3 := dial(t, b, Config{}).Cookie()
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if a1 != a2 || a1 == b1 || a1 == 0 {
		t.Errorf("cookies %d %d of one namespace, %d of another", a1, a2, b1)
	}
}

func TestOpenNetNS(t *testing.T) {
	ns := testnet.New(t)
	ns.Veth("wan0")
	dir := t.TempDir()
	ns.Do(func() {
		target, err := os.Readlink("/proc/thread-self")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("/proc", target, "ns/net"), filepath.Join(dir, "blue")); err != nil {
			t.Fatal(err)
		}
		f, err := openNetNS(dir, "blue")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c, err := Dial(Config{NetNS: int(f.Fd())})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got := names(t, c); !slices.Contains(got, "wan0") {
			t.Errorf("devices %q, want wan0 among them", got)
		}
	})
	if err := os.Symlink("/proc/self/ns/mnt", filepath.Join(dir, "mnt")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gone"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"red": "no such network namespace", "mnt": "is not one", "gone": "is not one", "../x": "cannot be", "": "cannot be", "..": "cannot be"} {
		f, err := openNetNS(dir, name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
		if err == nil {
			f.Close()
		}
	}
	if _, err := OpenNetNS("nlscript-no-such"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("unknown name: %v", err)
	}
}
