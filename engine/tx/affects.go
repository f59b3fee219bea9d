package tx

import (
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Session is a connection that somebody works by.
type Session struct {
	Dev           string // that packets to the other end leave by
	Local, Remote netip.Addr
}

// Affects says what of a session's way the plan changes, as the end of "comes in by
// eth0": its device, one below that (a port of a bridge or bond, what a VLAN is
// on), the address it is connected to, a route or a rule that packets back may
// take. "" is nothing.
func (p *Plan) Affects(s Session) string {
	st := p.st
	if st == nil {
		return ""
	}
	w := way{Session: s, names: st.Names, devs: stack(st.Before(rtnl.Link), s.Dev)}
	for _, c := range p.Changes {
		if c.Action == Same || c.st != st {
			continue // another namespace
		}
		if how := w.affected(c); how != "" {
			return how
		}
	}
	return ""
}

// stack is a device and all below it, by index and name.
func stack(links []*state.Entry, dev string) map[uint32]string {
	found := map[uint32]string{}
	var at []uint32
	add := func(e *state.Entry) {
		if _, ok := found[e.Index()]; !ok {
			found[e.Index()] = e.Name()
			at = append(at, e.Index())
		}
	}
	for _, e := range links {
		if e.Name() == dev {
			add(e)
		}
	}
	for ; len(at) > 0; at = at[1:] {
		for _, e := range links {
			on := e.Index() == at[0] && !isPair(e)
			for _, x := range links {
				if on && x.Index() == lower(e) {
					add(x)
				}
			}
			if uint32(e.Set().Uint("master")) == at[0] {
				add(e)
			}
		}
	}
	return found
}

// isPair reports whether a link's lower one is its other end.
func isPair(e *state.Entry) bool {
	kind, ok := e.Set().Get("kind")
	return ok && kind.Sub != nil && kind.Sub.Table.Row("peer") != nil
}

// A way is what a session needs.
type way struct {
	Session
	names wire.Names
	devs  map[uint32]string // its device, and those below
}

// affected says what of the way a change changes.
func (w way) affected(c *Change) string {
	if c.Op.Sysctl != nil {
		for _, part := range strings.Split(c.Op.Sysctl.Path, "/") {
			if how := w.device(part); how != "" {
				return how
			}
		}
	}
	for _, name := range c.links {
		if how := w.device(name); how != "" {
			return how
		}
	}
	if how := w.device(c.name); how != "" {
		return how
	}
	if c.Object != nil {
		if how := w.object(c.Object, c.contents(), c.title()); how != "" {
			return how
		}
		if old := c.before; old != nil {
			if how := w.object(c.Object, old.Set(), c.title()); how != "" {
				return how
			}
		}
	}
	for _, e := range c.With {
		if e.Foreign() && (e.Object != rtnl.Route || !covers(e.Set(), w.Remote)) {
			continue
		}
		if how := w.object(e.Object, e.Set(), titleOf(e.Object, e.Set(), c.names())); how != "" {
			return how
		}
	}
	return ""
}

const this = "which this changes"

// device says whether a link is of the way.
func (w way) device(name string) string {
	if name == "" {
		return ""
	}
	if name == w.Dev {
		return ", " + this
	}
	for _, dev := range w.devs {
		if dev == name {
			return " over " + name + ", " + this
		}
	}
	return ""
}

// object says what of the way an object is.
func (w way) object(o *wire.Object, s *wire.Set, title string) string {
	changes := ", and this changes " + title
	switch o {
	case rtnl.Addr:
		if v, _ := s.Get(o.Subject); v.A == w.Local {
			return " to " + w.Local.String() + ", " + this
		}
	case rtnl.Route:
		if covers(s, w.Remote) {
			return changes
		}
	case rtnl.Rule:
		if w.selects(s) {
			return changes
		}
		return ""
	}
	how := ""
	note := func(name string) {
		if how == "" {
			how = w.device(name)
		}
	}
	if o == rtnl.Link {
		name, _ := s.Get("name")
		note(name.S)
		if index, ok := s.Get("index"); ok && index.Type == wire.Name {
			note(index.S)
		} else {
			note(w.names(uint32(index.N)))
		}
		return how
	}
	s.Devices(func(v *wire.Value) error {
		switch v.Type {
		case wire.Name:
			note(v.S)
		case wire.Int:
			note(w.names(uint32(v.N)))
		}
		return nil
	})
	return how
}

// covers reports whether the destination of a route holds an address.
func covers(s *wire.Set, to netip.Addr) bool {
	dst, ok := s.Get(rtnl.Route.Subject)
	if !ok || dst.Type != wire.Net {
		return !s.Has("family") || s.Uint("family") == familyOf(to)
	}
	return dst.Prefix().Contains(to)
}

func familyOf(a netip.Addr) uint64 {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// selects reports whether a rule may be about packets of the session that leave.
func (w way) selects(s *wire.Set) bool {
	if s.Has("family") && s.Uint("family") != familyOf(w.Remote) {
		return false
	}
	if s.Uint("not_") != 0 {
		return true
	}
	for _, e := range s.Ents {
		v := e.V
		switch e.F.Name {
		case "from_":
			if v.Type == wire.Net && w.Local.IsValid() && !v.Prefix().Contains(w.Local) {
				return false
			}
		case "to":
			if v.Type == wire.Net && !v.Prefix().Contains(w.Remote) {
				return false
			}
		case "iif":
			if v.S != "lo" { // from here
				return false
			}
		case "oif":
			if v.S != w.Dev {
				return false
			}
		case "ipproto":
			if v.N != 0 && v.N != unix.IPPROTO_TCP {
				return false
			}
		case "fwmark":
			if v.N != 0 { // nobody has marked them, as far as is known
				return false
			}
		case "tun_id":
			if v.N != 0 {
				return false
			}
		}
	}
	return true
}
