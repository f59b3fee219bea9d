package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/tx"
	"github.com/nlscript/nlscript/wire"
)

// An Error says why a run failed and what is left of it. With %v it is one line;
// %+v adds the call stack, the source line and what became of what was sent.
type Error struct {
	Outcome string // rolled_back, residue or conflict
	Pos     string // file:line:col of the argument, or call, at fault
	Op      string // "route 10.0.0.0/8"
	Path    string // field: kind.vxlan.id
	Message string
	Stack   []string // outermost first: "site.star:12:5: in <toplevel>"
	Residue []Change
	Err     error

	commit  string // label
	ours    string // of a conflict
	theirs  string
	sent    string
	legal   string
	excerpt string
	status  string // what became of it
	undone  int
	total   int
	gone    []string
	usage   bool

	rehearsal *rehearsal // in which it happened
}

// Error is one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Pos != "" {
		b.WriteString(e.Pos + ": ")
	}
	b.WriteString(e.text())
	return b.String()
}

func (e *Error) text() string {
	s := e.Message
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.commit != "" {
		s = e.commit + ": " + s
	}
	if e.rehearsal != nil {
		s = "in rehearsal: " + s
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Usage reports that the caller, not the script, is wrong: it gave a param that
// the script does not have.
func (e *Error) Usage() bool { return e.usage }

// Format implements fmt.Formatter.
func (e *Error) Format(f fmt.State, verb rune) {
	if verb != 'v' || !f.Flag('+') {
		io.WriteString(f, e.Error())
		return
	}
	if e.theirs != "" {
		fmt.Fprintf(f, "conflict: %s %s\n%s  theirs %s\n%s", e.Op, e.Message, columnsAt(withWidth+8, "  ours   "+e.ours, shortPos(e.Pos)), e.theirs, e.status)
		e.listResidue(f)
		return
	}
	for _, l := range e.Stack {
		io.WriteString(f, l+"\n")
	}
	if e.Pos != "" {
		io.WriteString(f, e.Pos+": ")
	}
	io.WriteString(f, "error: "+e.text())
	if e.excerpt != "" {
		io.WriteString(f, "\n"+e.excerpt)
		var more []string
		if e.sent != "" {
			more = append(more, "sent "+e.sent)
		}
		if e.legal != "" {
			more = append(more, "legal "+e.legal)
		}
		if len(more) > 0 {
			io.WriteString(f, " "+strings.Join(more, "; "))
		}
	}
	if e.status != "" {
		io.WriteString(f, "\n"+e.status)
	}
	e.listResidue(f)
}

func (e *Error) listResidue(w io.Writer) {
	for _, r := range e.Residue {
		title, text, _ := strings.Cut(r.Key, "  ")
		fmt.Fprintf(w, "\n  %-*s  %s", nameWidth, title, text)
	}
}

// Gone lists the devices that undo would need and that are gone: what is left can
// be restored when they are back.
func (e *Error) Gone() []string { return e.gone }

const stillDifferent = "STILL DIFFERENT from before:"

// fail undoes what was sent and says what happened.
func (s *session) fail(err error) *Error {
	e := s.explain(err)
	if e.Outcome == "" {
		e.Outcome = rolledBack
	}
	if s.script != nil {
		secrets := s.script.Secrets()
		for _, text := range []*string{&e.Message, &e.excerpt, &e.sent, &e.ours, &e.theirs} {
			*text = redact(*text, secrets)
		}
	}
	var earlier *residueError
	if errors.As(err, &earlier) {
		e.Outcome, e.status = residue, "nothing of this one was sent; "+stillDifferent
		e.Residue, e.gone = residueChanges(earlier.left), gone(earlier.left)
		return e
	}
	if len(s.done) == 0 {
		e.status = "nothing was sent; the network is as it was"
		if s.dry || s.sent == 0 {
			e.status = ""
		}
		if e.Outcome == conflict {
			e.status = "nothing of ours was sent, theirs kept"
		}
		if s.undone > 0 {
			e.status = "what attempt() sent was undone; the network is as it was"
		}
		return e
	}
	begin, done := time.Now(), s.done
	n, left, uerr := s.rollback()
	if e.Outcome == conflict { // that it is gone is theirs
		left = slices.DeleteFunc(left, func(r tx.Residue) bool { return r.Vanished })
	}
	took := s.sent - s.refused
	e.undone, e.total = took, s.sent
	if uerr != nil || len(left) > 0 {
		s.endJournal(true)
		e.Outcome = residue
		e.Residue, e.gone, e.undone = residueChanges(left), gone(left), n
		if uerr != nil {
			e.status = fmt.Sprintf("undoing failed after %s: %v; %s", plural(n, "message"), uerr, stillDifferent)
			return e
		}
		e.undone = 0
		for _, p := range done {
			e.undone += p.Undone(left)
		}
		e.status = fmt.Sprintf("undone %d of %s; %s", e.undone, plural(took, "message"), stillDifferent)
		return e
	}
	if e.Outcome == conflict {
		e.status = "ours undone, theirs kept"
		return e
	}
	var what []string
	if took > 0 {
		what = append(what, fmt.Sprintf("%d of %s", took, plural(took, "message")))
	}
	if s.wrote > 0 {
		what = append(what, fmt.Sprintf("%d of %s", s.wrote, plural(s.wrote, "sysctl")))
	}
	switch {
	case len(what) > 0:
		e.status = fmt.Sprintf("rolled back, verified: %s undone in %d ms, %s; the network is as it was",
			strings.Join(what, ", "), time.Since(begin).Milliseconds(), plural(len(done), "commit"))
	case s.sent == 0: // namespaces
		e.status = "rolled back, verified; the network is as it was"
	default:
		e.status = "nothing took effect, verified; the network is as it was"
	}
	return e
}

// gone are the devices among what is left that are not there any more, and that no
// message makes.
func gone(left []tx.Residue) (names []string) {
	for _, r := range left {
		if r.Awaited {
			v, _ := r.Before.Get("name")
			names = append(names, v.S)
		}
	}
	return names
}

// interruption is why a context is over.
func interruption(ctx context.Context) string {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.DeadlineExceeded):
		return "out of time"
	case errors.Is(cause, context.Canceled):
		return "interrupted"
	default:
		return strings.TrimPrefix(cause.Error(), "Starlark computation cancelled: ")
	}
}

