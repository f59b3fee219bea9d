package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const recoverLong = `Recover restores the state before a run that died half-way: killed, or undone
incompletely. The next run does the same by itself. Runs that are going on, or
wait to be confirmed, are left alone.

What cannot be restored is listed, the exit status is 3, and the journal is kept,
so that recover can be said again when the cause is gone. With --forget it is
given up instead.`

const recoverExample = `  nlscript status
  nlscript recover`

func (a *app) recoverCommand() *cobra.Command {
	var p place
	var forget bool
	cmd := &cobra.Command{
		Use:     "recover [flags]",
		Short:   "Undo what a run left that died",
		Long:    recoverLong,
		Example: recoverExample,
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := p.engine(a)
			if err != nil {
				return err
			}
			if e == nil {
				_, err = fmt.Fprintln(a.stdout, "nothing to recover")
				return err
			}
			a.after.recover = p.command("recover")
			r, err := e.Recover(cmd.Context())
			switch {
			case err != nil && forget && r != nil && len(r.Residue) > 0:
				if err := e.Forget(cmd.Context()); err != nil {
					return err
				}
				fmt.Fprintln(a.stdout, "forgotten, and still different from before:")
				for _, c := range r.Residue {
					fmt.Fprintln(a.stdout, "  "+c.Key)
				}
				return nil
			case err != nil:
				return err
			case r.Outcome == "unchanged":
				_, err = fmt.Fprintln(a.stdout, "nothing to recover")
			default:
				_, err = fmt.Fprintln(a.stdout, "recovered: the network is as it was")
			}
			return err
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&forget, "forget", false, "give up what cannot be restored")
	return cmd
}
