package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	if len(r.left) > 0 {
		return &residueError{r.left}
	}
	return s.unfinished(cookie, nil)
}

// takeTurn waits until no other run with a journal works in the namespace. The
// lock goes with the process.
func (e *Engine) takeTurn(ctx context.Context, cookie uint64) (*os.File, error) {
	said := false
	for {
		f, err := os.OpenFile(filepath.Join(e.journal, fmt.Sprintf("%d.lock", cookie)), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("journal: %w; nothing was sent", err)
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && !tx.Removed(f) {
			return f, nil
		}
		f.Close()
		if err != nil && err != unix.EWOULDBLOCK && err != unix.EINTR {
			return nil, fmt.Errorf("journal: lock: %w; nothing was sent", err)
		}
		if err == nil {
			continue // its owner has ended between open and lock
		}
		if !said {
			e.log.Warn("waiting for another run in this network namespace")
			said = true
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(turn):
		}
	}
}

// endTurn lets others work in the namespace, and leaves no file behind.
func endTurn(lock *os.File) {
	os.Remove(lock.Name())
	lock.Close()
}

// A residueError says that an earlier run could not be undone.
type residueError struct{ left []tx.Residue }

func (e *residueError) Error() string {
	return fmt.Sprintf("an earlier run had died, and %s of what it changed cannot be restored", plural(len(e.left), "object"))
}

var errNoJournal = errors.New("there is no journal: see WithJournal")

// A liveError says whom a run has to wait for.
type liveError struct{ text string }

func (e *liveError) Error() string { return e.text }
func (e *liveError) Unwrap() error { return tx.ErrLive }

// recovered is what became of journals.
type recovered struct {
	journals, undone int
	left             []tx.Residue
}

// A watchedError says that a watcher is in charge of a run that has died, and will
// undo it when it gets its turn.
type watchedError struct{ error }

func (e *watchedError) Unwrap() error { return e.error }

// watchers is how long a watcher may take to come for its turn.
const watchers = 10 * time.Second

// recover undoes the journals of this namespace that nobody is in charge of. It
// has the turn, and lets watchers have it before.
func (s *session) recover() (recovered, error) {
	for end := time.Now().Add(watchers); ; {
		r, err := s.recoverDead()
		if !errors.As(err, new(*watchedError)) || time.Now().After(end) {
			return r, err
		}
		endTurn(s.lock)
		s.lock = nil
		select {
		case <-s.ctx.Done():
			return r, context.Cause(s.ctx)
		case <-time.After(turn):
		}
		if s.lock, err = s.e.takeTurn(s.ctx, s.cookie); err != nil {
			return r, err
		}
	}
}

func (s *session) recoverDead() (recovered, error) {
	var r recovered
	paths, err := tx.Journals(s.e.journal)
	if err != nil {
		return r, err
	}
	for _, path := range paths {
		h, err := tx.ReadHead(path)
		if err != nil && h.Cookie == 0 && strange(path, s.cookie) {
			continue
		}
		if err == nil && h.Cookie == 0 {
			// Being made in another namespace, or its run died at once. Nothing was sent.
			if tx.JournalCookie(path) == s.cookie {
				os.Remove(path)
			}
			continue
		}
		if h.Cookie != 0 && (h.Cookie != s.cookie || h.Boot != tx.BootID()) {
			if h.Boot != tx.BootID() {
				os.Remove(path) // what it would undo is gone with the kernel
			}
			continue
		}
		var broken *tx.BrokenError
		j, err := tx.OpenJournal(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case errors.Is(err, tx.ErrLive):
			if !h.Deadline.IsZero() && h.Left() > 0 {
				return r, &liveError{fmt.Sprintf("the run of %s waits to be confirmed until %s: say nlscript confirm, or wait", h.Script, h.Deadline.Format(time.TimeOnly))}
			}
			return r, &watchedError{fmt.Errorf("%w: %s, pid %d", err, h.Script, h.PID)}
		case errors.As(err, &broken):
			r.left = append(r.left, broken.Residue())
			continue
		case err != nil:
			return r, err
		}
		s.recovering = path
		n, left, err := j.Undo(context.WithoutCancel(s.ctx), s.kernel, s.e.limits.undo())
		if errors.As(err, &broken) {
			left, err = append(left, broken.Residue()), nil
		}
		if err != nil {
			j.Close()
			return r, err
		}
		r.journals++
		r.undone += n
		if r.left = append(r.left, left...); len(left) > 0 {
			j.Close()
			continue
		}
		what := "undone by " + plural(n, "message") + ", verified"
		if n == 0 {
			what = "nothing of it was left"
		}
		s.warn(fmt.Sprintf("the run of %s, begun %s, had died: %s", h.Script, h.Started.Format(time.TimeOnly), what))
		if err := j.Undone(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// strange reports whether a journal of which not even the head can be read is that of
// a run in another namespace, by its name.
func strange(path string, cookie uint64) bool {
	named := tx.JournalCookie(path)
	return named != 0 && named != cookie
}

// note writes a commit into the journal, before it is sent.
func (s *session) note(p *tx.Plan) (err error) {
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
		started, werr := s.watch()
		if werr != nil {
			return fmt.Errorf("%w; nothing was sent", werr)
		}
		defer func() {
			if werr := started(); err == nil && werr != nil {
				err = fmt.Errorf("%w; nothing was sent", werr)
			}
		}()
	}
	if err := s.share(); err != nil {
		return err
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
		s.dismiss()
	} else if err := s.j.Remove(); err != nil {
		s.warn(err.Error())
	}
	s.j = nil
}

// Recover undoes what runs in this network namespace have left that died, by
// their journals. With nothing to do its outcome is "unchanged". A run that was
// begun in another namespace is undone there; when that is not to be found, what it
// changed here is residue.
func (e *Engine) Recover(ctx context.Context) (*Result, error) {
	if e.journal == "" {
		return nil, errNoJournal
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
	if err == nil {
		r.left, err = e.lost(ctx, r.left)
	}
	res := s.result()
	res.Undone = r.undone
	if r.journals > 0 {
		res.Outcome = rolledBack
	}
	res.Residue = residueChanges(r.left)
	switch {
	case errors.Is(err, tx.ErrLive):
		return res, &Error{Outcome: rolledBack, Message: err.Error(), Err: err}
	case err != nil:
		return res, &Error{Outcome: residue, Message: "recovery failed: " + err.Error(), Residue: res.Residue, Err: err}
	case len(r.left) > 0:
		return res, &Error{Outcome: residue, Message: "not all could be restored", Residue: res.Residue, status: stillDifferent, gone: gone(r.left)}
	}
	return res, nil
}

// lost adds what nobody will undo.
func (e *Engine) lost(ctx context.Context, left []tx.Residue) ([]tx.Residue, error) {
	l, err := e.Pending(ctx)
	for _, p := range l {
		if p.lost() {
			left = append(left, p.residue())
		}
	}
	return left, err
}

// Forget gives up what Recover could not restore: the journals of runs in this
// network namespace that have died are removed. One of a run that was begun in
// another is when that is not to be found.
func (e *Engine) Forget(ctx context.Context) error {
	l, err := e.Pending(ctx)
	for _, p := range l {
		if !p.Live && (!p.Away || p.lost()) {
			err = errors.Join(err, os.Remove(p.path))
		}
	}
	return err
}
