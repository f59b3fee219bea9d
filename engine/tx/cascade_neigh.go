package tx

import (
	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// What goes of the neighbours of a link that stays: permanent ones, too (neigh_flush_dev).

// forgets are the neighbours that a link loses with a change of its address, or of whether
// it resolves any (neigh_changeaddr). Proxies stay. Links above that follow its address lose
// theirs as well, but which do is not told.
func (p *planner) forgets(e *state.Entry, pick *wire.Set) ([]*state.Entry, error) {
	if p.virtual[e.Index()] || !pick.Has("address") && !switchesARP(e.Set(), pick) {
		return nil, nil
	}
	p.plan.touch.link(e.Index())
	if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Neigh, Dev: e.Index()}); err != nil {
		return nil, err
	}
	var gone []*state.Entry
	for _, x := range p.st.All(rtnl.Neigh) {
		if uses(x, e.Index()) && x.Set().Uint("proxy") == 0 {
			gone = append(gone, x)
		}
	}
	return gone, nil
}

// switchesARP reports whether a change turns the resolving of neighbours on or off on a link
// that is up or comes up: one that is down keeps what it has (__dev_notify_flags).
func switchesARP(have, pick *wire.Set) bool {
	return pick.Has("arp") && pick.Uint("arp") != have.Uint("arp") && (have.Uint("up") != 0 || pick.Uint("up") != 0)
}

// neighboursBack makes the neighbours again that went with a change, as far as stays wants
// them.
func (p *planner) neighboursBack(op *builtins.Op, c *Change, gone []*state.Entry, stays func(*state.Entry) bool) error {
	back := &Change{}
	for _, x := range gone {
		if x.Object == rtnl.Neigh && stays(x) && len(p.st.Find(x.Object, x.Key)) == 0 {
			back.With = append(back.With, x)
		}
	}
	if err := p.putBack(op, back); err != nil {
		return err
	}
	c.Back = append(c.Back, back.Back...)
	return nil
}

// ensuredOf tells which objects ops before ensure, of the neighbours that go with a change
// of a link and of the addresses that it renames. Ops know the link by the name that it has:
// it must not have got the new one yet.
func (p *planner) ensuredOf(e *state.Entry, change *wire.Set, gone []*state.Entry) func(*state.Entry) bool {
	m := map[*state.Entry]bool{}
	for _, x := range gone {
		if x.Object == rtnl.Neigh && p.ensured(x) {
			m[x] = true
		}
	}
	if change.Has("newname") {
		for _, x := range p.onDevice(e.Index()) {
			m[x] = p.ensured(x)
		}
	}
	return func(x *state.Entry) bool { return m[x] }
}
