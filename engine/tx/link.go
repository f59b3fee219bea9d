package tx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// link plans an ensured or absent link, which is named, not indexed.
func (p *planner) link(op *builtins.Op, set *wire.Set) error {
	name, _ := set.Get("name")
	if name.S == "" {
		return errors.New("a name is needed; link.change acts on a group")
	}
	if err := p.contradicts(op, "link\x00"+name.S, func(first *builtins.Op) bool { return first.Absent == op.Absent }); err != nil {
		return err
	}
	e := p.st.Known(name.S)
	if e == nil && !op.Absent && !set.Has("kind") {
		e = p.st.Link(name.S)
	}
	if op.Absent {
		if e == nil {
			p.same(op, set)
			p.expect(&expect{op: op, object: op.Object, name: name.S})
			return nil
		}
		c := p.change(&Change{Action: Remove, Op: op, Object: op.Object, set: e.Set()})
		p.expect(&expect{op: op, object: op.Object, name: name.S})
		return p.remove(op, e, c)
	}
	if err := p.agree(op, set, name.S); err != nil {
		return err
	}
	to, err := p.elsewhere(set)
	if err != nil {
		return err
	}
	if to == nil || to == p {
		if e, err = p.renames(set, e); err != nil {
			return err
		}
	}
	if e != nil {
		name.S = e.Name()
	}
	return p.linkHere(op, set, e, name.S, to)
}

// secondName takes the second name of an ensured link out of its set, "" when it has
// none: both are IFLA_IFNAME, and a set has one.
func secondName(set *wire.Set) string {
	i := slices.IndexFunc(set.Extra, func(r wire.Raw) bool { return r.Type == unix.IFLA_IFNAME })
	if i < 0 {
		return ""
	}
	name := strings.TrimRight(string(set.Extra[i].Data), "\x00")
	set.Extra = slices.Delete(slices.Clone(set.Extra), i, i+1)
	return name
}

// renames makes of the second name of an ensured link the row that it is. A link that
// has that name already is the one.
func (p *planner) renames(set *wire.Set, e *state.Entry) (*state.Entry, error) {
	to := secondName(set)
	if to == "" {
		return e, nil
	}
	switch other := p.st.Known(to); {
	case e == nil && other != nil, e != nil && other == e && e.Name() == to:
		return other, nil // so already
	case e == nil:
		return nil, nil
	case other != nil && other != e:
		return nil, wire.At("newname", fmt.Errorf("there is another link %s", to))
	}
	set.PutName("newname", wire.StrVal(to))
	return e, nil
}

// linkHere plans an ensured link, e when it is there; to is where it shall be, if the
// set says so.
func (p *planner) linkHere(op *builtins.Op, set *wire.Set, e *state.Entry, name string, to *planner) error {
	switch to {
	case nil:
		to = p
	case p: // where it is
		noWhere(set)
	}
	if err := p.resolve(set, to); err != nil {
		return err
	}
	if to != p {
		return p.linkTo(op, set, to, name)
	}
	if e == nil {
		if !set.Has("kind") {
			return &NoLink{Name: name}
		}
		return p.createLink(op, set, name, true)
	}
	if err := p.patchLink(op, set, e); err != nil {
		return err
	}
	return p.patchPeer(op, set, p.st.LinkByIndex(e.Index())) // it may have been made again
}

// patchPeer makes the other end of a veth that exists what is written.
func (p *planner) patchPeer(op *builtins.Op, set *wire.Set, e *state.Entry) error {
	peer, _ := splitPeer(set)
	if peer == nil || !peer.Has("name") {
		return nil
	}
	at, err := p.peerAt(peer)
	if err != nil {
		return err
	}
	if at != p {
		name, _ := peer.Get("name")
		return p.patchFar(op, peer, e, at, name.S)
	}
	return p.patchPeerHere(op, peer, e)
}

// patchPeerHere is patchPeer of a veth with both ends in one namespace.
func (p *planner) patchPeerHere(op *builtins.Op, peer *wire.Set, e *state.Entry) error {
	noWhere(peer)
	name, _ := peer.Get("name")
	other := p.st.LinkByIndex(uint32(e.Set().Uint("link")))
	if e.Set().Has("link_netnsid") || !e.Set().Has("link") {
		return nil // it is in another namespace, or a fact says nothing of it
	}
	if other == nil || p.st.Known(name.S) != other {
		is := "unknown"
		if other != nil {
			is = other.Name()
		}
		return wire.At("kind.veth.peer", fmt.Errorf("the other end is %s, not %s", is, name.S))
	}
	return p.quietly(func() error { return p.patchLink(op, peer, other) })
}

