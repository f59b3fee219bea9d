package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Export writes the script that makes what is in the namespace: in an empty one
// it leaves what Export would write again as it is. Kinds are names of objects
// (link, addr, bridge.fdb); without any all are written.
//
// What the kernel or a daemon made is left out unless all is true: objects of
// proto kernel, from router advertisements, with a lifetime, of
// multicast routing, and what was learned. So is what a new link has by itself.
// A device that has no kind is written as the patch of one that exists.
func (e *Engine) Export(ctx context.Context, w io.Writer, all bool, kinds ...string) error {
	objects, err := exported(kinds)
	if err != nil {
		return err
	}
	e.queue.Lock()
	defer e.queue.Unlock()
	s, err := e.session(ctx, true)
	if err != nil {
		return err
	}
	defer s.close()
	x := exporter{ctx: ctx, st: s.st, all: all, objects: objects, made: map[uint32]bool{}, stranded: map[uint64]bool{}, leads: map[*state.Entry]bool{}, sysctl: len(kinds) == 0 || slices.Contains(kinds, sysctlKind)}
	if s.kernel.Sys != nil {
		x.live, x.cpus = true, possibleCPUs()
		if err := x.settings(e, slices.Contains(kinds, sysctlKind)); err != nil {
			return err
		}
	}
	if err := x.collect(); err != nil {
		return err
	}
	if x.live && len(kinds) == 0 {
		if err := x.without(); err != nil {
			return err
		}
	}
	return x.write(w)
}

// sysctlKind stands among kinds of objects for sysctls.
const sysctlKind = "sysctl"

// settings reads what is needed to tell which sysctls are not as in a new
// namespace. Where none can be made, they are left out, unless they must be there.
func (x *exporter) settings(e *Engine, must bool) (err error) {
	d := &defaults{}
	if d.fresh, err = newTunables(); errors.Is(err, unix.EPERM) && e.private != nil {
		var a answer
		a, err = e.ask(x.ctx, request{})
		d.fresh = a.Sysctls
		delete(d.fresh, "net/ipv4/ping_group_range") // of the groups of its user namespace
	}
	if err != nil {
		if must {
			return &Error{Outcome: rolledBack, Message: "sysctls cannot be exported: what is as in a new namespace is told by making one: " + err.Error(), Err: err}
		}
		x.notes = append(x.notes, "sysctls are left out: what is as in a new namespace is told by making one ("+err.Error()+")")
		x.sysctl = false
		return nil
	}
	if d.now, err = e.ns.tunables(); err != nil {
		return err
	}
	if !x.sysctl { // links alone are made where these are as in a new one
		for path, v := range d.now {
			if _, dev, _, device := d.of(path); !device || dev == "all" || dev == "default" {
				if d.now[path] = d.fresh[path]; v != "" && d.fresh[path] == "" {
					delete(d.now, path)
				}
			}
		}
	}
	x.known = d
	return nil
}

// exported are the objects with these names.
func exported(kinds []string) (map[*wire.Object]bool, error) {
	objects := map[*wire.Object]bool{}
	var names []string
	for _, o := range rtnl.Objects {
		name := strings.TrimSuffix(o.Name, "_")
		names = append(names, name)
		objects[o] = len(kinds) == 0 || slices.Contains(kinds, name) || slices.Contains(kinds, o.Name)
	}
	names = append(names, sysctlKind)
	for _, k := range kinds {
		if !slices.Contains(names, strings.TrimSuffix(k, "_")) {
			return nil, &Error{Outcome: rolledBack, Message: fmt.Sprintf("there is no object %q; there are %s", k, strings.Join(names, ", ")), usage: true}
		}
	}
	return objects, nil
}

