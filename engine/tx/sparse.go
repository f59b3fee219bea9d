package tx

import (
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
)

// Sparse is what has to be sent of a link to make it again: what can be written
// and is not as a new one of its kind has it. Its index is among it.
func Sparse(e *state.Entry) *wire.Set {
	s := Writable(e.Set())
	for _, name := range []string{"map", "vf", "vf_ports", "port_self", "xdp", "link_netnsid"} {
		s.Del(name)
	}
	if s.Has("mtu") { // a fact may be no more than a name
		flagsOff(s)
	}
	prune(s)
	unbond(s, e)
	kind, _ := s.Get("kind")
	if kind.Sub == nil {
		return s
	}
	switch kind.Sub.Table.Name {
	case "vrf":
		if v, ok := e.Set().Get("addrgenmode"); ok {
			s.PutName("addrgenmode", v) // none at first (ipv6_add_dev)
		}
		fallthrough
	case "ifb", "dummy":
		// They begin without these (vrf_dev_init, ifb_setup, dummy_setup).
		for _, name := range []string{"arp", "multicast"} {
			s.Del(name)
			if e.Set().Uint(name) != 0 {
				s.PutName(name, wire.BoolVal(true))
			}
		}
	}
	return s
}

// flagsOff adds the flags that are off and that a new link has on: only those
// that are on are reported.
func flagsOff(s *wire.Set) {
	for _, f := range s.Table.Rows() {
		if _, ok := s.At(f); !ok && f.Kind.IsBit() && f.At.Mask != 0 && f.Default == "on" {
			s.Put(f, wire.BoolVal(false))
		}
	}
	for _, e := range s.Ents {
		if e.F.Kind == wire.Union {
			flagsOff(e.V.Sub)
		}
	}
}

// prune takes away what a new link has.
func prune(s *wire.Set) {
	s.Ents = slices.DeleteFunc(s.Ents, func(e wire.Entry) bool {
		if e.V.Type == wire.SetVal {
			prune(e.V.Sub)
			return e.F.Name != "kind" && len(e.V.Sub.Ents) == 0 && len(e.V.Sub.Extra) == 0
		}
		return e.F.IsDefault(e.V)
	})
}
