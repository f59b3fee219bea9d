package rtnl

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

func TestAddrOracle(t *testing.T) {
	alias := map[string]string{"brd": "broadcast"}
	oracleCases(t, "addr/", 36, func(t *testing.T, c oracleCase) {
		checkNamed(t, Addr, c)
		if c.ID == "addr/v4/036" { // ip reads 10.1 as 10.1.0.0; scripts do not
			return
		}
		s := wire.NewSet(Addr.Table)
		putWords(t, s, append([]string{"local"}, c.Argv[3:]...), alias)
		checkWords(t, Addr, c.Argv[2], &c, s)
	})
}

func addrSet(rows map[string]wire.Value) *wire.Set {
	rows["dev"] = wire.NameVal("eth0")
	return set(Addr.Table, rows)
}

func netVal(s string) wire.Value { return wire.NetVal(netip.MustParsePrefix(s)) }

func TestAddrBroadcast(t *testing.T) {
	for _, c := range []struct{ local, brd, want string }{
		{"10.0.0.1/24", "+", "10.0.0.255"},
		{"10.0.0.1/24", "-", "10.0.0.0"},
		{"10.0.0.6/30", "+", "10.0.0.7"},
		{"10.1.2.3/13", "+", "10.7.255.255"},
		{"10.0.0.6/31", "+", ""},
		{"10.0.0.6/32", "-", ""},
	} {
		s := addrSet(map[string]wire.Value{"local": netVal(c.local), "broadcast": wire.StrVal(c.brd)})
		if err := finishAddr(s, Addr.Verb("add")); err != nil {
			t.Fatal(err)
		}
		got := ""
		if v, ok := s.Get("broadcast"); ok {
			got = v.A.String()
		}
		if got != c.want {
			t.Errorf("%s broadcast %s: %q, want %q", c.local, c.brd, got, c.want)
		}
	}
}

func TestAddrErrors(t *testing.T) {
	for _, c := range []struct {
		rows map[string]wire.Value
		path string
	}{
		{map[string]wire.Value{}, "local"},
		{map[string]wire.Value{"local": netVal("10.0.0.1/24"), "peer": netVal("2001:db8::1/64")}, "peer"},
		{map[string]wire.Value{"local": netVal("2001:db8::1/64"), "broadcast": wire.StrVal("+")}, "broadcast"},
		{map[string]wire.Value{"local": netVal("10.0.0.1/24"), "valid_lft": wire.IntVal(100)}, "preferred_lft"},
		{map[string]wire.Value{"local": netVal("10.0.0.1/24"), "valid_lft": wire.IntVal(0)}, "valid_lft"},
	} {
		err := finishAddr(addrSet(c.rows), Addr.Verb("add"))
		if a := (*wire.AttrError)(nil); !errors.As(err, &a) || a.Path != c.path {
			t.Errorf("%v: error %v, want one of %s", c.rows, err, c.path)
		}
	}
	if err := finishAddr(set(Addr.Table, map[string]wire.Value{"local": netVal("10.0.0.1/24")}), Addr.Verb("add")); err == nil {
		t.Error("an address without device is accepted")
	}
}

// What the kernel reports of an address is the same object with the same rows
// as what was sent.
func TestAddrCanon(t *testing.T) {
	forever := wire.IntVal(forever)
	for _, c := range []struct{ sent, reported map[string]wire.Value }{
		{
			map[string]wire.Value{"local": netVal("10.0.0.1/24")},
			map[string]wire.Value{"local": netVal("10.0.0.1/24"), "peer": netVal("10.0.0.1/24"), "label": wire.StrVal("eth0"),
				"permanent": wire.BoolVal(true), "valid_lft": forever, "preferred_lft": forever, "family": wire.IntVal(unix.AF_INET)},
		},
		{
			map[string]wire.Value{"local": netVal("2001:db8::1/64"), "nodad": wire.BoolVal(true)},
			map[string]wire.Value{"peer": netVal("2001:db8::1/64"), "nodad": wire.BoolVal(true), "permanent": wire.BoolVal(true),
				"valid_lft": forever, "preferred_lft": forever, "family": wire.IntVal(unix.AF_INET6)},
		},
		{
			map[string]wire.Value{"local": netVal("fe80::1/64"), "peer": netVal("fe80::2/64")},
			map[string]wire.Value{"local": netVal("fe80::1/64"), "peer": netVal("fe80::2/64"), "scope": wire.IntVal(unix.RT_SCOPE_LINK),
				"tentative": wire.BoolVal(true), "family": wire.IntVal(unix.AF_INET6)},
		},
	} {
		sent, reported := addrSet(c.sent), addrSet(c.reported)
		if err := finishAddr(sent, Addr.Verb("add")); err != nil {
			t.Fatal(err)
		}
		canonAddr(sent)
		canonAddr(reported)
		for _, l := range append(lost(sent, reported, "sent "), lost(reported, sent, "reported ")...) {
			t.Error(l)
		}
		if a, b := keyAddr(sent, nil), keyAddr(reported, nil); string(a) != string(b) {
			t.Errorf("keys %x and %x", a, b)
		}
	}
}

// The kernel compares the length only of a deletion with IFA_ADDRESS.
func TestAddrDeleteHost(t *testing.T) {
	reported := addrSet(map[string]wire.Value{"local": netVal("10.0.0.1/32"), "peer": netVal("10.0.0.1/32")})
	canonAddr(reported)
	s := wire.NewSet(Addr.Table)
	for _, name := range Addr.Delete {
		if v, ok := reported.Get(name); ok {
			s.PutName(name, v)
		}
	}
	if err := finishAddr(s, Addr.Verb("delete")); err != nil || !s.Has("peer") {
		t.Errorf("deletes %s, %v", s.Text(nil), err)
	}
}

func TestAddrKey(t *testing.T) {
	for _, c := range []struct {
		a, b map[string]wire.Value
		same bool
	}{
		{map[string]wire.Value{"local": netVal("10.0.0.1/24")}, map[string]wire.Value{"local": netVal("10.0.0.1/25")}, false},
		{map[string]wire.Value{"local": netVal("10.0.0.1/24")}, map[string]wire.Value{"local": netVal("10.0.0.1/24"), "peer": netVal("10.0.0.9/24")}, true},
		{map[string]wire.Value{"local": netVal("10.0.0.1/24")}, map[string]wire.Value{"local": netVal("10.0.0.1/24"), "peer": netVal("10.0.1.9/24")}, false},
		{map[string]wire.Value{"local": netVal("2001:db8::1/64")}, map[string]wire.Value{"local": netVal("2001:db8::1/48")}, true},
		{map[string]wire.Value{"local": netVal("2001:db8::1/64")}, map[string]wire.Value{"local": netVal("2001:db8::2/64")}, false},
	} {
		a, b := keyAddr(addrSet(c.a), nil), keyAddr(addrSet(c.b), nil)
		if (string(a) == string(b)) != c.same {
			t.Errorf("%v and %v: same object %v, want %v", c.a, c.b, !c.same, c.same)
		}
	}
}
