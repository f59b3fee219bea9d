package builtins

import (
	"fmt"
	"math/big"
	"net/netip"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// An addrValue is ip.addr("10.0.0.1").
type addrValue struct{ a netip.Addr }

var (
	_ starlark.TotallyOrdered = addrValue{}
	_ starlark.HasBinary      = addrValue{}
	_ starlark.HasAttrs       = addrValue{}
)

func (v addrValue) String() string        { return v.a.String() }
func (v addrValue) Type() string          { return "ip.addr" }
func (v addrValue) Freeze()               {}
func (v addrValue) Truth() starlark.Bool  { return true }
func (v addrValue) Hash() (uint32, error) { return hashString(v.a.String()), nil }

func (v addrValue) Cmp(y starlark.Value, _ int) (int, error) {
	return v.a.Compare(y.(addrValue).a), nil
}

// number is the address as an integer.
func (v addrValue) number() *big.Int { return new(big.Int).SetBytes(v.a.AsSlice()) }

// addrOf is the address with this number.
func addrOf(n *big.Int, bits int) (netip.Addr, bool) {
	if n.Sign() < 0 || n.BitLen() > bits {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(n.FillBytes(make([]byte, bits/8)))
}

func (v addrValue) add(i *big.Int) (starlark.Value, error) {
	a, ok := addrOf(new(big.Int).Add(v.number(), i), v.a.BitLen())
	if !ok {
		return nil, fmt.Errorf("%s + %s is no address", v.a, i)
	}
	return addrValue{a}, nil
}

// Binary is address + int, address - int and address - address.
func (v addrValue) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	switch y := y.(type) {
	case starlark.Int:
		return moved(op, y, side, v.add)
	case addrValue:
		if op == syntax.MINUS && side == starlark.Left && v.a.BitLen() == y.a.BitLen() {
			return starlark.MakeBigInt(new(big.Int).Sub(v.number(), y.number())), nil
		}
	}
	return nil, nil
}

// moved is value + n, n + value or value - n, by a value's own way to add; nil
// for other operators.
func moved(op syntax.Token, n starlark.Int, side starlark.Side, add func(*big.Int) (starlark.Value, error)) (starlark.Value, error) {
	switch {
	case op == syntax.PLUS:
		return add(n.BigInt())
	case op == syntax.MINUS && side == starlark.Left:
		return add(new(big.Int).Neg(n.BigInt()))
	}
	return nil, nil
}

func (v addrValue) AttrNames() []string {
	return []string{"bits", "is_link_local", "is_loopback", "is_multicast", "is_private", "number", "version"}
}

func (v addrValue) Attr(name string) (starlark.Value, error) {
	switch name {
	case "bits":
		return starlark.MakeInt(v.a.BitLen()), nil
	case "version":
		return version(v.a), nil
	case "number":
		return starlark.MakeBigInt(v.number()), nil
	case "is_link_local":
		return starlark.Bool(v.a.IsLinkLocalUnicast()), nil
	case "is_loopback":
		return starlark.Bool(v.a.IsLoopback()), nil
	case "is_multicast":
		return starlark.Bool(v.a.IsMulticast()), nil
	case "is_private":
		return starlark.Bool(v.a.IsPrivate()), nil
	}
	return nil, nil
}

func version(a netip.Addr) starlark.Int {
	if a.Is4() {
		return starlark.MakeInt(4)
	}
	return starlark.MakeInt(6)
}

// toAddr reads what may be written for an address.
func toAddr(v starlark.Value) (netip.Addr, error) {
	switch v := v.(type) {
	case addrValue:
		return v.a, nil
	case starlark.String:
		return parseAddr(string(v))
	}
	return netip.Addr{}, wrong(v, "an address")
}

// toPrefix reads what may be written for a prefix.
func toPrefix(v starlark.Value) (netip.Prefix, error) {
	w, err := prefix(v)
	if err != nil {
		return netip.Prefix{}, err
	}
	if !w.A.IsValid() {
		return netip.Prefix{}, fmt.Errorf("%s has no address family", v)
	}
	return w.Prefix(), nil
}

func ipNamespace() *namespace {
	n := &namespace{name: "ip", doc: "addresses and prefixes to count with"}
	n.declare("addr", starlark.NewBuiltin("ip.addr", ipAddr))
	n.declare("prefix", starlark.NewBuiltin("ip.prefix", ipPrefix))
	return n
}

func ipAddr(_ *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	if err := starlark.UnpackArgs(fn.Name(), args, kwargs, "addr", &v); err != nil {
		return nil, err
	}
	a, err := toAddr(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), &ArgError{Arg: argName(args, 0, "addr"), Err: err})
	}
	return addrValue{a}, nil
}

func ipPrefix(_ *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	bits := -1
	if err := starlark.UnpackArgs(fn.Name(), args, kwargs, "prefix", &v, "bits?", &bits); err != nil {
		return nil, err
	}
	p, err := toPrefix(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), &ArgError{Arg: argName(args, 0, "prefix"), Err: err})
	}
	if len(args)+len(kwargs) > 1 {
		if p = netip.PrefixFrom(p.Addr(), bits); !p.IsValid() {
			return nil, fmt.Errorf("%s: %w", fn.Name(), &ArgError{Arg: argName(args, 1, "bits"), Index: 1, Err: errBits(p.Addr(), bits, 0)})
		}
	}
	return prefixValue{p}, nil
}

func errBits(a netip.Addr, bits, least int) error {
	return fmt.Errorf("the prefix length %d is out of range (%d..%d)", bits, least, a.BitLen())
}
