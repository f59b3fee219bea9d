package state

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Scope is a part of the state that can be read by itself: all objects of a
// kind, one routing table of a family, what is on one device, one route.
type Scope struct {
	Object *wire.Object
	Family uint8  // 0 all
	Table  uint32 // routes: 0 all
	Dev    uint32 // what is on, or goes by, this device; 0 all
	Route  string // one route: a message that describes it
}

func (sc Scope) String() string {
	return fmt.Sprintf("%s/%d/%d/%d/%s", sc.Object.Name, sc.Family, sc.Table, sc.Dev, sc.Route)
}

// wider are the scopes that hold all of sc.
func (sc Scope) wider() []Scope {
	l := []Scope{{Object: sc.Object}}
	if sc.Family != 0 {
		l = append(l, Scope{Object: sc.Object, Family: sc.Family})
	}
	if sc.Table != 0 {
		l = append(l, Scope{Object: sc.Object, Family: sc.Family, Table: sc.Table})
	}
	return l
}

// covers reports whether an object is in the scope.
func (sc Scope) covers(o *wire.Object, s *wire.Set, key string) bool {
	switch {
	case sc.Object != o,
		sc.Family != 0 && s.Uint("family") != uint64(sc.Family),
		sc.Table != 0 && s.Uint("table") != uint64(sc.Table),
		sc.Dev != 0 && !sc.on(s):
		return false
	}
	return sc.Route == "" || sc.Key() == key
}

// on reports whether the kernel takes an object for one of the scope's device: those
// of neighbours are on one alone, whatever device a tunnel's entry goes by.
func (sc Scope) on(s *wire.Set) bool {
	if sc.Object == rtnl.FDB || sc.Object == rtnl.Neigh {
		return uint32(s.Uint("dev")) == sc.Dev
	}
	return mentions(s, sc.Dev)
}

// mentions reports whether a set refers to a device.
func mentions(s *wire.Set, index uint32) bool {
	found := false
	s.Devices(func(v *wire.Value) error {
		found = found || v.Type == wire.Int && uint32(v.N) == index
		return nil
	})
	return found
}

// Load reads the scopes that are not loaded yet. Links are always among them,
// unless the state is Apart.
func (st *State) Load(ctx context.Context, scopes ...Scope) error {
	if !st.apart {
		scopes = append([]Scope{{Object: rtnl.Link}}, scopes...)
	}
	for _, sc := range scopes {
		if st.has(sc) {
			continue
		}
		if sc.Route != "" {
			known, err := st.lookUp(ctx, sc)
			if err != nil {
				return fmt.Errorf("reading a route: %w", err)
			}
			if known {
				st.Expect(sc)
				continue
			}
			sc.Route = "" // only the whole table tells
			if st.has(sc) {
				continue
			}
		}
		if err := st.load(ctx, sc); err != nil {
			return fmt.Errorf("reading %ss: %w", sc.Object.Name, err)
		}
		st.Expect(sc)
	}
	return nil
}

func (st *State) has(sc Scope) bool {
	if st.loaded[sc.String()] {
		return true
	}
	for _, w := range sc.wider() {
		if st.loaded[w.String()] {
			return true
		}
	}
	return false
}

func (st *State) load(ctx context.Context, sc Scope) error {
	dumps := sc.Object.Dumps
	if dumps == nil {
		dumps = []map[string]uint64{nil}
		if sc.Family != 0 {
			dumps = []map[string]uint64{{"family": uint64(sc.Family)}}
		}
	}
	for _, head := range dumps {
		if f := head["family"]; sc.Family != 0 && f != 0 && f != uint64(sc.Family) {
			continue
		}
		if err := st.dump(ctx, sc, head); err != nil {
			return err
		}
	}
	switch sc.Object {
	case rtnl.FDB:
		st.markLocal()
	case rtnl.VLAN:
		st.markFirst()
	case rtnl.VLANOptions:
		return st.byInstance()
	}
	return nil
}

// markLocal marks the forwarding entries that a bridge makes for the addresses
// of its ports and its own, and those that a device has for links above it, such
// as macvlans. They look like permanent ones that were asked for.
func (st *State) markLocal() {
	addresses := make(map[string]bool, len(st.index))
	for _, l := range st.index {
		v, _ := l.Set().Get("address")
		addresses[v.S] = true
	}
	for _, es := range st.entries[rtnl.FDB] {
		for _, e := range es {
			mac, _ := e.Set().Get("lladdr")
			dev := st.index[uint32(e.Set().Uint("dev"))]
			if dev == nil {
				continue
			}
			own, _ := dev.Set().Get("address")
			e.auto = own.S == mac.S || addresses[mac.S] && e.Set().Uint("master") == 0 && !rtnl.Tunnelled(e.Set())
			if br := st.index[uint32(dev.Set().Uint("master"))]; br != nil {
				addr, _ := br.Set().Get("address")
				e.auto = e.auto || addr.S == mac.S
			}
		}
	}
}

