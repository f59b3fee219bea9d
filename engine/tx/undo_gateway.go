package tx

import (
	"context"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A route, or a next hop, stays when the address goes by which its gateway is
// reached, and one of several next hops when its device goes down. Made again such a
// one is refused: the kernel looks for gateways and for devices that are up
// (fib_check_nh, ip6_route_check_nh). So it is made while there is a route to the
// gateway, and the device up. That ends with the same datagram, whoever is killed
// meanwhile. Hardware is left alone: a port that is down may have to be.

// byWays makes what is left to be made of those. ok counts what took effect.
func (u *undoer) byWays(ctx context.Context, k Kernel) (ok int, err error) {
	for _, s := range u.steps {
		if s.del || s.about.object != rtnl.Route && s.about.object != rtnl.Nexthop {
			continue
		}
		ups, ways := u.waysOf(s)
		if len(ups)+len(ways) == 0 {
			continue
		}
		var batch [][]byte
		for _, dev := range ups {
			batch = append(batch, u.encode(rtnl.Link, rtnl.Link.New, 0, upSet(dev, true))...)
		}
		for _, w := range ways {
			batch = append(batch, u.encode(rtnl.Route, rtnl.Route.New, unix.NLM_F_CREATE, w)...)
		}
		own, made := len(batch), true
		batch = append(batch, s.msg)
		for _, w := range ways {
			batch = append(batch, u.encode(rtnl.Route, rtnl.Route.Del, 0, w)...)
		}
		for _, dev := range ups {
			batch = append(batch, u.encode(rtnl.Link, rtnl.Link.New, 0, upSet(dev, false))...)
			lost, err := u.givenDown(ctx, uint32(dev))
			if err != nil {
				return ok, err
			}
			for _, e := range lost {
				batch = append(batch, u.encode(e.Object, e.Object.New, addFlags(e.Object, e.Set()), Writable(e.Set()))...)
			}
		}
		err := k.Conn.Transact(batch, func(i int, r wire.Reply) {
			if i == own && r.Errno != 0 {
				made = false
			}
		})
		if err != nil {
			return ok, err
		}
		if made {
			ok++
		}
	}
	return ok, nil
}

// givenDown is what a device got while it was down, and loses when it goes down: IPv6
// addresses and neighbours.
func (u *undoer) givenDown(ctx context.Context, dev uint32) ([]*state.Entry, error) {
	if err := u.now.Load(ctx, state.Scope{Object: rtnl.Addr, Family: unix.AF_INET6, Dev: dev}, state.Scope{Object: rtnl.Neigh, Dev: dev}); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Concat(u.now.All(rtnl.Addr), u.now.All(rtnl.Neigh)), func(e *state.Entry) bool {
		return isIPv4(e) && e.Object == rtnl.Addr || e.ByKernel() || uint32(e.Set().Uint("dev")) != dev
	}), nil
}

func upSet(dev uint64, up bool) *wire.Set {
	s := wire.NewSet(rtnl.Link.Table)
	s.PutName("index", wire.IntVal(dev))
	s.PutName("up", wire.BoolVal(up))
	return s
}

// waysOf are routes to the gateways of a route or a next hop, and the devices that
// have to be up meanwhile.
func (u *undoer) waysOf(s undoStep) (ups []uint64, ways []*wire.Set) {
	o := s.about.object
	set := wire.NewSet(o.Table)
	if o.Decode(s.msg, nil, set) != nil {
		return nil, nil
	}
	table := uint64(unix.RT_TABLE_MAIN)
	hops := []*wire.Set{set}
	if o == rtnl.Route {
		table = set.Uint("table")
		if v, ok := set.Get("nexthops"); ok {
			hops = nil
			for _, hop := range v.L {
				hops = append(hops, hop.Sub)
			}
		}
	}
	type way struct {
		via netip.Addr
		dev uint64
	}
	seen := map[way]bool{}
	for _, hop := range hops {
		via, _ := hop.Get("via")
		w := way{via.A, hop.Uint("dev")}
		link := u.now.LinkByIndex(uint32(w.dev))
		if link == nil || seen[w] {
			continue
		}
		if port := (way{dev: w.dev}); link.Set().Uint("up") == 0 && !seen[port] && rtnl.Link.Irreversible(link.Set()) == "" {
			seen[port] = true
			ups = append(ups, w.dev)
		}
		if seen[w] = true; w.via.IsValid() && hop.Uint("onlink") == 0 {
			ways = append(ways, wayTo(w.via, w.dev, table))
		}
	}
	return ups, ways
}

// wayProtocol tells a way from whatever else leads to a gateway: nobody has it
// (include/uapi/linux/rtnetlink.h).
const wayProtocol = 113

func wayTo(gateway netip.Addr, dev, table uint64) *wire.Set {
	w := wire.NewSet(rtnl.Route.Table)
	w.PutName("family", wire.IntVal(unix.AF_INET))
	w.PutName("dst", wire.NetVal(netip.PrefixFrom(gateway, gateway.BitLen())))
	w.PutName("table", wire.IntVal(table))
	w.PutName("protocol", wire.IntVal(wayProtocol))
	w.PutName("type", wire.IntVal(unix.RTN_UNICAST))
	w.PutName("dev", wire.IntVal(dev))
	if gateway.Is4() {
		w.PutName("scope", wire.IntVal(unix.RT_SCOPE_LINK))
	} else {
		w.PutName("family", wire.IntVal(unix.AF_INET6))
		w.PutName("metric", wire.IntVal(1)) // before any other
	}
	return w
}
