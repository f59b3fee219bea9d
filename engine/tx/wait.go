package tx

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Namespace opens sockets in the network namespace of a commit. Its methods
// may be called from several goroutines at once.
type Namespace interface {
	// Do runs f on a thread that is in the namespace.
	Do(f func() error) error
}

// dial opens a socket of rtnetlink: one that hears groups, or with none one for
// requests.
func (k Kernel) dial(groups ...uint32) (c *nlconn.Conn, err error) {
	if k.NS == nil {
		return nil, errors.New("no network namespace to listen in")
	}
	err = k.NS.Do(func() (err error) {
		c, err = nlconn.Dial(nlconn.Config{Groups: groups, Strict: len(groups) == 0})
		return err
	})
	return c, err
}

// errTimeUp is the cause of a context whose time was for a wait or a check alone.
var errTimeUp = errors.New("the time is over")

// A missing is why something does not hold yet.
type missing struct{ reason string }

func (e *missing) Error() string { return e.reason }

func notYet(format string, args ...any) error { return &missing{fmt.Sprintf(format, args...)} }

// until calls holds, and again whenever something is announced in the groups,
// until it returns no error, or one that is not a *missing. When the time is over
// the error is the last one; a look that has begun is not cut short by that, lest
// nobody learn what was missing.
func (k Kernel) until(ctx context.Context, limit time.Duration, groups []uint32, holds func() error) error {
	c, err := k.dial(groups...)
	if err != nil {
		return err
	}
	defer c.Close()
	bounded, cancel := context.WithTimeoutCause(ctx, limit, errTimeUp)
	defer cancel()
	for {
		err := holds()
		if m := (*missing)(nil); !errors.As(err, &m) {
			return err
		}
		lost := c.Receive(bounded, func(wire.Message) {})
		switch {
		case bounded.Err() != nil && context.Cause(bounded) == errTimeUp:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case lost != nil && !errors.Is(lost, nlconn.ErrOverflow):
			return lost
		}
	}
}

// wait plans a wait.
func (p *planner) wait(op *builtins.Op) error {
	if op.Wait.Dev != "" {
		s := wire.NewSet(rtnl.Addr.Table)
		s.PutName("dev", wire.NameVal(op.Wait.Dev))
		if err := p.st.Resolve(s); err != nil {
			return err
		}
	}
	p.change(&Change{Action: Await, Op: op})
	p.step(Step{Op: op, Wait: op.Wait, Fence: true})
	p.mild = false
	return nil
}

// wait returns when what a step waits for holds.
func (k Kernel) wait(ctx context.Context, s *Step) error {
	w := s.Wait
	var err error
	switch w.Kind {
	case builtins.WaitCarrier:
		err = k.until(ctx, w.Limit(), []uint32{unix.RTNLGRP_LINK}, func() error {
			st := state.New(Source{k.Conn})
			if err := st.Load(ctx); err != nil {
				return err
			}
			return carrier(st, w.Dev)
		})
	case builtins.WaitDAD:
		err = k.until(ctx, w.Limit(), []uint32{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV6_IFADDR}, func() error {
			st := state.New(Source{k.Conn})
			if err := st.Load(ctx, state.Scope{Object: rtnl.Addr}); err != nil {
				return err
			}
			return settled(st, w.Addr)
		})
	}
	if m := (*missing)(nil); errors.As(err, &m) {
		return &OpError{s.Op, "", fmt.Errorf("%s after %v", m.reason, w.Limit())}
	}
	if err != nil && ctx.Err() == nil {
		return &OpError{s.Op, "", err}
	}
	return err
}

// carrier reports why a device is not able to send.
func carrier(st *state.State, dev string) error {
	e := st.Known(dev)
	switch {
	case e == nil:
		return notYet("there is no device %s", dev)
	case e.Set().Uint("up") == 0:
		return notYet("%s is down", dev)
	case e.Set().Uint("lower_up") == 0:
		return notYet("%s has no carrier", dev)
	}
	return nil
}

// settled reports why duplicate address detection is not over: of one address,
// or of all on devices that have carrier, without which it does not begin.
func settled(st *state.State, one netip.Addr) error {
	found := !one.IsValid()
	for _, e := range st.All(rtnl.Addr) {
		s := e.Set()
		local, _ := s.Get("local")
		dev := uint32(s.Uint("dev"))
		if !local.A.Is6() || one.IsValid() && local.A != one || !one.IsValid() && carrier(st, st.Names(dev)) != nil {
			continue
		}
		found = true
		switch {
		case s.Uint("dadfailed") != 0:
			return fmt.Errorf("%s dev %s is a duplicate: another host has it", local.A, st.Names(dev))
		case s.Uint("tentative") != 0 && s.Uint("optimistic") == 0:
			return notYet("%s dev %s is still tentative", local.A, st.Names(dev))
		}
	}
	if !found {
		return notYet("no device has %s", one)
	}
	return nil
}

// waits holds all waits of a plan that has nothing to send.
func (p *Plan) waits(ctx context.Context, k Kernel) error {
	for i := range p.Steps {
		in, err := k.at(p.Steps[i].part)
		if err == nil {
			err = in.wait(ctx, &p.Steps[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// acts reports whether one of the steps changes something.
func acts(steps []Step) bool {
	for i := range steps {
		if steps[i].Wait == nil {
			return true
		}
	}
	return false
}
