package tx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A CheckError says which check of a commit did not hold, and why not.
type CheckError struct {
	Check  *builtins.Check // the first that did not
	Reason string          // the last one
	Within time.Duration
	Others int // how many more did not
}

func (e *CheckError) Error() string { return e.Title() + ": " + e.Text() }

// Title names the check.
func (e *CheckError) Title() string { return "check " + e.Check.Text() }

// Text is why it did not hold.
func (e *CheckError) Text() string {
	s := e.Reason
	if e.Within != 0 { // it was tried
		s += fmt.Sprintf(", within %v", e.Within)
	}
	switch e.Others {
	case 0:
	case 1:
		s += "; another check did not hold either"
	default:
		s += fmt.Sprintf("; %d other checks did not hold either", e.Others)
	}
	return s
}

// Check tries the checks of a commit that was verified until all have held, at
// the same time and each until the time is over. What others do meanwhile is
// taken into account as it is while sending.
func (p *Plan) Check(ctx context.Context, k Kernel, checks []*builtins.Check, within time.Duration) error {
	if len(checks) == 0 {
		return nil
	}
	err := k.check(ctx, checks, within)
	if conflict := k.heed(p); conflict != nil {
		return conflict
	}
	return err
}

func (k Kernel) check(ctx context.Context, checks []*builtins.Check, within time.Duration) error {
	failed := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		in, err := k.in(c.In)
		if err != nil {
			failed[i] = err
			continue
		}
		wg.Go(func() { failed[i] = in.try(ctx, c, within) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var first *CheckError
	for i, err := range failed {
		switch {
		case err == nil:
		case first == nil:
			first = &CheckError{Check: checks[i], Reason: err.Error(), Within: within}
		default:
			first.Others++
		}
	}
	if first == nil {
		return nil
	}
	return first
}

// try returns nil when the check has held, or why it did not within its time.
func (k Kernel) try(ctx context.Context, c *builtins.Check, within time.Duration) error {
	switch c.Kind {
	case builtins.CheckPing:
		return again(ctx, within, func(ctx context.Context) error { return ping(ctx, k.NS, c.Addr) })
	case builtins.CheckTCP:
		return again(ctx, within, func(ctx context.Context) error { return k.connect(ctx, netip.AddrPortFrom(c.Addr, c.Port)) })
	}
	conn, err := k.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	groups := []uint32{unix.RTNLGRP_LINK}
	if c.Kind == builtins.CheckRoute {
		groups = append(groups, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
			unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_NEXTHOP)
	}
	return k.until(ctx, within, groups, func() error {
		st := state.New(Source{conn})
		if err := st.Load(ctx); err != nil {
			return err
		}
		if c.Kind == builtins.CheckCarrier {
			return carrier(st, c.Dev)
		}
		return looksUp(st, conn, c)
	})
}

// A getter asks the kernel for one object.
type getter interface {
	Get(req []byte) ([]byte, error)
}

// looksUp compares the kernel's look-up of an address with what a check wants.
func looksUp(st *state.State, conn getter, c *builtins.Check) error {
	family := uint64(unix.AF_INET)
	if c.Addr.Is6() {
		family = unix.AF_INET6
	}
	ask := wire.NewSet(rtnl.Route.Table)
	ask.PutName("family", wire.IntVal(family))
	ask.PutName("dst", wire.NetVal(netip.PrefixFrom(c.Addr, c.Addr.BitLen())))
	var b wire.Builder
	if err := rtnl.Route.Append(&b, unix.RTM_GETROUTE, unix.NLM_F_REQUEST, ask); err != nil {
		return err
	}
	req, _, err := b.Last()
	if err != nil {
		return err
	}
	msg, err := conn.Get(req)
	if err != nil {
		return notYet("%v", err)
	}
	got := wire.NewSet(rtnl.Route.Table)
	if err := rtnl.Route.Table.DecodeState(msg[wire.HeaderLen:], got); err != nil {
		return err
	}
	dev := st.Names(uint32(got.Uint("dev")))
	wanted := st.Known(c.Dev) // altnames too
	via, _ := got.Get("via")
	src, _ := got.Get("src")
	switch {
	case c.Dev != "" && wanted == nil:
		return notYet("there is no device %s", c.Dev)
	case c.Dev != "" && uint64(wanted.Index()) != got.Uint("dev"):
		return notYet("the route is by %s, not %s", dev, c.Dev)
	case c.Via.IsValid() && via.A != c.Via:
		return notYet("the route is via %s, not %s", nameOf(via.A), c.Via)
	case c.Src.IsValid() && src.A != c.Src:
		return notYet("the route is from %s, not %s", nameOf(src.A), c.Src)
	}
	return nil
}

func nameOf(a netip.Addr) string {
	if !a.IsValid() {
		return "nothing"
	}
	return a.String()
}

// Tries of what only other hosts can answer take longer one by one: a first may
// meet a bridge that learns, or a neighbour that is being resolved.
const (
	firstTry = 300 * time.Millisecond
	lastTry  = 3 * time.Second
	pause    = 100 * time.Millisecond // after a refusal
)

// again tries until it works or the time is over; then the error is the last one
// of a try that was not cut short.
func again(ctx context.Context, within time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, errTimeUp)
	defer cancel()
	var last error
	for limit := firstTry; ; limit = min(2*limit, lastTry) {
		bounded, cancel := context.WithTimeout(ctx, limit)
		err := try(bounded)
		cancel()
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
		}
	}
}

// connect opens a TCP connection and closes it.
func (k Kernel) connect(ctx context.Context, to netip.AddrPort) error {
	err := k.NS.Do(func() error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	return netError(err)
}

// netError is what a failed try says: the kernel's errno, or that nothing came.
func netError(err error) error {
	var errno syscall.Errno
	var timeout net.Error
	switch {
	case errors.As(err, &errno):
		return fmt.Errorf("%v (%s)", errno, ErrnoName(errno))
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errNoAnswer
	}
	return err
}

var errNoAnswer = errors.New("no answer")
