package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nlscript/nlscript/engine/tx"
)

// A run that waits to be confirmed is a journal with a deadline. Whoever is in
// charge of it (a watcher process, or this one) undoes it then; to confirm is
// to remove the journal. Both take the namespace's lock first, so one of them
// wins, and nothing has to talk to anything.

// SetWatcher says how to start a process that is in charge of a run that waits
// to be confirmed, so that it is undone also when this process is gone: start
// gets the journal, to be kept open, and a pipe on which nothing is sent and
// which ends with this process. The process calls Watch with them. Without a
// watcher this process does it itself.
func (e *Engine) SetWatcher(start func(journal, alive *os.File) error) { e.watcher = start }

// watch starts the watcher, before anything is sent.
func (s *session) watch() error {
	if s.e.watcher == nil {
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	if err := s.e.watcher(s.j.File(), r); err != nil {
		w.Close()
		return fmt.Errorf("watcher: %w", err)
	}
	s.alive = w
	return nil
}

// await makes a run that holds wait to be confirmed.
func (s *session) await() error {
	if s.j == nil || s.confirm <= 0 {
		return nil
	}
	s.deadline = time.Now().Add(s.confirm)
	if err := s.j.Commit(s.deadline); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if s.alive != nil {
		// The watcher is in charge from here.
		err := errors.Join(s.j.Close(), s.alive.Close())
		s.j, s.alive = nil, nil
		return err
	}
	j := s.j
	s.j = nil
	go s.e.untilConfirmed(context.WithoutCancel(s.ctx), j)
	return nil
}

// Watch is in charge of another process's run: it waits until alive ends, then
// for the deadline in the journal, and undoes the run unless it was confirmed
// meanwhile. A run that has no deadline yet has died and is undone at once.
func (e *Engine) Watch(ctx context.Context, journal *os.File, alive io.Reader) error {
	j, err := tx.AdoptJournal(journal)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, alive); err != nil {
		return err
	}
	if err := j.Reread(); err != nil {
		return err
	}
	return e.untilConfirmed(ctx, j)
}

// untilConfirmed undoes a run at its deadline unless its journal has gone.
func (e *Engine) untilConfirmed(ctx context.Context, j *tx.Journal) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for time.Now().Before(j.Head().Deadline) && !j.Gone() {
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), j.Close())
		case <-time.After(time.Until(j.Head().Deadline)):
		case <-tick.C: // confirmed meanwhile?
		}
	}
	if j.Gone() {
		return j.Close()
	}
	e.queue.Lock()
	defer e.queue.Unlock()
	s, err := e.session(ctx, false)
	if err != nil {
		return err
	}
	defer s.close()
	if s.lock, err = e.takeTurn(ctx, j.Head().Cookie); err != nil {
		return err
	}
	if j.Gone() {
		return j.Close()
	}
	_, left, err := j.Undo(ctx, s.kernel, e.limits.undo())
	if err == nil && len(left) == 0 {
		return j.Remove()
	}
	if err == nil {
		err = &residueError{left}
	}
	return errors.Join(err, j.Close())
}

// A pending run waits to be confirmed.
type pending struct {
	Script   string    `json:"script"`
	Deadline time.Time `json:"deadline"`
	Started  time.Time `json:"started"`
	Live     bool      `json:"live"` // somebody will undo it at the deadline; otherwise recover does
	path     string
}

// Pending lists the runs in this network namespace that wait to be confirmed or
// have died, the oldest first.
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
		if err != nil || h.Cookie != cookie || h.Boot != tx.BootID() {
			continue
		}
		p := pending{Script: h.Script, Deadline: h.Deadline, Started: h.Started, path: path}
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
	return l, nil
}

// ErrNothingPending says that no run waits to be confirmed.
var errNothingPending = errors.New("no run waits to be confirmed")

// Confirm keeps what waits to be confirmed in this network namespace.
func (e *Engine) Confirm(ctx context.Context) error {
	l, err := e.Pending(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, p := range l {
		if p.Deadline.IsZero() {
			continue
		}
		if err := e.confirm(ctx, p.path); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return errNothingPending
	}
	return nil
}

// confirm removes a journal, unless its run is being undone already.
func (e *Engine) confirm(ctx context.Context, path string) error {
	h, err := tx.ReadHead(path)
	if err != nil {
		return errNothingPending
	}
	lock, err := e.takeTurn(ctx, h.Cookie)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("too late: the run was undone (%w)", err)
	}
	return nil
}