// An exporter writes a state as a script.
type exporter struct {
	ctx     context.Context
	st      *state.State
	all     bool
	objects map[*wire.Object]bool
	made    map[uint32]bool // links, by their indexes, that lines so far make
	place   map[uint32]int  // where a link stands
	lines   []line
	cpus    uint64
	live    bool // a kernel's, not facts

	sysctl bool
	known  *defaults // nil: not known
	notes  []string  // at the beginning

	networks map[uint32][]network  // that devices are on
	led      map[uint64]bool       // tables that rules lead to
	needed   map[uint64]bool       // of these, the ones by which gateways are found
	leads    map[*state.Entry]bool // rules that are written before them
	stranded map[uint64]bool       // next hops without a way to their gateway
}

// A line is an op of the script.
type line struct {
	object *wire.Object
	set    *wire.Set
	flags  builtins.OpFlags
	absent bool   // it shall not be there
	note   string // comment before it
	text   string // of what is no object
	out    bool   // a comment all of it
}

// collect makes the lines, in an order in which they can be carried out and
// that no index has a part in.
func (x *exporter) collect() error {
	if err := x.st.Load(x.ctx); err != nil {
		return err
	}
	x.links()
	before, behind := x.sysctls()
	x.lines = slices.Concat(before, x.lines, behind)
	for _, f := range []func() error{x.vlans, x.tunnels, x.options, x.addrs, x.routing, x.rules, x.neighbours, x.traffic} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// objectsOf returns what is to be written of a kind, sorted; the kernel's order
// decides where by says nothing.
func (x *exporter) objectsOf(o *wire.Object, by func(a, b *state.Entry) int) ([]*state.Entry, error) {
	if !x.objects[o] {
		return nil, nil
	}
	if err := x.st.Load(x.ctx, state.Scope{Object: o}); err != nil {
		return nil, err
	}
	l := slices.DeleteFunc(x.st.All(o), func(e *state.Entry) bool { return !x.all && notOurs(e) })
	slices.SortStableFunc(l, by)
	return l, nil
}

// notOurs reports what the kernel or a daemon made: it comes again by itself.
func notOurs(e *state.Entry) bool {
	switch {
	case e.ByKernel():
		return true
	case e.Object == rtnl.Addr:
		return ages(e.Set(), "valid_lft") || e.Set().Uint("preferred_lft") != 0 && ages(e.Set(), "preferred_lft")
	case e.Object == rtnl.Route:
		return e.Set().Has("expires")
	}
	return false
}

// ages reports whether a row counts down.
func ages(s *wire.Set, row string) bool {
	v, ok := s.Get(row)
	return ok && s.Table.Row(row).Words.Name(v.N) == ""
}

func (x *exporter) add(e *state.Entry) {
	set := tx.Writable(e.Set())
	set.Ents = slices.DeleteFunc(set.Ents, func(e wire.Entry) bool { return e.F.IsDefault(e.V) })
	x.lines = append(x.lines, line{object: e.Object, set: set})
}

// addrs come in the order that makes the kernel's: IPv6 puts the newest first.
func (x *exporter) addrs() error {
	l, err := x.objectsOf(rtnl.Addr, func(a, b *state.Entry) int {
		return cmp.Or(x.byDevice(a, b), cmp.Compare(a.Set().Uint("family"), b.Set().Uint("family")))
	})
	for len(l) > 0 {
		n := 1
		for n < len(l) && x.byDevice(l[n], l[0]) == 0 && l[n].Set().Uint("family") == unix.AF_INET6 {
			n++
		}
		if l[0].Set().Uint("family") != unix.AF_INET6 {
			n = 1
		}
		for _, e := range slices.Backward(l[:n]) {
			x.add(e)
		}
		l = l[n:]
	}
	return err
}

// byDevice compares the places of the devices that objects are on.
func (x *exporter) byDevice(a, b *state.Entry) int {
	return cmp.Compare(x.place[uint32(a.Set().Uint("dev"))], x.place[uint32(b.Set().Uint("dev"))])
}

// routing writes routes without a gateway, next hops, for which these may be
// needed, and the routes that have one. Rules come behind, as one that rejects
// packets is in the way of gateways, too, but for those that lead to one.
func (x *exporter) routing() error {
	routes, err := x.objectsOf(rtnl.Route, byRoute)
	if err != nil {
		return err
	}
	hops, err := x.objectsOf(rtnl.Nexthop, func(a, b *state.Entry) int {
		if g := cmp.Compare(b2i(a.Set().Has("group")), b2i(b.Set().Has("group"))); g != 0 {
			return g
		}
		return cmp.Compare(a.Set().Uint("id"), b.Set().Uint("id"))
	})
	if x.live && len(routes)+len(hops) > 0 && err == nil {
		err = x.look()
	}
	if err != nil {
		return err
	}
	x.routes(routes, false)
	if err := x.leading(slices.Concat(routes, hops)); err != nil {
		return err
	}
	carrier := map[uint64]bool{} // devices that are waited for
	for _, e := range hops {
		lost := !x.finds(e.Set())
		group, _ := e.Set().Get("group")
		lost = lost || slices.ContainsFunc(group.L, func(v wire.Value) bool { return x.stranded[rtnl.MemberID(v)] })
		if dev := e.Set().Uint("dev"); dev != 0 && !carrier[dev] && !lost {
			// The kernel refuses a next hop without carrier (rtm_to_nh_config), which a
			// bond has a while after it is up.
			carrier[dev] = true
			op := builtins.Op{Wait: &builtins.Wait{Kind: builtins.WaitCarrier, Dev: x.st.Names(uint32(dev))}}
			x.lines = append(x.lines, line{text: op.String()})
		}
		x.add(e)
		if lost {
			x.stranded[e.Set().Uint("id")] = true
			n := &x.lines[len(x.lines)-1]
			n.note, n.out = noWay, true
		}
	}
	x.routes(routes, true)
	return nil
}

// routes writes those with or without a gateway, several of one key together.
func (x *exporter) routes(l []*state.Entry, gateway bool) {
	for _, e := range l {
		like := slices.DeleteFunc(slices.Clone(x.st.Find(e.Object, e.Key)), func(o *state.Entry) bool { return !x.all && notOurs(o) })
		if slices.ContainsFunc(like, func(o *state.Entry) bool { return hasGateway(o.Set()) }) != gateway {
			continue
		}
		n := line{object: e.Object, set: tx.Writable(e.Set())}
		if len(like) > 1 {
			n.flags = builtins.Appended
		}
		if gateway && (!x.finds(e.Set()) || x.stranded[e.Set().Uint("nhid")]) {
			n.note, n.out = noWay, true
		}
		x.lines = append(x.lines, n)
	}
}

func hasGateway(s *wire.Set) bool { return s.Has("via") || s.Has("nexthops") || s.Has("nhid") }

// byRoute compares family, table, prefix and metric.
func byRoute(a, b *state.Entry) int {
	s, t := a.Set(), b.Set()
	return cmp.Or(
		cmp.Compare(s.Uint("family"), t.Uint("family")),
		cmp.Compare(s.Uint("table"), t.Uint("table")),
		byPrefix(s, t, "dst"),
		byPrefix(s, t, "from_"),
		cmp.Compare(s.Uint("tos"), t.Uint("tos")),
		cmp.Compare(s.Uint("metric"), t.Uint("metric")))
}

func byPrefix(s, t *wire.Set, row string) int {
	v, _ := s.Get(row)
	w, _ := t.Get(row)
	return cmp.Or(v.A.Compare(w.A), cmp.Compare(v.N, w.N))
}

// without notes what the kernel has that no op of a script makes.
func (x *exporter) without() error {
	for _, u := range rtnl.Untabled() {
		n, err := x.st.Counts(x.ctx, u)
		if err != nil && !errors.Is(err, unix.EINVAL) { // a kernel without it may say so, too
			return err
		}
		if n > 0 {
			x.notes = append(x.notes, fmt.Sprintf("not written, because nothing here makes them: %d %s", n, u.What))
		}
	}
	return nil
}

// ruleList returns the rules that are to be written.
func (x *exporter) ruleList() ([]*state.Entry, error) {
	return x.objectsOf(rtnl.Rule, func(a, b *state.Entry) int {
		return cmp.Or(cmp.Compare(a.Set().Uint("family"), b.Set().Uint("family")), cmp.Compare(a.Set().Uint("priority"), b.Set().Uint("priority")))
	})
}

func (x *exporter) rules() error {
	l, err := x.ruleList()
	var gone []*wire.Set
	if x.live && x.objects[rtnl.Rule] && err == nil {
		gone = x.rulesGone()
	}
	for _, e := range l {
		if x.leads[e] {
			continue
		}
		set := tx.Writable(e.Set())
		// One in the place of the kernel's would be taken to be there.
		gone = slices.DeleteFunc(gone, func(r *wire.Set) bool {
			same := state.KeyOf(rtnl.Rule, r) == e.Key
			if same {
				x.lines = append(x.lines, line{object: rtnl.Rule, set: r, absent: true})
			}
			return same
		})
		x.lines = append(x.lines, line{object: e.Object, set: set})
	}
	for _, r := range gone {
		x.lines = append(x.lines, line{object: rtnl.Rule, set: r, absent: true})
	}
	return err
}

// rulesGone are the rules that a new namespace has and this one has not.
func (x *exporter) rulesGone() (gone []*wire.Set) {
	for _, r := range rtnl.FirstRules() {
		there, family := false, false
		for _, e := range x.st.All(rtnl.Rule) {
			family = family || e.Set().Uint("family") == r.Uint("family")
			there = there || e.Key == state.KeyOf(rtnl.Rule, r) && state.Matches(r, e)
		}
		if family && !there {
			gone = append(gone, r)
		}
	}
	return gone
}

func (x *exporter) neighbours() error {
	l, err := x.objectsOf(rtnl.Neigh, func(a, b *state.Entry) int {
		v, _ := a.Set().Get("to")
		w, _ := b.Set().Get("to")
		return cmp.Or(x.byDevice(a, b), cmp.Compare(a.Set().Uint("proxy"), b.Set().Uint("proxy")), v.A.Compare(w.A))
	})
	for _, e := range l {
		x.add(e)
	}
	if err != nil {
		return err
	}
	l, err = x.objectsOf(rtnl.FDB, func(a, b *state.Entry) int {
		s, t := a.Set(), b.Set()
		v, _ := s.Get("lladdr")
		w, _ := t.Get("lladdr")
		dst, _ := s.Get("dst")
		other, _ := t.Get("dst")
		return cmp.Or(x.byDevice(a, b), cmp.Compare(s.Uint("master"), t.Uint("master")), cmp.Compare(s.Uint("vlan"), t.Uint("vlan")),
			cmp.Compare(s.Uint("src_vni"), t.Uint("src_vni")), cmp.Compare(v.S, w.S), dst.A.Compare(other.A),
			cmp.Compare(s.Uint("vni"), t.Uint("vni")), cmp.Compare(s.Uint("port"), t.Uint("port")))
	})
	for _, e := range l {
		if x.all || !tx.OwnRemote(e, x.st.LinkByIndex(uint32(e.Set().Uint("dev")))) && !x.inEachVLAN(e) {
			x.add(e)
		}
	}
	return err
}

// inEachVLAN reports whether an entry is one that the bridge made of one without
// a VLAN.
func (x *exporter) inEachVLAN(e *state.Entry) bool {
	s := e.Set()
	if s.Uint("vlan") == 0 || s.Uint("master") == 0 {
		return false
	}
	s = s.Clone()
	s.Del("vlan")
	return len(x.st.Find(e.Object, state.KeyOf(e.Object, s))) > 0
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