// explain finds position, stack, op and field of an error.
func (s *session) explain(err error) *Error {
	e := &Error{Err: err, Message: err.Error()}
	var us *usageError
	if errors.As(err, &us) {
		e.usage = true
		return e
	}
	if s.ctx.Err() != nil {
		e.Message = interruption(s.ctx)
		var eval *starlark.EvalError
		if errors.As(err, &eval) {
			s.stack(e, frames(eval.CallStack))
		}
		return e
	}
	if s.explainSyntax(e, err) {
		return e
	}
	var eval *starlark.EvalError
	if errors.As(err, &eval) {
		e.Message = eval.Msg
		if cause := eval.Unwrap(); cause != nil {
			e.Message = strings.TrimPrefix(cause.Error(), "Starlark computation cancelled: ")
		}
		s.stack(e, frames(eval.CallStack))
	}
	var c *commitError
	if errors.As(err, &c) {
		e.commit, e.Message = "commit", c.err.Error()
		if c.label != "" {
			e.commit = fmt.Sprintf("commit %q", c.label)
		}
	}
	s.explainArg(e, eval, err)
	s.explainOp(e, err)
	return e
}

// explainOp takes position and field from the op that failed.
func (s *session) explainOp(e *Error, err error) {
	var k *tx.KernelError
	var o *tx.OpError
	var op *builtins.Op
	var clash *tx.ConflictError
	var check *tx.CheckError
	switch {
	case errors.As(err, &k):
		op = k.Op
		e.Op, e.Path, e.Message, e.legal, e.sent = tx.Title(op), k.Path, k.Text(), k.Legal, k.Sent
	case errors.As(err, &check):
		e.Op, e.Message = check.Title(), check.Text()
		if check.Check.Site != nil {
			s.stack(e, check.Check.Site.Frames)
		}
	case errors.As(err, &clash):
		op = clash.Op
		e.Outcome, e.Op, e.Message = conflict, clash.Title, conflictText(clash)
		e.ours, e.theirs = cmp.Or(clash.Ours, "removed"), cmp.Or(clash.Theirs, "removed")
	case errors.As(err, &o):
		op = o.Op
		e.Op, e.Path, e.Message = tx.Title(op), o.Path, o.Err.Error()
	default:
		return
	}
	if op == nil || op.Site == nil || len(op.Site.Frames) == 0 {
		return
	}
	s.stack(e, op.Site.Frames)
	if e.Path != "" {
		s.pointArg(e, op.Site.Frames[0], 0, builtins.ErrorPath(e.Path)...)
	}
}

