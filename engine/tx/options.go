package tx

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Options of VLANs are there as long as these: nothing makes or removes them, and
// with a VLAN they begin anew.

// options plans an op about options of several VLANs.
func (p *planner) options(op *builtins.Op, set *wire.Set, parts []*wire.Set) error {
	if err := p.loadVLANs(); err != nil {
		return err
	}
	if op.Verb != nil {
		p.change(&Change{Action: Send, Op: op, Object: op.Object, set: set})
		for _, want := range parts {
			p.setOptions(op.Object, want.Even())
		}
		return p.send(op, false)
	}
	o, begin, differ := op.Object, len(p.plan.Changes), false
	for _, want := range parts {
		want = want.Even()
		if err := p.agreeOptions(op, want); err != nil {
			return err
		}
		if len(p.st.VLANsOf(o, want)) == 0 {
			vid, _ := want.Get("vid")
			return wire.At("vid", fmt.Errorf("%s has no VLAN %d", p.st.Names(uint32(want.Uint("dev"))), vid.L[0].N))
		}
		p.expect(&expect{op: op, object: o, key: state.KeyOf(o, want), set: want, mode: state.Patch})
		c := &Change{Action: Modify, Op: op, Object: o, set: want}
		if c.Deltas = state.Diff(o, want, p.st.OptionsOf(o, want), state.Patch); len(c.Deltas) == 0 {
			c.Action = Same
		} else {
			differ = true
			c.Notes = p.idle(want)
			p.setOptions(o, want)
		}
		p.tell(begin, c)
	}
	if !differ {
		return nil
	}
	return p.sendFlags(op, 0, false)
}

// agreeOptions refuses a second value of an option.
func (p *planner) agreeOptions(op *builtins.Op, want *wire.Set) error {
	o, key := op.Object, state.KeyOf(op.Object, want)
	for _, e := range want.Ents {
		if slices.Contains(o.Key, e.F.Name) || e.F.Header() {
			continue
		}
		err := p.contradicts(op, o.Name+"\x00"+key+"\x00"+e.F.Name, func(first *builtins.Op) bool {
			s := wire.NewSet(o.Table)
			v, _ := s.At(e.F)
			if first.Set(s) == nil {
				v, _ = s.At(e.F)
			}
			return v.Equal(e.V)
		})
		if err != nil {
			return wire.At(e.F.Name, err)
		}
	}
	return nil
}

// setOptions changes what is wanted, in the state.
func (p *planner) setOptions(o *wire.Object, want *wire.Set) {
	p.plan.touch.key(o, state.KeyOf(o, want))
	have := p.st.OptionsOf(o, want)
	if o == rtnl.VLANGlobal && want.Has("msti") && want.Uint("msti") != have.Uint("msti") {
		p.joinsInstance(want)
	}
	after := merged(have, want)
	p.plan.passes(o, state.KeyOf(o, want), after)
	p.st.SetOptions(o, after)
}

// joinsInstance gives the VLAN on each port the state that another VLAN of the same
// instance of the spanning tree has there, or none (br_mst_vlan_sync_state).
func (p *planner) joinsInstance(want *wire.Set) {
	vid, _ := want.Get("vid")
	in := func(vid wire.Value) bool {
		s := want.Clone()
		s.PutName("vid", vid)
		return p.st.OptionsOf(rtnl.VLANGlobal, s).Uint("msti") == want.Uint("msti")
	}
	for _, e := range p.st.VLANsOf(rtnl.VLANGlobal, want) {
		if e.Set().Uint("self") != 0 {
			continue
		}
		s := optionsOf(e)
		key := state.KeyOf(rtnl.VLANOptions, s)
		p.plan.touch.key(rtnl.VLANOptions, key)
		now, l := wire.IntVal(0), p.vlansOf(uint32(e.Set().Uint("dev")))
		slices.SortFunc(l, byVLAN)
		for _, x := range l {
			if v, _ := x.Set().Get("vid"); v.L[0].N != vid.L[0].N && in(v) {
				now, _ = p.st.OptionsOf(rtnl.VLANOptions, optionsOf(x)).Get("state")
				break
			}
		}
		have := p.st.OptionsOf(rtnl.VLANOptions, s).Clone()
		have.PutName("state", now)
		p.plan.passes(rtnl.VLANOptions, key, have)
		p.st.SetOptions(rtnl.VLANOptions, have)
	}
}

// optionsOf names the options of a VLAN.
func optionsOf(vlan *state.Entry) *wire.Set {
	return optionsAt(rtnl.VLANOptions, vlan, uint32(vlan.Set().Uint("dev")))
}

func optionsAt(o *wire.Object, vlan *state.Entry, dev uint32) *wire.Set {
	s := wire.NewSet(o.Table)
	for _, name := range []string{"family", "vid"} {
		v, _ := vlan.Set().Get(name)
		s.PutName(name, v)
	}
	s.PutName("dev", wire.IntVal(uint64(dev)))
	return s
}

