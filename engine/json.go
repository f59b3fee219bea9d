package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// schemaVersion is the version of all JSON that the engine writes. Additions do
// not change it.
const schemaVersion = 1

type jsonCommit struct {
	Label   string       `json:"label"`
	Pos     string       `json:"pos"`
	Changes []jsonChange `json:"changes"`
	Checks  []string     `json:"checks,omitempty"`
	Attempt bool         `json:"attempt,omitempty"` // it may be undone alone; what follows is planned as if it held
}

// A jsonFailed is an attempt of which nothing is left.
type jsonFailed struct {
	Label   string `json:"label"`
	Pos     string `json:"pos"`
	Message string `json:"message"`
	Undone  bool   `json:"undone"` // something had been sent
}

func (p *Plan) jsonFailed() (l []jsonFailed) {
	for _, f := range p.failed {
		l = append(l, jsonFailed{f.label, f.site, f.why, f.undone})
	}
	return l
}

type jsonChange struct {
	Action string           `json:"action"`
	Object string           `json:"object"`
	Key    string           `json:"key"`
	NetNS  string           `json:"netns"`
	Pos    string           `json:"pos,omitempty"`
	Stack  []string         `json:"stack,omitempty"`
	Attrs  map[string][]any `json:"attrs,omitempty"` // [before, after]
	Cause  string           `json:"cause,omitempty"`
	Notes  []string         `json:"notes,omitempty"`

	Irreversible []string `json:"irreversible,omitempty"` // what could not be brought back
}

type jsonSummary struct {
	Add       int `json:"add"`
	Change    int `json:"change"`
	Delete    int `json:"delete"`
	With      int `json:"with"`
	Send      int `json:"send"`
	Unchanged int `json:"unchanged"`
	Messages  int `json:"messages"`
}

// MarshalJSON implements json.Marshaler.
func (p *Plan) MarshalJSON() ([]byte, error) {
	t := p.summary()
	b, err := json.Marshal(struct {
		Version  int          `json:"schema_version"`
		Commits  []jsonCommit `json:"commits"`
		Summary  jsonSummary  `json:"summary"`
		Failed   []jsonFailed `json:"failed_attempts,omitempty"`
		Warnings []string     `json:"warnings,omitempty"`
	}{schemaVersion, p.jsonCommits(), jsonSummary{t.add, t.change, t.del, t.with, t.send, t.same, len(p.Messages)}, p.jsonFailed(), p.warnings})
	return redactJSON(b, p.secrets), err
}

func redactJSON(b []byte, secrets []string) []byte {
	quoted := make([]string, len(secrets))
	for i, s := range secrets {
		q, _ := json.Marshal(s)
		quoted[i] = string(q[1 : len(q)-1])
	}
	return []byte(redact(string(b), quoted))
}

func (p *Plan) jsonCommits() []jsonCommit {
	l := []jsonCommit{}
	for _, b := range p.commits {
		c := jsonCommit{Label: b.label, Pos: b.site, Changes: []jsonChange{}, Attempt: b.attempt}
		for _, x := range b.plan.Changes {
			c.Changes = append(c.Changes, changeJSON(b.plan, x)...)
		}
		c.Checks = b.notes()
		l = append(l, c)
	}
	return l
}

func changeJSON(p *tx.Plan, c *tx.Change) []jsonChange {
	j := jsonChange{Action: actionNames[c.Action], Object: carrier(c.Op), Key: c.Title(), NetNS: c.Place.String(), Pos: sitePos(c.Op.Site), Notes: c.Notes, Irreversible: losses(c)}
	if c.Op.Site != nil && len(c.Op.Site.Frames) > 1 {
		for _, f := range c.Op.Site.Frames {
			j.Stack = append(j.Stack, fmt.Sprintf("%s:%d:%d: in %s", f.File, f.Line, f.Col, f.Func))
		}
	}
	j.Attrs = c.Attrs()
	switch {
	case c.Object != nil:
		j.Object = c.Object.Name
	case c.Op.NetNS:
		j.Object = "netns"
	}
	l := []jsonChange{j}
	for _, key := range c.Links() {
		l = append(l, jsonChange{Action: actionNames[tx.Modify], Object: rtnl.Link.Name, Key: key, NetNS: j.NetNS, Pos: j.Pos, Cause: j.Key})
	}
	for _, t := range c.Taken() {
		l = append(l, jsonChange{Action: "delete", Object: t.Object.Name, Key: t.Title, NetNS: j.NetNS, Pos: j.Pos, Cause: j.Key})
	}
	for _, t := range c.Restored() {
		l = append(l, jsonChange{Action: "create", Object: t.Object.Name, Key: t.Title, NetNS: j.NetNS, Pos: j.Pos, Cause: j.Key})
	}
	return l
}

