package engine

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/tx"
)

// String is what `nlscript plan` prints.
func (p *Plan) String() string { return p.Text(false) }

// Text is the plan as people read it; verbose shows what is so already.
func (p *Plan) Text(verbose bool) string {
	var b strings.Builder
	for i, c := range p.commits {
		p.failures(&b, i)
		t := tally(c.plan)
		head := fmt.Sprintf("commit %d", i+1)
		if c.label != "" {
			head += fmt.Sprintf(" %q", c.label)
		}
		if c.attempt {
			head = "attempt" + strings.TrimPrefix(head, "commit")
		}
		b.WriteString(columns(head, shortPos(c.site)))
		if c.attempt && !c.plan.Empty() {
			b.WriteString("      note: the kernel may refuse any of this, and it is undone alone; what follows is planned as if it held\n")
		}
		p.changes(&b, c, verbose)
		for _, k := range c.checks {
			b.WriteString(columns(fmt.Sprintf("  ? %-*s within %v", nameWidth-1, "check "+k.Text(), (&builtins.Commit{Within: c.within}).Limit()), shortPos(sitePos(k.Site))))
		}
		if t.same > 0 && !verbose {
			fmt.Fprintf(&b, "  = %s so already (-v shows them)\n", objects(t.same))
		}
	}
	p.failures(&b, len(p.commits))
	if len(p.commits)+len(p.failed) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString("plan: " + p.summary().text() + fmt.Sprintf("; %s\n", plural(len(p.Messages), "message")))
	return redact(b.String(), p.secrets)
}

// failures tells of the attempts that failed behind so many commits.
func (p *Plan) failures(b *strings.Builder, after int) {
	for _, f := range p.failed {
		if f.after != after {
			continue
		}
		head := "attempt"
		if f.label != "" {
			head += fmt.Sprintf(" %q", f.label)
		}
		b.WriteString(columns(head, shortPos(f.site)))
		fmt.Fprintf(b, "      fails: %s\n", f.why)
	}
}

// failedText counts the attempts that failed, "" none.
func (p *Plan) failedText() string {
	n, undone := len(p.failed), 0
	for _, f := range p.failed {
		if f.undone {
			undone++
		}
	}
	switch {
	case n == 0:
		return ""
	case undone == 0:
		return plural(n, "attempt") + " failed before anything was sent"
	case n == 1:
		return "1 attempt failed and was undone"
	case undone == n:
		return plural(n, "attempt") + " failed and were undone"
	}
	return fmt.Sprintf("%s failed, %d of them undone", plural(n, "attempt"), undone)
}

