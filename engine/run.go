package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/internal/source"
)

// longestConfirm is how long a run may wait to be confirmed. More is a mistake, and
// much more is beyond what clocks count to.
const longestConfirm = 365 * 24 * time.Hour

// run executes a script as one transaction.
func (e *Engine) run(ctx context.Context, script Script, dry bool) (*Result, error) {
	if script.Confirm != 0 && e.journal == "" && !dry {
		return nil, &Error{Outcome: rolledBack, Message: "confirmation needs a journal: see WithJournal", usage: true}
	}
	if script.Confirm > longestConfirm {
		return nil, &Error{Outcome: rolledBack, Message: fmt.Sprintf("a run can wait to be confirmed for a year (%v) at most, not %v", longestConfirm, script.Confirm), usage: true}
	}
	for try := 0; ; try++ {
		var rehearsal *rehearsal
		if script.Rehearse && !dry {
			var err error
			once := Script{Name: script.Name, Source: script.Source, Params: script.Params}
			if rehearsal, err = e.rehearseScript(ctx, once); err != nil {
				return nil, err
			}
		}
		r, err := e.transact(ctx, dry, func(s *session) error { return s.exec(script) })
		if err == nil {
			r.Rehearsal = rehearsal
		}
		var failed *Error
		if !errors.As(err, &failed) || failed.Outcome != conflict || try >= script.Retry {
			return r, err
		}
		e.log.Warn(failed.Error() + "; ours was undone, running again")
	}
}

func (e *Engine) rehearseScript(ctx context.Context, script Script) (*rehearsal, error) {
	return e.rehearse(ctx, func(s *session) error { return s.exec(script) }, func() (*rehearsal, error) { return e.rehearseBeside(ctx, script, false) })
}

// exec runs the main file.
func (s *session) exec(script Script) error {
	s.confirm, s.params, s.used = script.Confirm, script.Params, map[string]bool{}
	s.script = builtins.NewScript(script.Name, s)
	s.script.MaxOps, s.script.MaxBytes = s.e.limits.ops(), s.e.limits.bytes()
	s.files = &files{s: s, src: map[string][]byte{}, done: map[string]*loaded{}}
	if err := missingParam(script); err != nil {
		return err
	}
	if _, err := s.files.exec(s.ctx, script.Name, script.Source); err != nil {
		return err
	}
	for _, name := range sortedKeys(script.Params) {
		if !s.used[name] {
			return s.unknownParam(name)
		}
	}
	for _, u := range s.script.Unused() {
		what := u.What
		if u.N > 1 {
			what = fmt.Sprintf("%d %s ops", u.N, what)
		}
		s.warn(fmt.Sprintf("%s: %s made and never committed", sitePos(u.Site), what))
	}
	s.plan.secrets = s.script.Secrets()
	return nil
}

func (s *session) warn(text string) {
	s.plan.warnings = append(s.plan.warnings, text)
	s.e.log.Warn(text)
}

// A UsageError says that the caller, not the script, is wrong: a -D that no
// param() asks for.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func (s *session) unknownParam(name string) error {
	var known []string
	for _, p := range s.script.Params() {
		known = append(known, p.Name)
	}
	return unknownParam(name, known)
}

func unknownParam(name string, known []string) error {
	text := fmt.Sprintf("the script has no param %q", name)
	if len(known) > 0 {
		text += "; it has " + strings.Join(known, ", ")
	}
	return &usageError{text}
}

// Param implements builtins.Host.
func (s *session) Param(name string) (any, bool) {
	v, ok := s.params[name]
	s.used[name] = true
	return v, ok
}

// Declare implements builtins.Host.
func (s *session) Declare(*builtins.Param) {}

// files are the sources of a run: the main file and what it loads.
type files struct {
	s    *session
	src  map[string][]byte
	done map[string]*loaded
	path []string // files being executed, for cycles
}

type loaded struct {
	globals starlark.StringDict
	err     error
}

