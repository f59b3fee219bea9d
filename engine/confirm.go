package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/tx"
)

// A run that waits to be confirmed is a journal with a deadline. Whoever is in
// charge of it (a watcher process, or this one) undoes it then; to confirm is
// to remove the journal. Both take the namespace's lock first, so one of them
// wins, and nothing has to talk to anything.

// await makes a run that holds wait to be confirmed.
func (s *session) await() error {
	if s.j == nil || s.confirm <= 0 || len(s.done) == 0 {
		return nil
	}
	if err := s.j.Commit(s.confirm); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	own, err := os.Open(s.j.File().Name())
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	s.waits = &waits{e: s.e, file: own, deadline: s.j.Head().Deadline}
	if s.alive != nil {
		// The watcher is in charge from here.
		err := errors.Join(s.j.Close(), s.alive.Close())
		s.j, s.alive, s.watched = nil, nil, nil
		return err
	}
	j := s.j
	s.j = nil
	go s.e.untilConfirmed(context.WithoutCancel(s.ctx), j)
	return nil
}

// glance is how often a run that waits looks whether it was confirmed.
const glance = 250 * time.Millisecond

// untilConfirmed undoes a run at its deadline unless its journal has gone.
func (e *Engine) untilConfirmed(ctx context.Context, j *tx.Journal) error {
	for j.Head().Left() > 0 && !j.Gone() {
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), j.Close())
		case <-time.After(min(glance, j.Head().Left())):
		}
		if err := j.Reread(); err != nil {
			return errors.Join(err, j.Close())
		}
	}
	if j.Gone() {
		return j.Close()
	}
	e.queue.Lock()
	defer e.queue.Unlock()
	s, err := e.session(ctx, false)
	if err != nil {
		return errors.Join(err, j.Close())
	}
	defer s.close()
	if s.lock, err = e.takeTurn(ctx, j.Head().Cookie); err != nil {
		return errors.Join(err, j.Close())
	}
	if j.Gone() {
		return j.Close()
	}
	s.cookie = j.Head().Cookie // its namespaces are the run's own to undo
	_, left, err := j.Undo(ctx, s.kernel, e.limits.undo())
	if err == nil && len(left) == 0 {
		return j.Undone()
	}
	if err == nil {
		err = &residueError{left}
	}
	return errors.Join(err, j.Close())
}

// waits is a run that waits to be confirmed, seen by the engine that made it.
type waits struct {
	e        *Engine
	file     *os.File // the journal, not its lock
	deadline time.Time
}

// Settled waits until a run that is to be confirmed was confirmed, or undone. If
// nobody is left to undo it at its deadline, Settled does. A run that does not
// wait is confirmed. When ctx ends nothing changes.
func (r *Result) Settled(ctx context.Context) (confirmed bool, err error) {
	w := r.waits
	if w == nil {
		return true, nil
	}
	var h tx.Head
	for size := int64(-1); ; {
		over := tx.Removed(w.file) // before the head is read, so that all of it is
		st, err := w.file.Stat()
		if err == nil && st.Size() != size {
			size = st.Size()
			h, err = tx.HeadOf(w.file)
		}
		switch {
		case err != nil:
			return false, err
		case over:
			return !h.Undone, nil
		case h.Left() <= 0 && w.orphaned():
			_, err := w.e.Recover(ctx)
			return false, err
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(glance):
		}
	}
}

// orphaned reports whether nobody is in charge of the run.
func (w *waits) orphaned() bool {
	fd := int(w.file.Fd())
	if unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) != nil {
		return false
	}
	unix.Flock(fd, unix.LOCK_UN)
	return !tx.Removed(w.file)
}

// A pending run has a journal: it is going on, waits to be confirmed, or has died.
type pending struct {
	Script   string    `json:"script"`
	PID      int       `json:"pid,omitempty"` // that began it
	Started  time.Time `json:"started,omitzero"`
	Deadline time.Time `json:"deadline,omitzero"` // it is undone then, unless confirmed
	Undoing  bool      `json:"undoing,omitempty"` // its undo has begun, which is Recover's to end unless it is live
	Live     bool      `json:"live"`              // somebody is in charge of it; otherwise it is Recover's
	Away     bool      `json:"away,omitempty"`    // it was begun in another network namespace, where it is confirmed and recovered
	Broken   string    `json:"broken,omitempty"`  // why its journal cannot be read; nothing else is known then
	path     string
	home     uint64 // where it was begun
}

// lost reports whether a run has died that is to be undone in another network
// namespace, which is not to be found: nobody will undo it.
func (p *pending) lost() bool { return p.Away && !p.Live && !findable(p.home) }

