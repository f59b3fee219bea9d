package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/internal/testnet"
)

// Waits and cut-overs work in the namespace they are placed in, and are undone
// there with the rest.
func TestCutoverElsewhere(t *testing.T) {
	ns := testnet.New(t)
	r := newRunner(t, ns)
	paths := places(t, 2)
	run := func(src string) (*engine.Result, error) {
		return r.e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("a, b = param(\"a\"), param(\"b\")\n" + src), Params: map[string]any{"a": paths[0], "b": paths[1]}})
	}
	must := func(src string) *engine.Result {
		t.Helper()
		res, err := run(src)
		if err != nil {
			t.Fatalf("%+v", err)
		}
		return res
	}
	must(strings.Replace(cabled, `a, b = param("a"), param("b")`, "", 1))
	const cut = `netns(b, wait.carrier("e0"), cutover([route("203.0.113.0/24", via = "192.0.2.9"), route("10.0.0.0/8", via = "192.0.2.9")]))`
	// Below is a route that b has and this namespace has not.
	for _, src := range []string{
		`commit(` + cut + `, checks = [check.ping("192.0.2.1")], within = "100ms")`,
		`commit(` + cut + `)` + "\n" + `commit(route("10.0.0.0/8", via = "192.0.2.9"))`,
		`commit(netns(a, link("v0", up = False)), netns(b, wait.carrier("e0", within = "100ms")), ` + cut + `)`,
	} {
		_, err := run(src)
		var failed *engine.Error
		if !errors.As(err, &failed) || failed.Outcome != "rolled_back" {
			t.Errorf("%s\n%+v, want a failure that is undone", src, err)
		}
		if got := must(strings.Replace(cabled, `a, b = param("a"), param("b")`, "", 1)); got.Outcome != "unchanged" {
			t.Errorf("%s\nnot as it was:\n%s", src, got.Plan)
		}
	}
	must(`commit(` + cut + `)`)
	if got := must(`commit(` + cut + `)`); got.Outcome != "unchanged" {
		t.Errorf("the second time: outcome %s", got.Outcome)
	}
}