// exec runs one file.
func (f *files) exec(ctx context.Context, name string, src []byte) (starlark.StringDict, error) {
	e := f.s.e
	f.src[name] = src
	thread := &starlark.Thread{Name: name, Load: f.load, Print: func(t *starlark.Thread, msg string) {
		e.log.Info(redact(msg, f.s.script.Secrets()), "print", true)
	}}
	builtins.SetScript(thread, f.s.script)
	thread.SetMaxExecutionSteps(e.limits.steps())
	thread.OnMaxSteps = func(t *starlark.Thread) {
		t.Cancel(fmt.Sprintf("the script took more than %d steps; is there an endless loop?", e.limits.steps()))
	}
	stop := context.AfterFunc(ctx, func() { thread.Cancel("cancelled") })
	defer stop()
	file, err := parse(name, src)
	if err != nil {
		return nil, err
	}
	for _, w := range shadows(file, e.predeclared) {
		f.s.warn(w)
	}
	builtins.Guard(file)
	names := builtins.Guarded()
	maps.Copy(names, e.predeclared)
	prog, err := starlark.FileProgram(file, names.Has)
	if err != nil {
		return nil, err
	}
	globals, err := prog.Init(thread, names)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	globals.Freeze()
	return globals, err
}

// load implements load(): the name is relative to the directory of the file
// that loads, and cannot leave the root.
func (f *files) load(thread *starlark.Thread, module string) (starlark.StringDict, error) {
	name := path.Join(path.Dir(thread.Name), module)
	if f.s.e.fs == nil {
		return nil, errors.New("this engine gives scripts no files to load")
	}
	if path.IsAbs(module) {
		return nil, errors.New("absolute names cannot be loaded; give one relative to this file")
	}
	for i, p := range append([]string{f.s.script.Main}, f.path...) {
		if p == name {
			return nil, fmt.Errorf("cycle: %s", strings.Join(append(append([]string{f.s.script.Main}, f.path...)[i:], name), " loads "))
		}
	}
	if l := f.done[name]; l != nil {
		return l.globals, l.err
	}
	l := &loaded{}
	f.done[name] = l
	if !fs.ValidPath(name) {
		l.err = errors.New("the file is outside of what scripts may load")
		return nil, l.err
	}
	src, err := source.In(f.s.ctx, f.s.e.fs, name)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		l.err = err
		return nil, err
	}
	f.path = append(f.path, name)
	l.globals, l.err = f.exec(f.s.ctx, name, src)
	f.path = f.path[:len(f.path)-1]
	return l.globals, l.err
}

// shadows warns of names that scripts take from the language.
func shadows(file *syntax.File, predeclared starlark.StringDict) []string {
	var l []string
	note := func(id *syntax.Ident) {
		if predeclared.Has(id.Name) {
			l = append(l, fmt.Sprintf("%s: %q is bound here and hides the builtin", id.NamePos, id.Name))
		}
	}
	binds(file, note)
	return l
}

// binds calls f for every identifier that a file binds.
func binds(file *syntax.File, f func(*syntax.Ident)) {
	var target func(e syntax.Expr)
	target = func(e syntax.Expr) {
		switch e := e.(type) {
		case *syntax.Ident:
			f(e)
		case *syntax.ParenExpr:
			target(e.X)
		case *syntax.TupleExpr:
			for _, x := range e.List {
				target(x)
			}
		case *syntax.ListExpr:
			for _, x := range e.List {
				target(x)
			}
		}
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.AssignStmt:
			target(n.LHS)
		case *syntax.ForStmt:
			target(n.Vars)
		case *syntax.DefStmt:
			f(n.Name)
		case *syntax.LoadStmt:
			for _, id := range n.To {
				f(id)
			}
		}
		return true
	})
}

func redact(s string, secrets []string) string {
	for _, x := range secrets {
		s = strings.ReplaceAll(s, x, "(secret)")
	}
	return s
}
