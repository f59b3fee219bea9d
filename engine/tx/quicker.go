package tx

import (
	"context"
	"errors"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// blame finds out whether a message was refused for what another program did
// meanwhile. That is the conflict; or, where it only was quicker to make what the
// plan wants, a reason to plan anew.
func (p *Plan) blame(ctx context.Context, k Kernel, err error) (quicker bool, _ error) {
	if k.Mon == nil || !errors.As(err, new(*KernelError)) {
		return false, err
	}
	if conflict := k.heed(p); conflict != nil {
		return false, conflict
	}
	// What is refused behind another may have been so because of that.
	i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.refused })
	if i < 0 || p.fates[i] != existed {
		return false, err
	}
	s := &p.Steps[i]
	if !s.makes() || s.Op == nil || s.Op.Verb != nil { // a verb is meant to fail then
		return false, err
	}
	in, rerr := k.at(s.part)
	if s.part != nil {
		p = s.part
	}
	if rerr != nil {
		return false, errors.Join(err, rerr)
	}
	// Of rules and neighbours the kernel tells when others see them already, and of
	// links that nobody has planned it is not told who made them.
	p.st.From(Source{in.Conn})
	now, rerr := p.st.Again(ctx, nil)
	if rerr != nil {
		return false, errors.Join(err, rerr)
	}
	e := state.NewEntry(s.Object, s.Msg, p.st.Names)
	x, _ := p.wanted(e)
	there := now.Find(e.Object, e.Key)
	if e.Object == rtnl.Link { // whose index the kernel has given
		there = nil
		if l := now.Link(e.Name()); l != nil {
			there = append(there, l)
		}
	}
	switch {
	case x == nil || len(there) == 0: // there is one with another key
		return false, err
	case p.verifyOne(now, x) == nil:
		return true, err
	}
	return false, &ConflictError{Op: s.Op, Title: titleOf(e.Object, e.Set(), p.st.Names),
		Ours: thereText(e.Object, Writable(e.Set()), p.st.Names), Theirs: thereText(e.Object, Writable(there[0].Set()), now.Names)}
}
