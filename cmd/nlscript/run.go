package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/nlconn"
)

const runLong = `Run makes the network what the script says. What is so already is left alone:
a second run changes nothing and says so. When anything fails, or at Ctrl-C, all
that was done is undone, verified, and the exit status is 1.

SCRIPT is a file, or - for the standard input. "run" can be left out when the
name has a '/' or ends in .star, so a script may begin with

  #!/usr/bin/env nlscript

Values for the script's param()s come by -D KEY=VALUE: text as it is, anything
else as JSON. nlscript run SCRIPT --help lists them.

With --sandbox the script runs in a private user and network namespace, which
needs no root: devices that it uses and does not create get stand-ins there.
With --facts it runs without a kernel, and what it would send is recorded.`

const runExample = `  nlscript run site.star
  nlscript run --sandbox scripts/router.star
  nlscript run --plan -D wan=eth7 -D 'lans=["eth1","eth2"]' site.star
  nlscript run --netns blue --json site.star | jq .outcome`

// A target is where a script is run: a kernel, or facts.
type target struct {
	params  params
	facts   facts
	netns   string
	sandbox bool
}

func (t *target) flags(cmd *cobra.Command) {
	t.params.flags(cmd)
	t.facts.flags(cmd)
	cmd.Flags().StringVar(&t.netns, "netns", "", "work in the network namespace `NAME` of ip netns")
	cmd.Flags().BoolVar(&t.sandbox, "sandbox", false, "work in a private namespace, with stand-ins for devices; needs no root")
}

// check refuses two places at once.
func (t *target) check(cmd *cobra.Command) error {
	if err := exclusive(cmd, "netns", "sandbox", "facts"); err != nil {
		return err
	}
	return exclusive(cmd, "netns", "sandbox", "link")
}

func (a *app) runCommand() *cobra.Command {
	var t target
	var asJSON, showPlan, verbose bool
	var confirm string
	cmd := &cobra.Command{
		Use:     "run [flags] SCRIPT",
		Short:   "Make the network what a script says",
		Long:    runLong,
		Example: runExample,
		Args:    exactArgs("SCRIPT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("confirm") {
				return usagef("--confirm %s: this version cannot undo a run later; nothing was done", confirm)
			}
			if err := t.check(cmd); err != nil {
				return err
			}
			if t.sandbox {
				if done, err := a.enterSandbox(cmd); done {
					return err
				}
			}
			e, s, err := a.open(cmd.Context(), &t, args[0], verbose)
			if err != nil {
				return err
			}
			if showPlan {
				if err := a.showPlan(cmd.Context(), e, s, verbose, asJSON); err != nil {
					return a.fail(err, asJSON)
				}
			}
			r, err := e.Run(cmd.Context(), s)
			a.done()
			if err != nil {
				return a.fail(err, asJSON)
			}
			if asJSON {
				return a.writeJSON(r)
			}
			_, err = fmt.Fprintln(a.stdout, r)
			return err
		},
	}
	t.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object instead of text")
	cmd.Flags().BoolVar(&showPlan, "plan", false, "show the plan first")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show more: what is so already, and each commit")
	cmd.Flags().StringVar(&confirm, "confirm", "", "reserved: undo after `DURATION` unless confirmed; refused by this version")
	a.scriptHelp(cmd, &t.params)
	return cmd
}

// open reads a script and makes the engine that runs it.
func (a *app) open(ctx context.Context, t *target, file string, verbose bool) (*engine.Engine, engine.Script, error) {
	s, root, err := a.script(file, &t.params)
	if err != nil {
		return nil, s, err
	}
	opts := []engine.Option{engine.WithFS(root), engine.WithLogger(a.logger(s.Name, verbose))}
	switch {
	case t.facts.given():
		known, err := t.facts.read()
		if err != nil {
			return nil, s, err
		}
		opts = append(opts, engine.WithFacts(known))
	case t.netns != "":
		ns, err := nlconn.OpenNetNS(t.netns)
		if err != nil {
			return nil, s, err
		}
		defer ns.Close()
		opts = append(opts, engine.WithNetNS(int(ns.Fd())))
	case t.sandbox:
		if err := a.furnish(ctx, s, root); err != nil {
			return nil, s, err
		}
	}
	e, err := engine.New(opts...)
	return e, s, err
}

// showPlan prints the plan of a run: to the standard output, or where that is
// for JSON beside it.
func (a *app) showPlan(ctx context.Context, e *engine.Engine, s engine.Script, verbose, asJSON bool) error {
	plan, err := e.Plan(ctx, s)
	if err != nil {
		return err
	}
	w := a.stdout
	if asJSON {
		w = a.stderr
	}
	_, err = fmt.Fprintln(w, colours(w).plan(plan.Text(verbose)))
	return err
}

// fail is what a run that failed ends with: with asJSON the error as an object,
// else err, which is said at the end.
func (a *app) fail(err error, asJSON bool) error {
	var e *engine.Error
	if !asJSON || !errors.As(err, &e) || e.Usage() {
		return err
	}
	if err := a.writeJSON(e); err != nil {
		return err
	}
	return statusError(outcomeStatus(e))
}

func (a *app) writeJSON(v any) error { return json.NewEncoder(a.stdout).Encode(v) }
