package tx

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// take returns the index of a new link: the lowest free one from FirstIndex on
// when other ops refer to it, or else one that stands for what the kernel picks.
func (p *planner) take(name string) uint32 {
	next := &p.next
	if !p.refers(name) {
		next = &p.unknown
	}
	for p.st.LinkByIndex(*next) != nil {
		*next++
	}
	*next++
	p.virtual[*next-1] = !p.refers(name)
	return *next - 1
}

// createLink plans a new link: its creation, then in messages of their own what
// a creation ignores or refuses. It gets an index assigned when other ops refer
// to it; in the plan it has one in any case. own says that set is what the op's
// own message holds.
func (p *planner) createLink(op *builtins.Op, set *wire.Set, name string, own bool) error {
	peer, stripped := splitPeer(set)
	p.pair(p, name, peer)
	index := uint32(set.Uint("index"))
	if index == 0 {
		index = p.take(name)
	}
	first, rest := splitCreate(stripped)

	// The state as the kernel will report it.
	made := canon(op.Object, first)
	made.PutName("index", wire.IntVal(uint64(index)))
	e := p.st.Add(op.Object, made)
	p.plan.touch.links[name] = true
	p.change(&Change{Action: Create, Op: op, Object: op.Object, set: canon(op.Object, set)})

	var other *state.Entry
	to := p
	if peer != nil {
		far, err := p.peerAt(peer)
		if err != nil {
			return err
		}
		if far == p {
			if other, err = p.addPeer(peer, stripped, index); err != nil {
				return wire.At("kind.veth.peer", err)
			}
			if other != nil {
				made.PutName("link", wire.IntVal(uint64(other.Index())))
			}
			first = withPeerIndex(first, other, p.virtual)
		} else {
			to = far
			if other, first, err = p.farPeer(p, peer, first, index, to); err != nil {
				return wire.At("kind.veth.peer", err)
			}
			if other != nil {
				made.PutName("link", wire.IntVal(uint64(other.Index())))
				refersTo(made, p, to)
			}
		}
	}
	if p.refers(name) && !first.Has("index") {
		first = first.Clone()
		first.PutName("index", wire.NameVal(name))
	}
	st := Step{Op: op, Object: op.Object, Index: p.assigned(name)}
	if own && first == set && op.Flags&builtins.Shared == 0 {
		wire.Patch(op.Msg, op.Rel, p.index)
		wire.SetFlags(op.Msg, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
		st.Msg, st.Rel = op.Msg, op.Rel
	} else {
		var err error
		if st.Msg, st.Rel, err = p.build(op.Object, op.Object.New, unix.NLM_F_CREATE|unix.NLM_F_EXCL, first); err != nil {
			return err
		}
	}
	p.step(st)
	p.mild = true
	if rest != nil {
		for _, part := range splitChange(rest, made, true) {
			if err := p.linkStep(op, part, e); err != nil {
				return err
			}
		}
		e = p.st.Change(e, merged(made, canon(op.Object, rest)))
	}
	if err := p.firstVLAN(e); err != nil {
		return err
	}
	p.expect(&expect{op: op, object: op.Object, name: name, set: canon(op.Object, stripped), mode: state.Patch})
	if other == nil {
		return nil
	}
	if to != p {
		p.joint.flush(p)
		noWhere(peer)
	}
	return to.quietly(func() error { return to.patchLink(op, peer, other) })
}

func (p *planner) assigned(name string) string {
	if p.refers(name) {
		return name
	}
	return ""
}

// pair makes a new veth, which is made in own, one that others refer to when its
// peer is: the kernel takes an index for the peer only beside one for the veth
// (veth_newlink).
func (p *planner) pair(own *planner, name string, peer *wire.Set) {
	if peer == nil {
		return
	}
	at := p
	if to, _ := p.elsewhere(peer); to != nil {
		at = to
	}
	if v, ok := peer.Get("name"); ok && at.refers(v.S) {
		own.refs[name] = true
	}
}

// addPeer puts the other end of a new veth into the state; nil when the kernel
// picks its name or it will be in another namespace.
func (p *planner) addPeer(peer, set *wire.Set, other uint32) (*state.Entry, error) {
	name, ok := peer.Get("name")
	if !ok || peer.Has("netns_pid") || peer.Has("netns_fd") {
		return nil, nil
	}
	if p.st.Known(name.S) != nil {
		return nil, fmt.Errorf("there is a %s%s already", name.S, in(p.plan.Place))
	}
	made := asPeer(set)
	if made.Uint("index") == 0 {
		made.PutName("index", wire.IntVal(uint64(p.take(name.S))))
	}
	made.PutName("link", wire.IntVal(uint64(other)))
	p.plan.touch.links[name.S] = true
	return p.st.Add(rtnl.Link, made), nil
}

// asPeer is the other end of a veth that is to be made, as the kernel will report it.
func asPeer(set *wire.Set) *wire.Set {
	kind, _ := set.Get("kind")
	given, _ := kind.Sub.Get("peer")
	made := canon(rtnl.Link, linkSet(given.Sub))
	made.PutName("kind", wire.SubVal(wire.NewSet(kind.Sub.Table)))
	return made
}

// withPeerIndex gives the peer of a new veth the index that other ops refer to.
func withPeerIndex(first *wire.Set, peer *state.Entry, virtual map[uint32]bool) *wire.Set {
	if peer == nil || virtual[peer.Index()] {
		return first
	}
	first = first.Clone()
	kind, _ := first.Get("kind")
	v, _ := kind.Sub.Get("peer")
	if v.Sub.Uint("index") == 0 {
		v.Sub.PutName("index", wire.NameVal(peer.Name()))
	}
	return first
}
