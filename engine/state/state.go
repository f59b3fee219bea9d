package state

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Source answers dump requests: a kernel, or written-down facts.
type Source interface {
	// Dump sends a request with NLM_F_DUMP and returns the messages of the
	// answer. They stay valid.
	Dump(ctx context.Context, req []byte) ([]wire.Message, error)
}

// An Entry is one object as the kernel reports it, or as a plan expects it.
type Entry struct {
	Object *wire.Object
	Key    string
	msg    []byte    // as reported
	set    *wire.Set // canonical; made from msg when first needed
	order  int       // position in the dump, then in order of creation
	auto   bool      // comes and goes with a link by itself
	first  bool      // comes with a link, and may be changed
}

// Set returns the object in canonical form, devices by index. Do not change it.
func (e *Entry) Set() *wire.Set {
	if e.set == nil {
		e.set = decode(e.Object, e.msg)
	}
	return e.set
}

// Foreign reports that the kernel or a daemon owns the object.
func (e *Entry) Foreign() bool {
	return e.auto || e.Object.Foreign != nil && e.Object.Foreign(e.Set())
}

// Reported reports whether the object was read, not made by a plan.
func (e *Entry) Reported() bool { return e.msg != nil }

// decode returns a reported message in canonical form. A message that is not
// well formed gives an empty set.
func decode(o *wire.Object, msg []byte) *wire.Set {
	s := wire.NewSet(o.Table)
	if len(msg) >= wire.HeaderLen && o.Table.DecodeState(msg[wire.HeaderLen:], s) == nil {
		if o.Canon != nil {
			o.Canon(s)
		}
		if _, flags := wire.TypeFlags(msg); flags&unix.NLM_F_REQUEST == 0 {
			for _, row := range o.Implied {
				s.Default(row, wire.IntVal(0))
			}
		}
		if o.Table.Options {
			return s.Filled()
		}
	}
	return s
}

// A State is a set of objects, by key.
type State struct {
	src     Source
	loaded  map[string]bool
	scopes  []Scope
	entries map[*wire.Object]map[string][]*Entry
	akin    map[*wire.Object]map[string][]*Entry // see Akin
	before  map[*wire.Object]map[string][]*Entry // what changed keys held when they were loaded
	names   map[string]*Entry                    // links by name and altname
	index   map[uint32]*Entry                    // links by index
	ghosts  map[uint32]string                    // names of links that were removed
	renamed []renaming                           // in order
	levels  map[level][]*Entry
	next    int
	late    int // how many others made since
	b       wire.Builder

	unlisted map[string][]wire.Message // what has no table, by the request that lists it

	apart bool                                // see Apart
	tells func(sc Scope, found []*Entry) bool // see Again

	// Brief is for one commit that is sent: it reads no more than it needs, and
	// again when what it reads then shows that it was not enough.
	Brief bool

	// Whole makes plans read whole tables, where look-ups could not tell.
	Whole bool

	// Ahead says that plans are made on top of one another, and not sent: what
	// changes is noted, for Settle, and what only a refusal would show is read.
	Ahead   bool
	changed []*Entry
	gone    []*Entry

	Sysctls Sysctls // that plans have changed

	// StandIns makes a device that is looked up and is not there exist: for
	// golden files and sandboxes. The names are kept, in order of use.
	StandIns bool
	StoodIn  []string
	Made     map[string]bool // links that ops make: nothing stands in for them
}

// New returns an empty state that fills itself from src.
func New(src Source) *State {
	return &State{src: src, loaded: map[string]bool{}, entries: map[*wire.Object]map[string][]*Entry{},
		before: map[*wire.Object]map[string][]*Entry{}, names: map[string]*Entry{}, index: map[uint32]*Entry{}, ghosts: map[uint32]string{}, levels: map[level][]*Entry{}, Made: map[string]bool{},
		Sysctls: Sysctls{map[string]string{}, map[string]string{}}}
}

// Clone returns a copy that changes by itself: what was there before attempt().
func (st *State) Clone() *State {
	c := New(st.src)
	c.StandIns, c.StoodIn, c.next, c.late = st.StandIns, slices.Clone(st.StoodIn), st.next, st.late
	c.renamed = slices.Clone(st.renamed)
	c.Ahead, c.changed, c.gone = st.Ahead, slices.Clone(st.changed), slices.Clone(st.gone)
	c.Sysctls = st.Sysctls.clone()
	c.scopes = slices.Clone(st.scopes)
	c.entries, c.before = cloneTables(st.entries), cloneTables(st.before)
	c.loaded, c.names, c.index, c.ghosts, c.Made = maps.Clone(st.loaded), maps.Clone(st.names), maps.Clone(st.index), maps.Clone(st.ghosts), maps.Clone(st.Made)
	for at, l := range st.levels {
		c.levels[at] = slices.Clone(l)
	}
	return c
}

