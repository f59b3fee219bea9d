package engine_test

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// A cutover says all there is in its table: another route there is an error, before it
// and behind, the first time and later.
func TestCutoverBeside(t *testing.T) {
	const cut, one = `cutover([route("default", via = "192.0.2.9")])`, `route("10.90.0.0/16", via = "192.0.2.9")`
	for _, tt := range []struct{ before, src, want string }{
		{"", one + ", " + cut, "is not among the ops, but wanted by a.star:1"},
		{"", cut + ", " + one, "is not among the routes of the cutover at a.star:1, which says all there is in table main"},
		{one, one + ", " + cut, "is not among the ops, but wanted by a.star:1"},
		{one, cut + ", " + one, "is not among the routes of the cutover at a.star:1"},
		{"", cut + `, route("10.90.0.0/16", dev = "eth0", table = 7)`, ""},
	} {
		e := enginetest.Sandbox(t, "eth0")
		mustRun(t, e, `commit(link("eth0", up = True), addr("192.0.2.1/24", dev = "eth0"))`, nil)
		if tt.before != "" {
			mustRun(t, e, "commit("+tt.before+")", nil)
		}
		_, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + tt.src + ")")})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s beside %q: %v, want %q", tt.src, tt.before, err, tt.want)
		}
	}
}
