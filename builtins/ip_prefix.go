package builtins

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A prefixValue is ip.prefix("10.0.0.0/8"). The bits beyond its length are
// kept: it may be the address of a host with its network.
type prefixValue struct{ p netip.Prefix }

var (
	_ starlark.TotallyOrdered = prefixValue{}
	_ starlark.HasBinary      = prefixValue{}
	_ starlark.HasAttrs       = prefixValue{}
)

func (v prefixValue) String() string        { return v.p.String() }
func (v prefixValue) Type() string          { return "ip.prefix" }
func (v prefixValue) Freeze()               {}
func (v prefixValue) Truth() starlark.Bool  { return true }
func (v prefixValue) Hash() (uint32, error) { return hashString(v.p.String()), nil }

func (v prefixValue) Cmp(y starlark.Value, _ int) (int, error) {
	w := y.(prefixValue).p
	if c := v.p.Addr().Compare(w.Addr()); c != 0 {
		return c, nil
	}
	return v.p.Bits() - w.Bits(), nil
}

// step moves the prefix by n times its size.
func (v prefixValue) step(n *big.Int) (starlark.Value, error) {
	bits := v.p.Addr().BitLen()
	d := new(big.Int).Lsh(n, uint(bits-v.p.Bits()))
	a, ok := addrOf(d.Add(d, addrValue{v.p.Addr()}.number()), bits)
	if !ok {
		return nil, fmt.Errorf("%s + %s is no prefix", v.p, n)
	}
	return prefixValue{netip.PrefixFrom(a, v.p.Bits())}, nil
}

// Binary is address in prefix, prefix in prefix, and prefix + n: the nth after it.
func (v prefixValue) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	switch y := y.(type) {
	case starlark.Int:
		return moved(op, y, side, v.step)
	case addrValue:
		if op == syntax.IN && side == starlark.Right {
			return starlark.Bool(v.p.Contains(y.a)), nil
		}
	case starlark.String:
		if op == syntax.IN && side == starlark.Right {
			p, err := toPrefix(y)
			if err != nil {
				return nil, err
			}
			return starlark.Bool(contains(v.p, p)), nil
		}
	case prefixValue:
		if op == syntax.IN && side == starlark.Right {
			return starlark.Bool(contains(v.p, y.p)), nil
		}
	}
	return nil, nil
}

// contains reports whether all of in lies in p.
func contains(p, in netip.Prefix) bool { return p.Bits() <= in.Bits() && p.Contains(in.Addr()) }

func (v prefixValue) AttrNames() []string {
	return []string{"addr", "bits", "broadcast", "first", "host", "hosts", "last", "netmask", "network", "subnets", "version"}
}

func (v prefixValue) Attr(name string) (starlark.Value, error) {
	a := v.p.Addr()
	switch name {
	case "addr":
		return addrValue{a}, nil
	case "bits":
		return starlark.MakeInt(v.p.Bits()), nil
	case "version":
		return version(a), nil
	case "network":
		return prefixValue{v.p.Masked()}, nil
	case "first":
		return addrValue{v.p.Masked().Addr()}, nil
	case "last":
		return addrValue{v.last()}, nil
	case "broadcast":
		if !a.Is4() {
			return starlark.None, nil
		}
		return addrValue{v.last()}, nil
	case "netmask":
		ones := new(big.Int).Lsh(big.NewInt(1), uint(a.BitLen()))
		ones.Sub(ones, new(big.Int).Lsh(big.NewInt(1), uint(a.BitLen()-v.p.Bits())))
		m, _ := addrOf(ones, a.BitLen())
		return addrValue{m}, nil
	case "subnets":
		return starlark.NewBuiltin("subnets", prefixSubnets).BindReceiver(v), nil
	case "hosts":
		return starlark.NewBuiltin("hosts", prefixHosts).BindReceiver(v), nil
	case "host":
		return starlark.NewBuiltin("host", prefixHost).BindReceiver(v), nil
	}
	return nil, nil
}

func (v prefixValue) last() netip.Addr {
	bits := v.p.Addr().BitLen()
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-v.p.Bits()))
	n.Add(n.Sub(n, big.NewInt(1)), addrValue{v.p.Masked().Addr()}.number())
	a, _ := addrOf(n, bits)
	return a
}

// prefixSubnets is p.subnets(24): all prefixes of this length in p, made one at
// a time as they are asked for.
func prefixSubnets(_ *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var bits int
	if err := starlark.UnpackArgs(fn.Name(), args, kwargs, "bits", &bits); err != nil {
		return nil, err
	}
	p := fn.Receiver().(prefixValue).p
	if bits < p.Bits() || bits > p.Addr().BitLen() {
		return nil, fmt.Errorf("%s: %s: %w", fn.Name(), p, &ArgError{Arg: argName(args, 0, "bits"), Err: errBits(p.Addr(), bits, p.Bits())})
	}
	if bits-p.Bits() > 30 {
		return nil, fmt.Errorf("%s: %s has more than 2^30 prefixes of length %d", fn.Name(), p, bits)
	}
	return &addrSeq{first: p.Masked().Addr(), bits: bits, n: 1 << (bits - p.Bits())}, nil
}

