package builtins

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net"
	"net/netip"
	"sort"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// FromGo makes a script's value of one of Go: what encoding/json decodes to,
// integers, addresses, ops.
func FromGo(v any) (starlark.Value, error) {
	switch v := v.(type) {
	case nil:
		return starlark.None, nil
	case starlark.Value:
		return v, nil
	case bool:
		return starlark.Bool(v), nil
	case string:
		return starlark.String(v), nil
	case []byte:
		return starlark.Bytes(v), nil
	case json.Number:
		if n, ok := new(big.Int).SetString(v.String(), 10); ok {
			return starlark.MakeBigInt(n), nil
		}
		f, err := v.Float64()
		return starlark.Float(f), err
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return starlark.MakeInt64(int64(v)), nil
		}
		return starlark.Float(v), nil
	case int:
		return starlark.MakeInt(v), nil
	case int8:
		return starlark.MakeInt(int(v)), nil
	case int16:
		return starlark.MakeInt(int(v)), nil
	case int32:
		return starlark.MakeInt(int(v)), nil
	case uint:
		return starlark.MakeUint64(uint64(v)), nil
	case uint8:
		return starlark.MakeUint64(uint64(v)), nil
	case int64:
		return starlark.MakeInt64(v), nil
	case uint16:
		return starlark.MakeUint64(uint64(v)), nil
	case uint32:
		return starlark.MakeUint64(uint64(v)), nil
	case uint64:
		return starlark.MakeUint64(v), nil
	case netip.Addr:
		return addrValue{v}, nil
	case netip.Prefix:
		return prefixValue{v}, nil
	case net.HardwareAddr:
		return starlark.String(v.String()), nil
	case []string:
		l := make([]starlark.Value, len(v))
		for i, s := range v {
			l[i] = starlark.String(s)
		}
		return starlark.NewList(l), nil
	case []map[string]any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = e
		}
		return FromGo(l)
	case []int:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = e
		}
		return FromGo(l)
	case []any:
		l := make([]starlark.Value, len(v))
		for i, e := range v {
			var err error
			if l[i], err = FromGo(e); err != nil {
				return nil, err
			}
		}
		return starlark.NewList(l), nil
	case map[string]any:
		d := starlark.NewDict(len(v))
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			e, err := FromGo(v[k])
			if err != nil {
				return nil, err
			}
			if err := d.SetKey(starlark.String(k), e); err != nil {
				return nil, err
			}
		}
		return d, nil
	}
	return nil, fmt.Errorf("a Go value of type %T has no form in scripts", v)
}

// NewOp makes an op from Go. The object is one of objects, alone or with a
// verb: "route", "route.add", "bridge.fdb.append". A kind is a map with its
// name: {"kind": {"kind": "vxlan", "id": 9}}, a hop() one without. A subject of ""
// is none.
func (s *Script) NewOp(objects []*wire.Object, object, subject string, attrs map[string]any) (*Op, error) {
	c, err := findConstructor(objects, object)
	if err != nil {
		return nil, err
	}
	var args starlark.Tuple
	if subject != "" {
		args = starlark.Tuple{starlark.String(subject)}
		// What is called by a number, a nexthop, comes as text here.
		if f := c.subject(); f != nil && f.Kind == wire.U32 && f.Notation == nil {
			if n, err := strconv.ParseUint(subject, 10, 32); err == nil {
				args[0] = starlark.MakeUint64(n)
			}
		}
	}
	d, err := FromGo(attrs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", object, err)
	}
	var kwargs []starlark.Tuple
	if d, ok := d.(*starlark.Dict); ok {
		kwargs = d.Items()
	}
	b := build{s: s, c: c, r: reader{maps: true}}
	set := s.scratch(c.obj.Table)
	defer s.release(set)
	op := &Op{}
	if err = b.bind(set, args, kwargs); err == nil {
		if b.family != nil {
			err = argError("family", fmt.Errorf("an op has one family"))
		} else {
			err = b.one(op, set, b.subject)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", object, err)
	}
	return op, nil
}

func findConstructor(objects []*wire.Object, name string) (*constructor, error) {
	var names []string
	for _, o := range objects {
		names = append(names, o.Name)
		if o.Name == name {
			return &constructor{obj: o, name: name}, nil
		}
		if verb, ok := strings.CutPrefix(name, o.Name+"."); ok {
			if v := o.Verb(verb); v != nil {
				return &constructor{obj: o, verb: v, name: name}, nil
			}
		}
	}
	return nil, fmt.Errorf("there is no object %q; there are %s", name, strings.Join(names, " "))
}
