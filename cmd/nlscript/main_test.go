package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/nsexec"
	"github.com/nlscript/nlscript/internal/sandbox"
	"github.com/nlscript/nlscript/internal/testnet"
)

var update = flag.Bool("update", false, "write what the scripts of testdata expect")

// Beside nlscript itself the scripts of testdata can run
//
//	sandboxed [-powerless] [DEVICE...] -- COMMAND...   in a network namespace of its own, with these devices
//	sandboxed -confined [DEVICE...] -- COMMAND...      where it may make no other namespace
//	sandboxed -alone [DEVICE...] -- COMMAND...         nor a user namespace
//	interrupted COMMAND...                             with SIGINT as soon as it says "started"
//
// and what programs_test.go has.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"nlscript": main, "sandboxed": sandboxed, "interrupted": interrupted,
		"killed": killed, "killedboth": killedBoth, "killwatcher": killWatcher, "onterminal": onTerminal, "routedev": routeDevs, "sshd": sshd, "meddled": meddled, "rehearses": rehearses})
}

// TestScripts runs testdata/*.txtar. Those that have to do with the kernel are
// in files that begin with "kernel".
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "kernel":
				return kernel(t), nil
			case "vm": // where each program takes a second to begin
				return testnet.InVM(), nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// kernel reports whether this machine makes user namespaces; where it has to, it
// is an error that it does not.
func kernel(t *testing.T) bool {
	if os.Getenv("NLSCRIPT_NO_KERNEL") == "1" {
		return false
	}
	cmd := exec.Command("true")
	cmd.SysProcAttr = nsexec.Command(context.Background()).SysProcAttr
	err := cmd.Run()
	if err != nil && os.Getenv("NLSCRIPT_REQUIRE_KERNEL") == "1" {
		t.Errorf("no user namespaces: %v", err)
	}
	return err == nil
}

// exits is the command "exits STATUS COMMAND...": exec with just this status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// sandboxed is a program: see TestMain.
func sandboxed() {
	inside, err := nsexec.Enter()
	if err != nil {
		fatal(err)
	}
	args := os.Args[1:]
	if !inside {
		cmd := nsexec.Command(context.Background(), args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		finish(cmd.Run())
	}
	runtime.LockOSThread()
	drop := map[string]uintptr{"-powerless": unix.CAP_NET_ADMIN, "-confined": unix.CAP_SYS_ADMIN, "-alone": unix.CAP_SYS_ADMIN}
	lost, without := drop[args[0]]
	if args[0] == "-alone" {
		if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
			fatal(err)
		}
	}
	if without {
		args = args[1:]
	}
	i := slices.Index(args, "--")
	if i < 0 {
		fatal(errors.New("sandboxed: -- is missing"))
	}
	if err := sandbox.Veth(args[:i]...); err != nil {
		fatal(err)
	}
	if without {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, lost, 0, 0, 0); err != nil {
			fatal(err)
		}
	}
	cmd := exec.Command(args[i+1], args[i+2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	finish(cmd.Run())
}

// interrupted is a program: see TestMain.
func interrupted() { whenStarted(func(p *os.Process) { p.Signal(os.Interrupt) }) }

// whenStarted runs a command and does something with it when it says "started".
func whenStarted(f func(*os.Process)) {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout = os.Stdout
	pipe, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fatal(err)
	}
	r := bufio.NewReader(pipe)
	for {
		line, err := r.ReadString('\n')
		io.WriteString(os.Stderr, line)
		if strings.Contains(line, "started") {
			f(cmd.Process)
		}
		if err != nil {
			break
		}
	}
	finish(cmd.Wait())
}

// finish ends the process as a child ended.
func finish(err error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), 1))
	}
	fatal(err)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(99)
}
