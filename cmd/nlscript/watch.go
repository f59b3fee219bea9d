package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
)

// watchVerb is how nlscript starts the watcher of a run that waits to be
// confirmed: itself, detached from the terminal and from its parent.
const watchVerb = "watch"

// Descriptors of a watcher, beside the standard ones, which are /dev/null but
// for the output: on that it says that it is ready.
const (
	watchJournal = 3 + iota // open and locked
	watchAlive              // ends with the process that runs the script
	watchNetNS
)

// watcherStart bounds how long a watcher may take to say so.
const watcherStart = 10 * time.Second

// startWatcher returns what starts the watcher of an engine's run.
func startWatcher(e *engine.Engine) func(journal, alive *os.File) error {
	return func(journal, alive *os.File) error {
		netns, err := unix.FcntlInt(uintptr(e.NetNS()), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("network namespace: %w", err)
		}
		ns := os.NewFile(uintptr(netns), "netns")
		defer ns.Close()
		ready, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer ready.Close()
		// What others gave this process to hold is not the watcher's: a pipe, say,
		// at whose end somebody waits. Kernels before 5.11 cannot tell.
		unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
		cmd := exec.Command("/proc/self/exe", watchVerb, journal.Name())
		cmd.Args[0] = os.Args[0]
		cmd.Dir = "/"
		cmd.Env = []string{}
		cmd.Stdout = w
		cmd.ExtraFiles = []*os.File{journal, alive, ns}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		err = cmd.Start()
		w.Close()
		if err != nil {
			return err
		}
		go cmd.Wait() // so that it is no zombie while this process stays
		ready.SetReadDeadline(time.Now().Add(watcherStart))
		if _, err := io.ReadFull(ready, make([]byte, 1)); err != nil {
			cmd.Process.Kill()
			return errors.New("it does not start")
		}
		return nil
	}
}

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:    watchVerb + " JOURNAL",
		Short:  "Undo a run that is not confirmed (started by run --confirm)",
		Hidden: true,
		Args:   exactArgs("JOURNAL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE, syscall.SIGUSR1)
			ctx := context.WithoutCancel(cmd.Context()) // they were heard before
			var named, open unix.Stat_t
			if unix.Stat(args[0], &named) != nil || unix.Fstat(watchJournal, &open) != nil || named.Ino != open.Ino || named.Dev != open.Dev {
				return usagef("run --confirm starts this")
			}
			for fd := watchJournal; fd <= watchNetNS; fd++ {
				unix.CloseOnExec(fd)
			}
			e, err := engine.New(engine.WithNetNS(watchNetNS), engine.WithJournal(filepath.Dir(args[0])))
			if err != nil {
				return err
			}
			if err := detach(a.stdout); err != nil {
				return err
			}
			return e.Watch(ctx, os.NewFile(watchJournal, args[0]), os.NewFile(watchAlive, "alive"))
		},
	}
}

// detach says that the watcher is ready, and lets go of the pipe it says so on.
func detach(ready io.Writer) error {
	if _, err := ready.Write([]byte{'\n'}); err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	return unix.Dup3(int(null.Fd()), 1, 0)
}
