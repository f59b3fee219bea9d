package state

import (
	"testing"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// vlan is a link of kind vlan with this egress map: key, value, ...
func vlan(t *testing.T, pairs ...uint64) *wire.Set {
	t.Helper()
	kind := wire.NewSet(rtnl.Kinds.Table("vlan"))
	row := kind.Table.Row("egress_qos_map")
	var l []wire.Value
	for i := 0; i < len(pairs); i += 2 {
		e := wire.NewSet(row.Elem.Of)
		e.PutName("from_", wire.IntVal(pairs[i]))
		e.PutName("to", wire.IntVal(pairs[i+1]))
		l = append(l, wire.SubVal(e))
	}
	if len(l) > 0 {
		kind.Put(row, wire.ListOf(l...))
	}
	s := wire.NewSet(rtnl.Link.Table)
	s.PutName("kind", wire.SubVal(kind))
	return s
}

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		what       string
		mode       Mode
		want, have []uint64
		sent       string // "" when nothing differs
		after      string
	}{
		{"what is not mentioned stays", Patch, []uint64{1, 3}, []uint64{1, 2, 2, 4}, "{from 1 to 3}", "{from 1 to 3},{from 2 to 4}"},
		{"all is so", Patch, []uint64{2, 4}, []uint64{1, 2, 2, 4}, "", "{from 1 to 2},{from 2 to 4}"},
		{"taken away", Patch, []uint64{1, 0}, []uint64{1, 2}, "{from 1 to 0}", ""},
		{"was not there", Patch, []uint64{1, 0}, []uint64{2, 4}, "", "{from 2 to 4}"},
		{"new", Patch, []uint64{1, 2}, nil, "{from 1 to 2}", "{from 1 to 2}"},
		{"undo", Exact, []uint64{1, 2}, []uint64{1, 3, 2, 4}, "{from 1 to 2},{from 2 to 0}", "{from 1 to 2}"},
		{"undo of the first", Exact, nil, []uint64{1, 3}, "{from 1 to 0}", ""},
	} {
		want, have := vlan(t, c.want...), vlan(t, c.have...)
		pick := Pick(rtnl.Link, want, have, c.mode)
		sent := egress(pick)
		if got := text(sent); got != c.sent {
			t.Errorf("%s: sent %q, want %q", c.what, got, c.sent)
		}
		if d := Diff(rtnl.Link, want, have, c.mode); (len(d) > 0) != (c.sent != "") {
			t.Errorf("%s: differences %v", c.what, d)
		}
		row := rtnl.Kinds.Table("vlan").Row("egress_qos_map")
		if got := text(Merged(row, sent, egress(have))); got != c.after {
			t.Errorf("%s: after it %q, want %q", c.what, got, c.after)
		}
	}
}

func egress(s *wire.Set) wire.Value {
	k, _ := s.Get("kind")
	if k.Sub == nil {
		return wire.Value{}
	}
	v, _ := k.Sub.Get("egress_qos_map")
	return v
}

func text(v wire.Value) string {
	if len(v.L) == 0 {
		return ""
	}
	return rtnl.Kinds.Table("vlan").Row("egress_qos_map").Text(v, nil)
}
