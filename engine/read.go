package engine

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// current is the namespace that reads look in, and the state they see there: the
// kernel's, and in a dry run what the commits so far would have made of it.
func (s *session) current(in *builtins.Place) (tx.Kernel, *state.State, error) {
	sp, err := s.spaces.Open(in, false)
	if err != nil {
		return tx.Kernel{}, nil, err
	}
	st := sp.State()
	return sp.Kernel, st, st.Load(s.ctx)
}

// List implements builtins.Host.
func (s *session) List(in *builtins.Place, o *wire.Object, filter *wire.Set) ([]*builtins.Op, error) {
	_, st, err := s.current(in)
	if err != nil {
		return nil, err
	}
	want := filter.Clone()
	if err := st.Resolve(want); err != nil {
		return nil, err
	}
	sc := state.Scope{Object: o}
	if o == rtnl.Route && want.Has("table") && want.Has("family") {
		sc.Family, sc.Table = uint8(want.Uint("family")), uint32(want.Uint("table"))
	}
	switch o {
	case rtnl.Class:
		sc.Dev = uint32(want.Uint(o.Subject))
		if sc.Dev == 0 {
			return nil, fmt.Errorf("a device is needed")
		}
	case rtnl.Addr, rtnl.Neigh, rtnl.FDB:
		sc.Dev = uint32(want.Uint("dev"))
	}
	if err := st.Load(s.ctx, sc); err != nil {
		return nil, err
	}
	var ops []*builtins.Op
	for _, e := range st.All(o) {
		if !agrees(want, e.Set()) {
			continue
		}
		op, err := s.opOf(st, o, e.Set())
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// agrees reports whether an object has every field of want; a number may lie in a
// range of it.
func agrees(want, have *wire.Set) bool {
	for _, e := range want.Ents {
		v, _ := have.At(e.F)
		if v.Type == wire.SetVal && e.V.Type == wire.SetVal && v.Sub.Table == e.V.Sub.Table {
			if !agrees(e.V.Sub, v.Sub) {
				return false
			}
			continue
		}
		if v.Type == wire.None && e.V.Type == wire.Int && e.V.N == 0 {
			continue
		}
		if !v.Equal(e.V) && !(e.F.Single(v) && len(e.V.L) == 2 && e.V.L[0].N <= v.L[0].N && v.L[0].N <= e.V.L[1].N) {
			return false
		}
	}
	return true
}

// opOf makes an op of a reported object, devices by name.
func (s *session) opOf(st *state.State, o *wire.Object, set *wire.Set) (*builtins.Op, error) {
	set = tx.Writable(set)
	if o.By != "" {
		set.Del(o.By)
	}
	set.Devices(func(v *wire.Value) error {
		if v.Type == wire.Int {
			if n := st.Names(uint32(v.N)); n != "" {
				*v = wire.NameVal(n)
			}
		}
		return nil
	})
	b := s.builder()
	if err := o.Append(b, o.New, unix.NLM_F_REQUEST|unix.NLM_F_ACK|o.AddFlags(unix.NLM_F_CREATE|unix.NLM_F_EXCL), set); err != nil {
		return nil, err
	}
	msg, rel, err := b.Last()
	if err != nil {
		return nil, err
	}
	return &builtins.Op{Object: o, Msg: msg, Rel: rel}, nil
}

// Get implements builtins.Host: the kernel's look-up of a route, otherwise the
// one object that agrees.
func (s *session) Get(in *builtins.Place, o *wire.Object, filter *wire.Set) (*builtins.Op, error) {
	k, st, err := s.current(in)
	if err != nil {
		return nil, err
	}
	if o == rtnl.Route && k.Conn != nil {
		return s.lookup(k, st, filter)
	}
	if o == rtnl.Link && s.dry {
		// Asking for a device by its name is using it: it may get a stand-in.
		if v, ok := filter.Get(o.Subject); ok && v.Type == wire.String {
			st.Link(v.S)
		}
	}
	l, err := s.List(in, o, filter)
	switch {
	case err != nil:
		return nil, err
	case len(l) == 0:
		return nil, errors.New("no object agrees with this")
	case len(l) > 1:
		return nil, fmt.Errorf("%d objects agree with this; say more, or use list", len(l))
	}
	return l[0], nil
}

// lookup asks the kernel which route it would take.
func (s *session) lookup(k tx.Kernel, st *state.State, filter *wire.Set) (*builtins.Op, error) {
	want := filter.Clone()
	if err := st.Resolve(want); err != nil {
		return nil, err
	}
	if !want.Has("family") { // a look-up is in one family's tables
		family := uint64(unix.AF_INET)
		if dst, _ := want.Get("dst"); dst.A.Is6() {
			family = unix.AF_INET6
		}
		want.PutName("family", wire.IntVal(family))
	}
	var b wire.Builder
	if err := rtnl.Route.Append(&b, unix.RTM_GETROUTE, unix.NLM_F_REQUEST, want); err != nil {
		return nil, err
	}
	req, _, err := b.Last()
	if err != nil {
		return nil, err
	}
	msg, err := k.Conn.Get(req)
	if err != nil {
		return nil, err
	}
	set := wire.NewSet(rtnl.Route.Table)
	if err := rtnl.Route.Table.DecodeState(msg[wire.HeaderLen:], set); err != nil {
		return nil, err
	}
	return s.opOf(st, rtnl.Route, set)
}

// ReadSysctl implements builtins.Host.
func (s *session) ReadSysctl(in *builtins.Place, c *builtins.Sysctl) (string, error) {
	sp, err := s.spaces.Open(in, false)
	switch {
	case err != nil:
		return "", err
	case s.e.facts != nil:
		return "", errors.New("the facts hold no sysctls")
	case sp.Kernel.Sys == nil:
		return "", fmt.Errorf("network namespace %s is not there yet, nor are its sysctls", in)
	}
	return sp.Kernel.Sys.Read(c.Path)
}
