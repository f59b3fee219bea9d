package reliability

import (
	"fmt"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/meter"
)

// TestReadsOfOthersInProportion does for other objects what TestReadsInProportion
// does for routes: what a run reads does not follow what there is on other devices,
// nor how many devices there are. What these announce by themselves meanwhile is
// read, too, so the same is not asked for.
func TestReadsOfOthersInProportion(t *testing.T) {
	const few, many, noise = 10, 1000, 8 << 10
	const (
		addrs   = `[addr("10.%d.%d.1/32" % (i // 256, i % 256), dev = "p1") for i in range(N)]`
		addrs6  = `[addr("2001:db8:7::%x/128" % (i + 1), dev = "p1", nodad = True) for i in range(N)]`
		neighs  = `[neigh("10.%d.%d.1" % (i // 256, i % 256), dev = "p1", lladdr = "02:00:00:00:00:01") for i in range(N)]`
		proxies = `[neigh("10.%d.%d.1" % (i // 256, i % 256), dev = "p1", proxy = True) for i in range(N)]`
		entries = `[bridge.fdb(mac("02:00:00:00:00:00") + i, dev = "vx1", dst = "192.0.2.7") for i in range(N)]`
		ports   = `[bridge.fdb(mac("02:00:00:00:00:00") + i, dev = "p0", master = True, state = "static") for i in range(N)]`
		links   = `[link("q%d" % i, kind = kind.bridge()) for i in range(N // 10)]`

		addr  = `addr("192.0.9.2/32", dev = "eth0")`
		addr6 = `addr("2001:db8:8::1/128", dev = "eth0", nodad = True)`
		neigh = `neigh("192.0.2.77", dev = "eth0", lladdr = "02:00:00:00:00:02")`
		proxy = `neigh("192.0.2.77", dev = "eth0", proxy = True)`
		entry = `bridge.fdb("02:00:00:01:00:02", dev = "vx0", dst = "192.0.2.7")`
		rule  = `rule(from_ = "192.0.2.7", priority = 5, table = 7)`
	)
	for _, c := range []struct {
		what, fill, op string
		kept           bool // removing it reads more
	}{
		{"an IPv4 address, beside those of another device", addrs, addr, true},
		{"an IPv6 address, beside those of another device", addrs6, addr6, true},
		{"a neighbour, beside those of another device", neighs, neigh, false},
		{"a proxy, beside those of another device", proxies, proxy, false},
		{"a remote, beside those of another vxlan", entries, entry, false},
		{"a remote, beside entries of a bridge", ports, entry, false},
		{"a neighbour, beside links", links, neigh, true},
		{"a rule, beside links", links, rule, true},
		{"all neighbours of a device", neighs, `exact(neigh, [` + neigh + `], dev = "eth0")`, true},
		{"all remotes of a device", entries, `exact(bridge.fdb, [` + entry + `], dev = "vx0")`, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			scripts := []string{"commit(" + c.op + ")", "commit(" + c.op + ")", "commit(absent(" + c.op + "))"}
			if c.kept {
				scripts = scripts[:2]
			}
			read := func(n int) (all []meter.Meter) {
				e := wide(t)
				for _, src := range []string{
					`commit([link("vx%d" % i, kind = kind.vxlan(id = 5 + i, dstport = 4789), up = True) for i in range(2)],
    link("br0", kind = kind.bridge(), up = True), link("p0", kind = kind.veth(peer = {"name": "p1", "up": True}), master = "br0", up = True))`,
					fmt.Sprintf("N = %d\ncommit(%s)", n, c.fill),
				} {
					if _, err := e.Run(t.Context(), engine.Script{Name: "many.star", Source: []byte(src)}); err != nil {
						t.Fatalf("%+v", err)
					}
				}
				for _, src := range scripts {
					var m meter.Meter
					if _, err := e.Run(meter.With(t.Context(), &m), engine.Script{Name: "one.star", Source: []byte(src)}); err != nil {
						t.Fatalf("%+v", err)
					}
					all = append(all, m)
				}
				return all
			}
			small, large := read(few), read(many)
			for i, src := range scripts {
				if large[i].Bytes > small[i].Bytes+noise {
					t.Errorf("%s: %d bytes read beside %d, %d beside %d", src, small[i].Bytes, few, large[i].Bytes, many)
				}
				t.Logf("%s: %d bytes", src, large[i].Bytes)
			}
		})
	}
}
