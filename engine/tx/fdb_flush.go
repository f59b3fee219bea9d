package tx

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A flush takes the entries that match, of a bridge (br_fdb_delete_bulk) and of a vxlan
// (vxlan_fdb_delete_bulk).

// flush takes out of the state what a flush, which set describes, takes. Undo looks at all
// that are known.
func (p *planner) flush(set *wire.Set, c *Change) error {
	c.Notes = append(c.Notes, "all that match go; an undo makes those again that were not learned")
	dev := uint32(set.Uint("dev"))
	var br, port uint32
	if master := p.st.LinkByIndex(dev); set.Uint("master") != 0 && master != nil {
		if m := uint32(master.Set().Uint("master")); p.kindOf(m) == "bridge" {
			br, port = m, dev
		}
	}
	if set.Uint("self") != 0 && p.kindOf(dev) == "bridge" {
		br = dev
	}
	for _, e := range p.st.All(rtnl.FDB) {
		p.plan.touch.ask(e)
		s := e.Set()
		switch at := p.bridgeWith(s); {
		case at != 0 && at == br && flushesBridge(set, e, port):
		case set.Uint("self") != 0 && uint32(s.Uint("dev")) == dev && p.flushesVXLAN(set, s):
		default:
			continue
		}
		c.With = append(c.With, e)
		p.outdone(e.Object, e.Key)
		if err := p.goes(e, c); err != nil {
			return err
		}
	}
	return nil
}

// flushesBridge reports whether a flush takes an entry of its bridge (__fdb_flush_matches).
func flushesBridge(set *wire.Set, e *state.Entry, port uint32) bool {
	s := e.Set()
	if via := uint32(set.Uint("via")); via != 0 {
		port = via
	}
	if rtnl.Floods(s) { // a bridge has none: the device listens to it
		return false
	}
	have := flushBits(s)
	if !e.Foreign() {
		have |= unix.NTF_USE
	}
	return (port == 0 || port == uint32(s.Uint("dev"))) && (!set.Has("vlan") || set.Uint("vlan") == s.Uint("vlan")) &&
		fits(set.Uint("state_mask")<<8|set.Uint("flags_mask"), flushBits(set), have)
}

// flushesVXLAN reports whether a flush takes an entry of its vxlan
// (vxlan_fdb_flush_matches, vxlan_fdb_flush_remote_matches).
func (p *planner) flushesVXLAN(set, s *wire.Set) bool {
	kind := p.vxlan(s)
	if kind == nil {
		return false
	}
	want, have := flushBits(set), flushBits(s)
	if !fits(set.Uint("state_mask"), want>>8, have>>8) || !fits(set.Uint("flags_mask"), want&0xff, have&0xff) {
		return false
	}
	for row, own := range map[string]string{"src_vni": "id", "nhid": "", "vni": "id", "port": "dstport", "via": ""} {
		v := s.Uint(row)
		if row != "src_vni" && row != "nhid" && s.Has("nhid") {
			v = 0 // no remote end, and nothing of one
		} else if !s.Has(row) && own != "" {
			v = kind.Uint(own)
		}
		if n := set.Uint(row); n != 0 && n != v {
			return false
		}
	}
	dst, ok := set.Get("dst")
	end, _ := s.Get("dst")
	return !ok || dst.A.IsUnspecified() || dst.A == end.A
}

// flushBits are the bits of an entry that a flush may be about: its flags, and 8 higher
// its state.
func flushBits(s *wire.Set) uint64 {
	bits := s.Uint("state") & (unix.NUD_PERMANENT | unix.NUD_NOARP) << 8
	for _, row := range []string{"router", "use", "extern_learn", "sticky", "offloaded"} {
		if s.Uint(row) != 0 {
			bits |= uint64(s.Table.Row(row).Bit)
		}
	}
	return bits
}

// fits compares as the kernel does: without a mask anything fits.
func fits(mask, want, have uint64) bool { return mask == 0 || have&mask == want }
