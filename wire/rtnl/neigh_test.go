package rtnl

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

func TestNeighOracle(t *testing.T) {
	oracleCases(t, "neigh/", 25, func(t *testing.T, c oracleCase) {
		checkNamed(t, Neigh, c)
		argv := slices.DeleteFunc(c.Argv[1:], func(w string) bool { return w == "-6" })
		if c.ID == "neigh/v4/023" { // lladdr null is none
			argv = slices.DeleteFunc(argv, func(w string) bool { return w == "lladdr" || w == "null" })
		}
		words := argv[2:]
		switch words[0] {
		case "to":
		case "proxy":
			words = append([]string{"proxy", "to"}, words[1:]...)
		default:
			words = append([]string{"to"}, words...)
		}
		s := wire.NewSet(Neigh.Table)
		putWords(t, s, words, map[string]string{"proto": "protocol"})
		checkWords(t, Neigh, argv[1], &c, s)
	})
}

func TestFDBOracle(t *testing.T) {
	alias := map[string]string{"brport": "via", "added_by_user": "use",
		"static": "state=static", "dynamic": "state=dynamic", "local": "state=local", "permanent": "state=permanent"}
	oracleCases(t, "bridge/fdb/", 30, func(t *testing.T, c oracleCase) {
		checkNamed(t, FDB, c)
		words := c.Argv[3:]
		if c.Argv[2] != "flush" {
			words = append([]string{"lladdr"}, words...)
		}
		s := wire.NewSet(FDB.Table)
		putWords(t, s, words, alias)
		checkWords(t, FDB, c.Argv[2], &c, s)
	})
}

func TestFDBFlush(t *testing.T) {
	for _, c := range []struct {
		rows                      map[string]wire.Value
		state, stateMask, flgMask uint64
	}{
		{map[string]wire.Value{"state": wire.IntVal(fdbStatic)}, unix.NUD_NOARP, unix.NUD_NOARP | unix.NUD_PERMANENT, 0},
		{map[string]wire.Value{"state_mask": wire.IntVal(unix.NUD_PERMANENT)}, 0, unix.NUD_PERMANENT, 0},
		{map[string]wire.Value{"sticky": wire.BoolVal(true), "use": wire.BoolVal(false)}, 0, 0, ntfSticky | unix.NTF_USE},
	} {
		c.rows["dev"] = wire.NameVal("br0")
		s := set(FDB.Table, c.rows)
		if err := finishFDB(s, FDB.Verb("flush")); err != nil {
			t.Fatal(err)
		}
		if s.Uint("state") != c.state || s.Uint("state_mask") != c.stateMask || s.Uint("flags_mask") != c.flgMask {
			t.Errorf("%v: state %#x mask %#x flags mask %#x", c.rows, s.Uint("state"), s.Uint("state_mask"), s.Uint("flags_mask"))
		}
	}
}

// A bridge's own report of an entry is the entry that was sent.
func TestFDBCanon(t *testing.T) {
	mac := wire.StrVal("\x02\x00\x00\x00\x00\x77")
	for _, c := range []struct{ sent, reported map[string]wire.Value }{
		{
			map[string]wire.Value{"master": wire.BoolVal(true), "state": wire.IntVal(fdbStatic)},
			map[string]wire.Value{"bridge": wire.IntVal(40), "state": wire.IntVal(unix.NUD_NOARP)},
		},
		{
			map[string]wire.Value{"master": wire.BoolVal(true), "vlan": wire.IntVal(0)},
			map[string]wire.Value{"bridge": wire.IntVal(40), "state": wire.IntVal(unix.NUD_PERMANENT)},
		},
		{
			map[string]wire.Value{"master": wire.BoolVal(true), "state": wire.IntVal(fdbDynamic), "use": wire.BoolVal(true)},
			map[string]wire.Value{"bridge": wire.IntVal(40), "state": wire.IntVal(unix.NUD_STALE)},
		},
	} {
		for _, rows := range []map[string]wire.Value{c.sent, c.reported} {
			rows["dev"], rows["lladdr"] = wire.IntVal(10), mac
		}
		sent, reported := set(FDB.Table, c.sent), set(FDB.Table, c.reported)
		reported.PutName("family", wire.IntVal(unix.AF_BRIDGE))
		if err := finishFDB(sent, FDB.Verb("add")); err != nil {
			t.Fatal(err)
		}
		canonFDB(sent)
		canonFDB(reported)
		if !sent.Equal(reported) {
			t.Errorf("sent %s\nreported %s", sent.Text(nil), reported.Text(nil))
		}
	}
}

func TestNeighForeign(t *testing.T) {
	unicast, group := wire.StrVal("\x02\x00\x00\x00\x00\x05"), wire.StrVal("\x01\x00\x5e\x00\x00\x01")
	to, all := netVal("10.0.0.5/32"), netVal("224.0.0.1/32")
	for _, c := range []struct {
		rows map[string]wire.Value
		want bool
	}{
		{map[string]wire.Value{"to": wire.AddrVal(to.A), "nud": wire.IntVal(unix.NUD_PERMANENT), "lladdr": unicast}, false},
		{map[string]wire.Value{"to": wire.AddrVal(to.A), "nud": wire.IntVal(unix.NUD_REACHABLE), "lladdr": unicast}, true},
		{map[string]wire.Value{"to": wire.AddrVal(to.A), "nud": wire.IntVal(unix.NUD_STALE), "extern_learn": wire.BoolVal(true)}, false},
		{map[string]wire.Value{"to": wire.AddrVal(to.A), "nud": wire.IntVal(unix.NUD_NOARP), "lladdr": unicast}, false},
		{map[string]wire.Value{"to": wire.AddrVal(all.A), "nud": wire.IntVal(unix.NUD_NOARP), "lladdr": group}, true},
		{map[string]wire.Value{"to": wire.AddrVal(to.A), "proxy": wire.BoolVal(true)}, false},
	} {
		if got := foreignNeigh(set(Neigh.Table, c.rows)); got != c.want {
			t.Errorf("%v: foreign %v", c.rows, got)
		}
	}
}

// TestCanonNeighAddress: without a state that knows the neighbour's address there
// is none, whatever was written.
func TestCanonNeighAddress(t *testing.T) {
	ll := wire.StrVal("\x02\x00\x00\x00\x00\x09")
	for _, c := range []struct {
		nud, proxy int
		want       string
	}{
		{unix.NUD_NONE, 0, "to 10.0.0.9"}, {unix.NUD_FAILED, 0, "to 10.0.0.9"}, {unix.NUD_PERMANENT, 1, "proxy to 10.0.0.9"},
		{unix.NUD_REACHABLE, 0, "nud stale to 10.0.0.9 lladdr 02:00:00:00:00:09"},
	} {
		s := rowsOf(t, neighTable, "to", wire.AddrVal(netip.MustParseAddr("10.0.0.9")), "lladdr", ll, "nud", c.nud, "proxy", c.proxy)
		if canonNeigh(s); s.Text(nil) != c.want {
			t.Errorf("%+v: %s", c, s.Text(nil))
		}
	}
}
