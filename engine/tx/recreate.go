package tx

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// recreateLink deletes a link and makes it again at its old index: what is not
// mentioned stays as it was, of the link, of its kind, as a port, and of all that
// went with it.
func (p *planner) recreateLink(op *builtins.Op, set *wire.Set, e *state.Entry, deltas []state.Delta) error {
	c := p.change(&Change{Action: Modify, Op: op, Object: op.Object, Deltas: deltas, set: set})
	c.Notes = append(c.Notes, "deleted and made again")
	apart := &Change{} // what goes for good
	old := e
	if isPair(e) && !sameKind(e, set) {
		var err error
		if old, err = p.unpair(e, set, apart); err != nil {
			return err
		}
	}
	p.freed = nil
	settings := len(p.plan.settings)
	if err := p.remove(op, old, c); err != nil {
		return err
	}
	all, err := p.again(e, set, c.With)
	if err != nil {
		return err
	}
	for i, note := range c.Notes {
		if strings.HasSuffix(note, losesBackup) {
			c.Notes[i] = note + " meanwhile"
		}
	}
	freed := p.freed
	for _, x := range append(slices.Concat(freed, c.With), e) {
		if x.Object == rtnl.Link {
			p.plan.stir(x.Name())
		}
	}
	if err := p.createLinkAgain(op, all, peerOf(e, c.With)); err != nil {
		return err
	}
	c.With = slices.DeleteFunc(c.With, func(x *state.Entry) bool { return OwnRemote(x, e) && uses(x, e.Index()) })
	if !sameKind(e, set) {
		entries := ownEntries(e, c.With)
		apart.With = append(apart.With, entries...)
		c.With = slices.DeleteFunc(c.With, func(x *state.Entry) bool { return slices.Contains(entries, x) })
	}
	err = p.putAllBack(op, c, freed, p.plan.settings[settings:])
	c.With, c.Notes, c.Losses = append(apart.With, c.With...), append(c.Notes, apart.Notes...), append(c.Losses, apart.Losses...)
	return err
}

// newBridgeMTU is the mtu that a bridge begins with (ether_setup).
const newBridgeMTU = 1500

// sameKind reports whether a link that is made again stays of its kind.
func sameKind(e *state.Entry, set *wire.Set) bool {
	was, _ := e.Set().Get("kind")
	want, ok := set.Get("kind")
	return !ok || was.Sub != nil && was.Sub.Table == want.Sub.Table
}

// unpair takes the other end of a veth that becomes something else, and what goes with
// that, out of the state into c, and returns the link as one that has none. Nothing of
// it comes back: a commit that wants the other end says what it shall be.
func (p *planner) unpair(e *state.Entry, set *wire.Set, c *Change) (*state.Entry, error) {
	other := p.st.LinkByIndex(lower(e))
	if other == nil {
		return e, nil // it is in another namespace; see farGone
	}
	single := func(x *state.Entry) *state.Entry {
		s := x.Set().Clone()
		s.Del("link")
		return p.st.Change(x, s)
	}
	e, c.With = single(e), append(c.With, other)
	other = single(other)
	p.plan.touch.key(other.Object, other.Key)
	if err := p.goes(other, c); err != nil {
		return nil, err
	}
	return e, set.Devices(func(v *wire.Value) error {
		if v.Type == wire.Int && v.N != 0 && p.st.LinkByIndex(uint32(v.N)) == nil {
			return fmt.Errorf("%s is the other end of %s, or on that, and goes", p.st.Names(uint32(v.N)), e.Name())
		}
		return nil
	})
}

// ownEntries is what of l is in a link's own forwarding database: that is as its kind has it.
func ownEntries(e *state.Entry, l []*state.Entry) []*state.Entry {
	return slices.DeleteFunc(slices.Clone(l), func(x *state.Entry) bool {
		return x.Object != rtnl.FDB || uint32(x.Set().Uint("dev")) != e.Index() || x.Set().Uint("master") != 0
	})
}

// remake deletes an object that is no link and makes it again, and what went with
// it. Rows that count only when they are written stay: the number of a queueing
// discipline, by which its classes go.
func (p *planner) remake(op *builtins.Op, want *wire.Set, old *state.Entry, c *Change) error {
	c.Notes = append(c.Notes, "deleted and made again")
	if err := p.remove(op, old, c); err != nil {
		return err
	}
	all := withLoose(want, Writable(old.Set()))
	msg, rel, err := p.build(op.Object, op.Object.New, addFlags(op.Object, all), all)
	if err != nil {
		return err
	}
	p.step(Step{Op: op, Object: op.Object, Msg: msg, Rel: rel})
	p.st.Add(op.Object, all)
	return p.putBack(op, c)
}

// withLoose is want with the Loose rows of have that it does not mention.
func withLoose(want, have *wire.Set) *wire.Set {
	all := want.Clone()
	for _, e := range have.Ents {
		v, ok := all.At(e.F)
		switch {
		case ok && v.Type == wire.SetVal && e.V.Type == wire.SetVal && v.Sub.Table == e.V.Sub.Table:
			all.Put(e.F, wire.SubVal(withLoose(v.Sub, e.V.Sub)))
		case !ok && e.F.Loose:
			all.Put(e.F, e.V)
		}
	}
	return all
}

