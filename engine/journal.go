package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/tx"
)

// WithJournal keeps journals in dir, which is made when it is missing: after a
// crash at any point, the next run there, or Recover, restores the state before.
// Without it a run that is killed leaves behind what it had sent.
func WithJournal(dir string) Option {
	return func(e *Engine) error {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		e.journal = dir
		return nil
	}
}

// turn is how often a run looks whether another has ended.
const turn = 20 * time.Millisecond

// guard makes this run the only one with a journal in its namespace, and
// restores what an earlier one that died has left.
func (s *session) guard() error {
	if s.e.journal == "" || s.dry {
		return nil
	}
	cookie, err := s.kernel.Conn.Cookie()
	if err != nil {
		return err
	}
	s.cookie = cookie
	if s.lock, err = s.e.takeTurn(s.ctx, cookie); err != nil {
		return err
	}
	r, err := s.recover()
	if err != nil {
		return err
	}
	if r.journals > 0 {
		s.warn(fmt.Sprintf("an earlier run had died; it was undone by %s", plural(r.undone, "message")))
	}
	if len(r.left) > 0 {
		return &residueError{r.left}
	}
	return nil
}

// takeTurn waits until no other run with a journal works in the namespace. The
// lock goes with the process.
func (e *Engine) takeTurn(ctx context.Context, cookie uint64) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(e.journal, fmt.Sprintf("%d.lock", cookie)), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w; nothing was sent", err)
	}
	said := false
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			f.Close()
			return nil, fmt.Errorf("journal: lock: %w", err)
		}
		if !said {
			e.log.Warn("waiting for another run in this network namespace")
			said = true
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(turn):
		}
	}
}

// A residueError says that an earlier run could not be undone.
type residueError struct{ left []tx.Residue }

func (e *residueError) Error() string {
	l := make([]string, len(e.left))
	for i, r := range e.left {
		l[i] = r.Title + " " + r.Text
	}
	return "an earlier run had died and cannot be undone: " + strings.Join(l, "; ")
}

// recovered is what became of journals.
type recovered struct {
	journals, undone int
	left             []tx.Residue
}

// recover undoes the journals of this namespace that nobody is in charge of.
func (s *session) recover() (recovered, error) {
	var r recovered
	paths, err := tx.Journals(s.e.journal)
	if err != nil {
		return r, err
	}
	for _, path := range paths {
		h, err := tx.ReadHead(path)
		if err == nil && (h.Cookie != s.cookie || h.Boot != tx.BootID()) {
			if h.Boot != tx.BootID() {
				os.Remove(path) // what it would undo is gone with the kernel
			}
			continue
		}
		j, err := tx.OpenJournal(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case errors.Is(err, tx.ErrLive):
			if !h.Deadline.IsZero() {
				return r, fmt.Errorf("the run of %s waits to be confirmed until %s: say nlscript confirm, or wait", h.Script, h.Deadline.Format(time.TimeOnly))
			}
			return r, fmt.Errorf("%w: %s, pid %d", err, h.Script, h.PID)
		case err != nil:
			return r, err
		}
		n, left, err := j.Undo(context.WithoutCancel(s.ctx), s.kernel, s.e.limits.undo())
		if err != nil {
			j.Close()
			return r, err
		}
		r.journals++
		r.undone += n
		if r.left = append(r.left, left...); len(left) > 0 {
			j.Close()
		} else if err := j.Remove(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// note writes a commit into the journal, before it is sent.
func (s *session) note(p *tx.Plan) error {
	if s.e.journal == "" {
		return nil
	}
	if s.j == nil {
		name := "a Go program"
		if s.script != nil {
			name = s.script.Main
		}
		j, err := tx.CreateJournal(s.e.journal, tx.Head{Cookie: s.cookie, Script: name})
		if err != nil {
			return fmt.Errorf("%w; nothing was sent", err)
		}
		s.j = j
		if s.confirm > 0 {
			if err := s.watch(); err != nil {
				return fmt.Errorf("%w; nothing was sent", err)
			}
		}
	}
	return s.j.Append(p)
}

// endJournal removes the journal; with keep it stays for recover.
func (s *session) endJournal(keep bool) {
	if s.j == nil {
		return
	}
	if keep {
		s.j.Close()
	} else if err := s.j.Remove(); err != nil {
		s.warn(err.Error())
	}
	s.j = nil
}

// Recover undoes what runs in this network namespace have left that died, by
// their journals. With nothing to do its outcome is "unchanged".
func (e *Engine) Recover(ctx context.Context) (*Result, error) {
	if e.journal == "" {
		return nil, errors.New("there is no journal: see WithJournal")
	}
	e.queue.Lock()
	defer e.queue.Unlock()
	s, err := e.session(ctx, false)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if s.cookie, err = s.kernel.Conn.Cookie(); err != nil {
		return nil, err
	}
	if s.lock, err = e.takeTurn(ctx, s.cookie); err != nil {
		return nil, err
	}
	r, err := s.recover()
	res := s.result()
	res.Undone = r.undone
	if r.journals > 0 {
		res.Outcome = rolledBack
	}
	for _, x := range r.left {
		res.Residue = append(res.Residue, residueChange(x))
	}
	if err != nil || len(r.left) > 0 {
		return res, &Error{Outcome: residue, Message: "not all could be restored", Residue: res.Residue, Err: err}
	}
	return res, nil
}