// conflictText says who changed something.
func conflictText(c *tx.ConflictError) string {
	who := "another program"
	if c.Port != 0 {
		who += fmt.Sprintf(" (netlink port %d", c.Port)
		// The first socket of a process has its number.
		if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.Port)); err == nil {
			who += ", process " + strings.TrimSpace(string(comm))
		}
		who += ")"
	}
	return c.What() + " by " + who + " while this ran"
}

// explainArg points at the argument that a builtin refused.
func (s *session) explainArg(e *Error, eval *starlark.EvalError, err error) {
	var a *builtins.ArgError
	if eval == nil || s.files == nil || !errors.As(err, &a) {
		return
	}
	fr := frames(eval.CallStack)
	if len(fr) == 0 {
		return
	}
	path := []string{a.Arg}
	var at *wire.AttrError
	if errors.As(a, &at) && a.Arg != "" {
		path = builtins.ErrorPath(at.Path)
		if len(path) > 0 {
			path[0] = a.Arg // as the script spells it
		}
	}
	s.pointArg(e, fr[0], a.Index, path...)
}

// pointArg sets the position to an argument of the call at f.
func (s *session) pointArg(e *Error, f builtins.Frame, index int, path ...string) {
	if s.files == nil || s.files.src[f.File] == nil {
		return
	}
	file, err := builtins.FileOptions().Parse(f.File, s.files.src[f.File], 0)
	if err != nil {
		return
	}
	call := syntax.MakePosition(&f.File, int32(f.Line), int32(f.Col))
	if pos, ok := builtins.ArgPos(file, call, index, path...); ok {
		s.point(e, f.File, int(pos.Line), int(pos.Col))
	}
}

// frames turns a call stack around: innermost first, builtins left out.
func frames(cs starlark.CallStack) []builtins.Frame {
	var l []builtins.Frame
	for i := len(cs) - 1; i >= 0; i-- {
		p := cs[i].Pos
		if p.Filename() == "<builtin>" || !p.IsValid() {
			continue
		}
		l = append(l, builtins.Frame{Func: cs[i].Name, File: p.Filename(), Line: int(p.Line), Col: int(p.Col)})
	}
	return l
}

// stack sets the position to the innermost frame and lists all.
func (s *session) stack(e *Error, fr []builtins.Frame) {
	if len(fr) == 0 {
		return
	}
	e.Stack = nil
	for i := len(fr) - 1; i >= 0; i-- {
		e.Stack = append(e.Stack, fmt.Sprintf("%s:%d:%d: in %s", fr[i].File, fr[i].Line, fr[i].Col, fr[i].Func))
	}
	s.point(e, fr[0].File, fr[0].Line, fr[0].Col)
}
