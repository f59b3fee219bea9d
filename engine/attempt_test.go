package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/enginetest"
)

// What is said of a run with attempts that fail: unchanged when nothing of it is left.
func TestFailedAttempts(t *testing.T) {
	const fails = `attempt(link("eth0", alias = "half", mtu = 1400), link("eth0", master = "eth1"))` + "\n"
	for _, tt := range []struct{ src, outcome, says string }{
		{fails, "unchanged", `^unchanged: 1 attempt failed and was undone \(\d+ ms\)$`},
		{fails + fails, "unchanged", `^unchanged: 2 attempts failed and were undone \(\d+ ms\)$`},
		{`attempt(link("eth9", up = True))`, "unchanged", `^unchanged: 1 attempt failed before anything was sent \(\d+ ms\)$`},
		{fails + `attempt(link("eth9", up = True))`, "unchanged", `^unchanged: 2 attempts failed, 1 of them undone \(\d+ ms\)$`},
		{fails + `commit(link("eth0", up = True))`, "unchanged", `^unchanged: 1 object is so already, 1 attempt failed and was undone \(\d+ ms\)$`},
		{fails + `commit(link("eth0", alias = "x"))`, "committed", `^committed: 0 added, 1 changed, 0 deleted; \d+ messages, \d+ ms; verified; 1 attempt failed and was undone$`},
		{`attempt(link("eth0", alias = "y"))`, "committed", `verified$`},
	} {
		e := enginetest.Sandbox(t, "eth0", "eth1")
		before := enginetest.Take(t, e)
		r := mustRun(t, e, tt.src, nil)
		if r.Outcome != tt.outcome || !regexp.MustCompile(tt.says).MatchString(r.String()) {
			t.Errorf("%s: %s: %s", tt.src, r.Outcome, r)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var j struct {
			Outcome string
			Failed  []struct {
				Pos, Message string
				Undone       bool
			} `json:"failed_attempts"`
		}
		if err := json.Unmarshal(b, &j); err != nil || j.Outcome != tt.outcome || len(j.Failed) != strings.Count(tt.src, "eth9")+strings.Count(tt.src, "half") {
			t.Errorf("%s: %s", tt.src, b)
		}
		for _, f := range j.Failed {
			if f.Pos == "" || f.Undone == strings.Contains(f.Message, "eth9") {
				t.Errorf("%s: %s", tt.src, b)
			}
		}
		if r.Outcome == "unchanged" {
			if d := before.Differs(t, e); d != "" {
				t.Errorf("%s: %s", tt.src, d)
			}
		}
	}
}

// A plan says what of it may be undone alone, and what fails whatever the kernel says.
func TestPlannedAttempts(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	p, err := e.Plan(t.Context(), engine.Script{Name: "site.star", Source: []byte(`
attempt(link("lan", kind = kind.bridge()), label = "lan")
failed = attempt(link("eth9", up = True), label = "other")
if not failed:
    fail("no failure")
commit(addr("10.0.0.1/24", dev = "lan"))
attempt(link("eth0", up = True))
`)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	const want = `attempt 1 "lan"                                                                 site.star:2
      note: the kernel may refuse any of this, and it is undone alone; what follows is planned as if it held
  + link lan            kind bridge                                             site.star:2
attempt "other"                                                                 site.star:3
      fails: link eth9: no device "eth9"; give kind = to create it
commit 2                                                                        site.star:6
  + addr 10.0.0.1/24 dev lan                                                    site.star:6
attempt 3                                                                       site.star:7
  = 1 object is so already (-v shows them)

plan: 2 to add, 0 to change, 0 to delete, 1 unchanged; 2 messages
`
	if got := p.String(); got != want {
		t.Errorf("got\n%swant\n%s%s", got, want, firstLine(got, want))
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var j struct {
		Commits []struct {
			Label   string
			Attempt bool
		}
		Failed []struct {
			Label, Pos, Message string
			Undone              bool
		} `json:"failed_attempts"`
	}
	if err := json.Unmarshal(b, &j); err != nil || len(j.Commits) != 3 || !j.Commits[0].Attempt || j.Commits[1].Attempt || !j.Commits[2].Attempt ||
		len(j.Failed) != 1 || j.Failed[0].Label != "other" || !strings.HasPrefix(j.Failed[0].Pos, "site.star:3:") || j.Failed[0].Undone || !strings.Contains(j.Failed[0].Message, "no device") {
		t.Errorf("%v %s", err, b)
	}
}

// An attempt that the policy refuses is none of the plan, in a dry run either.
func TestRefusedAttempt(t *testing.T) {
	e := enginetest.Sandbox(t, "eth0")
	e = engineAt(t, e, engine.WithPolicy(func(_ context.Context, p *engine.Plan) error {
		if strings.Contains(p.String(), "br0") {
			return errors.New("br0 is not for scripts")
		}
		return nil
	}))
	p, err := e.Plan(t.Context(), engine.Script{Name: "a.star", Source: []byte("attempt(link(\"br0\", kind = kind.bridge()))\ncommit(link(\"br1\", kind = kind.bridge()))")})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if len(p.Changes) != 1 || len(p.Messages) != 1 || !strings.Contains(p.String(), "fails: br0 is not for scripts") || !strings.Contains(p.String(), "plan: 1 to add") {
		t.Errorf("%s", p)
	}
}
