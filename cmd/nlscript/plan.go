package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const planLong = `Plan evaluates a script against this machine, or the facts given, and shows what
run would change. It changes nothing, and needs no rights to look.

  + is created    ~ changes    - goes    ! goes down and comes up again to change
  > is a verb of the kernel, sent as it is and not compared    = is so already

What else goes with a change is indented below it.`

const planExample = `  nlscript plan site.star
  nlscript plan --check site.star     exit status 5 if anything would change
  nlscript plan --json site.star | jq .summary`

func (a *app) planCommand() *cobra.Command {
	var t target
	var asJSON, check, verbose bool
	cmd := &cobra.Command{
		Use:     "plan [flags] SCRIPT",
		Short:   "Show what a script would change",
		Long:    planLong,
		Example: planExample,
		Args:    exactArgs("SCRIPT"),
		RunE: a.told(&asJSON, func(cmd *cobra.Command, args []string) error {
			if err := t.check(cmd); err != nil {
				return err
			}
			if t.sandbox {
				if done, err := a.enterSandbox(cmd); done {
					return err
				}
			}
			session := a.sshSession(&t)
			e, s, err := a.open(cmd.Context(), &t, args[0], verbose)
			if err != nil {
				return err
			}
			plan, err := e.Plan(cmd.Context(), s)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.writeJSON(plan)
			} else {
				_, err = fmt.Fprint(a.stdout, colours(a.stdout).plan(fit(plan.Text(verbose), terminalWidth(a.stdout))))
			}
			session.warn(a, plan, t.again("--confirm 60s", args[0]))
			if err == nil && check && !plan.Empty() {
				err = statusError(exitDifferent)
			}
			return err
		}),
	}
	t.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object instead of text")
	cmd.Flags().BoolVar(&check, "check", false, "exit with status 5 if anything would change")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show what is so already, too")
	a.scriptHelp(cmd, &t.params)
	return cmd
}
