package builtins

import (
	"bytes"
	"fmt"
	"math/big"
	"net"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A macValue is mac("02:00:00:00:00:01"), an Ethernet address.
type macValue struct{ b [6]byte }

var (
	_ starlark.TotallyOrdered = macValue{}
	_ starlark.HasBinary      = macValue{}
	_ starlark.HasAttrs       = macValue{}
)

func (v macValue) String() string        { return net.HardwareAddr(v.b[:]).String() }
func (v macValue) Type() string          { return "mac" }
func (v macValue) Freeze()               {}
func (v macValue) Truth() starlark.Bool  { return true }
func (v macValue) Hash() (uint32, error) { return hashString(string(v.b[:])), nil }

func (v macValue) Cmp(y starlark.Value, _ int) (int, error) {
	w := y.(macValue)
	return bytes.Compare(v.b[:], w.b[:]), nil
}

func (v macValue) number() *big.Int { return new(big.Int).SetBytes(v.b[:]) }

func (v macValue) add(i *big.Int) (starlark.Value, error) {
	n := new(big.Int).Add(v.number(), i)
	if n.Sign() < 0 || n.BitLen() > 48 {
		return nil, fmt.Errorf("%s + %s is no link-layer address", v, i)
	}
	var out macValue
	n.FillBytes(out.b[:])
	return out, nil
}

// Binary is mac + int, mac - int and mac - mac.
func (v macValue) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	switch y := y.(type) {
	case starlark.Int:
		return moved(op, y, side, v.add)
	case macValue:
		if op == syntax.MINUS && side == starlark.Left {
			return starlark.MakeBigInt(new(big.Int).Sub(v.number(), y.number())), nil
		}
	}
	return nil, nil
}

func (v macValue) AttrNames() []string { return []string{"is_local", "is_multicast", "number"} }

func (v macValue) Attr(name string) (starlark.Value, error) {
	switch name {
	case "number":
		return starlark.MakeBigInt(v.number()), nil
	case "is_multicast":
		return starlark.Bool(v.b[0]&1 != 0), nil
	case "is_local":
		return starlark.Bool(v.b[0]&2 != 0), nil
	}
	return nil, nil
}

func macOf(_ *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	if err := starlark.UnpackArgs(fn.Name(), args, kwargs, "mac", &v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case macValue:
		return v, nil
	case starlark.String:
		b, err := parseMAC(string(v))
		if err == nil && len(b) != 6 {
			err = fmt.Errorf("%s has %d bytes, want 6", v, len(b))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fn.Name(), &ArgError{Err: err})
		}
		return macValue{[6]byte(b)}, nil
	}
	return nil, fmt.Errorf("%s: %w", fn.Name(), &ArgError{Err: wrong(v, "a string")})
}