type jsonError struct {
	Pos     string   `json:"pos"`
	Op      string   `json:"op"`
	Path    string   `json:"path"`
	Errno   string   `json:"errno"`
	Message string   `json:"message"`
	Stack   []string `json:"stack,omitempty"`
	Sent    string   `json:"sent,omitempty"`
	Legal   string   `json:"legal,omitempty"`
	Commit  string   `json:"commit,omitempty"`
	Ours    string   `json:"ours,omitempty"`
	Theirs  string   `json:"theirs,omitempty"`
}

type jsonResult struct {
	Version  int        `json:"schema_version"`
	Outcome  string     `json:"outcome"`
	Changed  int        `json:"changed"`
	Messages int        `json:"messages"`
	Undone   int        `json:"undone"`
	Residue  []string   `json:"residue"`
	Confirm  *time.Time `json:"confirm_by,omitempty"`
	Error    *jsonError `json:"error"`

	Rehearsal *jsonRehearsal `json:"rehearsal,omitempty"`

	Commits  []jsonCommit `json:"commits,omitempty"`
	Failed   []jsonFailed `json:"failed_attempts,omitempty"`
	Warnings []string     `json:"warnings,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (r *Result) MarshalJSON() ([]byte, error) {
	j := jsonResult{Version: schemaVersion, Outcome: r.Outcome, Changed: r.Plan.summary().changed(), Messages: len(r.Plan.Messages),
		Undone: r.Undone, Residue: keysOf(r.Residue), Commits: r.Plan.jsonCommits(), Failed: r.Plan.jsonFailed(), Warnings: r.Warnings}
	if by := r.Pending(); !by.IsZero() {
		j.Confirm = &by
	}
	j.Rehearsal = r.Rehearsal.json()
	b, err := json.Marshal(j)
	return redactJSON(b, r.Plan.secrets), err
}

// MarshalJSON implements json.Marshaler: the same object as a Result's.
func (e *Error) MarshalJSON() ([]byte, error) {
	j := &jsonError{Pos: e.Pos, Op: e.Op, Path: e.Path, Message: e.Message, Stack: e.Stack, Sent: e.sent, Legal: e.legal, Commit: e.commit, Ours: e.ours, Theirs: e.theirs}
	var k *tx.KernelError
	if errors.As(e.Err, &k) {
		j.Errno = tx.ErrnoName(k.Errno)
	}
	return json.Marshal(jsonResult{Version: schemaVersion, Outcome: e.Outcome, Messages: e.total, Undone: e.undone, Residue: keysOf(e.Residue), Error: j, Rehearsal: e.rehearsal.json()})
}

func keysOf(l []Change) []string {
	keys := []string{}
	for _, c := range l {
		keys = append(keys, c.Key)
	}
	return keys
}

// WriteBuild writes the messages as `nlscript build --json` does, one JSON
// object a line.
func (p *Plan) WriteBuild(w io.Writer) error {
	enc := json.NewEncoder(w)
	done := 0
	checks := func(before int) error {
		for ; done < before; done++ {
			b := p.commits[done]
			for j, text := range b.notes() {
				line := map[string]any{"commit": done, "index": len(b.plan.Steps) + j, "pos": sitePos(b.checks[j].Site), "carrier": "check", "check": redact(strings.TrimPrefix(text, "check "), p.secrets)}
				if err := enc.Encode(line); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for i, s := range p.steps() {
		if err := checks(i.commit); err != nil {
			return err
		}
		line := map[string]any{"commit": i.commit, "index": i.index, "pos": sitePos(s.Op.Site)}
		if at := s.Place(); at != nil {
			line["netns"] = at.String()
		}
		switch {
		case s.NetNS != nil:
			line["carrier"] = "netns"
		case s.Wait != nil:
			line["carrier"], line["wait"] = "wait", strings.TrimPrefix(s.Wait.Text(), "wait ")
		case s.Sysctl != nil:
			line["carrier"], line["sysctl"], line["value"] = "sysctl", s.Sysctl.Name, redact(s.Sysctl.Value, p.secrets)
		default:
			typ, flags := wire.TypeFlags(s.Msg)
			line["carrier"] = "route"
			line["type"], line["flags"] = rtnl.TypeName(typ), flagNames(s.Object, typ, flags)
			line["hex"] = fmt.Sprintf("%x", s.Msg)
		}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return checks(len(p.commits))
}

type stepID struct{ commit, index int }

// steps iterates over all steps of all commits.
func (p *Plan) steps() iter.Seq2[stepID, *tx.Step] {
	return func(yield func(stepID, *tx.Step) bool) {
		for i, b := range p.commits {
			for j := range b.plan.Steps {
				if !yield(stepID{i, j}, &b.plan.Steps[j]) {
					return
				}
			}
		}
	}
}

// flagNames are the names of NLM_F flags without prefix: REQUEST, ACK.
func flagNames(o *wire.Object, typ, flags uint16) []string {
	if o == nil {
		o = new(wire.Object) // message(): what NEW messages mean by them
	}
	l := o.FlagNames(typ, flags)
	for i := range l {
		l[i] = strings.ToUpper(l[i])
	}
	return l
}
