package engine_test

import (
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
)

// Ops with append = True are all there is of a key, in their order.
func TestSeveralOfOneKey(t *testing.T) {
	const via = `[route("10.9.0.0/16", via = v, append = True) for v in %]`
	tests := []struct{ name, before, ops, want string }{
		{"none yet", ``, strings.Replace(via, "%", `["10.0.0.3", "10.0.0.2"]`, 1), "3 2"},
		{"one of them", `["10.0.0.2"]`, strings.Replace(via, "%", `["10.0.0.2", "10.0.0.3"]`, 1), "2 3"},
		{"the last of them", `["10.0.0.2"]`, strings.Replace(via, "%", `["10.0.0.3", "10.0.0.2"]`, 1), "3 2"},
		{"other order", `["10.0.0.2", "10.0.0.3", "10.0.0.4"]`, strings.Replace(via, "%", `["10.0.0.4", "10.0.0.2"]`, 1), "4 2"},
		{"less", `["10.0.0.2", "10.0.0.3", "10.0.0.4"]`, strings.Replace(via, "%", `["10.0.0.3"]`, 1), "3"},
		{"so already", `["10.0.0.2", "10.0.0.3"]`, strings.Replace(via, "%", `["10.0.0.2", "10.0.0.3"]`, 1), "2 3"},
		{"in an exact table", `["10.0.0.2", "10.0.0.4"]`, `exact(` + strings.Replace(via, "%", `["10.0.0.2", "10.0.0.3"]`, 1) + `, table = "main", protocol = "boot")`, "2 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := emptyNet(t)
			run := func(src string) (*engine.Result, error) {
				return e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte(src)})
			}
			before := `commit(link("a", kind = kind.veth(peer = {"name": "b", "up": True}), up = True), addr("10.0.0.1/24", dev = "a"))`
			if tt.before != "" {
				before += "\n[commit(route.append(\"10.9.0.0/16\", via = v)) for v in " + tt.before + "]"
			}
			if _, err := run(before); err != nil {
				t.Fatalf("%+v", err)
			}
			was := export(t, e, false)
			if _, err := run("commit(" + tt.ops + ")\nfail('no')"); err == nil {
				t.Fatal("it held")
			}
			if is := export(t, e, false); is != was {
				t.Errorf("undone, it is\n%s\nand was\n%s", is, was)
			}
			r, err := run("commit(" + tt.ops + ")")
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if tt.name == "so already" && r.Outcome != "unchanged" {
				t.Errorf("%s\n%s", r.Outcome, r.Plan)
			}
			var got []string
			for l := range strings.Lines(export(t, e, false)) {
				if _, via, ok := strings.Cut(l, `route("10.9.0.0/16", via = "10.0.0.`); ok {
					got = append(got, via[:1])
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if r, err = run("commit(" + tt.ops + ")"); err != nil || r.Outcome != "unchanged" {
				t.Errorf("again: %v, %+v", r, err)
			}
		})
	}
	e := emptyNet(t)
	for src, want := range map[string]string{
		`route("10.9.0.0/16", dev = "lo", append = True), route("10.9.0.0/16", dev = "lo")`:                "with different values",
		`route("10.9.0.0/16", dev = "lo", append = True), route("10.9.0.0/16", dev = "lo", append = True)`: "is given twice in this commit",
		`addr("10.9.0.1/16", dev = "lo", append = True)`:                                                   "append",
		`route.add("10.9.0.0/16", dev = "lo", append = True)`:                                              "append",
		`route("10.9.0.0/16", dev = "lo", append = 1)`:                                                     "True or False",
	} {
		if _, err := e.Run(t.Context(), engine.Script{Name: "a.star", Source: []byte("commit(" + src + ")")}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
}
