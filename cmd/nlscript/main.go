// How many CPUs a container may use is read from several files, at each start and
// again while it runs. A run that takes milliseconds does without: it has little to
// do on more than one.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

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
	roomy(0)
	inside, err := nsexec.Enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nlscript:", err)
		os.Exit(exitFailed)
	}
	ctx, guarded := guard()
	if inside {
		ctx = context.WithValue(ctx, sandboxKey{}, true)
	}
	os.Exit(run(context.WithValue(ctx, guardedKey{}, guarded), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// roomy makes the stack as large as a run needs, at once. It would be copied four
// times on the way there, and all that is on it looked up.
//
//go:noinline
func roomy(i int) byte {
	var room [16 << 10]byte
	return room[i]
}

// guard returns a context that ends with a signal, or when there is too little
// memory. It is on guard when the channel is closed: that takes some threads, and
// the command can get ready meanwhile.
func guard() (context.Context, <-chan struct{}) {
	ctx, cancel := context.WithCancelCause(context.Background())
	guarded := make(chan struct{})
	go func() {
		signals, _ := signal.NotifyContext(context.Background(), endings()...)
		limitMemory(ctx, cancel)
		close(guarded)
		<-signals.Done()
		cancel(context.Cause(signals))
	}()
	return ctx, guarded
}

// guardedKey is where the context has the channel of guard.
type guardedKey struct{}

// awaitGuard returns when signals are heard and memory is limited.
func awaitGuard(ctx context.Context) {
	if c, ok := ctx.Value(guardedKey{}).(<-chan struct{}); ok {
		<-c
	}
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
	args = rewrite(args)
	root := a.root(args)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return a.status(cmd, err)
}
