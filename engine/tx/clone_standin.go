package tx

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// virtual reports whether a message can make a link like this one, all of it in
// one namespace.
func virtual(s *wire.Set) bool { return s.Has("kind") && !s.Has("link_netnsid") }

// standIns makes veths in the place of links. Their other ends have carrier
// where the originals have, or are down.
func (c *Clone) standIns(ctx context.Context, links []*state.Entry) error {
	for _, e := range links {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := c.stands(e); err != nil {
			return fmt.Errorf("stand-in for %s: %w", e.Name(), err)
		}
	}
	return nil
}

// stands makes one stand-in.
func (c *Clone) stands(e *state.Entry) (err error) {
	wires, at := c.Wires, Standing{e.Name(), c.WiresFD, c.here(e.Index())}
	if c.Beyond != nil && isVeth(e) {
		at.Far = uint32(e.Set().Uint("link"))
		if wires, at.FD, err = c.Beyond(e.Set().Uint("link_netnsid")); err != nil {
			return err
		}
	}
	msg, peer, err := c.standIn(e, at)
	if err != nil {
		return err
	}
	if err := ask(c.To, msg); err != nil {
		return err
	}
	if err := ask(wires, peer); err != nil {
		return err
	}
	c.stand[c.here(e.Index())] = true
	c.StandIns = append(c.StandIns, at)
	return nil
}

// standIn is the message that makes a stand-in, and the one that lets its other
// end be up.
func (c *Clone) standIn(e *state.Entry, at Standing) (msg, peerUp []byte, err error) {
	have, index := e.Set(), uint64(c.here(e.Index()))
	s := wire.NewSet(rtnl.Link.Table)
	s.PutName("index", wire.IntVal(index))
	s.PutName("name", wire.StrVal(e.Name()))
	if v, ok := have.Get("address"); ok && unicast(v.S) {
		s.PutName("address", v)
	}
	if mtu := have.Uint("mtu"); mtu >= minMTU && mtu <= maxMTU {
		s.PutName("mtu", wire.IntVal(mtu))
	}
	for _, name := range []string{"numtxqueues", "numrxqueues"} {
		if n := have.Uint(name); n > 0 {
			s.PutName(name, wire.IntVal(n))
		}
	}
	kind := wire.NewSet(vethTable())
	row := kind.Table.Row("peer")
	other := wire.NewSet(row.Of)
	other.PutName("index", wire.IntVal(uint64(at.Far)))
	other.PutName("name", wire.StrVal(fmt.Sprintf("w%d", at.Far)))
	other.PutName("netns_fd", wire.IntVal(uint64(at.FD)))
	kind.Put(row, wire.SubVal(other))
	s.PutName("kind", wire.SubVal(kind))
	if msg, err = message(rtnl.Link, unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, s); err != nil {
		return nil, nil, err
	}
	up := wire.NewSet(rtnl.Link.Table)
	up.PutName("index", wire.IntVal(uint64(at.Far)))
	up.PutName("up", wire.BoolVal(have.Uint("up") == 0 || have.Uint("lower_up") != 0))
	peerUp, err = message(rtnl.Link, unix.RTM_NEWLINK, 0, up)
	return msg, peerUp, err
}

// What a veth takes (veth_setup).
const (
	minMTU = 68
	maxMTU = 65535
)

// unicast reports whether b is an Ethernet address that a device can have.
func unicast(b string) bool { return len(b) == 6 && b[0]&1 == 0 && b != "\x00\x00\x00\x00\x00\x00" }

func vethTable() *wire.Table {
	for _, t := range rtnl.Kinds.Tables {
		if t.Name == "veth" {
			return t
		}
	}
	return nil
}

// missing are the links that are still not there.
func (c *Clone) missing(ctx context.Context, left []Residue) ([]*state.Entry, error) {
	now, err := c.links(ctx)
	if err != nil {
		return nil, err
	}
	var l []*state.Entry
	for _, e := range c.src.All(rtnl.Link) {
		if e.Foreign() || now.LinkByIndex(c.here(e.Index())) != nil {
			continue
		}
		l = append(l, e)
		why := ""
		for _, r := range left {
			if r.Object == rtnl.Link && r.Before != nil && uint32(r.Before.Uint("index")) == c.here(e.Index()) {
				why = reason(r)
			}
		}
		kind, _ := e.Set().Get("kind")
		c.Notes = append(c.Notes, fmt.Sprintf("%s stands in as a veth: no %s can be made here%s", e.Name(), kind.Sub.Table.Name, why))
	}
	return l, nil
}
