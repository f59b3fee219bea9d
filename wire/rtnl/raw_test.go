package rtnl

import (
	"bytes"
	"testing"

	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// recode reads a message that fill makes of an object and writes it again.
func recode(t *testing.T, o *wire.Object, fill func(b *wire.Builder)) (s *wire.Set, before, after []byte) {
	t.Helper()
	var b wire.Builder
	m := b.Begin(o.New, 0)
	b.Fixed(o.Table.Fixed)
	fill(&b)
	b.End(m)
	msg, _, err := b.Last()
	if err != nil {
		t.Fatal(err)
	}
	s = wire.NewSet(o.Table)
	if err := o.Decode(msg, nil, s); err != nil {
		t.Fatal(err)
	}
	return s, msg, encoded(t, o, s)
}

// TestCodecsKeep: what a codec cannot say is written as it came, and is not
// refused for the rows that it leaves out.
func TestCodecsKeep(t *testing.T) {
	options := func(kind string, fill func(b *wire.Builder)) func(b *wire.Builder) {
		return func(b *wire.Builder) {
			b.String(unix.TCA_KIND, kind)
			m := b.Nest(unix.TCA_OPTIONS)
			fill(b)
			b.End(m)
		}
	}
	for _, c := range []struct {
		what string
		o    *wire.Object
		fill func(b *wire.Builder)
	}{
		{"a longer tc_tbf_qopt", Qdisc, options("tbf", func(b *wire.Builder) {
			b.Uint32(tbfBurst, 5000)
			b.Attr(tbfParms, tbfQoptLen+4)[8] = 1
		})},
		{"tbf without parameters", Qdisc, options("tbf", func(b *wire.Builder) { b.Uint64(tbfRate64, 1<<33) })},
		{"a longer tc_htb_opt", Class, options("htb", func(b *wire.Builder) {
			b.Attr(htbParms, htbOptLen+4)[8] = 1
			b.Uint64(htbRate64, 1<<33)
		})},
		{"a class without a rate", Class, options("htb", func(b *wire.Builder) { b.Attr(htbParms, htbOptLen) })},
		{"an unknown setting of IPv4", Link, func(b *wire.Builder) {
			af, inet, conf := b.Nest(unix.IFLA_AF_SPEC), b.Nest(unix.AF_INET), b.Nest(unix.IFLA_INET_CONF)
			b.Uint32(1, 1)
			b.Uint64(200, 2)
			b.End(conf)
			b.End(inet)
			b.End(af)
		}},
	} {
		if s, before, after := recode(t, c.o, c.fill); !bytes.Equal(before, after) {
			t.Errorf("%s: %s\n%x\n%x", c.what, s.Text(nil), before, after)
		}
	}
}

// TestTwice: of bits that share an attribute none changes when the attribute
// comes twice.
func TestTwice(t *testing.T) {
	s, _, _ := recode(t, Link, func(b *wire.Builder) {
		info := b.Nest(unix.IFLA_LINKINFO)
		b.Text(unix.IFLA_INFO_KIND, "bridge")
		data := b.Nest(unix.IFLA_INFO_DATA)
		for range 2 {
			p := b.Attr(unix.IFLA_BR_MULTI_BOOLOPT, 8)
			p[0], p[4] = 1, 1
			if wire.IsBigEndian {
				p[0], p[3], p[4], p[7] = 0, 1, 0, 1
			}
		}
		b.End(data)
		b.End(info)
	})
	if k := member(s, "kind"); k.Uint("no_linklocal_learn") != 1 || len(k.Extra) != 1 {
		t.Errorf("read as %s", k.Text(nil))
	}
}

// TestStabSize: a number of entries that no attribute holds is refused before
// they are computed.
func TestStabSize(t *testing.T) {
	s := rowsOf(t, Qdisc.Table, "stab", wire.SubVal(rowsOf(t, stabTable, "linklayer", "atm", "tsize", 1<<30)))
	var b wire.Builder
	if err := Qdisc.Append(&b, Qdisc.New, 0, s); err == nil || err.Error() != "stab.tsize: 1073741824 entries, at most 32765 fit" {
		t.Errorf("%v", err)
	}
}
