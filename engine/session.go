package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/internal/meter"
	"github.com/nlscript/nlscript/wire"
)

// A session is one run: the host of its script, and the transaction its commits
// are part of.
type session struct {
	e       *Engine
	ctx     context.Context
	dry     bool // plan or facts: nothing is sent
	kernel  tx.Kernel
	spaces  *spaces      // other namespaces
	st      *state.State // dry: the state after the commits so far
	script  *builtins.Script
	files   *files
	params  map[string]any
	used    map[string]bool // params that were asked for
	arena   wire.Builder    // of commits without a script
	plan    *Plan
	done    []*tx.Plan // what was sent, for undo
	sent    int
	refused int // of these
	wrote   int // sysctls
	undone  int
	start   time.Time

	recovering string // journal of an earlier run that is being undone

	cookie uint64   // of the namespace
	lock   *os.File // held by the run that works in it
	j      *tx.Journal

	confirm time.Duration  // the run is undone unless confirmed in this time
	waits   *waits         // for that
	alive   *os.File       // to the watcher; ends with this process
	watched []*nlconn.Conn // sockets that the watcher has copies of
}

var (
	errRunLimit = errors.New("the run took longer than its limit")
	_           = builtins.Host((*session)(nil))
)

func (s *session) close() {
	if s.j != nil { // a panic: what was begun is for the watcher, or Recover, to undo
		s.j.Close()
		s.j = nil
	}
	if s.alive != nil {
		s.alive.Close()
		s.alive = nil
	}
	if s.lock != nil {
		endTurn(s.lock)
		s.lock = nil
	}
	s.spaces.close()
	if s.kernel.Conn != nil {
		if m := meter.Of(s.ctx); m != nil {
			m.Add(s.kernel.Conn.Received())
			if s.kernel.Mon != nil {
				m.Add(s.kernel.Mon.Received())
			}
		}
		s.kernel.Conn.Close()
		if s.kernel.Mon != nil {
			s.kernel.Mon.Close()
		}
		s.kernel = tx.Kernel{}
	}
}

func (s *session) builder() *wire.Builder {
	if s.script != nil {
		return &s.script.Arena
	}
	s.arena.Chunk = 1 << 16
	return &s.arena
}

// commitError says in which commit something failed.
type commitError struct {
	label string
	err   error
}

func (e *commitError) Error() string {
	if e.label != "" {
		return fmt.Sprintf("commit %q: %v", e.label, e.err)
	}
	return "commit: " + e.err.Error()
}

func (e *commitError) Unwrap() error { return e.err }

// Commit implements builtins.Host.
func (s *session) Commit(c *builtins.Commit) error {
	_, err := s.commit(c, false)
	if err != nil {
		return &commitError{c.Label, err}
	}
	return nil
}

// Attempt implements builtins.Host.
func (s *session) Attempt(c *builtins.Commit) (failure, err error) {
	var was *state.State
	var back func()
	if s.dry {
		was, back = s.st.Clone(), s.spaces.keep()
	}
	p, err := s.commit(c, true)
	if err == nil {
		return nil, nil
	}
	if s.dry {
		s.st = was
		back()
	}
	if s.ctx.Err() != nil {
		return nil, err
	}
	s.plan.failed = append(s.plan.failed, failedAttempt{after: len(s.plan.commits), label: c.Label, site: sitePos(c.Site), why: s.explain(err).text(), undone: p != nil && !s.dry})
	if p != nil && !s.dry {
		s.done = s.done[:len(s.done)-1]
		n, left, uerr := p.Undo(context.WithoutCancel(s.ctx), s.kernel, s.e.limits.undo())
		s.undone += n
		if uerr != nil || len(left) > 0 {
			s.done = append(s.done, p)
			return nil, &commitError{c.Label, fmt.Errorf("%w; and it could not be undone", err)}
		}
		if err := s.j.Back(); err != nil {
			return nil, &commitError{c.Label, err}
		}
	}
	return &commitError{c.Label, err}, nil
}

