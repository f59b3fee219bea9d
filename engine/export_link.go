package engine

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// links writes the links, each after those it stands on and its master, by name
// where that leaves a choice. The ends of a veth are one line. A device that a
// link names and that comes later (the primary of a bond) is a line of its own
// behind them.
func (x *exporter) links() {
	all := x.st.All(rtnl.Link)
	slices.SortFunc(all, func(a, b *state.Entry) int { return strings.Compare(a.Name(), b.Name()) })
	x.place = map[uint32]int{}
	var later []line
	var visit func(e *state.Entry)
	visiting := map[*state.Entry]bool{}
	visit = func(e *state.Entry) {
		if visiting[e] {
			return
		}
		visiting[e] = true
		ends := []*state.Entry{e}
		if peer := x.peer(e); peer != nil {
			visiting[peer] = true
			ends = append(ends, peer)
		}
		for _, end := range ends {
			for _, on := range x.standsOn(end) {
				visit(on)
			}
		}
		for _, end := range ends {
			x.place[end.Index()] = len(x.place) + 1
			x.made[end.Index()] = true
		}
		later = append(later, x.link(ends)...)
	}
	for _, e := range all {
		if e.Name() == "lo" {
			visit(e)
		}
	}
	for _, e := range all {
		visit(e)
	}
	x.lines = append(x.lines, later...)
	if !x.objects[rtnl.Link] {
		x.lines = nil
	}
}

// peer is the other end of a veth in this namespace; the one of the lesser name
// has the other.
func (x *exporter) peer(e *state.Entry) *state.Entry {
	if kindName(e) != "veth" || e.Set().Has("link_netnsid") {
		return nil
	}
	p := x.st.LinkByIndex(uint32(e.Set().Uint("link")))
	if p == nil || p == e || kindName(p) != "veth" {
		return nil
	}
	return p
}

func kindName(e *state.Entry) string {
	if k, _ := e.Set().Get("kind"); k.Sub != nil {
		return k.Sub.Table.Name
	}
	return ""
}

// standsOn are the links that must be there before.
func (x *exporter) standsOn(e *state.Entry) []*state.Entry {
	var l []*state.Entry
	add := func(v wire.Value) {
		if on := x.st.LinkByIndex(uint32(v.N)); on != nil && on != e && v.Type == wire.Int {
			l = append(l, on)
		}
	}
	s := e.Set()
	if x.peer(e) == nil && !s.Has("link_netnsid") {
		v, _ := s.Get("link")
		add(v)
	}
	v, _ := s.Get("master")
	add(v)
	if k, _ := s.Get("kind"); k.Sub != nil {
		for _, ent := range k.Sub.Ents {
			if ent.F.Kind == wire.Dev && kindName(e) != "bond" {
				add(ent.V)
			}
		}
	}
	slices.SortFunc(l, func(a, b *state.Entry) int { return strings.Compare(a.Name(), b.Name()) })
	return l
}

// link adds the line of a link, or of both ends of a veth, and returns what has
// to wait for other links.
func (x *exporter) link(ends []*state.Entry) (later []line) {
	e := ends[0]
	if e.Foreign() && e.Name() != "lo" && !x.all {
		return nil
	}
	set := x.linkSet(e)
	l := line{object: rtnl.Link, set: set}
	switch kind, made := set.Get("kind"); {
	case !made:
		l.note = x.patchOnly(e)
		for _, ent := range slices.Clone(set.Ents) {
			if ent.F.Immutable {
				set.Del(ent.F.Name)
			}
		}
		if len(set.Ents) == 1 {
			return nil // nothing but its name
		}
	case x.noAddress(e):
		l.note = e.Name() + " has no address, as its ports have left; one that is made has"
	case len(ends) > 1:
		peer := x.linkSet(ends[1])
		if port, ok := peer.Get("port"); ok {
			later = append(later, patch(ends[1], "port", port))
		}
		row := kind.Sub.Table.Row("peer")
		sub := wire.NewSet(row.Of)
		for _, ent := range peer.Ents {
			if f := row.Of.Row(ent.F.Name); f != nil {
				sub.Put(f, ent.V)
			}
		}
		pair := kind.Sub.Clone()
		pair.Put(row, wire.SubVal(sub))
		set.PutName("kind", wire.SubVal(pair))
	}
	for _, name := range []string{"kind", "port"} {
		v, ok := set.Get(name)
		if !ok {
			continue
		}
		now, rest := x.ready(v.Sub)
		if len(rest.Ents) == 0 {
			continue
		}
		later = append(later, patch(e, name, wire.SubVal(rest)))
		set.PutName(name, wire.SubVal(now))
		if name == "port" && len(now.Ents) == 0 {
			set.Del(name)
		}
	}
	x.lines = append(x.lines, l)
	return later
}

// patch is a line that changes one row of a link.
func patch(e *state.Entry, row string, v wire.Value) line {
	s := wire.NewSet(rtnl.Link.Table)
	s.PutName("name", wire.StrVal(e.Name()))
	s.PutName(row, v)
	return line{object: rtnl.Link, set: s}
}

// ready divides options into those that can be set now and those that name a
// device which is not there yet.
func (x *exporter) ready(s *wire.Set) (now, rest *wire.Set) {
	now, rest = wire.NewSet(s.Table), wire.NewSet(s.Table)
	now.Extra = s.Extra
	for _, e := range s.Ents {
		if e.F.Kind == wire.Dev && e.V.Type == wire.Int && e.V.N != 0 && !x.made[uint32(e.V.N)] {
			rest.Put(e.F, e.V)
			continue
		}
		now.Put(e.F, e.V)
	}
	return now, rest
}