// quietly leaves out that nothing changes.
func (p *planner) quietly(f func() error) error {
	n := len(p.plan.Changes)
	err := f()
	if len(p.plan.Changes) > n && p.plan.Changes[n].Action == Same {
		p.plan.Changes = p.plan.Changes[:n]
	}
	return err
}

// NoLink is the error for a link op without kind that names no link.
type NoLink struct{ Name string }

func (e *NoLink) Error() string {
	return fmt.Sprintf("no device %q; give kind = to create it", e.Name)
}

// agree refuses two patches of one link that give a field different values.
func (p *planner) agree(op *builtins.Op, set *wire.Set, name string) error {
	for _, ent := range set.Ents {
		if ent.F.Name == "name" || ent.F.WO {
			continue
		}
		v := ent.V
		id := "link\x00" + name + "\x00" + ent.F.Name
		err := p.contradicts(op, id, func(first *builtins.Op) bool {
			s := wire.NewSet(op.Object.Table)
			if first.Set(s) != nil {
				return false
			}
			w, _ := s.At(ent.F)
			return ent.F.Kind == wire.Union && compatible(v, w) || v.Equal(w)
		})
		if err != nil {
			return wire.At(ent.F.Name, err)
		}
	}
	return nil
}

// compatible reports whether two values of a union agree in what both mention.
func compatible(a, b wire.Value) bool {
	if a.Sub == nil || b.Sub == nil || a.Sub.Table != b.Sub.Table {
		return false
	}
	for _, e := range a.Sub.Ents {
		if v, ok := b.Sub.Of(e.F); ok && !v.Equal(e.V) {
			return false
		}
	}
	return true
}

// linkStep sends a part of a link's change. The link is addressed by its index,
// or by name as long as the kernel is the one to pick the index.
func (p *planner) linkStep(op *builtins.Op, part linkPart, e *state.Entry) error {
	s := part.set
	if p.virtual[e.Index()] {
		s.PutName("name", wire.StrVal(e.Name()))
	} else {
		s.PutName("index", wire.IntVal(uint64(e.Index())))
	}
	msg, rel, err := p.build(op.Object, part.typ, part.flags, s)
	if err != nil {
		return err
	}
	p.step(Step{Op: op, Object: op.Object, Msg: msg, Rel: rel, Fence: part.fence && p.mild})
	p.mild = !part.fence
	return nil
}

