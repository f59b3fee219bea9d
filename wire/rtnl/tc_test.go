package rtnl

import (
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