// noAddress reports whether a bridge has none, as its ports have left
// (br_stp_recalculate_bridge_id): no device can be given that. Facts need not tell.
func (x *exporter) noAddress(e *state.Entry) bool {
	return x.live && kindName(e) == "bridge" && !e.Set().Has("address")
}

// patchOnly says why a link is not made.
func (x *exporter) patchOnly(e *state.Entry) string {
	switch kind := kindName(e); {
	case e.Foreign():
		return ""
	case kind != "":
		return e.Name() + ": " + kind + " on a device of another namespace, which has to be made there"
	}
	return e.Name() + " has to be there: a device of the hardware, or of a kind that has no table"
}

// linkSet is what a script has to write of a link.
func (x *exporter) linkSet(e *state.Entry) *wire.Set {
	s := tx.Sparse(e)
	s.Del("index")
	if x.peer(e) != nil || kindName(e) == "vxlan" {
		s.Del("link") // the other end; the kind has it as dev
	}
	if e.Set().Has("link_netnsid") {
		s.Del("kind")
		s.Del("link")
	}
	x.settled(e, s)
	for _, ent := range slices.Clone(s.Ents) {
		if x.comesByItself(e, s, ent) {
			s.Del(ent.F.Name)
		}
	}
	x.prunePort(e, s)
	return s
}

// comesByItself reports whether a row of a link that is made has this value
// without being written, where that depends on the kind and on other links.
func (x *exporter) comesByItself(e *state.Entry, s *wire.Set, ent wire.Entry) bool {
	have, kind := e.Set(), kindName(e)
	below := x.st.LinkByIndex(uint32(have.Uint("link")))
	if kind != "vlan" && kind != "macvlan" && kind != "macvtap" {
		below = nil
	}
	like := func(row string) bool {
		if below == nil {
			return false
		}
		v, _ := below.Set().Get(row)
		return v.Equal(ent.V)
	}
	switch name := ent.F.Name; name {
	case "mtu":
		return ent.V.N == x.usualMTU(e) || like(name)
	case "txqueuelen":
		if kind == "ifb" {
			return ent.V.N == 32 // TX_Q_LIMIT in drivers/net/ifb.c
		}
		return ent.V.N == 1000 // DEFAULT_TX_QUEUE_LEN
	case "numtxqueues", "numrxqueues":
		if kind == "veth" {
			return ent.V.N == x.cpus // veth_get_num_queues
		}
		return kind == "" || ent.V.N == 1 || kind == "bond" && ent.V.N == 16
	case "gso_max_size", "gso_max_segs", "gro_max_size", "gso_ipv4_max_size", "gro_ipv4_max_size":
		return like(name)
	case "address":
		if e.Name() == "lo" {
			return true
		}
		if perm, ok := have.Get("permaddr"); ok && kind == "" {
			return perm.S == ent.V.S
		}
		return kind == "vlan" && like(name)
	case "broadcast":
		return e.Name() == "lo"
	case "inet":
		if e.Name() == "lo" {
			ent.V.Sub.Ents = slices.DeleteFunc(ent.V.Sub.Ents, func(c wire.Entry) bool {
				return (c.F.Name == "disable_xfrm" || c.F.Name == "disable_policy") && c.V.N == 1 // inetdev_event
			})
		}
		return len(ent.V.Sub.Ents) == 0
	case "multicast":
		return e.Name() == "lo"
	}
	return false
}

// usualMTU is the mtu of a new link of the kind, 0 when that is not the same for
// all: it is written then. A bridge has the least of its ports.
func (x *exporter) usualMTU(e *state.Entry) uint64 {
	switch kindName(e) {
	case "bridge":
		least := uint64(0)
		for _, l := range x.st.All(rtnl.Link) {
			if m := l.Set().Uint("mtu"); uint32(l.Set().Uint("master")) == e.Index() && (least == 0 || m < least) {
				least = m
			}
		}
		if least != 0 {
			return least
		}
		return 1500
	case "vxlan":
		if k, _ := e.Set().Get("kind"); k.Sub.Has("dev") {
			return 0
		}
		return 1500
	case "veth", "dummy", "bond", "ifb":
		return 1500
	case "vrf":
		return 65575 // IP6_MAX_MTU
	case "":
		if e.Name() == "lo" {
			return 65536
		}
		return 1500
	}
	return 0
}

// prunePort takes away what follows from the device that is a port.
func (x *exporter) prunePort(e *state.Entry, s *wire.Set) {
	had, _ := e.Set().Get("port")
	if had.Sub == nil {
		return
	}
	if had.Sub.Table.Row("perm_hwaddr") != nil && !s.Has("kind") {
		s.Del("address")
	}
	port, ok := s.Get("port")
	if !ok {
		return
	}
	if kindName(e) == "veth" && port.Sub.Table.Row("cost") != nil && port.Sub.Uint("cost") == 2 {
		port.Sub.Del("cost") // the path cost of 10 Gbit/s
	}
	if len(port.Sub.Ents) == 0 {
		s.Del("port")
	}
}

// possibleCPUs is how many queues a veth gets; 0 when that cannot be told.
func possibleCPUs() uint64 {
	b, err := os.ReadFile("/sys/devices/system/cpu/possible")
	if err != nil {
		return 0
	}
	n := uint64(0)
	for _, part := range strings.Split(strings.TrimSpace(string(b)), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		lo, err1 := strconv.ParseUint(first, 10, 32)
		hi, err2 := strconv.ParseUint(last, 10, 32)
		if err1 != nil || err2 != nil || hi < lo {
			return 0
		}
		n += hi - lo + 1
	}
	return n
}
