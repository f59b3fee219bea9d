package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/nsexec"
)

// privateVerb is how nlscript does in namespaces of its own what it has no right to
// do here: it starts itself there, with a request to the engine.
const privateVerb = "private"

// runPrivate returns what has a request answered there; what scripts load() is in
// dir.
func runPrivate(dir string) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, request []byte) ([]byte, error) {
		var answer, said bytes.Buffer
		child := nsexec.Command(ctx, privateVerb, dir)
		child.Stdin, child.Stdout, child.Stderr = bytes.NewReader(request), &answer, &said
		err := child.Run()
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit) && said.Len() > 0:
			err = errors.New(string(bytes.TrimSpace(said.Bytes())))
		case nsexec.Denied(err):
			err = fmt.Errorf("this system lets nobody but root make one (%w)", err)
		}
		return answer.Bytes(), err
	}
}

func (a *app) privateCommand() *cobra.Command {
	return &cobra.Command{
		Use:    privateVerb + " DIR",
		Short:  "Answer a request of a process without rights (started by run and export)",
		Hidden: true,
		Args:   exactArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Context().Value(sandboxKey{}) == nil {
				return usagef("run --rehearse and export start this")
			}
			request, err := io.ReadAll(a.stdin)
			if err != nil {
				return err
			}
			root, err := os.OpenRoot(args[0])
			if err != nil {
				return err
			}
			e, err := engine.New(engine.WithFS(root.FS()))
			if err != nil {
				return err
			}
			answer, err := e.Private(cmd.Context(), request)
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(answer)
			return err
		},
	}
}