// prefixHosts is p.hosts(): the addresses of hosts, without network and
// broadcast address of an IPv4 prefix shorter than /31, and without the
// subnet-router anycast address of an IPv6 one shorter than /127.
func prefixHosts(_ *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(fn.Name(), args, kwargs); err != nil {
		return nil, err
	}
	p := fn.Receiver().(prefixValue).p.Masked()
	free := p.Addr().BitLen() - p.Bits()
	if free > 30 {
		return nil, fmt.Errorf("%s: %s has more than 2^30 addresses; use .host(n)", fn.Name(), p)
	}
	s := &addrSeq{first: p.Addr(), bits: -1, n: 1 << free}
	if free > 1 {
		s.first, s.n = s.first.Next(), s.n-1
		if p.Addr().Is4() {
			s.n--
		}
	}
	return s, nil
}

// prefixHost is p.host(n): the network's address plus n; negative n counts from
// the end.
func prefixHost(_ *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var i starlark.Int
	if err := starlark.UnpackArgs(fn.Name(), args, kwargs, "n", &i); err != nil {
		return nil, err
	}
	v := fn.Receiver().(prefixValue)
	from, n := v.p.Masked().Addr(), i.BigInt()
	if n.Sign() < 0 {
		from, n = v.last(), new(big.Int).Add(n, big.NewInt(1))
	}
	a, ok := addrOf(n.Add(n, addrValue{from}.number()), from.BitLen())
	if !ok || !v.p.Contains(a) {
		return nil, fmt.Errorf("%s: %s has no host %s", fn.Name(), v.p, i)
	}
	return addrValue{a}, nil
}

// An addrSeq is a lazy sequence of addresses, or of prefixes when bits is not -1.
type addrSeq struct {
	first netip.Addr
	bits  int
	n     int
}

var (
	_ starlark.Sequence  = (*addrSeq)(nil)
	_ starlark.Indexable = (*addrSeq)(nil)
	_ starlark.Sliceable = (*addrSeq)(nil)
)

func (s *addrSeq) String() string {
	if s.n == 0 {
		return "<no addresses>"
	}
	return fmt.Sprintf("<%d: %s to %s>", s.n, s.Index(0), s.Index(s.n-1))
}
func (s *addrSeq) Type() string          { return "ip.sequence" }
func (s *addrSeq) Freeze()               {}
func (s *addrSeq) Truth() starlark.Bool  { return s.n > 0 }
func (s *addrSeq) Hash() (uint32, error) { return 0, errors.New("unhashable: ip.sequence") }
func (s *addrSeq) Len() int              { return s.n }

func (s *addrSeq) Iterate() starlark.Iterator { return &addrIterator{s: s} }

func (s *addrSeq) Index(i int) starlark.Value { return s.value(s.at(i)) }

func (s *addrSeq) at(i int) netip.Addr {
	d := big.NewInt(int64(i))
	if s.bits >= 0 {
		d.Lsh(d, uint(s.first.BitLen()-s.bits))
	}
	a, _ := addrOf(d.Add(d, addrValue{s.first}.number()), s.first.BitLen())
	return a
}

// Slice stays lazy when it takes neighbours.
func (s *addrSeq) Slice(start, end, step int) starlark.Value {
	if step == 1 {
		return &addrSeq{first: s.at(min(start, s.n-1)), bits: s.bits, n: max(end-start, 0)}
	}
	var l []starlark.Value
	for i := start; step > 0 && i < end || step < 0 && i > end; i += step {
		l = append(l, s.Index(i))
	}
	return starlark.NewList(l)
}

func (s *addrSeq) value(a netip.Addr) starlark.Value {
	if s.bits < 0 {
		return addrValue{a}
	}
	return prefixValue{netip.PrefixFrom(a, s.bits)}
}

// An addrIterator steps by adding to the bytes of the address.
type addrIterator struct {
	s *addrSeq
	i int
	b [16]byte
}

func (it *addrIterator) Done() {}
func (it *addrIterator) Next(p *starlark.Value) bool {
	if it.i == it.s.n {
		return false
	}
	size := it.s.first.BitLen() / 8
	if it.i == 0 {
		copy(it.b[:], it.s.first.AsSlice())
	} else {
		bits := it.s.bits
		if bits < 0 {
			bits = size * 8
		}
		for carry, j := 1<<((8-bits%8)%8), (bits-1)/8; carry > 0 && j >= 0; j-- {
			carry += int(it.b[j])
			it.b[j] = byte(carry)
			carry >>= 8
		}
	}
	it.i++
	a, _ := netip.AddrFromSlice(it.b[:size])
	*p = it.s.value(a)
	return true
}
