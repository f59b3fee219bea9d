package tx

import (
	"context"
	"net/netip"
	"time"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// The kernel refuses an IPv6 route whose preferred source is an address that may
// still turn out to be a duplicate (ipv6_chk_addr): such a route waits.

const (
	pollLimit = 10 * time.Second // duplicate address detection takes about two, and carrier may not come
	pollPause = 20 * time.Millisecond
)

// sourceOf is the IPv6 address that a route prefers as its source.
func sourceOf(o *wire.Object, s *wire.Set) (src netip.Addr, ok bool) {
	if o != rtnl.Route {
		return src, false
	}
	v, _ := s.Get("src")
	return v.A, v.Type == wire.Addr && v.A.Is6()
}

// await makes the last step wait for the source of its route, once for each.
func (p *planner) await(o *wire.Object, s *wire.Set) {
	if src, ok := sourceOf(o, s); ok && !p.sources[src] {
		p.sources[src] = true
		p.plan.Steps[len(p.plan.Steps)-1].Source = src
	}
}

// waitDAD returns when an address is not tentative, or not there, or after a
// while: then the kernel says what it thinks of it.
func waitDAD(ctx context.Context, k Kernel, src netip.Addr) error {
	return k.poll(ctx, func(st *state.State) bool { return !tentative(st, src) }, state.Scope{Object: rtnl.Addr})
}

// poll looks at what is in the scopes until it is as it has to be, or for a while.
func (k Kernel) poll(ctx context.Context, done func(*state.State) bool, scopes ...state.Scope) error {
	for end := time.Now().Add(pollLimit); time.Now().Before(end); {
		st := state.New(Source{k.Conn})
		if err := st.Load(ctx, scopes...); err != nil {
			return err
		}
		if done(st) || k.sweep == 1 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pollPause):
		}
	}
	return nil
}

func tentative(st *state.State, src netip.Addr) bool {
	for _, e := range st.All(rtnl.Addr) {
		s := e.Set()
		if v, _ := s.Get("local"); v.A == src && s.Uint("tentative") != 0 && s.Uint("optimistic") == 0 && s.Uint("dadfailed") == 0 {
			return true
		}
	}
	return false
}
