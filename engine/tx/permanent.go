package tx

import (
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
)

// A bond gives a port its own address, and back the one it came with when it leaves.

// cameWith is the address that a port of a bond had before it was one.
func cameWith(e *state.Entry) wire.Value {
	port, _ := e.Set().Get("port")
	if port.Sub == nil || port.Sub.Table.Row("perm_hwaddr") == nil {
		return wire.Value{}
	}
	v, _ := port.Sub.Get("perm_hwaddr")
	return v
}

// unbond gives what makes a link that is to be a port of a bond the address that it
// comes with.
func unbond(s *wire.Set, e *state.Entry) {
	if v := cameWith(e); v.Type != wire.None {
		s.PutName("address", v)
	}
}

// byPort makes of the address that a bond shall have again, which it has from its port
// in use, the choice of that port: nothing else changes it (bond_set_mac_address).
func byPort(pick, was *wire.Set) {
	kind, _ := was.Get("kind")
	const active = 1 // BOND_FOM_ACTIVE
	if !pick.Has("address") || kind.Sub == nil || kind.Sub.Table.Row("fail_over_mac") == nil || kind.Sub.Uint("fail_over_mac") != active {
		return
	}
	port, ok := kind.Sub.Get("active_slave")
	if !ok {
		return
	}
	choice := wire.NewSet(kind.Sub.Table)
	if v, ok := pick.Get("kind"); ok {
		choice = v.Sub.Clone()
	}
	choice.PutName("active_slave", port)
	pick.PutName("kind", wire.SubVal(choice))
	pick.Del("address")
}

// permanentAddress takes away the address that is wanted of a link when it has
// it, under the one of the bond that it is a port of.
func permanentAddress(want, have *wire.Set) *wire.Set {
	v, ok := want.Get("address")
	port, _ := have.Get("port")
	if !ok || port.Sub == nil || port.Sub.Table.Row("perm_hwaddr") == nil {
		return want
	}
	if perm, _ := port.Sub.Get("perm_hwaddr"); perm.S != v.S {
		return want
	}
	c := want.Clone()
	c.Del("address")
	return c
}
