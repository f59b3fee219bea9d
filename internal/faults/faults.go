// Package faults lets a test make the kernel refuse one step of a run: it says
// what is sent in the place of that step. What the kernel answers, and all that
// follows from it, is real.
package faults

import (
	"context"

	"github.com/nlscript/nlscript/wire"
)

// A Step is one message of a run, or the writing of one sysctl.
type Step struct {
	Object *wire.Object // nil: a message() or a sysctl
	Msg    []byte       // nil: a sysctl
	Sysctl string       // its name
	Value  string
	Pos    string // file:line of the call that made the op
}

// A Fault replaces the step At of a run, counted from 0 over all its commits.
// It is for one run.
type Fault struct {
	At    int
	Spoil func(Step) Step // must not change Msg in place; nil: nothing is replaced
	n     int
}

// Steps is how many steps have passed, to be sent or not.
func (f *Fault) Steps() int { return f.n }

// Pass returns what to send for a step.
func (f *Fault) Pass(s Step) Step {
	f.n++
	if f.n-1 != f.At || f.Spoil == nil {
		return s
	}
	return f.Spoil(s)
}

type key struct{}

// With returns a context for a run that has the fault.
func With(ctx context.Context, f *Fault) context.Context { return context.WithValue(ctx, key{}, f) }

// Of returns the fault of a run, nil when it has none.
func Of(ctx context.Context) *Fault {
	f, _ := ctx.Value(key{}).(*Fault)
	return f
}
