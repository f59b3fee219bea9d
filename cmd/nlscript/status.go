package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

const statusLong = `Status lists the runs in a network namespace that are not over: those that are
going on, wait to be confirmed, or have died. It changes nothing.`

func (a *app) statusCommand() *cobra.Command {
	var p place
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status [flags]",
		Short:   "Show what waits to be confirmed or recovered",
		Long:    statusLong,
		Example: "  nlscript status\n  nlscript status --json | jq '.runs[].deadline'",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := p.engine(a)
			if err != nil {
				return err
			}
			if e == nil {
				return a.nothingPending(asJSON)
			}
			runs, err := e.Pending(cmd.Context())
			switch {
			case err != nil:
				return err
			case len(runs) == 0:
				return a.nothingPending(asJSON)
			case asJSON:
				return a.writeJSON(map[string]any{"schema_version": 1, "runs": runs})
			}
			now := time.Now()
			for _, r := range runs {
				begun, by := clock(r.Started, now), clock(r.Deadline, now)
				what := fmt.Sprintf("is running (pid %d, since %s)", r.PID, begun)
				switch {
				case r.Broken != "" && r.Away:
					what = fmt.Sprintf("is a journal that cannot be read (%s), of a run that was begun in another network namespace; recover --forget there or, if that is gone,  %s --forget  removes it", r.Broken, p.command("recover"))
				case r.Broken != "":
					what = fmt.Sprintf("is a journal that cannot be read (%s); when the network is as it should be, %s --forget  removes it", r.Broken, p.command("recover"))
				case r.Undoing && r.Live:
					what = "is being undone"
				case r.Away && !r.Live:
					what = fmt.Sprintf("died (pid %d, begun %s); it is undone where it was begun, in another network namespace, or, if that is gone, given up by  %s --forget", r.PID, begun, p.command("recover"))
				case r.Away && !r.Deadline.IsZero():
					what = fmt.Sprintf("is to be undone at %s unless confirmed where it was begun, in another network namespace", by)
				case r.Undoing:
					what = fmt.Sprintf("is not undone completely (pid %d, begun %s); the next run tries again, or  %s", r.PID, begun, p.command("recover"))
				case r.Live && !r.Deadline.IsZero():
					what = fmt.Sprintf("is to be undone at %s unless confirmed:  %s", by, p.command("confirm"))
				case !r.Deadline.IsZero():
					what = fmt.Sprintf("was to be undone at %s, and nobody is left to do it:  %s  undoes, %s  keeps", by, p.command("recover"), p.command("confirm"))
				case !r.Live:
					what = fmt.Sprintf("died (pid %d, begun %s); the next run undoes it, or  %s", r.PID, begun, p.command("recover"))
				}
				if _, err := fmt.Fprintf(a.stdout, "%s %s\n", r.Script, what); err != nil {
					return err
				}
			}
			return nil
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object instead of text")
	return cmd
}

func (a *app) nothingPending(asJSON bool) error {
	if asJSON {
		return a.writeJSON(map[string]any{"schema_version": 1, "runs": []any{}})
	}
	_, err := fmt.Fprintln(a.stdout, "nothing is going on or waits to be confirmed or recovered")
	return err
}
