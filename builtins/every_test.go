package builtins

import (
	"errors"
	"testing"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire/rtnl"
)

// TestEveryRow gives every row of every verb values of all sorts. A value is
// refused with an error about that argument, or makes an op whose source makes
// the same op again.
func TestEveryRow(t *testing.T) {
	_, g, err := exec(t, nil, `
v = [True, False, 0, 1, 7, 300, -1, 1 << 70, 1.5, "", "x", "1", "0x10/0xff", "1:10", "10ms", "10mbit", "64kb", "10.0.0.1", "10.0.0.0/8",
    "2001:db8::1", "2001:db8::/32", "default", "all", "02:00:00:00:00:01", "100-200", b"\x01\x02\xff", "é", [], [1], ["10.0.0.1"], ["02:00:00:00:00:01"],
    (1, 2), {}, {1: 2}, {"name": "x"}, ip.addr("10.0.0.1"), ip.prefix("10.0.0.0/8"), mac("02:00:00:00:00:01"),
    link("l0", kind = kind.dummy()), kind.vxlan(id = 3), kind.dummy(), port.bridge(cost = 3), encap.mpls("100"), sch.htb(), hop(dev = "x"),
    [hop(dev = "x"), hop(via = "10.0.0.1")], attr(1, u8 = 1), struct(a = 1), "z" * 200]
`)
	if err != nil {
		t.Fatal(err)
	}
	values := g["v"].(*starlark.List)
	// Subjects and what else the constructors insist on.
	base := map[string][]string{
		"link": {"name", "eth0"}, "addr": {"local", "10.0.0.1/24", "dev", "eth0"}, "neigh": {"to", "10.0.0.1", "dev", "eth0"},
		"bridge.fdb": {"lladdr", "02:00:00:00:00:01", "dev", "eth0"}, "bridge.vlan": {"vid", "10", "dev", "eth0"}, "bridge.tunnel_info": {"vid", "10", "dev", "eth0", "id", "100"}, "bridge.vlan_options": {"vid", "10", "dev", "eth0"}, "bridge.vlan_global": {"vid", "10", "dev", "br0"}, "route": {"dst", "10.0.0.0/8", "dev", "eth0"},
		"nexthop": {"dev", "eth0"}, "qdisc": {"dev", "eth0", "parent", "root"}, "class_": {"dev", "eth0", "parent", "1:", "classid", "1:1"},
	}
	made, refused := 0, 0
	for _, obj := range rtnl.Objects {
		c := newConstructor(obj)
		calls := []*constructor{c}
		for i := range obj.Verbs {
			calls = append(calls, c.members()[obj.Verbs[i].Name].(*constructor))
		}
		for _, c := range calls {
			s := NewScript(mainFile, nil)
			thread := &starlark.Thread{}
			SetScript(thread, s)
			for _, f := range obj.Table.Rows() {
				if f.RO {
					continue
				}
				for i := range values.Len() {
					kwargs := []starlark.Tuple{{starlark.String(f.Name), values.Index(i)}}
					for j := 0; j < len(base[obj.Name]); j += 2 {
						if b := base[obj.Name]; b[j] != f.Name {
							kwargs = append(kwargs, starlark.Tuple{starlark.String(b[j]), starlark.String(b[j+1])})
						}
					}
					v, err := starlark.Call(thread, c, nil, kwargs)
					if err != nil {
						var arg *ArgError
						if refused++; !errors.As(err, &arg) {
							t.Errorf("%s(%s = %s): %v says no argument", c.name, f.Name, short(values.Index(i).String()), err)
						}
						continue
					}
					if o, ok := v.(*Op); ok {
						made++
						again(t, thread, o)
					}
				}
			}
		}
	}
	t.Logf("%d ops made, %d calls refused", made, refused)
	if made < 3000 || refused < made {
		t.Errorf("%d ops made, %d calls refused", made, refused)
	}
}

// again runs the source of an op and wants the op.
func again(t *testing.T, thread *starlark.Thread, o *Op) {
	t.Helper()
	src := o.String()
	v, err := starlark.EvalOptions(FileOptions(), thread, "x", src, Predeclared())
	if err != nil {
		t.Errorf("%v\n%s", err, src)
		return
	}
	if b := v.(*Op); string(b.Msg) != string(o.Msg) || len(b.Rel) != len(o.Rel) {
		t.Errorf("%s\ngot  %x\nwant %x", src, b.Msg, o.Msg)
	}
}
