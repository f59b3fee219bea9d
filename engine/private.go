package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire"
)

// Making a network namespace takes CAP_SYS_ADMIN. A process that does not have it
// may have it in a user namespace of its own, from where it cannot look into the
// namespace that it came from: what is to be known of that goes with the request.

// SetPrivate says how to do what takes a new network namespace when this process
// may not make one: run gets a request, starts a process that is in user, network
// and mount namespaces of its own and calls Private with it, and returns what that
// returns. Scripts are rehearsed, and defaults of sysctls found, in that way.
func (e *Engine) SetPrivate(run func(ctx context.Context, request []byte) (answer []byte, err error)) {
	e.private = run
}

// A request is what is asked of Private: a rehearsal, or with no script the sysctls
// of a new namespace.
type request struct {
	Script  *Script           `json:"script,omitempty"`
	Limits  Limits            `json:"limits"`
	Dumps   []recorded        `json:"dumps,omitempty"`   // all that is in the namespace
	Sysctls map[string]string `json:"sysctls,omitempty"` // of it
	ID      string            `json:"id,omitempty"`      // identity of it
	Files   []string          `json:"files,omitempty"`   // by which it can be opened
}

// A recorded dump is a question and its answer.
type recorded struct {
	Request []byte   `json:"request"`
	Answer  [][]byte `json:"answer"`
	Errno   int      `json:"errno,omitempty"`
}

type answer struct {
	Refused   string            `json:"refused,omitempty"` // why there is none
	Sysctls   map[string]string `json:"sysctls,omitempty"`
	Rehearsal *jsonRehearsal    `json:"rehearsal,omitempty"`
	Failure   *failure          `json:"failure,omitempty"`
	Said      []saying          `json:"said,omitempty"`
}

// A failure is an Error on its way to another process.
type failure struct {
	Pos, Op, Path, Message             string
	Stack                              []string
	Commit, Ours, Sent, Legal, Excerpt string
	Usage                              bool
}

type saying struct {
	Level   slog.Level
	Message string
}

// Private does what the request of another process, in whose place this one is,
// says. It is for a process that does nothing else.
func (e *Engine) Private(ctx context.Context, req []byte) ([]byte, error) {
	var q request
	if err := json.Unmarshal(req, &q); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	var a answer
	if q.Script == nil {
		var err error
		if a.Sysctls, err = newTunables(); err != nil {
			a.Refused = err.Error()
		}
		return json.Marshal(a)
	}
	r := &rehearsal{}
	defer r.end()
	begin := time.Now()
	own, err := e.duplicateGiven(ctx, &q, r)
	if err != nil {
		a.Refused = err.Error()
		return json.Marshal(a)
	}
	script := *q.Script
	_, err = own.transact(ctx, false, func(s *session) error { return s.exec(script) })
	r.Took, r.held = time.Since(begin), err == nil
	a.Rehearsal = r.json()
	var failed *Error
	switch {
	case errors.As(err, &failed):
		a.Failure = &failure{failed.Pos, failed.Op, failed.Path, failed.Message, failed.Stack, failed.commit, failed.ours, failed.sent, failed.legal, failed.excerpt, failed.usage}
	case err != nil:
		a.Failure = &failure{Message: err.Error()}
	}
	for _, x := range own.log.Handler().(*said).records {
		a.Said = append(a.Said, saying{x.Level, x.Message})
	}
	return json.Marshal(a)
}

// ask has a request answered by a process that may make namespaces.
func (e *Engine) ask(ctx context.Context, q request) (a answer, err error) {
	b, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	if b, err = e.private(ctx, b); err != nil {
		return a, fmt.Errorf("it takes CAP_SYS_ADMIN, or a user namespace: %w", err)
	}
	if err = json.Unmarshal(b, &a); err == nil && a.Refused != "" {
		err = errors.New(a.Refused)
	}
	return a, err
}

