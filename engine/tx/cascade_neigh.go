package tx

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// What goes of the neighbours of a link that stays: permanent ones, too (neigh_flush_dev).

// forgets are the neighbours that a link loses with a change of its address, or of whether
// it resolves any (neigh_changeaddr). Proxies stay. Of links above see mayForget.
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

// mayForget notes that links may get another address with one below, and lose their
// neighbours: a bridge that was given none has that of a port, which the kernel does not tell.
func (p *planner) mayForget(links ...*state.Entry) error {
	for _, l := range links {
		index := l.Index()
		if _, noted := p.follow[index]; !noted && p.read(l) != nil {
			if err := p.st.Load(p.ctx, state.Scope{Object: rtnl.Neigh, Dev: index}); err != nil {
				return err
			}
			for _, x := range p.st.All(rtnl.Neigh) {
				if uses(x, index) {
					p.plan.touch.key(x.Object, x.Key)
				}
			}
		}
		p.follow[index] = p.st.Mark()
	}
	return nil
}

// remembers writes the neighbours again that ops want and that may have gone so.
func (p *planner) remembers() error {
	if len(p.follow) == 0 {
		return nil
	}
	for _, x := range p.st.All(rtnl.Neigh) {
		mark, follows := p.follow[uint32(x.Set().Uint("dev"))]
		op := p.wantedBy(x)
		if !follows || !x.Older(mark) || x.Set().Uint("proxy") != 0 || op == nil {
			continue
		}
		msg, rel, err := p.build(x.Object, x.Object.New, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, Writable(x.Set()))
		if err != nil {
			return opError(op, err)
		}
		p.step(Step{Op: op, Object: x.Object, Msg: msg, Rel: rel})
	}
	return nil
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