func cloneTables(t map[*wire.Object]map[string][]*Entry) map[*wire.Object]map[string][]*Entry {
	c := maps.Clone(t)
	for o, m := range c {
		c[o] = maps.Clone(m)
		for k, l := range m {
			c[o][k] = slices.Clone(l)
		}
	}
	return c
}

// reported puts in an object that the kernel reports.
func (st *State) reported(o *wire.Object, msg []byte, s *wire.Set) {
	e := &Entry{Object: o, msg: unlabelled(o, msg, s, st.Names)}
	if o == rtnl.Link {
		e.set = s // looked at all the time
	}
	st.put(e, s)
}

// Add puts in an object as if the kernel had made it: s is canonical, devices
// by index.
func (st *State) Add(o *wire.Object, s *wire.Set) *Entry {
	st.note(o, KeyOf(o, s))
	e := &Entry{Object: o, set: s}
	st.put(e, s)
	if st.Ahead {
		st.changed = append(st.changed, e)
	}
	return e
}

// note keeps what a key held before its first change.
func (st *State) note(o *wire.Object, key string) {
	m := st.before[o]
	if m == nil {
		m = map[string][]*Entry{}
		st.before[o] = m
	}
	if _, ok := m[key]; !ok {
		m[key] = slices.Clone(st.entries[o][key])
	}
}

func (st *State) put(e *Entry, s *wire.Set) {
	e.Key = KeyOf(e.Object, s)
	e.order = st.next
	st.next++
	m := st.entries[e.Object]
	if m == nil {
		m = map[string][]*Entry{}
		st.entries[e.Object] = m
	}
	m[e.Key] = append(m[e.Key], e)
	st.joins(e)
	st.enter(e, s)
	if e.Object == rtnl.Link {
		st.indexLink(e, s)
	}
}

func (st *State) indexLink(e *Entry, s *wire.Set) {
	st.index[uint32(s.Uint("index"))] = e
	for _, n := range linkNames(s) {
		st.names[n] = e
	}
}

func linkNames(s *wire.Set) []string {
	var names []string
	if v, ok := s.Get("name"); ok {
		names = append(names, v.S)
	}
	if v, ok := s.Get("altnames"); ok {
		for _, n := range v.L {
			names = append(names, n.S)
		}
	}
	return names
}

// Change replaces an entry by one with other contents and the same key.
func (st *State) Change(e *Entry, s *wire.Set) *Entry {
	st.note(e.Object, e.Key)
	n := &Entry{Object: e.Object, Key: e.Key, set: s, order: e.order}
	l := st.entries[e.Object][e.Key]
	if i := slices.Index(l, e); i >= 0 {
		l[i] = n
		st.leaves(e)
		st.joins(n)
	}
	if st.Ahead {
		st.changed = append(st.changed, n)
	}
	if e.Object == rtnl.Link {
		for _, name := range linkNames(e.Set()) {
			delete(st.names, name)
		}
		st.indexLink(n, s)
		if n.Name() != e.Name() {
			st.renamed = append(st.renamed, renaming{e.Index(), e.Name()})
			st.Sysctls.rename(e.Name(), n.Name())
		}
	}
	return n
}

// Remove takes an entry out.
func (st *State) Remove(e *Entry) {
	st.note(e.Object, e.Key)
	m := st.entries[e.Object]
	l := slices.DeleteFunc(slices.Clone(m[e.Key]), func(x *Entry) bool { return x == e })
	if m[e.Key] = l; len(l) == 0 {
		delete(m, e.Key)
	}
	st.leaves(e)
	st.leave(e)
	if st.Ahead {
		st.gone = append(st.gone, e)
	}
	if e.Object == rtnl.Link {
		for _, n := range linkNames(e.Set()) {
			delete(st.names, n)
		}
		delete(st.index, e.Index())
		st.ghosts[e.Index()] = e.Name()
		st.Sysctls.forget(e.Name())
	}
}

// Find returns the objects with this key, in the kernel's order.
func (st *State) Find(o *wire.Object, key string) []*Entry {
	st.asked(o)
	return st.entries[o][key]
}

// All returns all loaded objects of a kind in the kernel's order.
func (st *State) All(o *wire.Object) []*Entry {
	st.asked(o)
	var l []*Entry
	for _, es := range st.entries[o] {
		l = append(l, es...)
	}
	return sorted(l)
}

// Before returns all objects of a kind as they were when they were loaded.
func (st *State) Before(o *wire.Object) []*Entry {
	var l []*Entry
	for k, es := range st.entries[o] {
		if _, changed := st.before[o][k]; !changed {
			l = append(l, es...)
		}
	}
	for _, es := range st.before[o] {
		l = append(l, es...)
	}
	return sorted(l)
}

func sorted(l []*Entry) []*Entry {
	slices.SortFunc(l, func(a, b *Entry) int { return cmp.Compare(a.order, b.order) })
	return l
}

// Known finds a link by name or altname, nil when there is none.
func (st *State) Known(name string) *Entry {
	if e := st.names[name]; e != nil || !st.apart {
		return e
	}
	if e := st.byName(name); e != nil {
		return e
	}
	st.asked(rtnl.Link)
	return st.names[name]
}

