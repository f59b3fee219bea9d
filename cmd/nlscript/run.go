package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

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

With --confirm 60s it is undone after that time unless "nlscript confirm" is
said: a watcher sees to it, also when the terminal, or this process, is gone. On a
terminal run waits, and Enter confirms.

With --rehearse it is run first in a copy of the network namespace, with the same
devices, addresses, routes and sysctls: what fails there is not sent at all.

A journal is written before anything is sent. When a run is killed, the next one,
or "nlscript recover", restores the state before it.

With --sandbox the script runs in a private user and network namespace, which
needs no root: devices that it uses and does not create get stand-ins there.
With --facts it runs without a kernel, and what it would send is recorded.`

const runExample = `  nlscript run site.star
  nlscript run --sandbox scripts/router.star
  nlscript run --plan -D wan=eth7 -D 'lans=["eth1","eth2"]' site.star
  nlscript run --confirm 60s site.star
  nlscript run --rehearse site.star
  nlscript run --netns blue --json site.star | jq .outcome`

// A target is where a script is run: a kernel, or facts.
type target struct {
	params  params
	facts   facts
	netns   string
	journal string // of run
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
	var p place
	var asJSON, showPlan, verbose bool
	var confirm time.Duration
	var retry int
	var rehearse bool
	cmd := &cobra.Command{
		Use:     "run [flags] SCRIPT",
		Short:   "Make the network what a script says",
		Long:    runLong,
		Example: runExample,
		Args:    exactArgs("SCRIPT"),
		RunE: a.told(&asJSON, func(cmd *cobra.Command, args []string) error {
			// What reads our output may go; the run ends as it should.
			signal.Ignore(syscall.SIGPIPE)
			if err := t.check(cmd); err != nil {
				return err
			}
			p.netns, t.journal = t.netns, p.journal
			switch {
			case cmd.Flags().Changed("confirm") && confirm <= 0:
				return usagef("--confirm %v: a time to come is wanted", confirm)
			case confirm > 0 && (p.journal == noJournal || t.facts.given()):
				return usagef("--confirm needs a journal, and a kernel")
			case rehearse && t.facts.given():
				return usagef("--rehearse needs a kernel")
			case retry < 0:
				return usagef("--retry %d: a number of times is wanted", retry)
			}
			if t.sandbox {
				if done, err := a.enterSandbox(cmd); done {
					return err
				}
			}
			session := a.sshSession(&t)
			var opts []engine.Option
			if !t.facts.given() {
				keep, err := p.option()
				if err != nil {
					return err
				}
				opts = append(opts, keep)
			}
			again := t.again("--confirm 60s", args[0])
			if session != nil && confirm == 0 && !showPlan {
				opts = append(opts, session.policy(a, again))
			}
			e, s, err := a.open(cmd.Context(), &t, args[0], verbose, opts...)
			if err != nil {
				return err
			}
			awaitGuard(cmd.Context())
			s.Confirm, s.Retry, s.Rehearse = confirm, retry, rehearse
			if showPlan {
				plan, err := a.showPlan(cmd.Context(), e, s, verbose, asJSON)
				if err != nil {
					return err
				}
				if confirm == 0 {
					session.warn(a, plan, again)
				}
				a.handler.planned(plan.Commits())
			}
			a.after.retry = t.again(fmt.Sprintf("--retry %d", max(3, 2*retry)), args[0])
			if p.journal != noJournal && !t.facts.given() && !t.sandbox {
				a.after.recover = p.command("recover")
			}
			var watcher watcher
			if !t.sandbox || confirm > 0 { // what dies with the sandbox needs no undoing
				e.SetWatcher(watcher.of(e))
			}
			e.SetPrivate(runPrivate(filepath.Dir(args[0])))
			var signals chan os.Signal
			wait := confirm > 0 && !asJSON && readable(a.stdin)
			if wait {
				var stop func()
				signals, stop = confirmSignals()
				defer stop()
			}
			r, err := e.Run(cmd.Context(), s)
			if err != nil || r.Pending().IsZero() {
				watcher.relieve()
			}
			a.done()
			if err != nil {
				return err
			}
			if t.sandbox {
				defer leaveNothing(cmd.Context(), r)
			}
			if asJSON {
				return a.unsaid(r, a.writeJSON(r))
			}
			if err := a.unsaid(r, a.rehearsed(r)); err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, r)
			if err := a.unsaid(r, err); err != nil || r.Pending().IsZero() {
				return err
			}
			return a.pending(cmd.Context(), r, &p, signals, wait)
		}),
	}
	t.flags(cmd)
	p.journalFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object instead of text")
	cmd.Flags().BoolVar(&showPlan, "plan", false, "show the plan first")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show more: what is so already, and each commit")
	cmd.Flags().DurationVar(&confirm, "confirm", 0, "undo after `DURATION` (60s, 5m) unless confirmed")
	cmd.Flags().IntVar(&retry, "retry", 0, "run again up to `N` times when another program interferes")
	cmd.Flags().BoolVar(&rehearse, "rehearse", false, "run it in a copy of the namespace first, and only if that held in the namespace itself")
	a.scriptHelp(cmd, &t.params)
	return cmd
}

// rehearsed says how a rehearsal went.
func (a *app) rehearsed(r *engine.Result) error {
	if r.Rehearsal == nil {
		return nil
	}
	s := r.Rehearsal.String()
	for _, n := range r.Rehearsal.Notes {
		s += "\n  note: " + n
	}
	_, err := fmt.Fprintln(a.stdout, s)
	return err
}

// again is how a person would type this run with more flags. Values of params
// are left to them: some are secret.
func (t *target) again(flags, file string) string {
	s := "nlscript run " + flags
	if t.netns != "" {
		s += " --netns " + t.netns
	}
	if t.journal != "" {
		s += " --journal " + t.journal
	}
	if len(t.params.define) > 0 {
		s += " -D ..."
	}
	if t.params.file != "" {
		s += " --params " + t.params.file
	}
	return s + " " + file
}

// readable reports whether somebody can type to r.
func readable(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && f != nil && terminal(f)
}

// open reads a script and makes the engine that runs it.
func (a *app) open(ctx context.Context, t *target, file string, verbose bool, more ...engine.Option) (*engine.Engine, engine.Script, error) {
	s, root, err := a.script(ctx, file, &t.params)
	if err != nil {
		return nil, s, err
	}
	opts := append(more, engine.WithFS(root), engine.WithLogger(a.logger(s.Name, verbose)))
	switch {
	case t.facts.given():
		known, err := t.facts.read(ctx)
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
func (a *app) showPlan(ctx context.Context, e *engine.Engine, s engine.Script, verbose, asJSON bool) (*engine.Plan, error) {
	plan, err := e.Plan(ctx, s)
	if err != nil {
		return nil, err
	}
	w := a.stdout
	if asJSON {
		w = a.stderr
	}
	_, err = fmt.Fprintln(w, colours(w).plan(fit(plan.Text(verbose), terminalWidth(w))))
	return plan, err
}

// unsaid is what becomes of a run that held and could not say so: the exit status
// tells of the network, which is changed.
func (a *app) unsaid(r *engine.Result, err error) error {
	if err == nil {
		return nil
	}
	fmt.Fprintf(a.stderr, "warning: %v\nwarning: %v\n", r, err)
	return statusError(exitOK)
}

// told makes every error of a verb an object with --json, but wrong usage, which
// is for people. Others are said at the end.
func (a *app) told(asJSON *bool, verb func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := verb(cmd, args)
		var e *engine.Error
		var code statusError
		var usage usageError
		if err == nil || !*asJSON || errors.As(err, &code) || errors.As(err, &usage) {
			return err
		}
		if !errors.As(err, &e) {
			e = &engine.Error{Outcome: "rolled_back", Message: err.Error(), Err: err}
		}
		if e.Usage() {
			return err
		}
		if err := a.writeJSON(e); err != nil {
			fmt.Fprintln(a.stderr, err)
		}
		return statusError(outcomeStatus(e))
	}
}

func (a *app) writeJSON(v any) error { return json.NewEncoder(a.stdout).Encode(v) }