// filters are the rows by which the kernel itself picks what is on a device.
var filters = map[*wire.Object]string{rtnl.Addr: "dev", rtnl.Route: "dev", rtnl.Nexthop: "dev", rtnl.FDB: "dev", rtnl.Class: rtnl.Class.Subject}

// onDevice is the attribute by which it does so for neighbours, of which the row in
// the header must be 0 (neigh_valid_dump_req).
func onDevice(dev uint32) wire.Raw {
	return wire.Raw{Type: unix.NDA_IFINDEX, Data: binary.NativeEndian.AppendUint32(nil, dev)}
}

func (st *State) dump(ctx context.Context, sc Scope, head map[string]uint64) error {
	o := sc.Object
	s := wire.NewSet(o.Table)
	for k, v := range head {
		s.PutName(k, wire.IntVal(v))
	}
	if sc.Table != 0 {
		s.PutName("table", wire.IntVal(uint64(sc.Table)))
	}
	if row := filters[o]; sc.Dev != 0 && row != "" {
		s.PutName(row, wire.IntVal(uint64(sc.Dev)))
	}
	if o == rtnl.Neigh && sc.Dev != 0 {
		s.Extra = append(s.Extra, onDevice(sc.Dev))
	}
	if o == rtnl.Link {
		s.PutName("ext_mask", wire.IntVal(extMask))
	}
	st.b.Reset()
	if err := o.Append(&st.b, o.Get, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, s); err != nil {
		return err
	}
	req, _, err := st.b.Last()
	if err != nil {
		return err
	}
	msgs, err := st.src.Dump(ctx, req)
	if nothingThere(err) {
		return nil
	}
	if err != nil {
		return err
	}
	// A scope inside of this one may have been loaded, and changed, before.
	var inner []Scope
	for _, x := range st.scopes {
		if x.Object == o {
			inner = append(inner, x)
		}
	}
	type report struct {
		msg []byte
		set *wire.Set
	}
	var hashed []report
	take := func(msg []byte) {
		set := decode(o, msg)
		switch {
		case !sc.covers(o, set, "") || st.known(inner, o, set): // the kernel ignores filters it does not know
		case o.Hashed:
			hashed = append(hashed, report{msg, set})
		default:
			st.reported(o, msg, set)
		}
	}
	for _, m := range msgs {
		switch {
		case o.Reports != nil:
			for _, one := range o.Reports(m.Bytes) {
				take(one)
			}
		case m.Type == o.New:
			take(m.Bytes)
		}
	}
	slices.SortStableFunc(hashed, func(a, b report) int { return cmp.Compare(KeyOf(o, a.set), KeyOf(o, b.set)) })
	for _, r := range hashed {
		st.reported(o, r.msg, r.set)
	}
	return nil
}

// Counts counts what the kernel has that no object stands for, as it was when that was
// first asked for: many ports may ask for one list. A kernel that does not know of it
// has none.
func (st *State) Counts(ctx context.Context, u wire.Unlisted) (n int, err error) {
	for _, req := range u.Dumps {
		msgs, ok := st.unlisted[string(req)]
		if !ok {
			if msgs, err = st.src.Dump(ctx, req); err != nil && !nothingThere(err) {
				return 0, err
			}
			if st.unlisted == nil {
				st.unlisted = map[string][]wire.Message{}
			}
			st.unlisted[string(req)] = msgs
		}
		for _, m := range msgs {
			if u.Count == nil {
				n++
				continue
			}
			n += u.Count(m.Data)
		}
	}
	return n, nil
}

// Covers reports whether an object is in a scope that was loaded.
func (st *State) Covers(e *Entry) bool { return st.known(st.scopes, e.Object, e.Set()) }

func (st *State) known(scopes []Scope, o *wire.Object, s *wire.Set) bool {
	for _, sc := range scopes {
		key := ""
		if sc.Route != "" {
			key = KeyOf(o, s)
		}
		if sc.covers(o, s, key) {
			return true
		}
	}
	return false
}

// extMask asks for virtual functions and spares the statistics
// (RTEXT_FILTER_VF, RTEXT_FILTER_SKIP_STATS).
const extMask = 1 | 8

// nothingThere reports whether a dump was refused because there is nothing to
// list: a routing table or a device that does not exist, a family or an object that the
// kernel was built without.
func nothingThere(err error) bool {
	for _, e := range []error{unix.ENOENT, unix.ENODEV, unix.EAFNOSUPPORT, unix.EOPNOTSUPP, unix.EPROTONOSUPPORT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
