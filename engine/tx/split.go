package tx

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// One op on a link may be several messages. A creation ignores or refuses some
// fields (rows that are Late), and sets a link up before it has its master,
// which a bond refuses; a change applies the data of a port before the master
// it is a port of, and the up flag before the address generation mode
// (net/core/rtnetlink.c: rtnl_newlink_create, rtnl_changelink, do_setlink). So:
//
//	create | down | change, master | names | port data | up

// A linkPart is one message of a link's change; the caller addresses it.
type linkPart struct {
	typ   uint16
	flags uint16
	set   *wire.Set
	fence bool // destroys: what was sent before must be known to have worked
}

// splitCreate divides a new link into what its creation takes and the rest,
// nil when that is all.
func splitCreate(s *wire.Set) (first, rest *wire.Set) {
	master, enslaved := s.Get("master")
	kind, _ := s.Get("kind")
	for _, e := range s.Ents {
		late := e.F.Late || e.F.Name == "up" && enslaved && master.True() ||
			// A bridge whose mtu is not set by a change of its own follows its ports.
			e.F.Name == "mtu" && kind.Sub != nil && kind.Sub.Table.Name == "bridge"
		if late {
			if first == nil {
				first, rest = wire.NewSet(s.Table), wire.NewSet(s.Table)
				for _, x := range s.Ents {
					if x.F == e.F {
						break
					}
					first.Put(x.F, x.V)
				}
			}
			rest.Put(e.F, e.V)
		} else if first != nil {
			first.Put(e.F, e.V)
		}
	}
	// addrgenmode has to be there before the link comes up.
	if rest != nil && rest.Has("addrgenmode") {
		if v, ok := first.Get("up"); ok && first.Has("up") {
			first.Del("up")
			rest.PutName("up", v)
		}
	}
	if first == nil {
		return s, nil
	}
	first.Extra = s.Extra
	return first, rest
}

// splitPeer returns the other end of a new veth as a link of its own, nil when
// s is no veth, and s without what a veth's creation refuses or forgets of it.
func splitPeer(s *wire.Set) (peer, stripped *wire.Set) {
	kind, ok := s.Get("kind")
	if !ok || kind.Sub.Table.Row("peer") == nil {
		return nil, s
	}
	v, ok := kind.Sub.Get("peer")
	if !ok || v.Type != wire.SetVal {
		return nil, s
	}
	peer = linkSet(v.Sub)
	for _, e := range v.Sub.Ents {
		if forgotten(e.F) {
			stripped = s.Clone()
			k, _ := stripped.Get("kind")
			w, _ := k.Sub.Get("peer")
			w.Sub.Ents = slices.DeleteFunc(w.Sub.Ents, func(e wire.Entry) bool { return forgotten(e.F) })
			return peer, stripped
		}
	}
	return peer, s
}

// forgotten reports what the creation of a veth refuses or ignores of its peer
// (veth_newlink: rtnl_create_link and rtnl_configure_link).
func forgotten(f *wire.Field) bool { return f.Late || f.Name == "up" || f.Name == "master" }

// linkSet is the peer of a veth as a set of the link table.
func linkSet(peer *wire.Set) *wire.Set {
	s := wire.NewSet(rtnl.Link.Table)
	for _, e := range peer.Ents {
		if f := s.Table.Row(e.F.Name); f != nil {
			s.Put(f, e.V)
		}
	}
	return s
}

// splitChange divides a change into messages in the order they work.
func splitChange(pick, have *wire.Set, fresh bool) []linkPart {
	var parts []linkPart
	main, port, flags := wire.NewSet(pick.Table), wire.NewSet(pick.Table), wire.NewSet(pick.Table)
	var names []linkPart
	first := false
	for _, e := range pick.Ents {
		switch e.F.Name {
		case "name", "index":
		case "altnames":
			names = splitNames(pick.Table, e, have)
		case "port":
			port.Put(e.F, e.V)
		case "up":
			flags.Put(e.F, e.V)
		case "master", "addrgenmode", "kind":
			first = true
			main.Put(e.F, e.V)
		default:
			first = first || e.F.Late
			main.Put(e.F, e.V)
		}
	}
	main.Extra = pick.Extra
	set := func(s *wire.Set, fence bool) {
		parts = append(parts, linkPart{typ: rtnl.Link.New, set: s, fence: fence})
	}
	up, changes := flags.Get("up")
	changes = changes && flags.Has("up")
	if changes && (!up.True() || !first && len(port.Ents) == 0) {
		// Down goes first; up may share a message when nothing has to precede it.
		if len(main.Ents) == 0 || up.True() {
			main.Put(flags.Ents[0].F, up)
		} else {
			set(flags, !fresh)
		}
		changes = false
	}
	if len(main.Ents) > 0 || len(main.Extra) > 0 {
		set(main, !fresh && (disturbing(main) || main.Has("arp")))
	}
	parts = append(parts, names...)
	if len(port.Ents) > 0 {
		set(port, false)
	}
	if changes {
		set(flags, false)
	}
	return parts
}

// disturbing reports whether a change takes other objects with it.
func disturbing(s *wire.Set) bool {
	for _, n := range []string{"master", "address", "mtu", "up", "netns", "netns_fd", "netns_pid", "newname", "carrier", "protodown"} {
		if s.Has(n) {
			return true
		}
	}
	return false
}

// splitNames makes alternative names what the list says: they are added and
// removed by messages of their own type.
func splitNames(t *wire.Table, e wire.Entry, have *wire.Set) []linkPart {
	old, _ := have.At(e.F)
	var parts []linkPart
	part := func(typ, flags uint16, want, not []wire.Value) {
		var l []wire.Value
		for _, v := range want {
			if !slices.ContainsFunc(not, v.Equal) {
				l = append(l, v)
			}
		}
		if len(l) > 0 {
			s := wire.NewSet(t)
			s.Put(e.F, wire.ListOf(l...))
			parts = append(parts, linkPart{typ: typ, flags: flags, set: s})
		}
	}
	part(unix.RTM_DELLINKPROP, 0, old.L, e.V.L)
	part(unix.RTM_NEWLINKPROP, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_APPEND, e.V.L, old.L)
	return parts
}
