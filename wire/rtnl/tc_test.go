package rtnl

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/nlscript/nlscript/wire"
)

func TestTCOracle(t *testing.T) {
	for _, x := range []struct {
		prefix string
		n      int
	}{
		{"qdisc/tbf/", 8}, {"qdisc/htb/", 4}, {"class/htb/", 11}, {"qdisc/fifo/", 5}, {"qdisc/verbs/", 13},
		{"qdisc/misc/016", 1}, {"qdisc/misc/018", 1},
	} {
		oracleCases(t, x.prefix, x.n, func(t *testing.T, c oracleCase) {
			o := Qdisc
			if c.Argv[1] == "class" {
				o = Class
			}
			if c.ID == "qdisc/verbs/016" && Qdiscs.Table("fq_codel") == nil {
				return
			}
			checkNamed(t, o, c)
			s := wire.NewSet(o.Table)
			tcWords(t, s, o, c.Argv[3:])
			checkWords(t, o, c.Argv[2], &c, s)
		})
	}
}

// tcWords reads what follows the verb in a command of tc.
func tcWords(t *testing.T, s *wire.Set, o *wire.Object, words []string) {
	t.Helper()
	kinds := o.Table.Row("kind").OneOf
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		switch tab := kinds.Table(w); {
		case w == "root":
			putWords(t, s, []string{"parent", "root"}, nil)
		case w == "estimator":
			s.PutName(w, wire.ListOf(wire.StrVal(words[0]), wire.StrVal(words[1])))
			words = words[2:]
		case w == "stab":
			sub := wire.NewSet(stabTable)
			n := slices.IndexFunc(words, func(w string) bool { return kinds.Table(w) != nil })
			putWords(t, sub, words[:n], nil)
			s.PutName(w, wire.SubVal(sub))
			words = words[n:]
		case tab != nil:
			sub := wire.NewSet(tab)
			putWords(t, sub, tcHex(words), nil)
			s.PutName("kind", wire.SubVal(sub))
			return
		default:
			putWords(t, s, []string{w, words[0]}, nil)
			words = words[1:]
		}
	}
}

// tcHex: tc reads "default 0x30" as the minor number of a class.
func tcHex(words []string) []string {
	words = slices.Clone(words)
	for i := range words {
		if words[i] == "default" {
			words[i+1] = "1:" + words[i+1][2:]
		}
	}
	return words
}

func TestTCErrors(t *testing.T) {
	for _, c := range []struct {
		kind wire.Value
		path string
	}{
		{kind(schTBF, map[string]uint64{"burst": 2000, "limit": 1}), "kind.tbf.rate"},
		{kind(schTBF, map[string]uint64{"rate": 1000, "limit": 1}), "kind.tbf.burst"},
		{kind(schTBF, map[string]uint64{"rate": 1000, "burst": 2000}), "kind.tbf.limit"},
		{kind(schTBF, map[string]uint64{"rate": 1000, "burst": 2000, "limit": 1, "latency": 1}), "kind.tbf.latency"},
		{kind(schTBF, map[string]uint64{"rate": 1e10, "burst": 2000, "latency": 1e6}), "kind.tbf.latency"},
		{kind(schTBF, map[string]uint64{"rate": 1000, "burst": 2000, "limit": 1, "peakrate": 2000}), "kind.tbf.mtu"},
		{kind(schTBF, map[string]uint64{"rate": 1000, "burst": 2000, "limit": 1, "burst_cell": 12}), "kind.tbf.burst_cell"},
		{kind(schTBF, map[string]uint64{"rate": 1, "burst": 2000, "limit": 1}), "kind.tbf.burst"},
	} {
		s := set(Qdisc.Table, map[string]wire.Value{"dev": wire.IntVal(3), "parent": wire.IntVal(tcRoot), "kind": c.kind})
		var b wire.Builder
		err := Qdisc.Append(&b, Qdisc.New, 0, s)
		if a := (*wire.AttrError)(nil); !errors.As(err, &a) || a.Path != c.path {
			t.Errorf("%s: error %v, want one of %s", s.Text(nil), err, c.path)
		}
	}
	if err := finishQdisc(set(Qdisc.Table, map[string]wire.Value{"dev": wire.IntVal(3)}), nil); err == nil {
		t.Error("a qdisc without a place is accepted")
	}
}

// Every estimator the kernel takes reads as times that make it again.
func TestEstimator(t *testing.T) {
	f := Qdisc.Table.Row("estimator")
	for interval := -2; interval <= 3; interval++ {
		for log := byte(1); log <= 30; log++ {
			want := []byte{byte(int8(interval)), log}
			v, err := estimator{}.Decode(f, want)
			if err != nil {
				t.Fatal(err)
			}
			var b wire.Builder
			m := b.Begin(0, 0)
			if err := (estimator{}).Append(&b, f, v); err != nil {
				t.Fatalf("%d/%d %s: %v", interval, log, f.Text(v, nil), err)
			}
			b.End(m)
			msg, _, err := b.Last()
			if err != nil {
				t.Fatal(err)
			}
			if got := msg[wire.HeaderLen+4:][:2]; !bytes.Equal(got, want) {
				t.Errorf("%s: %x, want %x", f.Text(v, nil), got, want)
			}
		}
	}
}

func TestRoundest(t *testing.T) {
	for _, c := range [][3]uint64{{1500, 1600, 1536}, {15301, 15400, 15360}, {7, 7, 7}, {0, 0, 0}, {102340, 102450, 102400}} {
		if got := roundest(c[0], c[1]); got != c[2] {
			t.Errorf("%d..%d: %d, want %d", c[0], c[1], got, c[2])
		}
	}
}