// putAllBack makes again what a link took with it: links, what they were as ports,
// sysctls, and what was on them.
func (p *planner) putAllBack(op *builtins.Op, c *Change, freed []*state.Entry, settings []sysctlImage) error {
	links := &Change{With: slices.DeleteFunc(slices.Clone(c.With), func(e *state.Entry) bool { return e.Object != rtnl.Link })}
	rest := &Change{With: slices.DeleteFunc(slices.Clone(c.With), func(e *state.Entry) bool { return e.Object == rtnl.Link })}
	if err := p.putBack(op, links); err != nil {
		return err
	}
	freed = p.released(freed, c)
	slices.SortStableFunc(freed, func(a, b *state.Entry) int { return cmp.Compare(portNo(a), portNo(b)) })
	for _, backed := range []bool{false, true} { // the port that backs one has to be there
		for _, port := range freed {
			lost, err := p.rejoin(op, port, backed)
			if err != nil {
				return err
			}
			c.With, rest.With = appendNew(c.With, lost), appendNew(rest.With, lost)
		}
	}
	if err := p.settingsBack(op, settings); err != nil {
		return err
	}
	err := p.putBack(op, rest)
	if err == nil {
		err = p.notBegun(op, c.With)
	}
	c.Back = append(c.Back, append(links.Back, rest.Back...)...)
	return err
}

// released notes the ports whose master has become something that takes none, and
// returns the others.
func (p *planner) released(freed []*state.Entry, c *Change) []*state.Entry {
	return slices.DeleteFunc(freed, func(port *state.Entry) bool {
		master := p.kindOf(uint32(port.Set().Uint("master")))
		if slices.ContainsFunc(rtnl.Ports.Tables, func(t *wire.Table) bool { return t.Name == master }) {
			return false
		}
		c.Notes = append(c.Notes, "link "+port.Name()+in(p.plan.Place)+" is released")
		return true
	})
}

// again is the set of a link that is deleted and made again: what it was, with
// what is wanted over it. Of another kind it keeps no options.
func (p *planner) again(e *state.Entry, set *wire.Set, with []*state.Entry) (*wire.Set, error) {
	all := leaving(Sparse(e), set)
	was, _ := e.Set().Get("kind")
	want, ok := set.Get("kind")
	switch {
	case !sameKind(e, set):
		all.Ents = slices.DeleteFunc(all.Ents, func(x wire.Entry) bool { return x.F.Immutable || x.F == all.Table.Row("kind") })
		if want.Sub.Table.Name == "bridge" && all.Uint("mtu") == newBridgeMTU {
			all.Del("mtu") // given that, it would not follow its ports
		}
	case was.Sub == nil || was.Sub.Table.Row("peer") == nil:
	case e.Set().Has("link_netnsid"):
		if ok {
			want, _ = want.Sub.Get("peer")
		}
		if want.Sub == nil || !want.Sub.Has("name") {
			return nil, fmt.Errorf("link %s cannot be made again: its other end is in another network namespace; mention the peer", e.Name())
		}
		all.Del("link")
	default:
		all.Del("link")
		kind, _ := all.Get("kind")
		if peer := peerOf(e, with); peer != nil {
			kind.Sub = kind.Sub.Clone()
			row := kind.Sub.Table.Row("peer")
			other := wire.NewSet(row.Of)
			for _, x := range Sparse(peer).Ents {
				if f := row.Of.Row(x.F.Name); f != nil && f.Name != "link" {
					other.Put(f, x.V)
				}
			}
			kind.Sub.Put(row, wire.SubVal(other))
			all.PutName("kind", kind)
		}
	}
	all = over(all, set)
	if rtnl.TakesAddress(all) && !set.Has("address") {
		all.Del("address")
	}
	all.PutName("index", wire.IntVal(uint64(e.Index())))
	return all, rtnl.Link.Finish(all, rtnl.Link.Verb("change"))
}

// over is merged for what is to be written. Rows of one attribute, as remote and
// group are, stand for each other.
func over(have, want *wire.Set) *wire.Set {
	out := have.Clone()
	for _, e := range want.Ents {
		old, ok := out.At(e.F)
		if ok && old.Type == wire.SetVal && e.V.Type == wire.SetVal && old.Sub.Table == e.V.Sub.Table {
			out.Put(e.F, wire.SubVal(over(old.Sub, e.V.Sub)))
			continue
		}
		out.Ents = slices.DeleteFunc(out.Ents, func(x wire.Entry) bool {
			return x.F.Type == e.F.Type && x.F.At == nil && e.F.At == nil && x.F.In() == e.F.In() && x.F.Kind != wire.Union && x.F != e.F && x.F.Name != "name"
		})
		out.Put(e.F, state.Merged(e.F, e.V, old))
	}
	out.Extra = append(out.Extra, want.Extra...)
	return out
}