// rehearseBeside is a rehearsal in another process. Ops made in Go are nowhere in
// the script that says what they do.
func (e *Engine) rehearseBeside(ctx context.Context, script Script, ops bool) (*rehearsal, error) {
	if e.limits.Run > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, e.limits.Run, errRunLimit)
		defer cancel()
	}
	q := request{Script: &script, Limits: e.limits}
	refused := func(err error) error { return noRehearsal(ctx, err) }
	var err error
	if q.ID, err = identity(e.NetNS()); err != nil {
		return nil, refused(err)
	}
	q.Files = filesOf(q.ID)
	conn, err := e.ns.dial()
	if err != nil {
		return nil, refused(err)
	}
	defer conn.Close()
	source := &recorder{conn: conn}
	if _, err := tx.ReadAll(ctx, state.New(source)); err != nil {
		return nil, refused(err)
	}
	q.Dumps = source.dumps
	if q.Sysctls, err = e.ns.tunables(); err != nil {
		return nil, refused(err)
	}
	a, err := e.ask(ctx, q)
	if err != nil {
		return nil, refused(err)
	}
	j := a.Rehearsal
	r := &rehearsal{Links: j.Links, StandIns: j.StandIns, Notes: j.Notes, Took: time.Duration(j.MS) * time.Millisecond, held: j.Held}
	f := a.Failure
	if f == nil {
		return r, nil
	}
	failed := &Error{Outcome: rolledBack, Pos: f.Pos, Op: f.Op, Path: f.Path, Message: f.Message, Stack: f.Stack,
		commit: f.Commit, ours: f.Ours, sent: f.Sent, legal: f.Legal, excerpt: f.Excerpt, usage: f.Usage}
	if failed.usage {
		return nil, failed
	}
	if ops {
		failed.Pos, failed.Stack, failed.excerpt = "", nil, ""
	}
	for _, s := range a.Said {
		e.log.Log(ctx, s.Level, s.Message, "print", s.Level == slog.LevelInfo)
	}
	return nil, r.failed(failed)
}

// A recorder keeps what a kernel answers.
type recorder struct {
	conn  *nlconn.Conn
	dumps []recorded
}

// Dump implements state.Source.
func (r *recorder) Dump(ctx context.Context, req []byte) ([]wire.Message, error) {
	d := recorded{Request: append([]byte(nil), req...)} // the connection numbers it
	l, err := tx.Source{Conn: r.conn}.Dump(ctx, req)
	var errno unix.Errno
	switch {
	case errors.As(err, &errno):
		d.Errno = int(errno)
	case err != nil:
		return nil, err
	}
	for _, m := range l {
		d.Answer = append(d.Answer, m.Bytes)
	}
	r.dumps = append(r.dumps, d)
	return l, err
}

// A replay answers as the kernel did.
type replay struct{ dumps []recorded }

// Dump implements state.Source.
func (r *replay) Dump(_ context.Context, req []byte) ([]wire.Message, error) {
	for _, d := range r.dumps {
		if string(d.Request) != string(req) {
			continue
		}
		if d.Errno != 0 {
			return nil, unix.Errno(d.Errno)
		}
		var l []wire.Message
		for _, b := range d.Answer {
			for m, err := range wire.Messages(b) {
				if err != nil {
					return nil, err
				}
				l = append(l, m)
			}
		}
		return l, nil
	}
	return nil, errors.New("this was not asked when the namespace was read")
}

// duplicateGiven returns an engine in a copy of what a request describes.
func (e *Engine) duplicateGiven(ctx context.Context, q *request, r *rehearsal) (*Engine, error) {
	d, err := r.double()
	if err != nil {
		return nil, err
	}
	r.given, d.given, d.id = q, q, q.ID
	if _, err := r.fill(ctx, d, nil); err != nil {
		return nil, err
	}
	own := e.rehearsing(d, r, givenSys(q.Sysctls))
	own.limits = q.Limits
	return own, nil
}

// read reads what there is of some settings.
func (q *request) read(paths []string) []setting {
	var l []setting
	for _, p := range paths {
		if v, ok := q.Sysctls[p]; ok {
			l = append(l, setting{p, v})
		}
	}
	return l
}

// givenSys are sysctls that were read elsewhere; they are not written.
type givenSys map[string]string

func (s givenSys) Read(path string) (string, error) {
	if v, ok := s[path]; ok {
		return v, nil
	}
	return "", fmt.Errorf("sysctl %s: %w", strings.ReplaceAll(path, "/", "."), fs.ErrNotExist)
}

func (s givenSys) Write(path, _ string) error {
	return fmt.Errorf("sysctl %s is of another namespace", path)
}