// commit plans a batch and, unless the run is dry, sends and verifies it. The
// plan it returns beside an error may have been sent in part.
func (s *session) commit(c *builtins.Commit, attempt bool) (*tx.Plan, error) {
	b := &batch{label: c.Label, site: sitePos(c.Site), attempt: attempt, checks: c.Checks, within: c.Within, irreversible: c.Irreversible}
	begin := time.Now()
	if s.dry {
		p, err := tx.MakeIn(s.ctx, s.spaces, false, s.builder(), c.Ops, 0)
		if err != nil {
			return nil, err
		}
		for _, sp := range p.Made() {
			sp.Missing = false // for later commits
		}
		if err := s.standInForChecks(c); err != nil {
			return nil, err
		}
		b.plan = p
		if s.e.policy != nil {
			if err := s.approve(s.ctx, b); err != nil {
				return p, err
			}
		}
		s.plan.add(b)
		return p, nil
	}
	approve := func(ctx context.Context, p *tx.Plan) error {
		b.plan = p
		s.e.log.Debug("planned", "commit", c.Label, "messages", len(p.Steps), "took", time.Since(begin))
		if err := p.Refuse(c.Irreversible, s.done); err != nil {
			return err
		}
		if s.e.policy != nil {
			if err := s.approve(ctx, b); err != nil {
				return err
			}
		}
		return s.note(p)
	}
	what := "" // is sent
	progress := func(done, total int) {
		if s.e.log.Enabled(s.ctx, slog.LevelDebug) {
			if what == "" {
				what = b.plan.What()
			}
			s.e.log.Debug("progress", "commit", c.Label, "batch", len(s.plan.commits)+1, "done", done, "total", total, "what", what)
		}
	}
	d, err := tx.Commit(s.ctx, s.kernel, s.builder(), c.Ops, approve, progress)
	s.sent += d.Messages
	s.refused += d.Refused
	s.wrote += d.Wrote
	if d.Plan == nil {
		return nil, err
	}
	b.plan = d.Plan
	if d.Sent {
		s.done = append(s.done, d.Plan)
	}
	if err == nil {
		err = s.check(c, d.Plan)
	}
	if err != nil {
		if !d.Sent {
			return nil, err
		}
		return d.Plan, err
	}
	s.plan.add(b)
	s.e.log.Debug("committed", "commit", c.Label, "messages", d.Messages, "took", time.Since(begin))
	return d.Plan, nil
}

// approve asks the policy.
func (s *session) approve(ctx context.Context, b *batch) error {
	p := &Plan{}
	p.add(b)
	p.finish()
	return s.e.policy(ctx, p)
}

// rollback undoes what was sent, the last commit first.
func (s *session) rollback() (undone int, left []tx.Residue, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.e.limits.undo())
	defer cancel()
	for i := len(s.done) - 1; i >= 0; i-- {
		n, l, uerr := s.done[i].Undo(ctx, s.kernel, 0)
		undone += n
		left = append(s.done[i].Unjudged(left), l...)
		err = errors.Join(err, uerr)
	}
	s.done = nil
	return undone, left, err
}

// result is what a run that did not fail came to.
func (s *session) result() *Result {
	s.plan.finish()
	if s.st != nil {
		s.plan.standIns = s.st.StoodIn
	}
	r := &Result{waits: s.waits, Outcome: unchanged, Plan: s.plan, Undone: s.undone, Warnings: s.plan.warnings, sent: s.sent, took: time.Since(s.start)}
	if len(s.done) > 0 || s.dry && len(s.plan.Messages) > 0 {
		r.Outcome = committed
	}
	return r
}

func (p *Plan) add(b *batch) { p.commits = append(p.commits, b) }

// finish fills in what callers see of the commits.
func (p *Plan) finish() {
	for _, b := range p.commits {
		for _, c := range b.plan.Changes {
			p.Changes = append(p.Changes, publicChange(c))
		}
		for _, st := range b.plan.Steps {
			if st.Msg != nil {
				p.Messages = append(p.Messages, st.Msg)
			}
		}
	}
}

var actionNames = map[tx.Action]string{tx.Create: "create", tx.Modify: "change", tx.Bounce: "bounce", tx.Remove: "delete", tx.Send: "send", tx.Await: "wait", tx.Cut: "cutover", tx.Same: "unchanged"}

func publicChange(c *tx.Change) Change {
	x := Change{Action: actionNames[c.Action], Key: c.Title(), Pos: sitePos(c.Op.Site), NetNS: c.Place.String(), Object: carrier(c.Op)}
	switch {
	case c.Object != nil:
		x.Object = c.Object.Name
	case c.Op.NetNS:
		x.Object = "netns"
	}
	x.Irreversible = losses(c)
	switch {
	case c.Action == tx.Remove:
		x.Before = opOf(c.Op)
	default:
		x.After = opOf(c.Op)
	}
	return x
}

// losses are what a change loses for good.
func losses(c *tx.Change) (l []string) {
	for _, x := range c.Losses {
		l = append(l, x.Title+": "+x.What)
	}
	return l
}

func residueChanges(left []tx.Residue) (l []Change) {
	for _, r := range left {
		l = append(l, residueChange(r))
	}
	return l
}

func residueChange(r tx.Residue) Change {
	title := r.Title
	if r.Place != nil {
		title += " netns " + r.Place.String()
	}
	c := Change{Action: "residue", Key: title + "  " + r.Text}
	if r.Object != nil {
		c.Object = r.Object.Name
	}
	return c
}

func sitePos(s *builtins.Site) string {
	if s == nil || len(s.Frames) == 0 {
		return ""
	}
	f := s.Frames[0]
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Col)
}
