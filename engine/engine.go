package engine

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
)

// An Engine runs scripts and commits ops in one network namespace.
type Engine struct {
	ns          namespace
	fs          fs.FS
	predeclared starlark.StringDict
	limits      Limits
	policy      func(context.Context, *Plan) error
	log         *slog.Logger
	facts       *Facts
	journal     string // directory
	watcher     func(journal, alive *os.File) error
	private     func(ctx context.Context, request []byte) ([]byte, error)

	rehearsal *rehearsal // the namespace is a copy, made for it
	sys       tx.Sysctls // of such a one

	queue sync.Mutex // commits of one engine do not interleave
}

// New returns an engine for the network namespace of the calling thread, or the
// one an option gives.
func New(opts ...Option) (*Engine, error) {
	e := &Engine{predeclared: builtins.Predeclared(), log: slog.New(slog.DiscardHandler)}
	for _, o := range opts {
		if err := o(e); err != nil {
			e.ns.close()
			return nil, err
		}
	}
	if e.facts == nil {
		if err := e.ns.open(); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (l Limits) steps() uint64 {
	if l.Steps == 0 {
		return 500e6
	}
	return l.Steps
}

func (l Limits) ops() int {
	if l.Ops == 0 {
		return 20e6
	}
	return l.Ops
}

func (l Limits) bytes() int64 {
	if l.Bytes == 0 {
		return 4 << 30
	}
	return l.Bytes
}

func (l Limits) undo() time.Duration {
	if l.Undo == 0 {
		return 5 * time.Minute
	}
	return l.Undo
}

// Run runs a script: its commits are sent, verified, and all undone when
// anything fails. The error is an *Error.
func (e *Engine) Run(ctx context.Context, script Script) (*Result, error) {
	return e.run(ctx, script, e.facts != nil)
}

// Plan runs a script without sending anything and returns what Run would send.
// Reads see the kernel plus what the script committed before.
func (e *Engine) Plan(ctx context.Context, script Script) (*Plan, error) {
	r, err := e.run(ctx, script, true)
	if err != nil {
		return nil, err
	}
	return r.Plan, nil
}

// Commit makes ops true in one batch, in the order given, and undoes it when
// anything fails.
func (e *Engine) Commit(ctx context.Context, ops ...Op) (*Result, error) {
	return e.transact(ctx, e.facts != nil, committing(ops))
}

// Rehearse is Commit, done in a copy of the namespace first, and then only if it
// held there, as a Script with Rehearse is run.
func (e *Engine) Rehearse(ctx context.Context, ops ...Op) (*Result, error) {
	if _, err := together(ops); e.facts != nil || err != nil {
		return e.Commit(ctx, ops...)
	}
	r, err := e.rehearse(ctx, committing(ops), func() (*rehearsal, error) { return e.rehearseBeside(ctx, scriptOf(ops), true) })
	if err != nil {
		return nil, err
	}
	res, err := e.Commit(ctx, ops...)
	if err == nil {
		res.Rehearsal = r
	}
	return res, err
}

func committing(ops []Op) func(*session) error {
	return func(s *session) error {
		c, err := together(ops)
		if err != nil {
			return err
		}
		return s.Commit(c)
	}
}

// session opens what a run needs.
func (e *Engine) session(ctx context.Context, dry bool) (*session, error) {
	s := &session{e: e, ctx: ctx, dry: dry, plan: &Plan{}, start: time.Now()}
	s.spaces = &spaces{s: s}
	s.kernel.Spaces = s.spaces
	if e.facts != nil {
		s.st = state.New(&factSource{e.facts})
		s.st.StandIns, s.st.Ahead = e.facts.StandIns, true
		return s, nil
	}
	var conn *nlconn.Conn
	err := e.ns.do(func() (err error) {
		conn, err = nlconn.Dial(nlconn.Config{Strict: true})
		if err == nil && !dry {
			s.kernel.Mon, err = tx.NewMonitor(conn.PortID(), 0)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.kernel.Conn, s.kernel.Sys, s.kernel.NS = conn, procSys{&e.ns}, &e.ns
	if e.sys != nil {
		s.kernel.Sys = e.sys
	}
	s.plan.conn = true
	if dry {
		s.st = state.New(tx.Source{Conn: conn})
		s.st.Ahead = true
	}
	return s, nil
}

// transact runs f as one transaction.
func (e *Engine) transact(ctx context.Context, dry bool, f func(*session) error) (*Result, error) {
	if e.limits.Run > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, e.limits.Run, errRunLimit)
		defer cancel()
	}
	e.queue.Lock()
	defer e.queue.Unlock()
	s, err := e.session(ctx, dry)
	if err != nil {
		return nil, &Error{Outcome: rolledBack, Message: err.Error(), Err: err}
	}
	defer s.close()
	err = s.guard()
	if err == nil {
		err = f(s)
	}
	if err == nil {
		err = s.await()
	}
	if err != nil {
		err = s.fail(err)
		s.endJournal(false)
		return nil, err
	}
	s.endJournal(false)
	r := s.result()
	if done := s.done; len(done) > 0 {
		r.undo = func(ctx context.Context) (int, []tx.Residue, error) { return e.undo(ctx, done) }
	}
	return r, nil
}

// Confirm keeps a run that waits to be confirmed, and ends the possibility to
// Undo it. It is an error when the run has been undone already.
func (r *Result) Confirm(ctx context.Context) error {
	r.undo = nil
	if r.waits == nil {
		return nil
	}
	return r.waits.e.decideOne(ctx, r.waits.file.Name(), keep)
}

// Pending is when the run is undone unless it is confirmed; zero when it holds.
func (r *Result) Pending() time.Time {
	if r.waits == nil {
		return time.Time{}
	}
	return r.waits.deadline
}

// Undo undoes a committed run, as far as nothing has changed since. One that
// waits to be confirmed is undone by who is in charge of it.
func (r *Result) Undo(ctx context.Context) error {
	if w := r.waits; w != nil {
		if err := w.e.decideOne(ctx, w.file.Name(), tx.Hasten); err != nil {
			return err
		}
		r.undo = nil
		_, err := r.Settled(ctx)
		return err
	}
	if r.undo == nil {
		return nil
	}
	n, left, err := r.undo(ctx)
	r.undo, r.Undone = nil, n
	for _, x := range left {
		r.Residue = append(r.Residue, residueChange(x))
	}
	if err != nil || len(left) > 0 {
		return &Error{Outcome: residue, Message: "undo is incomplete", Residue: r.Residue, Err: err}
	}
	return nil
}

// undo undoes the commits of a run that is over.
func (e *Engine) undo(ctx context.Context, done []*tx.Plan) (int, []tx.Residue, error) {
	e.queue.Lock()
	defer e.queue.Unlock()
	s, err := e.session(ctx, false)
	if err != nil {
		return 0, nil, err
	}
	defer s.close()
	if err := s.guard(); err != nil {
		return 0, nil, err
	}
	s.done = done
	return s.rollback()
}
