package rtnl

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/internal/tree"
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// oracleDevices are the devices the oracle's cases have, by fixed indexes.
func oracleDevice(name string) uint64 {
	return map[string]uint64{"lo": 1, "v0": 10, "v1": 11, "w0": 20, "w1": 21, "br0": 40, "vx0": 50, "d0": 60}[name]
}

// putWords puts what words of an iproute2 command line mean into a set: the name
// of a row and a value, or the name of a flag. alias gives other spellings.
func putWords(t *testing.T, s *wire.Set, words []string, alias map[string]string) {
	t.Helper()
	for i := 0; i < len(words); i++ {
		name := words[i]
		if a, ok := alias[name]; ok {
			name = a
		}
		on := true
		if s.Table.Row(name) == nil && strings.HasPrefix(name, "no") {
			name, on = name[2:], false
			if a, ok := alias[name]; ok {
				name = a
			}
		}
		name, value, given := strings.Cut(name, "=")
		f := s.Table.Row(name)
		switch {
		case f == nil:
			t.Fatalf("no row %q", name)
		case f.Kind.IsBit() || f.Kind == wire.Flag:
			s.Put(f, wire.BoolVal(on))
			continue
		case given:
			s.Put(f, wordValue(t, f, value))
			continue
		}
		i++
		value, cell, ok := strings.Cut(words[i], "/")
		if f.Size && ok {
			s.PutName(name+"_cell", wordValue(t, s.Table.Row(name+"_cell"), cell))
			s.Put(f, wordValue(t, f, value))
			continue
		}
		s.Put(f, wordValue(t, f, words[i]))
	}
}

func wordValue(t *testing.T, f *wire.Field, w string) wire.Value {
	t.Helper()
	if f.Notation != nil {
		if v, ok, err := f.Notation.Parse(w); ok && err == nil {
			return v
		}
	}
	v, err := parseWord(f, w)
	if err != nil {
		t.Fatalf("%s %s: %v", f.Name, w, err)
	}
	return v
}

func parseWord(f *wire.Field, w string) (wire.Value, error) {
	var n uint64
	var err error
	if x, ok := f.Words.Number(w); ok {
		return wire.IntVal(x), nil
	}
	_, bare := strconv.ParseUint(w, 0, 64)
	switch {
	case f.Kind == wire.Range:
		low, high, two := strings.Cut(w, "-")
		if !two {
			high = low
		}
		v, err := parseWord(f.Elem, low)
		x, other := parseWord(f.Elem, high)
		return wire.ListOf(v, x), errors.Join(err, other)
	case f.Kind == wire.Dev:
		return wire.IntVal(oracleDevice(w)), nil
	case f.Kind == wire.Prefix && strings.Contains(w, "/"):
		p, err := netip.ParsePrefix(w)
		return wire.NetVal(p), err
	case f.Kind == wire.Prefix, f.Kind == wire.IP, f.Kind == wire.IP4:
		a, err := netip.ParseAddr(w)
		return wire.AddrVal(a), err
	case f.Kind == wire.MAC:
		m, err := net.ParseMAC(w)
		return wire.StrVal(string(m)), err
	case f.Kind == wire.Str:
		return wire.StrVal(w), nil
	case f.Time != 0 && bare == nil:
		n, err = wire.ParseTime(w+"s", f.Time)
	case f.Time != 0:
		n, err = wire.ParseTime(w, f.Time)
	case f.Rate && bare == nil:
		n, err = wire.ParseRate(w + "bit")
	case f.Rate:
		n, err = wire.ParseRate(w)
	case f.Size && bare != nil:
		n, err = wire.ParseSize(w)
	case f.Handle && strings.Contains(w, ":"):
		n, err = wire.ParseHandle(w)
	default:
		n, err = strconv.ParseUint(w, 0, 64)
	}
	return wire.IntVal(n), err
}

// checkWords finishes a set for a verb and compares the message with iproute2's.
func checkWords(t *testing.T, o *wire.Object, verb string, c *oracleCase, s *wire.Set) {
	t.Helper()
	if verb == "del" {
		verb = "delete"
	}
	v := o.Verb(verb)
	if v == nil {
		t.Fatalf("no verb %q", verb)
	}
	if len(c.Messages) != 1 {
		t.Fatalf("%d messages", len(c.Messages))
	}
	if err := o.Finish(s, v); err != nil {
		t.Fatal(err)
	}
	var b wire.Builder
	if err := o.Append(&b, v.Type, unix.NLM_F_REQUEST|unix.NLM_F_ACK|v.Flags, s); err != nil {
		t.Fatal(err)
	}
	got, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range tree.Diff(c.Messages[0].bytes, got, o.Table.Fixed) {
		t.Errorf("%s: %s", strings.Join(c.Argv, " "), d)
	}
}
