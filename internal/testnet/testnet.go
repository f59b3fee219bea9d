// Package testnet gives tests network namespaces to throw away.
//
//	func TestMain(m *testing.M) { testnet.Main(m) }
//
//	func TestRoute(t *testing.T) {
//		ns := testnet.New(t)
//		ns.Veth("wan0", "lan0")
//		... dial with ns.FD(), or ns.Do(func() { ... })
//	}
//
// Without privileges Main runs the whole test binary in a user namespace. Where
// neither is allowed New skips the test, or fails it when the environment has
// NLSCRIPT_REQUIRE_KERNEL=1. With NLSCRIPT_NO_KERNEL=1 New always skips: in an
// emulator of another machine, which does not pass netlink on.
package testnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/nsexec"
)

// Main runs the tests and exits: here when this process may make network
// namespaces or nobody may, else in a child that is root of a user namespace.
func Main(m *testing.M) {
	inside, err := nsexec.Enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testnet:", err) // New will skip
	}
	if inside || noKernel() || mayUnshare() || fuzzWorker() {
		os.Exit(m.Run())
	}
	cmd := nsexec.Command(context.Background(), os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), 1)) // -1: killed
	case nsexec.Denied(err):
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, "testnet:", err)
	os.Exit(1)
}

// fuzzWorker reports whether this is a worker of go test -fuzz: it speaks with
// its coordinator over descriptors that a child would not have.
func fuzzWorker() bool {
	for _, a := range os.Args[1:] {
		if strings.HasPrefix(strings.TrimLeft(a, "-"), "test.fuzzworker") {
			return true
		}
	}
	return false
}

func noKernel() bool { return os.Getenv("NLSCRIPT_NO_KERNEL") == "1" }

func mayUnshare() bool {
	f, err := fresh()
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// An NS is a network namespace of a test. It ends with the test, and with it
// all that was made in it.
type NS struct {
	t testing.TB
	f *os.File
}

// New makes an empty namespace whose loopback device is up.
func New(t testing.TB) *NS {
	t.Helper()
	if noKernel() {
		t.Skip("NLSCRIPT_NO_KERNEL: no network namespace wanted")
	}
	f, err := fresh()
	if err != nil {
		Refuse(t, fmt.Sprintf("no network namespace: %v", err))
	}
	ns := &NS{t: t, f: f}
	t.Cleanup(func() { f.Close() })
	ns.Do(func() { err = nsexec.Loopback() })
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// Refuse ends a test that this machine cannot run: by skipping it, or by failing
// it where the environment says that machine can.
func Refuse(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("NLSCRIPT_REQUIRE_KERNEL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// fresh opens a new network namespace, made by a thread that ends with it.
func fresh() (f *os.File, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread must not come back
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			err = os.NewSyscallError("unshare", err)
			return
		}
		f, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	}()
	<-done
	return f, err
}

// FD is a descriptor of the namespace, valid until the test ends.
func (ns *NS) FD() int { return int(ns.f.Fd()) }

// Do runs f on a thread in the namespace: sockets that f opens belong to it, and
// so do processes that it starts. f may end the test.
func (ns *NS) Do(f func()) {
	ns.t.Helper()
	Do(ns.t, ns.FD(), f)
}

// Do is NS.Do for the namespace of a descriptor.
func Do(t testing.TB, fd int, f func()) {
	t.Helper()
	done := make(chan bool, 1)
	go func() {
		returned := false
		defer func() { done <- returned }() // also when f ends the test
		runtime.LockOSThread()              // never unlocked: the thread must not come back
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			t.Errorf("setns: %v", err)
			return
		}
		f()
		returned = true
	}()
	switch {
	case <-done:
	case t.Skipped():
		t.SkipNow()
	default:
		t.FailNow()
	}
}