// Link is Known for a name that is used: it may get a stand-in, unless a later
// op makes the link.
func (st *State) Link(name string) *Entry {
	if e := st.Known(name); e != nil || !st.StandIns || name == "" || st.Made[name] {
		return e
	}
	return st.standIn(name)
}

// standIn invents a device.
func (st *State) standIn(name string) *Entry {
	idx := uint32(2)
	for st.index[idx] != nil {
		idx++
	}
	s := wire.NewSet(rtnl.Link.Table)
	s.PutName("index", wire.IntVal(uint64(idx)))
	s.PutName("name", wire.StrVal(name))
	st.StoodIn = append(st.StoodIn, name)
	e := &Entry{Object: rtnl.Link, set: s}
	st.put(e, s)
	return e
}

// LinkByIndex finds a link by its index, nil when there is none.
func (st *State) LinkByIndex(i uint32) *Entry {
	if st.index[i] == nil {
		st.asked(rtnl.Link)
	}
	return st.index[i]
}

// Index returns the index of a link entry.
func (e *Entry) Index() uint32 { return uint32(e.Set().Uint("index")) }

// Name returns the name of a link entry.
func (e *Entry) Name() string { v, _ := e.Set().Get("name"); return v.S }

// Names tells the names of links by index, also of those that were removed.
func (st *State) Names(i uint32) string {
	if e := st.LinkByIndex(i); e != nil {
		return e.Name()
	}
	return st.ghosts[i]
}

// A renaming is a link that got another name than it had.
type renaming struct {
	index uint32
	was   string
}

// Renamings counts the links that got other names so far.
func (st *State) Renamings() int { return len(st.renamed) }

// NamesAfter tells names as Names did after so many renamings.
func (st *State) NamesAfter(renamings int) wire.Names {
	return func(i uint32) string {
		for _, r := range st.renamed[renamings:] {
			if r.index == i {
				return r.was
			}
		}
		return st.Names(i)
	}
}

// Call tells the name of a link that is not read.
func (st *State) Call(i uint32, name string) { st.ghosts[i] = name }

// An UnknownDevice is the error for a name that no link has.
type UnknownDevice struct {
	Name  string
	Known []string // names there are, when they are few
}

func (e *UnknownDevice) Error() string {
	s := fmt.Sprintf("no device %q", e.Name)
	if len(e.Known) > 0 {
		s += "; there are " + strings.Join(e.Known, ", ")
	}
	return s
}

// unknown is the error for a name, with those there are.
func (st *State) unknown(name string) *UnknownDevice {
	e := &UnknownDevice{Name: name}
	if len(st.names) <= 12 {
		for n := range st.names {
			e.Known = append(e.Known, n)
		}
		slices.Sort(e.Known)
	}
	return e
}

// Resolve replaces the names of devices in s by their indexes.
func (st *State) Resolve(s *wire.Set) error {
	return s.Devices(func(v *wire.Value) error {
		if what, _ := wire.Referred(v.S); v.Type != wire.Name || what != "" {
			return nil
		}
		e := st.Link(v.S)
		if e == nil {
			return st.unknown(v.S)
		}
		*v = wire.IntVal(uint64(e.Index()))
		return nil
	})
}

// Held returns the objects with this key as they were when they were loaded.
func (st *State) Held(o *wire.Object, key string) []*Entry {
	if l, ok := st.before[o][key]; ok {
		return l
	}
	return st.entries[o][key]
}

// Removed reports whether a link was removed, also if there is one with its index again.
func (st *State) Removed(index uint32) bool {
	_, gone := st.ghosts[index]
	return gone
}

// SetBefore changes what was there before: another program has made, changed or
// (with there false) removed the object since it was loaded. One that is changed
// stays where it stood, others come in the order that they are told of.
func (st *State) SetBefore(e *Entry, there bool) {
	st.note(e.Object, e.Key)
	if there {
		own := *e // it may be one of another state
		if l := st.before[e.Object][e.Key]; len(l) > 0 {
			own.order = l[0].order
		} else {
			st.late++
			own.order = unplaced + st.late
		}
		st.before[e.Object][e.Key] = []*Entry{&own}
		return
	}
	// Of several with one key the one with these contents goes.
	l := st.before[e.Object][e.Key]
	rest := slices.DeleteFunc(slices.Clone(l), func(x *Entry) bool { return len(Diff(e.Object, x.Set(), e.Set(), Exact)) == 0 })
	if len(rest) == len(l) {
		rest = nil
	}
	st.before[e.Object][e.Key] = rest
}

// unplaced is below the order of what others made since the state was loaded.
const unplaced = math.MaxInt / 2

// Placed reports whether it is known where among others the object stood.
func (e *Entry) Placed() bool { return e.order < unplaced }

// Message returns the object as the kernel reported it; nil when a plan made it.
func (e *Entry) Message() []byte { return e.msg }
