package builtins

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// FuzzSource: whatever the payload of a message, its source runs and makes the
// message again.
func FuzzSource(f *testing.F) {
	for i, expr := range []string{
		`link.add("v0", mtu = 1400, kind = kind.veth(peer = {"name": "v1"}), attrs = [attr(200, u32 = 3)])`,
		`addr.add("10.0.0.1/24", dev = 3, broadcast = "+")`,
		`neigh.add("10.0.0.1", dev = 3, lladdr = "02:00:00:00:00:01")`,
		`bridge.fdb.add("02:00:00:00:00:01", dev = 3)`,
		`bridge.vlan("100-199", dev = "swp1", untagged = True)`,
		`nexthop.add(3, via = "10.0.0.1", dev = 3)`,
		`route.add("default", nexthops = [hop(via = "10.0.0.1", weight = 3), hop(dev = 4)], mtu = 1400)`,
		`rule.add(from_ = "10.0.0.0/8", table = 500, fwmark = "1/3")`,
		`qdisc.add(3, parent = "root", kind = sch.htb(default = "1:30"))`,
	} {
		o := op(f, expr)
		f.Add(uint8(i), uint8(0), o.Msg[wire.HeaderLen:])
	}
	f.Fuzz(func(t *testing.T, object, verb uint8, payload []byte) {
		obj := rtnl.Objects[int(object)%len(rtnl.Objects)]
		v := obj.Verbs[int(verb)%len(obj.Verbs)]
		var set wire.Set
		if obj.Table.Decode(payload, &set) != nil {
			return
		}
		var b wire.Builder
		if obj.Append(&b, v.Type, v.Flags|5, &set) != nil {
			return
		}
		msg, _, err := b.Last()
		if err != nil {
			return
		}
		var src strings.Builder
		if err := (&Printer{}).Message(&src, obj, v.Type, v.Flags|5, &set); err != nil {
			t.Fatalf("%v: %x", err, msg)
		}
		_, g, err := exec(t, nil, "x = "+src.String())
		if err != nil {
			t.Fatalf("%v\n%s\n%x", err, src.String(), msg)
		}
		got := g["x"].(*Op).Msg
		if strings.HasPrefix(src.String(), "message(") {
			var a, b wire.Set
			if obj.Table.Decode(got[wire.HeaderLen:], &a) != nil || obj.Table.Decode(msg[wire.HeaderLen:], &b) != nil || a.Text(nil) != b.Text(nil) {
				t.Fatalf("%s\ngot  %x\nwant %x", src.String(), got, msg)
			}
			return
		}
		if string(got) != string(msg) {
			t.Fatalf("%s\ngot  %x\nwant %x", src.String(), got, msg)
		}
	})
}
