package tx

import "github.com/nlscript/nlscript/wire"

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
