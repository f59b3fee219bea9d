package engine

import (
	"fmt"

	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/internal/golden"
)

// Golden is the plan as a golden file: the annotated bytes of every message,
// with names in place of the indexes of devices. name is that of the script.
func (p *Plan) Golden(name string) (string, error) {
	var entries []golden.Entry
	for i, b := range p.commits {
		action := map[any]tx.Action{}
		for _, c := range b.plan.Changes {
			if c.Action != tx.Same || action[c.Op] == 0 { // one op may be about several objects
				action[c.Op] = c.Action
			}
		}
		for j := range b.plan.Steps {
			s := &b.plan.Steps[j]
			e := golden.Entry{Commit: i + 1, Label: b.label, Summary: fmt.Sprintf("%s %c", s.Title(), action[s.Op]), Object: s.Object, Msg: s.Msg, Rel: s.Rel}
			switch {
			case s.NetNS != nil:
				e.Text = "netns " + s.Place().String()
			case s.Place() != nil:
				e.NetNS = s.Place().String()
			}
			if s.Wait != nil {
				e.Text = s.Wait.Text()
			}
			if s.Sysctl != nil {
				e.Text = fmt.Sprintf("%s = %s", s.Sysctl.Name, s.Sysctl.Value)
			}
			e.Summary, e.Text = redact(e.Summary, p.secrets), redact(e.Text, p.secrets)
			entries = append(entries, e)
		}
		for j, text := range b.notes() {
			entries = append(entries, golden.Entry{Commit: i + 1, Label: b.label, Summary: redact("check "+b.checks[j].Text(), p.secrets), Text: redact(text, p.secrets)})
		}
	}
	return golden.Render(name, entries)
}
