// Command nlscript runs network configuration scripts: what the network should
// be, written in Starlark, committed to the kernel whole or not at all.
//
// It decides nothing: verbs read flags, call package engine and print.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/nlscript/nlscript/internal/nsexec"
)

// Exit statuses (DESIGN.md 8).
const (
	exitOK        = 0
	exitFailed    = 1 // script or kernel error, nothing is left applied
	exitUsage     = 2
	exitResidue   = 3 // undo is incomplete
	exitConflict  = 4
	exitDifferent = 5 // golden differs, or plan --check would change something
)

func main() {
	inside, err := nsexec.Enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nlscript:", err)
		os.Exit(exitFailed)
	}
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	ctx = limitMemory(ctx)
	if inside {
		ctx = context.WithValue(ctx, sandboxKey{}, true)
	}
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// endings are the signals that end a run and undo it. Under nohup a terminal
// that goes is none.
func endings() []os.Signal {
	l := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		l = append(l, syscall.SIGHUP)
	}
	return l
}

// run is the whole command, from arguments to exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (status int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "nlscript: internal error, and what was begun may be left: %v\n\n%s", r, debug.Stack())
			status = exitResidue
		}
	}()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, colour: colours(stderr)}
	root := a.root()
	root.SetArgs(rewrite(args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return a.status(cmd, err)
}