// patchLink plans the change of what differs.
func (p *planner) patchLink(op *builtins.Op, set *wire.Set, e *state.Entry) error {
	have := e.Set()
	want := permanentAddress(mentioned(canon(op.Object, set), set), have)
	want.Del("name")
	have = p.doubted(e, leaving(have, want), want)
	mode := state.Patch
	if !e.Reported() {
		mode = state.Fresh
	}
	deltas := state.Diff(op.Object, want, have, mode)
	name, _ := have.Get("name")
	p.expect(&expect{op: op, object: op.Object, key: e.Key, name: name.S, set: want, mode: state.Patch})
	if len(deltas) == 0 {
		p.same(op, set)
		return nil
	}
	if row := immutable(op.Object, want, have, deltas); row != "" {
		if kind, _ := have.Get("kind"); op.Flags&builtins.Recreate != 0 && (set.Has("kind") || kind.Sub != nil) {
			return p.recreateLink(op, set, e, deltas)
		}
		return unchangeable(op.Object, row, deltas, p.st)
	}
	if err := p.hasPorts(e, deltas); err != nil {
		return err
	}
	c := p.change(&Change{Action: Modify, Op: op, Object: op.Object, Deltas: deltas, set: want, name: name.S})
	c.Notes = append(c.Notes, state.Uncompared(op.Object, want)...)
	pick := state.Pick(op.Object, want, have, mode)
	gone, err := p.disturbs(e, pick, deltas)
	if err != nil {
		return err
	}
	down := p.needsDown(deltas, pick, have)
	leaves := p.leavesBond(pick, have)
	again := down || leaves && want.Has("up") && want.Uint("up") != 0 // it comes up again
	var lost, asleep []*state.Entry
	if down || leaves {
		asleep = p.followers(e, false)
		vlans := p.followers(e, true)
		if lost, err = p.lostOnDown(e, vlans); err != nil {
			return err
		}
		lost = slices.DeleteFunc(lost, func(x *state.Entry) bool { return x.Object == rtnl.Neigh && slices.Contains(gone, x) })
		if !again {
			p.turn(vlans, false)
		}
	}
	if leaves && again && !down {
		pick.PutName("up", wire.BoolVal(true))
	}
	if down {
		c.Action = Bounce
		off := wire.NewSet(set.Table)
		off.PutName("up", wire.BoolVal(false))
		if err := p.linkStep(op, linkPart{typ: op.Object.New, set: off, fence: true}, e); err != nil {
			return err
		}
	}
	for _, part := range splitChange(pick, have, p.plan.touch.links[name.S]) {
		if err := p.linkStep(op, part, e); err != nil {
			return err
		}
	}
	for _, g := range append(gone, lost...) {
		p.st.Remove(g)
	}
	if err := p.loses(nil, append(slices.Clone(gone), lost...)...); err != nil {
		return err
	}
	if err := p.losesFields(e, pick); err != nil {
		return err
	}
	p.remark(c)
	c.With = append(c.With, gone...)
	after := merged(have, want)
	if leaves {
		after.PutName("up", wire.BoolVal(again))
		unbond(after, e)
	}
	joins := p.joinsBond(pick)
	if joins {
		after.PutName("up", wire.BoolVal(true)) // the bond does that
	}
	ensured := p.ensuredOf(e, pick, slices.Concat(gone, lost))
	e = p.changeLink(e, after)
	p.setsSysctls(e, want)
	if up, _ := pick.Get("up"); !again && (joins || pick.Has("up") && up.True()) {
		p.turn(p.followers(e, false), true)
	}
	p.plan.touch.key(op.Object, e.Key)
	if pick.Has("master") {
		if err := p.firstVLAN(e); err != nil {
			return err
		}
	}
	if down {
		on := wire.NewSet(set.Table)
		on.PutName("up", wire.BoolVal(true))
		if err := p.linkStep(op, linkPart{typ: op.Object.New, set: on}, e); err != nil {
			return err
		}
	}
	if again {
		if err := p.asleep(op, asleep); err != nil {
			return err
		}
		back := &Change{With: lost}
		if err := p.putBack(op, back); err != nil {
			return err
		}
		c.Back = back.Back
	}
	c.With = append(c.With, lost...)
	if err := p.neighboursBack(op, c, c.With, ensured); err != nil {
		return err
	}
	return p.relabels(op, name.S, e, c, true, ensured)
}

// hasPorts refuses what cannot be changed while a link has ports.
func (p *planner) hasPorts(e *state.Entry, deltas []state.Delta) error {
	i := slices.IndexFunc(deltas, func(d state.Delta) bool { return d.Row.Portless })
	if i < 0 {
		return nil
	}
	var ports []string
	for _, l := range p.st.All(rtnl.Link) {
		if uint32(l.Set().Uint("master")) == e.Index() {
			ports = append(ports, l.Name())
		}
	}
	if ports == nil {
		return nil
	}
	d := deltas[i]
	return wire.At(d.Path, fmt.Errorf("cannot be changed (%s -> %s) while %s has ports (%s); release them first: link([...], master = 0)",
		valueText(d.Row, d.Before, p.st), valueText(d.Row, d.After, p.st), e.Name(), strings.Join(ports, ", ")))
}

// asleep sets VLANs down again that came up with the link that they are on.
func (p *planner) asleep(op *builtins.Op, vlans []*state.Entry) error {
	for _, l := range vlans {
		p.plan.touch.link(l.Index())
		off := wire.NewSet(op.Object.Table)
		off.PutName("up", wire.BoolVal(false))
		if err := p.linkStep(op, linkPart{typ: op.Object.New, set: off}, l); err != nil {
			return err
		}
	}
	return nil
}

// mentioned is what a patch wants: its canonical form, and the rows that are
// written as nothing, which that leaves out. master = 0 releases a port, token = "::"
// takes it away.
func mentioned(want, set *wire.Set) *wire.Set {
	for _, e := range set.Ents {
		v, ok := want.At(e.F)
		switch {
		case ok && v.Type == wire.SetVal && e.V.Type == wire.SetVal && v.Sub.Table == e.V.Sub.Table:
			mentioned(v.Sub, e.V.Sub)
		case !ok && nothing(e.V):
			want.Put(e.F, e.V)
		}
	}
	return want
}