func objects(n int) string {
	if n == 1 {
		return "1 object is"
	}
	return fmt.Sprintf("%d objects are", n)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

const (
	width     = 80 // column of positions
	nameWidth = 20 // of what changes
	withWidth = 39 // of what goes with it, and of verbs with their mark
)

// columns puts a position at the right of a line.
func columns(text, pos string) string { return columnsAt(width, text, pos) }

func columnsAt(width int, text, pos string) string {
	if pos == "" {
		return text + "\n"
	}
	n := len([]rune(text))
	return text + strings.Repeat(" ", max(2, width-n)) + pos + "\n"
}

// shortPos is file:line, without directory.
func shortPos(pos string) string {
	parts := strings.Split(pos, ":")
	if len(parts) < 2 {
		return pos
	}
	return path.Base(parts[0]) + ":" + parts[1]
}

func opPos(op *builtins.Op) string {
	if op == nil {
		return ""
	}
	return shortPos(sitePos(op.Site))
}

func (p *Plan) changes(b *strings.Builder, commit *batch, verbose bool) {
	for _, c := range commit.plan.Changes {
		if c.Action == tx.Same && !verbose && len(c.Notes) == 0 {
			continue
		}
		text := c.Text()
		if c.Action == tx.Bounce {
			text = "down and up again, to change " + text
		}
		if c.Action == tx.Same {
			text = ""
		}
		name := nameWidth - 1
		if c.Action == tx.Send {
			name = withWidth + 3
		}
		b.WriteString(columns(strings.TrimRight(fmt.Sprintf("  %c %-*s %s", c.Action, name, c.Title(), text), " "), opPos(c.Op)))
		for _, l := range c.Links() {
			fmt.Fprintf(b, "      ~ %s\n", l)
		}
		for _, t := range c.Taken() {
			what := "goes with it"
			if t.Back {
				what = "lost meanwhile, put back"
				if c.Action == tx.Bounce {
					what = "lost on down, put back"
				}
			}
			fmt.Fprintf(b, "      - %-*s %s\n", withWidth-1, t.Title, what)
		}
		for _, n := range c.Notes {
			fmt.Fprintf(b, "      note: %s\n", n)
		}
		for _, l := range c.Losses {
			what := fmt.Sprintf("run refuses, unless the commit names it: irreversible = [%q]", l.Title)
			if slices.Contains(commit.irreversible, l.Title) {
				what = "named, so run does it"
			}
			fmt.Fprintf(b, "      cannot be restored: %s, %s; %s\n", l.Title, l.What, what)
		}
	}
}

// counts are how many objects a plan adds, changes, ...
type counts struct{ add, change, del, with, send, same int }

func tally(p *tx.Plan) counts {
	var t counts
	for _, c := range p.Changes {
		switch c.Action {
		case tx.Create:
			t.add++
		case tx.Modify, tx.Bounce:
			t.change++
		case tx.Remove:
			t.del++
		case tx.Send:
			t.send++
		case tx.Same:
			t.same++
		}
		for _, e := range c.With {
			if !e.Unasked() && !slices.Contains(c.Back, e) {
				t.with++
			}
		}
	}
	return t
}

func (p *Plan) summary() counts {
	var s counts
	for _, c := range p.commits {
		t := tally(c.plan)
		s.add += t.add
		s.change += t.change
		s.del += t.del
		s.with += t.with
		s.send += t.send
		s.same += t.same
	}
	return s
}

func (t counts) text() string {
	s := fmt.Sprintf("%d to add, %d to change, %d to delete", t.add, t.change, t.del)
	switch t.with {
	case 0:
	case 1:
		s += " (1 more goes with it)"
	default:
		s += fmt.Sprintf(" (%d more go with it)", t.with)
	}
	if t.send > 0 {
		s += fmt.Sprintf(", %d to send", t.send)
	}
	return s + fmt.Sprintf(", %d unchanged", t.same)
}

func (t counts) changed() int { return t.add + t.change + t.del + t.send }

// Commits is how many there are.
func (p *Plan) Commits() int { return len(p.commits) }

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool {
	for _, c := range p.commits {
		if !c.plan.Empty() {
			return false
		}
	}
	return true
}

// StandIns are the devices that the facts did not hold and that were taken to
// be there (Facts.StandIns).
func (p *Plan) StandIns() []string { return p.standIns }

// Warnings are about ops that nothing commits, and names that hide builtins.
func (p *Plan) Warnings() []string { return p.warnings }

// String is the one line a person reads after a run.
func (r *Result) String() string {
	t := r.Plan.summary()
	ms := r.took.Round(time.Millisecond).Milliseconds()
	if r.Outcome == unchanged {
		what := "nothing to do"
		if failed := r.Plan.failedText(); t.same > 0 {
			what = objects(t.same) + " so already"
			if failed != "" {
				what += ", " + failed
			}
		} else if failed != "" {
			what = failed
		}
		return fmt.Sprintf("unchanged: %s (%d ms)", what, ms)
	}
	s := fmt.Sprintf("committed: %d added, %d changed, %d deleted", t.add, t.change, t.del)
	if t.with > 0 {
		s += fmt.Sprintf(" (%d with it)", t.with)
	}
	if t.send > 0 {
		s += fmt.Sprintf(", %d sent", t.send)
	}
	if !r.Plan.conn {
		return "recorded" + strings.TrimPrefix(s, "committed") + "; " + plural(len(r.Plan.Messages), "message")
	}
	s += fmt.Sprintf("; %s, %d ms; verified", plural(r.sent, "message"), ms)
	if failed := r.Plan.failedText(); failed != "" {
		s += "; " + failed
	}
	return s
}
