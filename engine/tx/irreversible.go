package tx

import (
	"context"
	"fmt"
	"slices"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Some things no message makes again (KERNEL.md A14). A plan tells of them, and a
// run that would lose one is refused before anything is sent, unless the commit
// names it.

// A Loss is what undo could not bring back.
type Loss struct {
	Title string // of the object, as a commit names it
	What  string // is lost of it
	link  string // its name, of a link
}

// lose notes that something of an object cannot come back. What the run itself
// has made is none: its undo removes it.
func (p *planner) lose(e *state.Entry, what string) {
	if what == "" || len(p.st.Held(e.Object, e.Key)) == 0 {
		return
	}
	l := Loss{Title: titleOf(e.Object, e.Set(), p.st.Names) + in(p.plan.Place), What: what}
	if e.Object == rtnl.Link {
		l.link = e.Name()
	}
	if !slices.Contains(p.losses, l) {
		p.losses = append(p.losses, l)
	}
}

// loses notes an object that goes by a message of its own, or is replaced, nil none, and
// those that go with something, and what of them cannot come back.
func (p *planner) loses(own *state.Entry, with ...*state.Entry) error {
	for _, e := range with {
		if f := e.Object.Leaves; f != nil {
			p.lose(e, f(e.Set()))
		}
	}
	if own != nil {
		with = append([]*state.Entry{own}, with...)
	}
	for _, e := range with {
		p.plan.touch.key(e.Object, e.Key)
		if e.Foreign() {
			continue
		}
		if f := e.Object.Irreversible; f != nil {
			p.lose(e, f(e.Set()))
		}
		p.lose(e, p.fixedState(e))
		if f := e.Object.Unlisted; f != nil {
			if err := p.losesUnlisted(e, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// losesUnlisted notes what goes with an object that was there before and has no table.
func (p *planner) losesUnlisted(e *state.Entry, of func(*wire.Set) []wire.Unlisted) error {
	if len(p.st.Held(e.Object, e.Key)) == 0 {
		return nil
	}
	for _, u := range of(e.Set()) {
		n, err := p.st.Counts(p.ctx, u)
		if err != nil {
			return fmt.Errorf("reading %s: %w", u.What, err)
		}
		if n > 0 {
			p.lose(e, u.What)
			if x := (untabled{e.Object, e.Key, u.What, n}); !slices.Contains(p.plan.untabled, x) {
				p.plan.untabled = append(p.plan.untabled, x)
			}
		}
	}
	return nil
}

// untabled is how much the kernel had with an object that no table stands for.
type untabled struct {
	object *wire.Object
	key    string
	what   string
	count  int
}

// missing tells of what went with objects and has no table, of those that are back.
func (u *undoer) missing(ctx context.Context, told []Residue) (l []Residue, err error) {
	for _, x := range u.plan.untabled {
		was, is := u.plan.st.Held(x.object, x.key), u.now.Find(x.object, x.key)
		if len(was) == 0 || len(is) == 0 {
			continue
		}
		title := titleOf(x.object, was[0].Set(), u.now.Names)
		if slices.ContainsFunc(told, func(r Residue) bool { return r.Title == title && r.Now == nil }) {
			continue // all of it is missing
		}
		for _, w := range x.object.Unlisted(was[0].Set()) {
			if w.What != x.what {
				continue
			}
			n, err := u.now.Counts(ctx, w)
			if err != nil {
				return nil, err
			}
			if n >= x.count {
				continue
			}
			some := ""
			if n > 0 {
				some = "some of "
			}
			l = append(l, Residue{Object: x.object, Before: was[0].Set(), Now: is[0].Set(), Title: title, Untabled: true, Text: "lost " + some + x.what})
		}
	}
	return l, nil
}

// losesFields notes what cannot come back of the fields of a link that change: of
// a nest what its own rows tell of, and what a port leaves with its bridge.
func (p *planner) losesFields(e *state.Entry, pick *wire.Set) error {
	for _, x := range pick.Ents {
		have, _ := e.Set().At(x.F)
		if x.F.Kind != wire.Nest || have.Sub == nil {
			continue
		}
		for _, told := range have.Sub.Ents {
			if told.V.N != 0 {
				p.lose(e, told.F.Irreversible)
			}
		}
	}
	if pick.Has("master") && pick.Uint("master") != e.Set().Uint("master") {
		return p.losesUnlisted(e, rtnl.UnlistedOfPort)
	}
	return nil
}

// losesPlace notes that a device that no message makes goes where it may not come
// back from: a namespace that is held by a process alone. It goes to the initial
// one when that ends. A port leaves its bridge.
func (p *planner) losesPlace(e *state.Entry, where *wire.Set) error {
	if where.Has("netns_pid") && physical(e.Set()) {
		p.lose(e, "the device, should that process end")
	}
	return p.losesUnlisted(e, rtnl.UnlistedOfPort)
}

// physical reports whether a link is a device that no message made. Facts may know
// no more of a link than its name.
func physical(s *wire.Set) bool {
	_, unknown := s.Unknown(s.Table.Row("kind"))
	return !s.Has("kind") && !unknown && s.Has("mtu")
}

// An IrreversibleError refuses a commit by which something is lost for good that
// it does not name.
type IrreversibleError struct {
	Loss
	own bool // it is what the op is about
}

func (e *IrreversibleError) Error() string {
	what := "cannot be restored: "
	if !e.own {
		what = e.Title + ", which goes with it, " + what
	}
	return fmt.Sprintf("%s%s; a commit that may lose it names it: irreversible = [%q]", what, e.What, e.Title)
}

// Refuse is the error for the first change by which something is lost that named
// does not have. earlier are the commits of the run so far: what they have made
// is no loss, undoing them removes it.
func (p *Plan) Refuse(named []string, earlier []*Plan) error {
	for _, c := range p.Changes {
		c.Losses = slices.DeleteFunc(c.Losses, func(l Loss) bool {
			return slices.ContainsFunc(earlier, func(q *Plan) bool { return q.makes(l, c) })
		})
		for _, l := range c.Losses {
			if !slices.Contains(named, l.Title) {
				return &OpError{c.Op, "", &IrreversibleError{l, l.Title == c.title()}}
			}
		}
	}
	return nil
}

// makes reports whether the commit makes what a change to the same namespace loses.
func (p *Plan) makes(l Loss, c *Change) bool {
	if p.parts != nil {
		return slices.ContainsFunc(p.parts, func(q *Plan) bool { return q.makes(l, c) })
	}
	return p.Place.Same(c.Place) && p.touch.links[l.link] ||
		slices.ContainsFunc(p.Changes, func(x *Change) bool { return x.Action == Create && x.title() == l.Title })
}
