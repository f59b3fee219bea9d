package tx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// verb plans a kernel verb: the message is sent as it is. The state follows as
// far as that can be told, so that later ops see what it did.
func (p *planner) verb(op *builtins.Op, set *wire.Set) error {
	o := op.Object
	c := p.change(&Change{Action: Send, Op: op, Object: o, set: set})
	destroys := op.Verb.Type != o.New || op.Verb.Flags&unix.NLM_F_CREATE == 0
	if o == rtnl.Link {
		return p.linkVerb(op, set, c)
	}
	parts := p.parts(o, set)
	if op.Verb.Type == o.Del && op.Verb.Flags&unix.NLM_F_BULK != 0 {
		if err := p.flush(set, c); err != nil {
			return err
		}
		parts = nil
	}
	for _, want := range parts {
		if err := p.verbOn(op, set, want, c); err != nil {
			return err
		}
	}
	if err := p.send(op, destroys && p.mild); err != nil {
		return err
	}
	for _, want := range parts {
		p.await(o, want)
	}
	return nil
}

// verbOn plans what a verb does to one object.
func (p *planner) verbOn(op *builtins.Op, set, want *wire.Set, c *Change) error {
	o, key := op.Object, state.KeyOf(op.Object, want)
	p.plan.touch.key(o, key)
	have := p.st.Find(o, key)
	switch {
	case op.Verb.Type == o.Del && o.Hits != nil:
		if e := p.firstHit(o, want); e != nil {
			p.outdone(o, e.Key)
			p.plan.touch.key(o, e.Key)
			if err := p.goes(e, c); err != nil {
				return err
			}
		}
	case op.Verb.Type == o.Del:
		gone, err := p.deleted(op, set, want)
		if err != nil {
			return err
		}
		if len(gone) > 1 {
			c.With = append(c.With, gone...)
		}
		for _, e := range gone {
			p.plan.touch.ask(e)
			p.outdone(o, e.Key)
			if err := p.goes(e, c); err != nil {
				return err
			}
		}
		if len(have) == 0 {
			// The kernel may match by less than the key: all of the kind may change.
			for _, e := range p.st.All(o) {
				p.plan.touch.ask(e)
			}
		}
	case op.Verb.Type != o.New:
	case len(have) > 0 && op.Verb.Flags&(unix.NLM_F_APPEND|unix.NLM_F_EXCL) == 0:
		p.plan.touch.ask(have[0])
		p.outdone(o, key)
		if err := p.replaces(have[0], want, c); err != nil {
			return err
		}
		p.st.Change(have[0], want)
	default:
		if err := p.firstOn(o, want); err != nil {
			return err
		}
		if op.Verb.Flags&unix.NLM_F_EXCL == 0 {
			p.takesOver(o, want, c)
		}
		p.plan.touch.made(p.st.Add(o, want))
	}
	return nil
}

// outdone forgets what ops before a verb want of the object that it is about: the last
// word counts, and what a verb leaves is not compared.
func (p *planner) outdone(o *wire.Object, key string) {
	p.plan.want = slices.DeleteFunc(p.plan.want, func(x *expect) bool { return x.object == o && x.key == key && x.set != nil })
}

// deleted are the objects that a deletion removes, as far as that can be told: of those
// with an open key the first, in the kernel's order, that has all that is written. It may
// be another of them.
func (p *planner) deleted(op *builtins.Op, set, want *wire.Set) ([]*state.Entry, error) {
	o := op.Object
	if o == rtnl.FDB {
		return p.forgotten(want), nil
	}
	l := p.st.Find(o, state.KeyOf(o, want))
	has := func(e *state.Entry) bool { return state.Matches(want, e) }
	if o.Open != nil {
		asked := *op
		asked.Flags |= builtins.Selects | builtins.Unsaid
		sel, err := p.selects(&asked, set)
		if err != nil {
			return nil, err
		}
		if sel.written().open {
			l = p.st.Akin(o, want)
			slices.SortStableFunc(l, func(a, b *state.Entry) int { return cmp.Compare(a.Set().Uint("metric"), b.Set().Uint("metric")) })
			has = func(e *state.Entry) bool { return sel.has(e.Set()) }
		}
	}
	for _, e := range l {
		p.plan.touch.ask(e)
	}
	if i := slices.IndexFunc(l, has); i >= 0 {
		return []*state.Entry{l[i]}, nil
	}
	return nil, nil
}

