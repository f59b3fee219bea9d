package coverage

import (
	"slices"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// absorbed are rows that become part of what another row reads back, with a
// script that writes them and what is in its golden file.
var absorbed = map[string]struct{ script, as string }{
	"link.newname":              {"link/rename", "name uplink"},                                   // both are IFLA_IFNAME
	"qdisc.kind.tbf.latency":    {"qdisc/tbf", "limit 690536"},                                    // a limit that follows from it
	"class_.kind.htb_class.mtu": {"class/htb", "rate 5mbit ceil 10mbit burst 15kb burst_cell 16"}, // in the rate tables, as the size of their cells
}

// TestEveryRow: for every row that can be written, of every table there is, a
// golden file holds a message with it.
func TestEveryRow(t *testing.T) {
	skipBigEndian(t) // golden files hold the bytes of little-endian machines
	met := map[*wire.Field]bool{}
	for _, file := range files(t) {
		messages, err := builtins.Decode(read(t, file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, d := range messages {
			if d.Msg == nil {
				continue
			}
			set := wire.NewSet(d.Object.Table)
			if err := d.Object.Decode(d.Msg, d.Rel, set); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			meet(set, met)
		}
	}
	var missing []string
	rows := 0
	walkRows(func(path string, f *wire.Field) {
		rows++
		x, ok := absorbed[path]
		switch {
		case met[f] && ok:
			t.Errorf("%s is read back after all", path)
		case ok:
			at := goldens + "/" + x.script
			if !strings.Contains(read(t, at+".star"), row(path)+" = ") || !strings.Contains(read(t, at+".golden"), x.as) {
				t.Errorf("%s is not in %s, as %q", path, x.script, x.as)
			}
		case !met[f]:
			missing = append(missing, path)
		}
	})
	if len(missing) > 0 {
		t.Errorf("%d of %d rows are in no golden file:\n%s", len(missing), rows, strings.Join(missing, "\n"))
	}
	t.Logf("%d rows", rows)
}

// row is the last name in a path.
func row(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// meet notes the rows of a set and of the sets in it.
func meet(s *wire.Set, met map[*wire.Field]bool) {
	for _, e := range s.Ents {
		met[e.F] = true
		meetValue(e.V, met)
	}
}

func meetValue(v wire.Value, met map[*wire.Field]bool) {
	if v.Sub != nil {
		meet(v.Sub, met)
	}
	for _, x := range v.L {
		meetValue(x, met)
	}
}

// walkRows calls f for each row that can be written, with a path that leads to it.
func walkRows(f func(path string, row *wire.Field)) {
	seen := map[*wire.Table]bool{}
	for _, o := range rtnl.Objects {
		walkTable(o.Name, o.Table, seen, f)
	}
	walkTable(rtnl.Hop.Name, rtnl.Hop, seen, f)
}

func walkTable(path string, t *wire.Table, seen map[*wire.Table]bool, f func(string, *wire.Field)) {
	if seen[t] {
		return
	}
	seen[t] = true
	for _, row := range t.Rows() {
		if row.RO {
			continue
		}
		at := path + "." + row.Name
		f(at, row)
		for r := row; r != nil; r = r.Elem {
			if r.Of != nil {
				walkTable(at, r.Of, seen, f)
			}
			if r.OneOf != nil {
				for _, m := range r.OneOf.Tables {
					walkTable(at+"."+m.Name, m, seen, f)
				}
			}
		}
	}
}

// The walk finds what it is for: tables in lists, in unions, in codecs.
func TestWalkRows(t *testing.T) {
	var all []string
	walkRows(func(path string, _ *wire.Field) { all = append(all, path) })
	for _, want := range []string{"link.mtu", "link.kind.vlan.ingress_qos_map.to", "link.vf.mac", "link.kind.veth.peer.mtu", "link.port.bond.prio", "nexthop.encap.seg6.segs", "hop.weight",
		"qdisc.kind.tbf.rate", "qdisc.stab.mpu", "class_.kind.htb_class.ceil", "bridge.fdb.vni", "nexthop.buckets", "rule.dport"} {
		if !slices.Contains(all, want) {
			t.Errorf("no row %s", want)
		}
	}
	if slices.Contains(all, "link.stats64") {
		t.Error("a row that the kernel only reports is among them")
	}
}
