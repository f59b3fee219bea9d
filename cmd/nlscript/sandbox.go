package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/nsexec"
	"github.com/nlscript/nlscript/internal/sandbox"
)

// sandboxKey marks the context of a process that is inside the sandbox.
type sandboxKey struct{}

// enterSandbox runs this program again in namespaces of its own, and returns how
// that ended; done is false when this is the program in there.
func (a *app) enterSandbox(cmd *cobra.Command) (done bool, err error) {
	ctx := cmd.Context()
	if ctx.Value(sandboxKey{}) != nil {
		return false, nil
	}
	child := nsexec.Command(context.WithoutCancel(ctx), os.Args[1:]...)
	child.Stdin, child.Stdout, child.Stderr = a.stdin, a.stdout, a.stderr
	if err = child.Start(); err == nil {
		stop := context.AfterFunc(ctx, func() { child.Process.Signal(syscall.SIGTERM) })
		err = child.Wait()
		stop()
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &exit) && exit.Exited():
		return true, statusError(exit.ExitCode())
	case nsexec.Denied(err):
		return true, fmt.Errorf("--sandbox: this system lets nobody but root make user namespaces: %w", err)
	}
	return true, fmt.Errorf("--sandbox: %w", err)
}

// passes bounds how often a script is tried before it has its stand-ins: one that
// reads what is there may ask for more when it has the first.
const passes = 8

// furnish makes the devices that the script uses and does not create.
func (a *app) furnish(ctx context.Context, s engine.Script, root fs.FS) error {
	e, err := engine.New(engine.WithFS(root))
	if err != nil {
		return err
	}
	var made []string
	for range passes {
		// A script that fails here fails again when it is run, and is then told of.
		names, failed := e.Devices(ctx, s)
		if err := sandbox.Veth(names...); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
		made = append(made, names...)
		if failed == nil || len(names) == 0 {
			break
		}
	}
	if len(made) > 0 {
		fmt.Fprintf(a.stderr, "sandbox: stand-ins (veth pairs) for %s; nothing outside is touched\n", strings.Join(made, " "))
	} else {
		fmt.Fprintln(a.stderr, "sandbox: nothing outside is touched")
	}
	return nil
}

// leaveNothing takes names away that a run in the sandbox has given to namespaces:
// by path = they are files that others see.
func leaveNothing(ctx context.Context, r *engine.Result) {
	for _, c := range r.Plan.Changes {
		if c.Object == "netns" && c.Action == "create" && r.Pending().IsZero() {
			r.Undo(context.WithoutCancel(ctx)) // all else ends with the sandbox
			return
		}
	}
}
