package tx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/wire"
)

// Done is what a commit came to.
type Done struct {
	Plan     *Plan
	Sent     bool // something was handed to the kernel
	Messages int  // of rtnetlink, among it
	Refused  int  // of these, refused
	Wrote    int  // sysctls that were written
}

// collisions bounds how often a commit is planned anew because what it made, or an
// index that it assigned, was there meanwhile, or others changed what it touches.
const collisions = 3

// Approve is asked between plan and send; an error ends the commit before
// anything is sent.
type Approve func(ctx context.Context, p *Plan) error

// Commit plans ops against the kernel, sends what they come to and verifies it.
// When it returns an error after something was sent, the caller has to Undo.
func Commit(ctx context.Context, k Kernel, arena *wire.Builder, ops []*builtins.Op, approve Approve, progress Progress) (*Done, error) {
	first, whole := uint32(FirstIndex), false
	for try := 0; ; try++ {
		p, err := fresh(ctx, k, arena, ops, first, whole)
		if err != nil {
			return &Done{}, err
		}
		p.stamp()
		d := &Done{Plan: p}
		if p.Empty() {
			return d, p.waits(ctx, k)
		}
		if approve != nil {
			if err := approve(ctx, p); err != nil {
				d.Plan = nil
				return d, err
			}
		}
		if err := p.still(ctx, k); err != nil {
			d.Plan = nil
			return d, err
		}
		if p.outdated() && try < collisions {
			if err := p.log.Back(); err != nil {
				d.Plan = nil
				return d, err
			}
			continue
		}
		var done int
		done, d.Refused, err = send(ctx, k, p, progress)
		p.handed = done
		d.Sent, d.Messages = acts(p.Steps[:done]), messages(p.Steps[:done])
		d.Wrote = written(p.Steps[:done])
		quicker := false
		if err == nil {
			err = p.hold(ctx, k)
		} else {
			quicker, err = p.blame(ctx, k, err)
		}
		if err == nil {
			return d, p.listens(k)
		}
		hidden := p.hidden(err)
		if !collided(err) && !quicker && !hidden || try == collisions {
			return d, err
		}
		whole = whole || hidden
		if _, left, uerr := p.Undo(context.WithoutCancel(ctx), k, time.Minute); uerr != nil || len(left) > 0 || p.log.Back() != nil {
			return d, err
		}
		first += uint32(len(ops)) + 1
	}
}

// fresh plans against a state that did not change while it was read.
func fresh(ctx context.Context, k Kernel, arena *wire.Builder, ops []*builtins.Op, first uint32, whole bool) (*Plan, error) {
	for try := 0; ; try++ {
		if k.Mon != nil {
			if err := k.Mon.forget(); err != nil {
				return nil, err
			}
		}
		p, err := k.plan(ctx, arena, ops, first, whole)
		if err != nil {
			return nil, err
		}
		err = k.heed(p)
		if conflict := (*ConflictError)(nil); !errors.As(err, &conflict) || try == collisions {
			return p, err
		}
	}
}

func (k Kernel) plan(ctx context.Context, arena *wire.Builder, ops []*builtins.Op, first uint32, whole bool) (*Plan, error) {
	if k.Spaces != nil {
		return MakeIn(ctx, k.Spaces, whole, arena, ops, first)
	}
	if Several(ops) {
		return nil, errSpaces
	}
	st := Brief(k.Conn)
	st.Whole = whole
	return Make(ctx, st, k.Sys, arena, ops, first)
}

// hidden reports whether a route turned out to exist that a look-up had not
// shown: its next hop is dead, or it was behind one that was removed.
func (p *Plan) hidden(err error) bool {
	var k *KernelError
	return (errors.As(err, &k) && k.Errno == unix.EEXIST || errors.Is(err, errStays)) && p.probed()
}

// probed reports whether routes were looked up one by one.
func (p *Plan) probed() bool {
	if p.parts != nil {
		return slices.ContainsFunc(p.parts, (*Plan).probed)
	}
	for _, sc := range p.st.Scopes() {
		if sc.Route != "" {
			return true
		}
	}
	return false
}

// hold verifies that what was sent holds. When it does not, and another program
// was heard to change it, the error is the conflict.
func (p *Plan) hold(ctx context.Context, k Kernel) error {
	err := p.verify(ctx, k)
	if conflict := k.heed(p); conflict != nil {
		return conflict
	}
	if x := (*OpError)(nil); errors.As(err, &x) && p.missed() {
		return &ConflictError{Op: x.Op, Title: Title(x.Op)}
	}
	return err
}

// missed reports whether announcements were lost while the plan was sent.
func (p *Plan) missed() bool {
	return p.deaf || slices.ContainsFunc(p.parts, (*Plan).missed)
}

// Undo makes everything the plan touched as it was before, and verifies that.
// It goes on when ctx is cancelled: give it a context of its own.
func (p *Plan) Undo(ctx context.Context, k Kernel, limit time.Duration) (undone int, left []Residue, err error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("undo took longer than %v", limit))
		defer cancel()
	}
	return p.undoAll(ctx, k)
}

// listens lets a plan that holds hear what others do until it is undone.
func (p *Plan) listens(k Kernel) error {
	return p.inParts(k, func(p *Plan, k Kernel) error {
		if k.Mon != nil {
			k.Mon.remember(p)
		}
		return nil
	})
}

// stamp notes when the state before was read.
func (p *Plan) stamp() {
	p.taken = sinceBoot()
	for _, q := range p.parts {
		q.taken = p.taken
	}
}

// age is how long that is ago, rounded down so that nothing seems to have more
// left than it should.
func (p *Plan) age() time.Duration {
	if p.taken == 0 {
		return 0
	}
	return max(0, sinceBoot()-p.taken-time.Second)
}
