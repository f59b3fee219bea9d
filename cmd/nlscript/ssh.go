package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/internal/session"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// An ssh is the session that this process was started from.
type ssh struct {
	local, remote netip.Addr
	dev           string
}

// sshSession finds the session, when there is a person to tell of it and the
// namespace worked in is the one the session comes in by. nil: nothing to say.
func (a *app) sshSession(t *target) *ssh {
	if !terminal(a.stderr) || t.sandbox || t.netns != "" || t.facts.given() {
		return nil
	}
	local, remote, ok := session.Ends("/proc", os.Getpid())
	if !ok {
		return nil
	}
	dev, err := routeDev(local, remote)
	if err != nil {
		return nil
	}
	return &ssh{local, remote, dev}
}

// warn says so when a plan may cut the session off.
func (s *ssh) warn(a *app, p *engine.Plan, again string) {
	if s == nil {
		return
	}
	if how := p.Affects(s.dev, s.local, s.remote); how != "" {
		fmt.Fprintf(a.stderr, "Your SSH session (%v) comes in by %s%s: consider  %s\n", s.remote, s.dev, how, again)
	}
}

// policy warns before the first commit that may cut the session off is sent.
func (s *ssh) policy(a *app, again string) engine.Option {
	said := false
	return engine.WithPolicy(func(_ context.Context, p *engine.Plan) error {
		if !said && p.Affects(s.dev, s.local, s.remote) != "" {
			said = true
			s.warn(a, p, again)
		}
		return nil
	})
}

// routeDev asks the kernel by which device packets from one address to another leave.
func routeDev(from, to netip.Addr) (string, error) {
	c, err := nlconn.Dial(nlconn.Config{})
	if err != nil {
		return "", err
	}
	defer c.Close()
	family := byte(unix.AF_INET)
	if to.Is6() {
		family = unix.AF_INET6
	}
	var b wire.Builder
	m := b.Begin(unix.RTM_GETROUTE, unix.NLM_F_REQUEST)
	head := b.Fixed(unix.SizeofRtMsg)
	head[0], head[1], head[2] = family, byte(to.BitLen()), byte(from.BitLen())
	b.Addr(unix.RTA_DST, to)
	if from.IsValid() {
		b.Addr(unix.RTA_SRC, from)
	}
	b.End(m)
	req, err := b.Bytes()
	if err != nil {
		return "", err
	}
	answer, err := c.Get(req)
	if err != nil {
		return "", err
	}
	set := wire.NewSet(rtnl.Route.Table)
	if err := rtnl.Route.Decode(answer, nil, set); err != nil {
		return "", err
	}
	dev, err := net.InterfaceByIndex(int(set.Uint("dev")))
	if err != nil {
		return "", err
	}
	return dev.Name, nil
}
