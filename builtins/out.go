package builtins

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// scriptValue is a wire value as a script reads it, and as it could have
// written it. It is the one switch of script out; TestOutTotal proves that no
// kind is missing.
func scriptValue(f *wire.Field, v wire.Value) (starlark.Value, error) {
	return outer{}.value(f, v)
}

// An outer makes script values of wire values; names, when set, turn indexes of
// devices into names.
type outer struct{ names wire.Names }

func (o outer) value(f *wire.Field, v wire.Value) (starlark.Value, error) {
	if f.Notation != nil {
		if s, ok := f.Notation.Text(v); ok {
			return starlark.String(s), nil
		}
	}
	switch f.Kind {
	case wire.U8, wire.U16, wire.U32, wire.U64, wire.S8, wire.S32, wire.S64, wire.BE16, wire.BE32, wire.BE64:
		return intOut(f, v), nil
	case wire.Bool, wire.Flag, wire.Bit8, wire.Bit16, wire.Bit32:
		return starlark.Bool(v.True()), nil
	case wire.Str, wire.Text:
		return starlark.String(v.S), nil
	case wire.Bytes:
		return starlark.Bytes(v.S), nil
	case wire.IP, wire.IP4, wire.IP6:
		return addrValue{v.A}, nil
	case wire.Prefix:
		return prefixOut(v), nil
	case wire.MAC:
		return macOut(v.S), nil
	case wire.Dev:
		return o.device(v), nil
	case wire.Nest, wire.Struct:
		return o.dict(v.Sub)
	case wire.Union:
		return &kindValue{f.OneOf.Name, v.Sub}, nil
	case wire.List, wire.Array, wire.Multi:
		if f.Kind == wire.Multi && f.Elem.Kind == wire.List && len(v.L) == 1 {
			return o.value(f.Elem, v.L[0])
		}
		return o.list(v.L, func(e wire.Value) (starlark.Value, error) { return o.value(f.Elem, e) })
	case wire.Range:
		return rangeOut(f, v), nil
	case wire.Custom:
		return o.custom(f, v)
	}
	return nil, fmt.Errorf("kind %d has no form in scripts", f.Kind)
}

func intOut(f *wire.Field, v wire.Value) starlark.Value {
	switch {
	case v.HasMask:
		return starlark.String(fmt.Sprintf("%#x/%#x", v.N, v.M))
	case f.Bits:
		names, rest := f.BitNames(v.N)
		l := make([]starlark.Value, 0, len(names)+1)
		for _, n := range names {
			l = append(l, starlark.String(n))
		}
		if rest != 0 {
			l = append(l, starlark.MakeUint64(rest))
		}
		return starlark.NewList(l)
	}
	if w := f.Words.Name(v.N); w != "" {
		return starlark.String(w)
	}
	switch {
	case f.Time != 0, f.Rate, f.Handle:
		return starlark.String(f.Text(v, nil))
	case f.Size:
		if s := wire.SizeText(v.N); !isNumber(s) {
			return starlark.String(s)
		}
	}
	if signed(f.Kind) {
		return starlark.MakeInt64(int64(v.N))
	}
	return starlark.MakeUint64(v.N)
}

func isNumber(s string) bool { _, err := strconv.ParseUint(s, 10, 64); return err == nil }

func prefixOut(v wire.Value) starlark.Value {
	switch v.Type {
	case wire.AnyNet:
		return starlark.String("default")
	case wire.EmptyNet:
		return starlark.String("all")
	case wire.Addr:
		return addrValue{v.A}
	}
	return prefixValue{v.Prefix()}
}

// macOut is a link-layer address: of Ethernet a value to count with.
func macOut(s string) starlark.Value {
	switch len(s) {
	case 6:
		return macValue{[6]byte([]byte(s))}
	case 4, 8, 16, 20:
		t := hex.EncodeToString([]byte(s))
		b := make([]byte, 0, len(t)*3/2)
		for i := 0; i < len(t); i += 2 {
			if i > 0 {
				b = append(b, ':')
			}
			b = append(b, t[i], t[i+1])
		}
		return starlark.String(b)
	}
	return starlark.Bytes(s)
}

func (o outer) device(v wire.Value) starlark.Value {
	if v.Type == wire.Name {
		return starlark.String(v.S)
	}
	if o.names != nil && v.N != 0 {
		if s := o.names(uint32(v.N)); s != "" {
			return starlark.String(s)
		}
	}
	return starlark.MakeUint64(v.N)
}

func (o outer) dict(set *wire.Set) (starlark.Value, error) {
	d := starlark.NewDict(len(set.Ents) + 1)
	for _, e := range set.Ents {
		if e.F.RO {
			continue
		}
		v, err := o.value(e.F, e.V)
		if err != nil {
			return nil, err
		}
		if err := d.SetKey(starlark.String(e.F.Name), v); err != nil {
			return nil, err
		}
	}
	if len(set.Extra) > 0 {
		if err := d.SetKey(starlark.String(attrsWord), attrsOut(set)); err != nil {
			return nil, err
		}
	}
	d.Freeze()
	return d, nil
}

// attrsOut is the raw attributes of a set as attrs = takes them.
func attrsOut(set *wire.Set) *starlark.List {
	var l []starlark.Value
	for _, r := range set.RawTree() {
		l = append(l, &attrValue{raw: r})
	}
	return starlark.NewList(l)
}

func (o outer) list(vals []wire.Value, one func(wire.Value) (starlark.Value, error)) (starlark.Value, error) {
	l := make([]starlark.Value, len(vals))
	for i, e := range vals {
		v, err := one(e)
		if err != nil {
			return nil, err
		}
		l[i] = v
	}
	out := starlark.NewList(l)
	out.Freeze()
	return out, nil
}

func rangeOut(f *wire.Field, v wire.Value) starlark.Value {
	if len(v.L) != 2 {
		return starlark.None
	}
	lo, hi := intOut(f.Elem, v.L[0]), intOut(f.Elem, v.L[1])
	if f.Single(v) {
		return lo
	}
	if _, ok := lo.(starlark.Int); ok {
		return starlark.String(lo.String() + "-" + hi.String())
	}
	return starlark.Tuple{lo, hi}
}

// custom writes a codec's value by what it holds.
func (o outer) custom(f *wire.Field, v wire.Value) (starlark.Value, error) {
	switch v.Type {
	case wire.Int:
		return starlark.MakeInt64(int64(v.N)), nil
	case wire.String:
		return starlark.String(v.S), nil
	case wire.Addr:
		return addrValue{v.A}, nil
	case wire.Net, wire.AnyNet, wire.EmptyNet:
		return prefixOut(v), nil
	case wire.Name:
		return starlark.String(v.S), nil
	case wire.SetVal:
		if f.Of != nil && f.Of == v.Sub.Table {
			return o.dict(v.Sub)
		}
		return &kindValue{"", v.Sub}, nil
	case wire.ListVal:
		return o.list(v.L, func(e wire.Value) (starlark.Value, error) { return o.custom(f, e) })
	}
	return starlark.None, nil
}
