package tx

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// With the first IPv4 address of a network the kernel removes the others of the
// network, unless it promotes them (promote_secondaries), and with the last one
// of a device its routes and neighbours (KERNEL.md C).

func isIPv4(e *state.Entry) bool { return e.Set().Uint("family") == unix.AF_INET }

// onDevice are the IPv4 addresses of a device in the kernel's order.
func (p *planner) onDevice(dev uint32) []*state.Entry {
	return slices.DeleteFunc(p.st.All(rtnl.Addr), func(e *state.Entry) bool {
		return !isIPv4(e) || uint32(e.Set().Uint("dev")) != dev
	})
}

// addrPlaces orders addresses that go: those that are not the first of their
// network, then the first ones of others that stay, then the rest. So what is
// made again is little, and the device is not without addresses meanwhile.
func (p *planner) addrPlaces(rest []*state.Entry) map[*state.Entry]int {
	at := map[*state.Entry]int{}
	for _, e := range rest {
		if !isIPv4(e) {
			continue
		}
		others := p.othersOf(e)
		switch {
		case !others.first:
		case slices.ContainsFunc(others.network, func(x *state.Entry) bool { return !slices.Contains(rest, x) }):
			at[e] = 1
		default:
			at[e] = 2
		}
	}
	return at
}

// neighbours of an address on its device.
type othersOnDevice struct {
	network []*state.Entry // of its network
	first   bool           // it is the first of these
	alone   bool           // there is no other network
}

func (p *planner) othersOf(e *state.Entry) othersOnDevice {
	o := othersOnDevice{alone: true}
	for _, x := range p.onDevice(uint32(e.Set().Uint("dev"))) {
		switch {
		case x == e:
			o.first = len(o.network) == 0
		case network(x) == network(e):
			o.network = append(o.network, x)
		default:
			o.alone = false
		}
	}
	return o
}

// network is what makes one address the secondary of another (inet_insert_ifa).
func network(e *state.Entry) netip.Prefix {
	v, ok := e.Set().Get("peer")
	if !ok {
		v, _ = e.Set().Get("local")
	}
	return v.Prefix().Masked()
}

// removeAddr removes an IPv4 address. What shall stay and goes with it is made
// again, as far as it can be and stays wants it: a route whose gateway is on no network of the
// device any more is lost.
func (p *planner) removeAddr(op *builtins.Op, e *state.Entry, c *Change, stays func(*state.Entry) bool) error {
	dev := uint32(e.Set().Uint("dev"))
	others, had := p.othersOf(e), p.onDevice(dev)
	was := len(c.With)
	if err := p.remove(op, e, c); err != nil {
		return err
	}
	if !others.first || len(others.network) == 0 || p.promotes(dev) {
		return p.neighboursBack(op, c, c.With[was:], p.ensured)
	}
	lost := slices.Clone(others.network)
	for _, o := range []*wire.Object{rtnl.Neigh, rtnl.Route} {
		for _, x := range slices.Concat(p.st.All(o), c.With[was:]) {
			if x.Object != o || !isIPv4(x) || x.Foreign() || o == rtnl.Route && prefersOne(x, []*state.Entry{e}) {
				continue
			}
			if others.alone && through(x, dev, had) || o == rtnl.Route && prefersOne(x, others.network) {
				lost = append(lost, x)
			}
		}
	}
	left := append(p.onDevice(dev), others.network...)
	back := &Change{}
	for _, x := range lost {
		if !slices.Contains(c.With, x) {
			p.st.Remove(x)
		}
		if stays(x) && (x.Object != rtnl.Route || reachable(x.Set(), left)) {
			back.With = append(back.With, x)
		}
	}
	if err := p.putBack(op, back); err != nil {
		return err
	}
	c.With, c.Back = appendNew(c.With, lost), append(c.Back, back.Back...)
	return nil
}

// prefersOne reports whether a route prefers one of the addresses as source.
func prefersOne(route *state.Entry, addrs []*state.Entry) bool {
	src, ok := route.Set().Get("src")
	return ok && slices.ContainsFunc(addrs, func(e *state.Entry) bool {
		local, _ := e.Set().Get("local")
		return local.A == src.A
	})
}

// reachable reports whether the gateways of a route are on the networks of the
// addresses.
func reachable(route *wire.Set, addrs []*state.Entry) bool {
	return !slices.ContainsFunc(hopsOf(route), func(h wire.Value) bool {
		via, ok := h.Sub.Get("via")
		return ok && via.A.Is4() && h.Sub.Uint("onlink") == 0 && !near(via.A, addrs)
	})
}

// through reports whether an object leads through a device that has the addresses: of
// a route that the commit makes perhaps only the gateway tells.
func through(x *state.Entry, dev uint32, addrs []*state.Entry) bool {
	return uses(x, dev) || x.Object == rtnl.Route && slices.ContainsFunc(hopsOf(x.Set()), func(h wire.Value) bool {
		via, ok := h.Sub.Get("via")
		return ok && !h.Sub.Has("dev") && near(via.A, addrs)
	})
}

// hopsOf are the ways of a route.
func hopsOf(route *wire.Set) []wire.Value {
	if hops, ok := route.Get("nexthops"); ok {
		return hops.L
	}
	return []wire.Value{wire.SubVal(route)}
}

// near reports whether an address is in the network of one of the addresses.
func near(a netip.Addr, addrs []*state.Entry) bool {
	return slices.ContainsFunc(addrs, func(e *state.Entry) bool { return network(e).Contains(a) })
}

// promotes reports whether the kernel makes the next address of a network its
// first when that is removed.
func (p *planner) promotes(dev uint32) bool {
	if p.sys == nil {
		return false
	}
	for _, name := range []string{"all", p.st.Names(dev)} {
		if v, err := p.sys.Read("net/ipv4/conf/" + name + "/promote_secondaries"); err == nil && v != "0" {
			return true
		}
	}
	return false
}