func (p *pending) residue() tx.Residue {
	return tx.Residue{Title: "the run of " + p.Script, Text: "cannot be undone: it was begun in another network namespace, which is not to be found"}
}

// Pending lists the runs that work in this network namespace and are going on, wait
// to be confirmed or have died, the oldest first.
func (e *Engine) Pending(ctx context.Context) ([]pending, error) {
	s, err := e.session(ctx, false)
	if err != nil {
		return nil, err
	}
	defer s.close()
	cookie, err := s.kernel.Conn.Cookie()
	if err != nil {
		return nil, err
	}
	paths, err := tx.Journals(e.journal)
	if err != nil {
		return nil, err
	}
	var l []pending
	for _, path := range paths {
		h, err := tx.ReadHead(path)
		here := (h.Cookie == cookie || slices.Contains(h.Others, cookie)) && h.Boot == tx.BootID()
		if broken := (*tx.BrokenError)(nil); errors.As(err, &broken) && (here || h.Cookie == 0 && !strange(path, cookie)) {
			_, err := tx.OpenJournal(path)
			l = append(l, pending{Script: path, Broken: broken.Err.Error(), Live: errors.Is(err, tx.ErrLive), Away: h.Cookie != 0 && h.Cookie != cookie, path: path, home: h.Cookie})
			continue
		}
		if err != nil || !here {
			continue
		}
		p := pending{Script: h.Script, PID: h.PID, Deadline: h.Deadline, Undoing: h.Undoing, Started: h.Started, Away: h.Cookie != cookie, path: path, home: h.Cookie}
		j, err := tx.OpenJournal(path)
		switch {
		case err == nil:
			j.Close()
		case errors.Is(err, tx.ErrLive):
			p.Live = true
		default:
			continue
		}
		l = append(l, p)
	}
	slices.SortFunc(l, func(a, b pending) int { return a.Started.Compare(b.Started) })
	return l, nil
}

// errNothingPending says that no run waits to be confirmed.
var errNothingPending = errors.New("no run waits to be confirmed")

// errUndoing says that a run can be recovered and not be confirmed.
var errUndoing = errors.New("too late: its undo has begun: say nlscript recover")

// Confirm keeps what waits to be confirmed in this network namespace.
func (e *Engine) Confirm(ctx context.Context) error { return e.decide(ctx, keep) }

// keep ends the journal of a run that waits.
func keep(path string) error {
	h, err := tx.ReadHead(path)
	switch {
	case err != nil:
		return err
	case h.Undoing:
		return errUndoing
	}
	return os.Remove(path)
}

// Reject has what waits to be confirmed undone now instead of at its deadline, and
// waits until it is. Who is in charge of it does so; when nobody is, or it cannot be
// undone, the error is that of Recover.
func (e *Engine) Reject(ctx context.Context) error {
	var hastened []*waits
	defer func() {
		for _, w := range hastened {
			w.file.Close()
		}
	}()
	err := e.decide(ctx, func(path string) error {
		f, err := os.Open(path)
		if err == nil {
			hastened = append(hastened, &waits{e: e, file: f})
			err = tx.Hasten(path)
		}
		return err
	})
	for _, w := range hastened {
		if err != nil {
			break
		}
		var kept bool
		if kept, err = (&Result{waits: w}).Settled(ctx); err == nil && kept {
			err = errors.New("too late: the run was confirmed")
		}
	}
	return err
}

// decide does something with the journal of each run that waits.
func (e *Engine) decide(ctx context.Context, f func(path string) error) error {
	if e.journal == "" {
		return errNoJournal
	}
	l, err := e.Pending(ctx)
	if err != nil {
		return err
	}
	n, away := 0, ""
	for _, p := range l {
		if p.Deadline.IsZero() {
			continue
		}
		if p.Away {
			away = p.Script
			continue
		}
		if err := e.decideOne(ctx, p.path, f); err != nil {
			return err
		}
		n++
	}
	switch {
	case n == 0 && away != "":
		return fmt.Errorf("%w here; the run of %s does where it was begun, in another network namespace", errNothingPending, away)
	case n == 0:
		return errNothingPending
	}
	return nil
}

// decideOne does something with a journal, and nobody undoes its run meanwhile.
func (e *Engine) decideOne(ctx context.Context, path string, f func(path string) error) error {
	h, err := tx.ReadHead(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errNothingPending
	case err != nil:
		return err
	}
	lock, err := e.takeTurn(ctx, h.Cookie)
	if err != nil {
		return err
	}
	defer endTurn(lock)
	switch err := f(path); {
	case err == nil || err == errUndoing:
		return err
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("too late: the run was undone (%w)", err)
	default:
		return fmt.Errorf("this cannot be noted: %w; the run is still to be undone at %s", err, h.Deadline.Format(time.TimeOnly))
	}
}
