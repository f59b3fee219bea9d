package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
)

// watchVerb is how nlscript starts the watcher of a run: itself, detached from the
// terminal and from its parent.
const watchVerb = "watch"

// Descriptors of a watcher, beside the standard ones, which are /dev/null.
const (
	watchJournal = 3 + iota // open and locked
	watchAlive              // ends with the process that runs the script
	watchNetNS
)

// A watcher is the process that watches a run of an engine.
type watcher struct{ pid int } // 0: there is none

// of is what starts the watcher of an engine's run. It takes less than starting a
// program usually does: nobody waits for its first steps.
func (w *watcher) of(e *engine.Engine) func(journal, alive *os.File) error {
	return func(journal, alive *os.File) error {
		netns, err := unix.FcntlInt(uintptr(e.NetNS()), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("network namespace: %w", err)
		}
		ns := os.NewFile(uintptr(netns), "netns")
		defer ns.Close()
		// What others gave this process to hold is not the watcher's: a pipe, say,
		// at whose end somebody waits. Kernels before 5.11 cannot tell.
		unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
		null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("open "+os.DevNull, err)
		}
		defer unix.Close(null)
		// Package os would first start a process to see how it can wait for others.
		// Nobody waits for this one: it ends after us.
		w.pid, err = syscall.ForkExec("/proc/self/exe", []string{os.Args[0], watchVerb, journal.Name()}, &syscall.ProcAttr{
			Dir:   "/",
			Env:   []string{},
			Files: []uintptr{uintptr(null), uintptr(null), uintptr(null), journal.Fd(), alive.Fd(), ns.Fd()},
			Sys:   &syscall.SysProcAttr{Setsid: true},
		})
		return err
	}
}

// relieve ends the watcher of a run that leaves it nothing to do. It would see that by
// itself, but after a short run it is still starting, which delays our end.
func (w *watcher) relieve() {
	if w.pid > 0 {
		unix.Kill(w.pid, unix.SIGKILL) // not another process: nobody has waited for it
	}
}

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:    watchVerb + " JOURNAL",
		Short:  "Undo a run that is killed or not confirmed (started by run)",
		Hidden: true,
		Args:   exactArgs("JOURNAL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE, syscall.SIGUSR1)
			ctx := context.WithoutCancel(cmd.Context()) // they were heard before
			var named, open unix.Stat_t
			if unix.Stat(args[0], &named) != nil || unix.Fstat(watchJournal, &open) != nil || named.Ino != open.Ino || named.Dev != open.Dev {
				return usagef("run starts this")
			}
			for fd := watchJournal; fd <= watchNetNS; fd++ {
				unix.CloseOnExec(fd)
			}
			e, err := engine.New(engine.WithNetNS(watchNetNS), engine.WithJournal(filepath.Dir(args[0])))
			if err != nil {
				return err
			}
			return e.Watch(ctx, os.NewFile(watchJournal, args[0]), os.NewFile(watchAlive, "alive"))
		},
	}
}
