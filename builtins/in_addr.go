package builtins

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// address reads an address: a string, or a value of ip.addr.
func address(f *wire.Field, v starlark.Value) (wire.Value, error) {
	var a netip.Addr
	switch v := v.(type) {
	case starlark.String:
		var err error
		if a, err = parseAddr(string(v)); err != nil {
			return wire.Value{}, err
		}
	case addrValue:
		a = v.a
	case prefixValue:
		return wire.Value{}, fmt.Errorf("got the prefix %s, want an address; write .addr", v)
	default:
		return wire.Value{}, wrong(v, "an address")
	}
	switch {
	case f.Kind == wire.IP4 && !a.Is4():
		return wire.Value{}, fmt.Errorf("%s is not an IPv4 address", a)
	case f.Kind == wire.IP6 && !a.Is6():
		return wire.Value{}, fmt.Errorf("%s is not an IPv6 address", a)
	}
	return wire.AddrVal(a), nil
}

// parseAddr reads an address. What ip completes ("10.1" for 10.1.0.0) is
// refused with the complete form, for not everybody means the same by it.
func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	switch {
	case err == nil && a.Zone() != "":
		return a, fmt.Errorf("%q names a device; write the address alone, and the device as dev", s)
	case err == nil:
		return a, nil
	case strings.Contains(s, "/"):
		if _, err := netip.ParsePrefix(s); err == nil {
			return a, fmt.Errorf("%q is a prefix, want an address", s)
		}
	}
	if long := complete(s); long != "" {
		return a, fmt.Errorf("%q is not an address; did you mean %q?", s, long)
	}
	return a, fmt.Errorf("%q is not an address", s)
}

// complete adds the zeros that ip adds to a short IPv4 address.
func complete(s string) string {
	if n := strings.Count(s, "."); s != "" && n < 3 && !strings.HasSuffix(s, ".") {
		s += strings.Repeat(".0", 3-n)
		if _, err := netip.ParseAddr(s); err == nil {
			return s
		}
	}
	return ""
}

// prefix reads "10.0.0.0/8", an address, "default" or "all".
func prefix(v starlark.Value) (wire.Value, error) {
	switch v := v.(type) {
	case starlark.String:
		return parsePrefix(string(v))
	case addrValue:
		return wire.NetVal(netip.PrefixFrom(v.a, v.a.BitLen())), nil
	case prefixValue:
		return wire.NetVal(v.p), nil
	}
	return wire.Value{}, wrong(v, `a prefix such as "10.0.0.0/8", or "default"`)
}

func parsePrefix(s string) (wire.Value, error) {
	switch s {
	case "default":
		return wire.Value{Type: wire.AnyNet}, nil
	case "all":
		return wire.Value{Type: wire.EmptyNet}, nil
	case "any":
		return wire.Value{}, errors.New(`"any" has two meanings; write "default"`)
	}
	addr, length, has := strings.Cut(s, "/")
	if !has {
		a, err := parseAddr(s)
		if err != nil {
			return wire.Value{}, err
		}
		return wire.NetVal(netip.PrefixFrom(a, a.BitLen())), nil
	}
	p, err := netip.ParsePrefix(s)
	if err == nil {
		return wire.NetVal(p), nil
	}
	a, err := parseAddr(addr)
	if err != nil {
		if long := complete(addr); long != "" {
			return wire.Value{}, fmt.Errorf("%q is not a prefix; did you mean %q?", s, long+"/"+length)
		}
		return wire.Value{}, err
	}
	if strings.Contains(length, ".") {
		if m, err := netip.ParseAddr(length); err == nil {
			if n, ok := maskBits(m); ok {
				return wire.Value{}, fmt.Errorf("%q has a netmask; write \"%s/%d\"", s, addr, n)
			}
		}
	}
	return wire.Value{}, fmt.Errorf("%q: the prefix length is a number, 0 to %d", s, a.BitLen())
}

// maskBits is the length of a netmask, false when it is none.
func maskBits(m netip.Addr) (int, bool) {
	n, end := 0, false
	for _, b := range m.AsSlice() {
		for i := 7; i >= 0; i-- {
			on := b>>i&1 == 1
			if on && end {
				return 0, false
			}
			if on {
				n++
			} else {
				end = true
			}
		}
	}
	return n, true
}

// network refuses bits beyond the length of an IPv4 prefix, as the kernel does
// for routes (rtm_to_fib_config); of IPv6 prefixes it cuts them off.
func network(v wire.Value) error {
	if v.Type != wire.Net || !v.A.Is4() {
		return nil
	}
	if p := v.Prefix(); p.Masked() != p {
		return fmt.Errorf("%s has bits beyond its length; the network is %s", p, p.Masked())
	}
	return nil
}

// linkAddress reads a link-layer address: "02:00:00:00:00:01", the address of
// a tunnel's end as ip writes it, or bytes of any length.
func linkAddress(f *wire.Field, v starlark.Value) (wire.Value, error) {
	switch v := v.(type) {
	case macValue:
		return wire.StrVal(string(v.b[:])), nil
	case addrValue:
		return wire.StrVal(string(v.a.AsSlice())), nil
	case starlark.Bytes:
		return wire.StrVal(string(v)), f.CheckLen(len(v))
	case starlark.String:
		if a, err := netip.ParseAddr(string(v)); err == nil && a.Zone() == "" && !isEUI64(string(v)) {
			return wire.StrVal(string(a.AsSlice())), nil
		}
		b, err := parseMAC(string(v))
		if err != nil {
			return wire.Value{}, err
		}
		return wire.StrVal(string(b)), nil
	}
	return wire.Value{}, wrong(v, `a link-layer address such as "02:00:00:00:00:01"`)
}

