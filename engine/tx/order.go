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

// outOfOrder finds the objects that are there as before, but in another order. With
// strangers in its network an address has the place that they leave it.
func (u *undoer) outOfOrder(strangers map[subnet][]*state.Entry) map[orderKey]bool {
	again := map[orderKey]bool{}
	for _, o := range []*wire.Object{rtnl.Addr, rtnl.Rule} {
		placed := slices.DeleteFunc(u.plan.st.Before(o), func(e *state.Entry) bool {
			return !e.Placed() || o == rtnl.Addr && len(strangers[subnetOf(e)]) > 0
		})
		was, is := groups(o, placed), groups(o, u.now.All(o))
		for g, before := range was {
			now := is[g]
			before, now = common(before, now), common(now, before)
			for i := range before {
				if state.ID(before[i]) == state.ID(now[i]) {
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

// classesInTheWay adds the classes in one that has to go, which is only possible when they
// have gone.
func (u *undoer) classesInTheWay(again map[orderKey]bool) {
	is := u.now.All(rtnl.Class)
	t := state.TreeOf(is)
	for _, e := range is {
		was := u.plan.st.Held(e.Object, e.Key)
		if !u.plan.touch.has(e) || len(was) == 0 && u.plan.whose(e) != byUs || // it stays
			len(was) == 1 && (sameList(e.Object, was, []*state.Entry{e}) || keep(e.Object, was, []*state.Entry{e})) {
			continue
		}
		for _, x := range is {
			if t.In(x, e) {
				again[orderKey{x.Object, x.Key}] = true
			}
		}
	}
}

// group is what objects are in order in.
type group struct{ family, dev, priority uint64 }

func groups(o *wire.Object, l []*state.Entry) map[group][]*state.Entry {
	m := map[group][]*state.Entry{}
	for _, e := range l {
		if e.Foreign() && o != rtnl.Rule { // among others of its priority the kernel's has its place, too
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

// common is what of a is in b too, as often as it is in both.
func common(a, b []*state.Entry) (l []*state.Entry) {
	in := make(map[string]int, len(b))
	for _, e := range b {
		in[state.ID(e)]++
	}
	for _, e := range a {
		if id := state.ID(e); in[id] > 0 {
			in[id]--
			l = append(l, e)
		}
	}
	return l
}

// inOrder sorts keys so that making the objects again gives the order they had:
// the order of the dump, in which the kernel puts IPv6 addresses newest first. Classes
// come after those that they are in.
func (u *undoer) inOrder(o *wire.Object, keys []string) []string {
	at := map[string]int{}
	switch o {
	case rtnl.Addr:
		for i, e := range u.plan.st.Before(o) {
			at[e.Key] = i
			if e.Set().Uint("family") == afInet6 {
				at[e.Key] = -i
			}
		}
	case rtnl.Class:
		at = depths(u.plan.st.Before(o))
	default:
		return keys
	}
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(at[a], at[b]) })
	return keys
}

// leaving sorts keys so that classes go before those that they are in.
func (u *undoer) leaving(o *wire.Object, keys []string) []string {
	if o != rtnl.Class {
		return keys
	}
	at := depths(u.now.All(o))
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(at[b], at[a]) })
	return keys
}

// depths tells of each class in how many others it is.
func depths(classes []*state.Entry) map[string]int {
	at := make(map[string]int, len(classes))
	t := state.TreeOf(classes)
	for _, e := range classes {
		at[e.Key] = t.Depth(e)
	}
	return at
}

const afInet6 = 10 // AF_INET6