// nothing reports whether a value is one that stands for none.
func nothing(v wire.Value) bool {
	return v.Type == wire.Int && v.N == 0 || v.Type == wire.String && v.S == "" || v.Type == wire.ListVal && len(v.L) == 0 ||
		v.Type == wire.Addr && v.A.IsUnspecified()
}

// leaving is a link as a change finds it that may give it another master: what it is as
// a port ends with the one it has, and begins anew with the next (del_nbp, new_nbp).
func leaving(have, want *wire.Set) *wire.Set {
	if !want.Has("master") || want.Uint("master") == have.Uint("master") || !have.Has("port") {
		return have
	}
	out := have.Clone()
	out.Del("port")
	return out
}

// merged is have with the fields of want put over it, nested ones too.
func merged(have, want *wire.Set) *wire.Set {
	out := have.Clone()
	for _, e := range want.Ents {
		if e.F.Name == "newname" {
			out.PutName("name", e.V)
			continue
		}
		if r := out.Twin(e.F); r != nil {
			out.Del(r.Name)
		}
		old, ok := out.At(e.F)
		if ok && old.Type == wire.SetVal && e.V.Type == wire.SetVal && old.Sub.Table == e.V.Sub.Table {
			out.Put(e.F, wire.SubVal(merged(old.Sub, e.V.Sub)))
			continue
		}
		out.Put(e.F, state.Merged(e.F, e.V, old))
	}
	return out
}

// immutable names the first difference that no message can make go away.
func immutable(o *wire.Object, want, have *wire.Set, deltas []state.Delta) string {
	w, _ := want.Get("kind")
	h, _ := have.Get("kind")
	if w.Sub != nil && (h.Sub == nil || h.Sub.Table != w.Sub.Table) {
		if h.Sub != nil || have.Has("mtu") { // facts may know no more of a link than its name
			return "kind"
		}
	}
	for _, d := range deltas {
		if d.Row.Fixed(d.Before, d.After) && (d.Before.Type != wire.None || have.Has("mtu")) {
			return d.Path
		}
	}
	return ""
}

// unchangeable is the error for a difference that no message can make go away.
func unchangeable(o *wire.Object, path string, deltas []state.Delta, st *state.State) error {
	d := deltas[max(0, slices.IndexFunc(deltas, func(d state.Delta) bool { return d.Path == path }))]
	return wire.At(path, fmt.Errorf("cannot be changed on an existing %s (%s -> %s); recreate = True deletes and makes it again",
		strings.TrimSuffix(o.Name, "_"), valueText(d.Row, d.Before, st), valueText(d.Row, d.After, st)))
}

// needsDown reports whether the link has to go down for a change and come up
// again: a row says so, or it is to become a port of a bond.
func (p *planner) needsDown(deltas []state.Delta, pick, have *wire.Set) bool {
	if have.Uint("up") == 0 {
		return false
	}
	if pick.Has("up") && pick.Uint("up") == 0 {
		return false // it is set down first anyway
	}
	for _, d := range deltas {
		if d.Row.Down {
			return true
		}
	}
	return p.joinsBond(pick)
}

// joinsBond reports whether a link becomes a port of a bond, which sets it up.
func (p *planner) joinsBond(pick *wire.Set) bool {
	return pick.Has("master") && p.kindOf(uint32(pick.Uint("master"))) == "bond"
}

// leavesBond reports whether a link that is up leaves a bond, which sets it down.
func (p *planner) leavesBond(pick, have *wire.Set) bool {
	if !pick.Has("master") || have.Uint("up") == 0 || pick.Has("up") && pick.Uint("up") == 0 {
		return false
	}
	return p.kindOf(uint32(have.Uint("master"))) == "bond"
}

func (p *planner) kindOf(index uint32) string { return kindOf(p.st, index) }

func kindOf(st *state.State, index uint32) string {
	e := st.LinkByIndex(index)
	if e == nil {
		return ""
	}
	if k, ok := e.Set().Get("kind"); ok && k.Sub != nil {
		return k.Sub.Table.Name
	}
	return ""
}
