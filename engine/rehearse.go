package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
)

// A rehearsal is a run in a copy of the network namespace, before the run itself.
type rehearsal struct {
	Links    int      // in the copy, without lo; of other namespaces that the script works in, too
	StandIns []string // those of them that are veths in the place of something else
	Notes    []string // what the copy does not have, or has otherwise
	Took     time.Duration

	held     bool
	given    *request // what another process has read of the namespace, in whose place this one is
	standing []tx.Standing
	copies   []*double    // of all namespaces
	open     []*namespace // until it is over
}

// end lets the namespaces of the rehearsal end.
func (r *rehearsal) end() {
	for _, d := range r.copies {
		d.conn.Close()
	}
	for _, ns := range r.open {
		ns.close()
	}
	r.open, r.copies = nil, nil
}

// String is the line a person reads.
func (r *rehearsal) String() string {
	what := "held"
	if !r.held {
		what = "failed"
	}
	s := fmt.Sprintf("rehearsed: %s in a copy of this namespace (%s", what, plural(r.Links, "link"))
	switch n := len(r.StandIns); n {
	case 0:
	case 1:
		s += ", 1 stands in"
	default:
		s += fmt.Sprintf(", %d stand in", n)
	}
	return s + fmt.Sprintf("), %d ms", r.Took.Milliseconds())
}

// A jsonRehearsal is a rehearsal as --json prints it.
type jsonRehearsal struct {
	Held     bool     `json:"held"`
	Links    int      `json:"links"`
	StandIns []string `json:"stand_ins"`
	Notes    []string `json:"notes"`
	MS       int64    `json:"ms"`
}

func (r *rehearsal) json() *jsonRehearsal {
	if r == nil {
		return nil
	}
	return &jsonRehearsal{r.held, r.Links, append([]string{}, r.StandIns...), append([]string{}, r.Notes...), r.Took.Milliseconds()}
}

// copiedRoutes is how many routes of one table a copy has at most.
const copiedRoutes = 20000

// rehearse does what a run does in a copy of the namespace. Where this process may
// not make one it has another process do it, beside. The error is an *Error, and
// nothing was sent to the namespace itself.
func (e *Engine) rehearse(ctx context.Context, run func(*session) error, beside func() (*rehearsal, error)) (*rehearsal, error) {
	// What an earlier run has left is undone before there is anything to copy.
	if _, err := e.transact(ctx, false, func(*session) error { return nil }); err != nil {
		return nil, err
	}
	begin := time.Now()
	r := &rehearsal{}
	defer r.end()
	own, err := e.duplicate(ctx, e.named(ctx, run), r)
	if errors.Is(err, unix.EPERM) && e.private != nil {
		return beside()
	}
	if err != nil {
		return nil, noRehearsal(ctx, err)
	}
	_, err = own.transact(ctx, false, run)
	r.Took = time.Since(begin)
	var failed *Error
	switch {
	case err == nil:
		r.held = true
		e.log.Debug("rehearsed", "links", r.Links, "took", r.Took)
		return r, nil
	case !errors.As(err, &failed) || failed.usage:
		return nil, err
	}
	own.log.Handler().(*said).tell(e.log.Handler())
	return nil, r.failed(failed)
}

// noRehearsal is the error of one that could not begin, or was interrupted.
func noRehearsal(ctx context.Context, err error) *Error {
	e := &Error{Outcome: rolledBack, Message: "there can be no rehearsal: " + err.Error(), Err: err, status: "nothing was sent; the network is as it was"}
	if ctx.Err() != nil {
		e.Message, e.Err = interruption(ctx)+" before the rehearsal was over", context.Cause(ctx)
	}
	return e
}

// failed is the error of a rehearsal that failed.
func (r *rehearsal) failed(failed *Error) *Error {
	failed.rehearsal = r
	failed.Outcome, failed.Residue, failed.undone, failed.total, failed.theirs = rolledBack, nil, 0, 0, ""
	failed.status = r.String() + "; nothing was sent, the network is as it was"
	for _, n := range r.Notes {
		failed.status += "\n  note: " + n
	}
	return failed
}

// own are the checks that a copy can tell: in it nobody is there to answer.
func (r *rehearsal) own(checks []*builtins.Check) (own []*builtins.Check) {
	for _, c := range checks {
		if c.Kind == builtins.CheckPing || c.Kind == builtins.CheckTCP {
			r.Notes = append(r.Notes, "check "+c.Text()+" was left out: nobody answers in a copy")
			continue
		}
		own = append(own, c)
	}
	return own
}

// named returns what tells whether a run names an object. It is planned for that
// when there is the first question.
func (e *Engine) named(ctx context.Context, run func(*session) error) func(*state.Entry) bool {
	var plan *Plan
	asked := false
	return func(x *state.Entry) bool {
		if !asked {
			asked = true
			if r, err := e.transact(ctx, true, run); err == nil {
				plan = r.Plan
			}
		}
		if plan == nil {
			return false // the rehearsal tells what is wrong with the script
		}
		for _, b := range plan.commits {
			if b.plan.Names(x) {
				return true
			}
		}
		return false
	}
}

// fresh makes a network namespace.
func (n *namespace) fresh() error {
	err := aside(func() (moved bool, err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return false, fmt.Errorf("making a network namespace: %w", err)
		}
		n.f, err = os.Open(threadNetNS)
		return true, err
	})
	switch {
	case errors.Is(err, unix.EPERM):
		err = fmt.Errorf("%w: it takes CAP_SYS_ADMIN", err)
	case errors.Is(err, unix.ENOSPC):
		err = fmt.Errorf("%w: there are as many as user.max_net_namespaces allows", err)
	}
	return err
}

// said keeps what a script prints, and warnings, until it is known whether the
// run itself will say so again.
type said struct {
	mu      sync.Mutex
	records []slog.Record
}

func (h *said) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (h *said) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h *said) WithGroup(string) slog.Handler                { return h }

func (h *said) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records = append(h.records, r.Clone())
	return nil
}

func (h *said) tell(to slog.Handler) {
	for _, r := range h.records {
		if to.Enabled(context.Background(), r.Level) {
			to.Handle(context.Background(), r)
		}
	}
}
