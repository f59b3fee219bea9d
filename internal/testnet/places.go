package testnet

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Places returns paths, at which there is nothing yet, that network namespaces can
// be mounted on: they are unmounted when the test ends. Where nothing can be
// mounted the test is skipped, or fails; see New.
func Places(t testing.TB, n int) []string {
	t.Helper()
	dir := t.TempDir()
	var l []string
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("ns%d", i))
		l = append(l, path)
		t.Cleanup(func() { unix.Unmount(path, unix.MNT_DETACH) })
	}
	probe := filepath.Join(dir, "probe")
	if err := mount("/proc/self/ns/net", probe); err != nil {
		Refuse(t, fmt.Sprintf("no mounts: %v", err))
	}
	if err := unix.Unmount(probe, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	return l
}

// At gives the namespace of a descriptor a name: one of Places.
func At(t testing.TB, fd int, path string) {
	t.Helper()
	if err := mount(fmt.Sprintf("/proc/self/fd/%d", fd), path); err != nil {
		t.Fatal(err)
	}
}

func mount(ns, path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return os.NewSyscallError("mount", unix.Mount(ns, path, "none", unix.MS_BIND, ""))
}
