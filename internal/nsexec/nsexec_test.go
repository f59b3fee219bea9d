package nsexec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// As the child, the test binary says what it sees; as "nobody", it is the
// unprivileged parent of a child.
func TestMain(m *testing.M) {
	inside, err := Enter()
	switch {
	case inside:
		fmt.Println(report(err))
		os.Exit(3)
	case len(os.Args) > 1 && os.Args[1] == "nobody":
		out, err := Command(context.Background()).Output()
		if Denied(err) {
			fmt.Println("denied", err)
		}
		fmt.Print(string(out))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func report(err error) string {
	if err != nil {
		return "enter " + err.Error()
	}
	link, _ := os.Readlink(netns)
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return err.Error()
	}
	again, _ := Enter()
	return fmt.Sprintf("uid %d args %q up %v again %v %s", os.Geteuid(), os.Args[1:], lo.Flags&net.FlagUp != 0, again, link)
}

// check runs cmd and compares what the child reports.
func check(t *testing.T, out []byte, err error, args string) {
	t.Helper()
	if Denied(err) || strings.HasPrefix(string(out), "denied") {
		if os.Getenv("NLSCRIPT_REQUIRE_KERNEL") == "1" {
			t.Fatalf("no user namespaces: %v %s", err, out)
		}
		t.Skipf("no user namespaces: %v %s", err, out)
	}
	here, lerr := os.Readlink(netns)
	if lerr != nil {
		t.Fatal(lerr)
	}
	got, link, _ := strings.Cut(strings.TrimSpace(string(out)), " net:")
	if want := "uid 0 args " + args + " up true again false"; got != want {
		t.Errorf("child says %q, want %q", got, want)
	}
	if link == "" || "net:"+link == here {
		t.Errorf("child is in %q, this process in %q", "net:"+link, here)
	}
}

func TestCommand(t *testing.T) {
	out, err := Command(context.Background(), "one", "two").Output()
	var exit *exec.ExitError
	if !Denied(err) && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		t.Fatalf("exit status: %v, want 3", err)
	}
	check(t, out, err, `["one" "two"]`)
}

// The same without privileges: as root becomes nobody first.
func TestCommandUnprivileged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("already unprivileged: TestCommand has shown it")
	}
	cmd := exec.Command("/proc/self/exe", "nobody")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	check(t, out, err, `[]`)
}

// A mark in the environment of a process that is in its parent's namespace
// must not make it believe to be a sandbox.
func TestEnterSpoofed(t *testing.T) {
	here, err := os.Readlink(netns)
	if err != nil {
		t.Skip(err)
	}
	t.Setenv(marker, here)
	if inside, err := Enter(); inside || err != nil {
		t.Errorf("Enter = %v, %v in the namespace of the parent", inside, err)
	}
}

func TestCommandCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Command(ctx).Run(); !errors.Is(err, context.Canceled) {
		t.Errorf("run after cancel: %v", err)
	}
}

func TestDenied(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false,
		&os.PathError{Op: "fork/exec", Path: "x", Err: unix.EPERM}: true,
		os.NewSyscallError("unshare", unix.ENOSPC):                 true,
		unix.ENOENT:               false,
		errors.New("exit status"): false,
	} {
		if Denied(err) != want {
			t.Errorf("Denied(%v) = %v", err, !want)
		}
	}
}