// isEUI64 reports whether s is eight pairs of digits, which could be an IPv6
// address as well.
func isEUI64(s string) bool {
	if len(s) != len("00:11:22:33:44:55:66:77") {
		return false
	}
	for i := 2; i < len(s); i += 3 {
		if s[i] != ':' {
			return false
		}
	}
	return strings.Count(s, ":") == 7
}

// parseMAC reads pairs of hexadecimal digits with ':' or '-' between them. The
// lengths are those that links have: Ethernet, IPv4 and IPv6 tunnels, EUI-64,
// InfiniBand.
func parseMAC(s string) ([]byte, error) {
	sep := ":"
	if strings.Contains(s, "-") {
		sep = "-"
	}
	parts := strings.Split(s, sep)
	var out []byte
	for _, p := range parts {
		if len(p) == 1 {
			p = "0" + p
		}
		b, err := hex.DecodeString(p)
		if err != nil || len(b) != 1 {
			return nil, fmt.Errorf(`%q is not a link-layer address such as "02:00:00:00:00:01"`, s)
		}
		out = append(out, b[0])
	}
	switch len(out) {
	case 4, 6, 8, 16, 20:
		return out, nil
	}
	return nil, fmt.Errorf("%q has %d bytes, a link-layer address has 6", s, len(out))
}

// rawBytes reads bytes: b"\x01\x02", or a string of hexadecimal digits.
func rawBytes(f *wire.Field, v starlark.Value) (wire.Value, error) {
	b, err := bytesOf(v)
	if err != nil {
		return wire.Value{}, err
	}
	if err := f.CheckLen(len(b)); err != nil {
		return wire.Value{}, fmt.Errorf("%d bytes; %w", len(b), lengthError(f, err))
	}
	return wire.StrVal(string(b)), nil
}

func bytesOf(v starlark.Value) ([]byte, error) {
	switch v := v.(type) {
	case starlark.Bytes:
		return []byte(v), nil
	case starlark.String:
		b, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "").Replace(string(v)))
		if err != nil {
			return nil, fmt.Errorf("%s is not a string of hexadecimal digits", short(v.String()))
		}
		return b, nil
	}
	return nil, wrong(v, `bytes, or a string of hexadecimal digits such as "0a0b"`)
}

// device reads what a device is called: a name or altname, the op of a link, an
// index.
func device(v starlark.Value) (wire.Value, error) {
	switch v := v.(type) {
	case starlark.String:
		if err := altName(string(v)); err != nil {
			return wire.Value{}, err
		}
		return wire.NameVal(string(v)), nil
	case starlark.Int:
		n, err := number(v, false)
		if err != nil || n > 1<<31-1 {
			return wire.Value{}, fmt.Errorf("%s is not the index of a device (0..2147483647)", v)
		}
		return wire.IntVal(n), nil
	case *Op:
		if w, ok := linkName(v); ok {
			v.use()
			return w, nil
		}
		return wire.Value{}, fmt.Errorf("got %s, want a device: its name, or the op that makes it", short(v.String()))
	}
	return wire.Value{}, wrong(v, "a device: its name, or the op that makes it")
}

// linkName is what the link that an op makes or changes is called.
func linkName(op *Op) (wire.Value, bool) {
	if op.Object == nil || op.Object.By == "" {
		return wire.Value{}, false
	}
	var set wire.Set
	if op.Set(&set) != nil {
		return wire.Value{}, false
	}
	if v, ok := set.At(op.Object.Table.Row(op.Object.Subject)); ok {
		return wire.NameVal(v.S), true
	}
	v, ok := set.At(op.Object.Table.Row(op.Object.By))
	return v, ok
}

// deviceName refuses what the kernel refuses as name of a device (dev_valid_name).
func deviceName(s string) error {
	switch {
	case s == "":
		return errors.New("the name of a device cannot be empty")
	case len(s) > 15:
		return fmt.Errorf("%q has %d bytes, the name of a device has at most 15", s, len(s))
	case s == "." || s == "..":
		return fmt.Errorf("%q cannot be the name of a device", s)
	}
	if i := strings.IndexAny(s, "/: \t\n\v\f\r\x00"); i >= 0 {
		return fmt.Errorf("%q cannot be the name of a device: it has %q in it", s, s[i:i+1])
	}
	return nil
}

// altName refuses what can be neither the name nor an altname of a device.
func altName(s string) error {
	switch {
	case s == "":
		return errors.New("the name of a device cannot be empty")
	case len(s) > 127:
		return fmt.Errorf("%q has %d bytes, the name of a device has at most 127", short(s), len(s))
	}
	if i := strings.IndexAny(s, "/ \t\n\v\f\r\x00"); i >= 0 {
		return fmt.Errorf("%q cannot be the name of a device: it has %q in it", s, s[i:i+1])
	}
	return nil
}
