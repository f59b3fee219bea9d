package tx

import (
	"slices"
	"strings"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// An entry of a bridge's forwarding database that is written without a VLAN is
// made, and removed, in each VLAN of the port too (br_fdb_add, br_fdb_delete).

// withoutVLAN is the key of the entry that made this one; "" when it was made by
// itself.
func withoutVLAN(e *state.Entry) string {
	if e.Object != rtnl.FDB || e.Set().Uint("vlan") == 0 || e.Set().Uint("master") == 0 {
		return ""
	}
	s := e.Set().Clone()
	s.Del("vlan")
	return state.KeyOf(e.Object, s)
}

// removeFDB removes an entry of a bridge. What goes with it from the VLANs of the
// port and shall stay is made again.
func (p *planner) removeFDB(op *builtins.Op, e *state.Entry, c *Change, rest []*state.Entry) error {
	if err := p.remove(op, e, c); err != nil {
		return err
	}
	back := &Change{}
	for _, x := range p.st.All(rtnl.FDB) {
		if withoutVLAN(x) != e.Key {
			continue
		}
		p.st.Remove(x)
		p.plan.touch.key(x.Object, x.Key)
		c.With = append(c.With, x)
		if !slices.Contains(rest, x) {
			back.With = append(back.With, x)
			continue
		}
		p.expect(&expect{op: op, object: x.Object, key: x.Key, gone: x.Set(), mode: state.Whole})
	}
	err := p.putBack(op, back)
	c.Back = append(c.Back, back.Back...)
	return err
}

// OwnRemote reports whether an entry is the one that the device, a vxlan, makes of
// its remote or group.
func OwnRemote(e, dev *state.Entry) bool {
	if e.Object != rtnl.FDB || dev == nil {
		return false
	}
	s := e.Set()
	dst, ok := s.Get("dst")
	mac, _ := s.Get("lladdr")
	if !ok || strings.Trim(mac.S, "\x00") != "" || s.Has("vni") || s.Has("port") || s.Has("src_vni") {
		return false
	}
	kind, _ := dev.Set().Get("kind")
	if kind.Sub == nil || kind.Sub.Table.Row("remote") == nil {
		return false
	}
	remote, _ := kind.Sub.Get("remote")
	group, _ := kind.Sub.Get("group")
	return dst.A == remote.A || dst.A == group.A
}
