package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/engine"
)

const confirmLong = `Confirm keeps what run --confirm did and would undo at its deadline. With --undo
it is undone now instead.`

const confirmExample = `  nlscript run --confirm 60s site.star
  nlscript confirm`

func (a *app) confirmCommand() *cobra.Command {
	var p place
	var undo bool
	cmd := &cobra.Command{
		Use:     "confirm [flags]",
		Short:   "Keep what run --confirm did",
		Long:    confirmLong,
		Example: confirmExample,
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := p.engine(a)
			if err != nil {
				return err
			}
			if e == nil {
				return errors.New("no run waits to be confirmed")
			}
			what, do := "confirmed", e.Confirm
			if undo {
				what, do = "undone; the network is as it was", e.Reject
			}
			a.after.recover = p.command("recover")
			if err := do(cmd.Context()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, what)
			return err
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&undo, "undo", false, "do not keep it: undo it now, not at its deadline")
	return cmd
}

// confirmSignals are what a run that waits on a terminal listens to.
func confirmSignals() (c chan os.Signal, stop func()) {
	c = make(chan os.Signal, 8)
	signal.Notify(c, append(endings(), syscall.SIGUSR1)...)
	return c, func() { signal.Stop(c) }
}

// pending says until when a run waits to be confirmed and, on a terminal, waits
// with it: Enter and SIGUSR1 confirm, Ctrl-C undoes, the deadline does, and a
// terminal that goes leaves it to the watcher.
func (a *app) pending(ctx context.Context, r *engine.Result, p *place, signals <-chan os.Signal, wait bool) error {
	how, by := "", clock(r.Pending(), time.Now())
	if wait {
		how = " press Enter here, or"
	}
	fmt.Fprintf(a.stdout, "committed, to be undone at %s unless confirmed:%s  %s\n", by, how, p.command("confirm"))
	if !wait {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // signals are listened to here
	settled := a.settled(ctx, r)
	enter := a.enter()
	for {
		keep := false
		select {
		case <-enter:
			keep = true
		case s := <-signals:
			switch s {
			case syscall.SIGUSR1:
				keep = true
			case syscall.SIGINT:
				fmt.Fprintln(a.stderr, "interrupted: undoing")
				if err := r.Undo(ctx); err != nil {
					return err
				}
				return a.undone("")
			default:
				fmt.Fprintf(a.stderr, "%v: it is undone at %s all the same, unless confirmed\n", s, by)
				return nil
			}
		case say := <-settled:
			return say()
		}
		if keep && r.Confirm(ctx) == nil {
			fmt.Fprintln(a.stdout, "confirmed")
			return nil
		}
		enter = nil // too late: settled says what became of it
	}
}

// settled waits for what others make of a run that waits, and gives what says so: only
// one of those who wait shall.
func (a *app) settled(ctx context.Context, r *engine.Result) <-chan func() error {
	c := make(chan func() error, 1)
	go func() {
		kept, err := r.Settled(ctx)
		c <- func() error {
			switch {
			case err != nil:
				return err
			case kept:
				fmt.Fprintln(a.stdout, "confirmed")
				return nil
			}
			return a.undone(" at " + time.Now().Format(time.TimeOnly) + ", it was not confirmed")
		}
	}()
	return c
}

func (a *app) undone(why string) error {
	fmt.Fprintf(a.stderr, "undone%s; the network is as it was\n", why)
	return statusError(exitFailed)
}

// enter tells of a line on the standard input. At its end nothing comes any more.
func (a *app) enter() <-chan struct{} {
	c := make(chan struct{})
	go func() {
		if _, err := bufio.NewReader(a.stdin).ReadString('\n'); err == nil {
			close(c)
		}
	}()
	return c
}
