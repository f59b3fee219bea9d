package tx

import (
	"cmp"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Order has meaning among the addresses of a link (the first IPv4 one of a
// subnet is its primary, the newest IPv6 one is preferred) and among rules of
// one priority (the first that matches wins). Undo restores it by deleting and
// adding again what stands behind the first that is out of place.

type orderKey struct {
	object *wire.Object
	key    string
}

// outOfOrder finds the objects that are there as before, but in another order.
func (u *undoer) outOfOrder() map[orderKey]bool {
	again := map[orderKey]bool{}
	for _, o := range []*wire.Object{rtnl.Addr, rtnl.Rule} {
		was, is := groups(o, u.plan.st.Before(o)), groups(o, u.now.All(o))
		for g, before := range was {
			now := is[g]
			before, now = common(before, now), common(now, before)
			for i := range before {
				if before[i].Key == now[i].Key {
					continue
				}
				if !slices.ContainsFunc(before[i:], u.plan.touch.has) {
					break // others did it
				}
				for _, e := range before[i:] {
					again[orderKey{o, e.Key}] = true
				}
				break
			}
		}
	}
	return again
}

// group is what objects are in order in.
type group struct{ family, dev, priority uint64 }

func groups(o *wire.Object, l []*state.Entry) map[group][]*state.Entry {
	m := map[group][]*state.Entry{}
	for _, e := range l {
		if e.Foreign() {
			continue
		}
		g := group{family: e.Set().Uint("family")}
		if o == rtnl.Addr {
			g.dev = e.Set().Uint("dev")
		} else {
			g.priority = e.Set().Uint("priority")
		}
		m[g] = append(m[g], e)
	}
	return m
}

// common is what of a is in b too, by key.
func common(a, b []*state.Entry) []*state.Entry {
	in := make(map[string]bool, len(b))
	for _, e := range b {
		in[e.Key] = true
	}
	var l []*state.Entry
	for _, e := range a {
		if in[e.Key] {
			l = append(l, e)
		}
	}
	return l
}

// inOrder sorts keys so that making the objects again gives the order they had:
// the order of the dump, in which the kernel puts IPv6 addresses newest first.
func (u *undoer) inOrder(o *wire.Object, keys []string) []string {
	if o != rtnl.Addr {
		return keys
	}
	at := map[string]int{}
	for i, e := range u.plan.st.Before(o) {
		at[e.Key] = i
		if e.Set().Uint("family") == afInet6 {
			at[e.Key] = -i
		}
	}
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(at[a], at[b]) })
	return keys
}

const afInet6 = 10 // AF_INET6
