package reliability

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
	"github.com/nlscript/nlscript/internal/meter"
)

// families are where tests put many routes, and one beside them.
var families = []struct{ name, net, via, other, nowhere, one string }{
	{"IPv4", "10.0.0.0/8", "192.0.2.9", "192.0.2.10", "203.0.113.1", "172.16.0.0/24"},
	{"IPv6", "2001:db8:100::/40", "2001:db8::9", "2001:db8::10", "2001:db9::1", "2001:db8:8000::/64"},
}

// fill makes n routes.
func fill(t *testing.T, e *engine.Engine, net, via string, n int) {
	t.Helper()
	bits := width(n)
	if net != families[0].net {
		bits += 32
	}
	src := fmt.Sprintf(`commit(route(ip.prefix("%s").subnets(%d)[:%d], via = "%s"))`, net, bits, n, via)
	if _, err := e.Run(t.Context(), engine.Script{Name: "many.star", Source: []byte(src)}); err != nil {
		t.Fatalf("%+v", err)
	}
}

// TestReadsInProportion counts what runs read that change one route, or try to,
// beside few routes and beside many: it is the same.
func TestReadsInProportion(t *testing.T) {
	const few = 10
	many := often(100000, 5000)
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			route := func(via, more string) string { return fmt.Sprintf(`route("%s", via = "%s"%s)`, f.one, via, more) }
			steps := []struct {
				what, script string
				fails        bool
			}{
				{"new, then the run fails", "commit(" + route(f.via, "") + "); fail()", true},
				{"new and refused", "commit(" + route(f.nowhere, "") + ")", true},
				{"new", "commit(" + route(f.via, "") + ")", false},
				{"there already", "commit(" + route(f.via, "") + ")", false},
				{"replaced, then the run fails", "commit(" + route(f.other, "") + "); fail()", true},
				{"replaced", "commit(" + route(f.other, "") + ")", false},
				{"its mtu changed, then refused", "commit(" + route(f.other, ", mtu = 1400") + "); commit(" + route(f.nowhere, "") + ")", true},
				{"removed, then the run fails", "commit(absent(" + route(f.other, "") + ")); fail()", true},
				{"removed", "commit(absent(" + route(f.other, "") + "))", false},
				{"not there", "commit(absent(" + route(f.other, "") + "))", false},
			}
			read := func(n int) (all []meter.Meter) {
				e := wide(t)
				fill(t, e, f.net, f.via, n)
				for _, s := range steps {
					var before enginetest.Snapshot
					if s.fails && n == few {
						before = enginetest.Take(t, e)
					}
					var m meter.Meter
					_, err := e.Run(meter.With(t.Context(), &m), engine.Script{Name: "one.star", Source: []byte(s.script)})
					var failed *engine.Error
					switch {
					case !s.fails && err != nil:
						t.Fatalf("%s: %+v", s.what, err)
					case s.fails && (!errors.As(err, &failed) || failed.Outcome != "rolled_back"):
						t.Fatalf("%s: %+v", s.what, err)
					case s.fails && n == few && before.Differs(t, e) != "":
						t.Fatalf("%s: something is left", s.what)
					}
					all = append(all, m)
				}
				return all
			}
			small, large := read(few), read(many)
			for i, s := range steps {
				if small[i] != large[i] {
					t.Errorf("%s: %+v read beside %d routes, %+v beside %d", s.what, small[i], few, large[i], many)
				}
				t.Logf("%s: %+v read", s.what, large[i])
			}
		})
	}
}