// goWith is what goes with VLANs: where they are mapped to, their options, and those
// that a bridge has once, with the last VLAN that has the number.
func (p *planner) goWith(vlans []*state.Entry) (gone []*state.Entry) {
	global := len(p.st.All(rtnl.VLANGlobal)) > 0
	for _, e := range vlans {
		if e.Object != rtnl.VLAN {
			continue
		}
		dev, self := uint32(e.Set().Uint("dev")), e.Set().Uint("self") != 0
		s := optionsOf(e)
		p.plan.touch.key(rtnl.VLANOptions, state.KeyOf(rtnl.VLANOptions, s))
		gone = appendNew(gone, p.st.Find(rtnl.VLANOptions, state.KeyOf(rtnl.VLANOptions, s)))
		if !self {
			vid, _ := e.Set().Get("vid")
			gone = appendNew(gone, p.tunnels(dev, vid))
		}
		if !global {
			continue
		}
		if l := p.st.LinkByIndex(dev); !self && l != nil {
			dev = uint32(l.Set().Uint("master"))
		}
		s = optionsAt(rtnl.VLANGlobal, e, dev)
		if !slices.ContainsFunc(p.st.VLANsOf(rtnl.VLANGlobal, s), func(x *state.Entry) bool { return !slices.Contains(vlans, x) }) {
			gone = appendNew(gone, p.st.Find(rtnl.VLANGlobal, state.KeyOf(rtnl.VLANGlobal, s)))
		}
	}
	for _, x := range gone {
		p.plan.touch.key(x.Object, x.Key)
		if x.Object.Table.Options {
			p.plan.passes(x.Object, x.Key, x.Set().Beginning()) // should the VLAN come again
		}
	}
	return gone
}

// fixedState is what cannot be set again of options: the state of a VLAN while the
// spanning tree is the kernel's, as it was before the run.
func (p *planner) fixedState(e *state.Entry) string {
	if e.Object != rtnl.VLANOptions || !e.Set().Unlike().Has("state") {
		return ""
	}
	links := map[uint32]*state.Entry{}
	for _, l := range p.st.Before(rtnl.Link) { // by now the port may have left
		links[l.Index()] = l
	}
	if state.KernelSTP(state.BridgeOf(uint32(e.Set().Uint("dev")), func(index uint32) *state.Entry { return links[index] })) {
		return "its state, while the spanning tree is the kernel's"
	}
	return ""
}

// idle tells of options that have no effect yet: something of the bridge, or of the
// port, is off.
func (p *planner) idle(want *wire.Set) (notes []string) {
	dev := p.st.LinkByIndex(uint32(want.Uint("dev")))
	if dev == nil {
		return nil
	}
	br := cmp.Or(p.st.LinkByIndex(uint32(dev.Set().Uint("master"))), dev)
	kind, _ := br.Set().Get("kind")
	port, _ := dev.Set().Get("port")
	for _, e := range want.Ents {
		for _, at := range []struct {
			link *state.Entry
			set  *wire.Set
		}{{br, kind.Sub}, {dev, port.Sub}} {
			if e.F.Needs == "" || at.set == nil || at.set.Table.Row(e.F.Needs) == nil || at.set.Uint(e.F.Needs) != 0 {
				continue
			}
			notes = append(notes, fmt.Sprintf("%s has no effect until %s has %s", e.F.Name, at.link.Name(), e.F.Needs))
		}
	}
	return notes
}

// options is what undo does about options: each VLAN that is there has them. Those of
// one that the run made go with it.
func (u *undoer) options(o *wire.Object, diffs map[string]pair) {
	for k, d := range diffs {
		switch {
		case len(d.was) > 0 && len(d.is) > 0:
		case len(d.was) > 0:
			d.is = []*state.Entry{state.EntryOf(o, d.was[0].Set().Beginning())}
		case slices.ContainsFunc(u.now.VLANsOf(o, d.is[0].Set()), u.stays):
			d.was = []*state.Entry{state.EntryOf(o, d.is[0].Set().Beginning())}
		default:
			d.was = d.is
		}
		diffs[k] = d
	}
}

// stays reports whether an object that is there was there before.
func (u *undoer) stays(e *state.Entry) bool {
	return !u.plan.touch.has(e) || len(u.plan.st.Held(e.Object, e.Key)) > 0
}

// setOptions makes options what they were; each may be set by itself when all are
// refused together.
func (u *undoer) setOptions(o *wire.Object, was, is *state.Entry) {
	u.residue(o, was, is)
	pick := state.Pick(o, was.Set(), is.Set(), state.Exact)
	to := func(rows *wire.Set) *wire.Set {
		s := rows.Clone()
		for _, e := range was.Set().Ents {
			if slices.Contains(o.Key, e.F.Name) || e.F.Header() {
				s.Put(e.F, e.V)
			}
		}
		return s
	}
	n := len(u.steps)
	u.message(o, o.New, 0, to(pick))
	if len(u.steps) == n || len(pick.Ents) < 2 {
		return
	}
	for _, e := range pick.Ents {
		one := wire.NewSet(o.Table)
		one.Put(e.F, e.V)
		u.steps[n].alt = append(u.steps[n].alt, u.encode(o, o.New, 0, to(one))...)
	}
}