// peerOf is the other end of a veth among what went with it, nil of other links.
func peerOf(e *state.Entry, with []*state.Entry) *state.Entry {
	if !isPair(e) {
		return nil
	}
	for _, x := range with {
		if x.Object == rtnl.Link && x.Index() == uint32(e.Set().Uint("link")) {
			return x
		}
	}
	return nil
}

// createLinkAgain makes a link that was deleted, at its old index. What its other
// end was as a port cannot be said with it.
func (p *planner) createLinkAgain(op *builtins.Op, all *wire.Set, peer *state.Entry) error {
	return p.untold(func() error {
		v, _ := all.Get("name")
		want := len(p.plan.want)
		if err := p.createLink(op, all, v.S, false); err != nil {
			return err
		}
		for _, x := range p.plan.want[want:] {
			x.set = x.set.Clone()
			x.set.Del("mtu") // another device below may allow less
		}
		if peer == nil {
			return nil
		}
		port, ok := Sparse(peer).Get("port")
		now := p.st.Known(peer.Name())
		if !ok || now == nil {
			return nil
		}
		s := wire.NewSet(rtnl.Link.Table)
		s.PutName("port", port)
		return p.patchLink(op, s, now)
	})
}

// untold plans what is told as a part of another change.
func (p *planner) untold(f func() error) error {
	n := len(p.plan.Changes)
	err := f()
	p.plan.Changes = p.plan.Changes[:n]
	return err
}

// portNo is the number of a port of a bridge, 0 of all else.
func portNo(e *state.Entry) uint64 {
	if port, _ := e.Set().Get("port"); port.Sub != nil && port.Sub.Table.Row("port_no") != nil {
		return port.Sub.Uint("port_no")
	}
	return 0
}

// rejoin makes a link the port again that it was before its master, or the port that
// backs it, went, and returns what it lost by that. backed: with the latter.
func (p *planner) rejoin(op *builtins.Op, port *state.Entry, backed bool) (lost []*state.Entry, err error) {
	now := p.st.Known(port.Name())
	if now == nil {
		return nil, nil
	}
	left := now.Set().Uint("master") == 0
	if !left && now.Set().Uint("master") != port.Set().Uint("master") {
		return nil, nil
	}
	s := wire.NewSet(rtnl.Link.Table)
	all, master := Sparse(port), p.kindOf(uint32(port.Set().Uint("master")))
	for _, name := range []string{"master", "port"} {
		if v, ok := all.Get(name); ok {
			switch {
			case name == "master":
			case v.Sub.Table.Name != master:
				continue // it is another kind of port by now
			case !backed:
				v = withoutBackup(v)
			}
			s.PutName(name, v)
		}
	}
	if err := p.untold(func() error { return p.patchLink(op, s, now) }); err != nil {
		return nil, err
	}
	if !left {
		return nil, nil
	}
	for _, o := range linkObjects {
		for _, e := range p.st.All(o) {
			if uses(e, port.Index()) && lostByPort(master, e) {
				lost = append(lost, e)
			}
		}
	}
	for _, e := range lost {
		p.st.Remove(e)
	}
	return lost, nil
}

// lostByPort reports what a port loses with its master, beside what a link loses
// that goes down: a bridge's entries; in a VRF what is not IPv4, and routes.
func lostByPort(master string, e *state.Entry) bool {
	switch master {
	case "bridge":
		return e.Object == rtnl.FDB && e.Set().Uint("master") != 0
	case "vrf":
		switch e.Object {
		case rtnl.Addr, rtnl.Neigh:
			return !isIPv4(e)
		case rtnl.Route:
			return true
		}
	}
	return false
}

// settingsBack writes the sysctls of links that are made again where they were
// not as those of a new link are.
func (p *planner) settingsBack(op *builtins.Op, settings []sysctlImage) error {
	for _, img := range settings {
		dir, dev, name := settingOf(img.s.Path)
		if dir == "net/ipv4/conf/" || name == "addr_gen_mode" {
			continue // the link itself has them
		}
		usual, err := p.sys.Read(dir + "default/" + name)
		if link := p.st.Known(dev); name == "mtu" && link != nil {
			usual = strconv.FormatUint(link.Set().Uint("mtu"), 10)
		}
		if err != nil {
			// Only the first namespace has neigh/default; lo has the same at first.
			usual, err = p.sys.Read(dir + "lo/" + name)
		}
		if err == nil && sameValue(usual, img.old) {
			continue
		}
		s := &builtins.Sysctl{Path: img.s.Path, Name: img.s.Name, Value: img.old}
		p.step(Step{Op: op, Sysctl: s, Fence: true})
	}
	return nil
}

// settingOf divides the path of a device's sysctl.
func settingOf(path string) (dir, dev, name string) {
	at := strings.LastIndexByte(path, '/')
	dir, name = path[:at], path[at+1:]
	at = strings.LastIndexByte(dir, '/')
	return dir[:at+1], dir[at+1:], name
}