// linkVerb plans a verb on a link, or on the links of a group.
func (p *planner) linkVerb(op *builtins.Op, set *wire.Set, c *Change) error {
	o := op.Object
	if op.Verb.Type == o.New && op.Verb.Flags&unix.NLM_F_CREATE != 0 {
		return p.linkAdd(op, set)
	}
	var targets []*state.Entry
	group := false
	if e := p.st.LinkByIndex(uint32(set.Uint("index"))); e != nil {
		targets = append(targets, e)
	} else if v, ok := set.Get("group"); ok && set.Has("group") && set.Uint("index") == 0 {
		group = true
		for _, l := range p.st.All(rtnl.Link) {
			if l.Set().Uint("group") == v.N {
				targets = append(targets, l)
			}
		}
	}
	// Linked while the name is known: the verb may end it.
	if err := p.send(op, p.mild); err != nil {
		return err
	}
	for _, e := range targets {
		if e = p.current(e); e == nil {
			continue // the other end of a veth went with one
		}
		switch {
		case group && op.Verb.Type == o.Del:
			c.With = append(c.With, e)
		case group:
			c.links = append(c.links, e.Name())
		}
		p.plan.touch.key(o, e.Key)
		switch op.Verb.Type {
		case o.Del:
			if err := p.goes(e, c); err != nil {
				return err
			}
		case unix.RTM_NEWLINKPROP, unix.RTM_DELLINKPROP:
			s := otherNames(e.Set(), set, op.Verb.Type == unix.RTM_NEWLINKPROP)
			v, _ := s.Get("altnames")
			names := wire.NewSet(o.Table)
			names.PutName("altnames", v)
			p.plan.passes(o, e.Key, names)
			p.st.Change(e, s)
		case o.New, unix.RTM_SETLINK:
			want := mentioned(canon(o, set), set)
			if name, ok := want.Get("name"); ok && want.Has("name") {
				want.PutName("newname", name)
			}
			want.Del("name")
			p.plan.passes(o, e.Key, want)
			gone, err := p.disturbs(e, want, nil)
			if err != nil {
				return err
			}
			if err := p.loses(nil, gone...); err != nil {
				return err
			}
			if err := p.losesFields(e, want); err != nil {
				return err
			}
			p.remark(c)
			c.With = append(c.With, gone...)
			for _, g := range gone {
				p.st.Remove(g)
			}
			if to, err := p.elsewhere(want); err != nil {
				return err
			} else if to != nil && to != p {
				if err := p.departed(e, want, to, c); err != nil {
					return err
				}
				continue
			}
			moved := want.Has("master") && want.Uint("master") != e.Set().Uint("master")
			old, ensured := e.Name(), p.ensuredOf(e, want, gone)
			if e = p.changeLink(e, merged(leaving(e.Set(), want), want)); moved {
				if err := p.firstVLAN(e); err != nil {
					return err
				}
			}
			if err := p.neighboursBack(op, c, gone, ensured); err != nil {
				return err
			}
			if err := p.relabels(op, old, e, c, false, ensured); err != nil {
				return err
			}
		}
	}
	return nil
}

// otherNames is a link with the alternative names of set, or without them.
func otherNames(have, set *wire.Set, with bool) *wire.Set {
	old, _ := have.Get("altnames")
	said, _ := set.Get("altnames")
	names := slices.DeleteFunc(slices.Clone(old.L), func(v wire.Value) bool { return slices.ContainsFunc(said.L, v.Equal) })
	if with {
		names = append(names, said.L...)
	}
	out := have.Clone()
	out.PutName("altnames", wire.ListOf(names...))
	return canon(rtnl.Link, out)
}

// standIn names a new link that the kernel will name by a pattern, "" being that of
// its kind (rtnl_create_link). Only its index tells it afterwards: it gets one.
func (p *planner) standIn(set *wire.Set, pattern string) string {
	if pattern == "" {
		pattern = "%d"
		if kind, ok := set.Get("kind"); ok {
			pattern = kind.Sub.Table.Name + pattern
		}
	}
	name := pattern
	for n := 2; p.st.Known(name) != nil; n++ {
		name = fmt.Sprintf("%s.%d", pattern, n)
	}
	p.refs[name] = true
	return name
}

// linkAdd plans link.add: one message, whatever the kernel makes of it. It gets
// an index when other ops refer to it, or the kernel names it.
func (p *planner) linkAdd(op *builtins.Op, set *wire.Set) error {
	at, err := p.elsewhere(set)
	if err != nil {
		return err
	}
	name, _ := set.Get("name")
	if name.S == "" || strings.Contains(name.S, "%") {
		own := at
		if own == nil {
			own = p
		}
		name = wire.StrVal(own.standIn(set, name.S))
		set = set.Clone()
		set.PutName("name", name)
	}
	if at != nil && at != p {
		return p.addThere(op, set, at, name.S)
	}
	made := canon(op.Object, set)
	index := uint32(set.Uint("index"))
	peer, _ := splitPeer(set)
	p.pair(p, name.S, peer)
	refers := p.refers(name.S) && index == 0
	if index == 0 {
		index = p.take(name.S)
		made.PutName("index", wire.IntVal(uint64(index)))
	}
	p.plan.touch.newLink(name.S, index)
	own := wire.NewSet(op.Object.Table)
	if err := op.Set(own); err != nil {
		return err
	}
	with := own
	if p.st.Known(name.S) == nil {
		if err := p.firstVLAN(p.st.Add(op.Object, made)); err != nil {
			return err
		}
		switch far, err := p.peerAt(peer); {
		case err != nil:
			return err
		case far != p:
			if _, with, err = p.farPeer(p, peer, own, index, far); err != nil {
				return wire.At("kind.veth.peer", err)
			}
		case peer != nil:
			other, err := p.addPeer(peer, set, index)
			if err != nil {
				return wire.At("kind.veth.peer", err)
			}
			with = withPeerIndex(own, other, p.virtual)
		}
	}
	if !refers && with == own {
		return p.send(op, false)
	}
	if own = with; refers {
		own.PutName("index", wire.NameVal(name.S))
	}
	msg, rel, err := p.build(op.Object, op.Verb.Type, op.Verb.Flags, own)
	if err != nil {
		return err
	}
	p.step(Step{Op: op, Object: op.Object, Msg: msg, Rel: rel, Index: p.assigned(name.S)})
	p.mild = true
	return nil
}
