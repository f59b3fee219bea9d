package tx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
)

// A Residue is an object that undo could not make as it was.
type Residue struct {
	Object *wire.Object
	Title  string
	Text   string // was ..., is ...
	Before *wire.Set
	Now    *wire.Set
	Place  *builtins.Place // nil: the namespace the run works in
}

// Unjudged is what of the residue of later plans this one, undone after them,
// had no part in. The rest it has compared itself, with what was there before it:
// the mtu of a device may be legal again only when that of another is.
func (p *Plan) Unjudged(left []Residue) []Residue {
	if p.parts != nil {
		for _, q := range p.parts {
			left = q.Unjudged(left)
		}
		return left
	}
	return slices.DeleteFunc(left, func(r Residue) bool {
		if !p.Place.Same(r.Place) {
			return false
		}
		if r.Object == nil {
			return slices.ContainsFunc(p.sysctls, func(x sysctlImage) bool { return "sysctl "+x.s.Name == r.Title })
		}
		s := r.Before
		if s == nil {
			s = r.Now
		}
		return p.touch.has(state.EntryOf(r.Object, s))
	})
}

// residue notes a difference, in case it stays.
func (u *undoer) residue(o *wire.Object, was, is *state.Entry) {
	u.left = append(u.left, leftover{object: o, was: was, is: is})
}

// A leftover is a difference between before and now.
type leftover struct {
	object  *wire.Object
	was, is *state.Entry // nil: was not, or is not, there
	unsure  bool         // is may be another program's
}

func (l leftover) about() orderKey {
	if l.was != nil {
		return orderKey{l.object, l.was.Key}
	}
	return orderKey{l.object, l.is.Key}
}

// residues tells the differences that are left.
func (u *undoer) residues() []Residue {
	var l []Residue
	for _, x := range u.left {
		r := u.tell(x)
		if why := u.refused[x.about()]; why != "" {
			r.Text += "  (" + why + ")"
		}
		l = append(l, r)
	}
	return l
}

func (u *undoer) tell(l leftover) Residue {
	r := Residue{Object: l.object}
	names := func(i uint32) string {
		if n := u.plan.st.Names(i); n != "" {
			return n
		}
		return u.now.Names(i)
	}
	switch {
	case l.was == nil:
		r.Now = l.is.Set()
		r.Title, r.Text = titleOf(l.object, r.Now, names), "was not there; is there"
		if l.unsure {
			r.Text += ", and nobody can tell whether this run made it or another program: left"
		}
	case l.is == nil:
		r.Before = l.was.Set()
		r.Title, r.Text = titleOf(l.object, r.Before, names), "was "+short(Writable(r.Before).Text(names))+"; is gone"
	default:
		r.Before, r.Now = l.was.Set(), l.is.Set()
		var d []string
		for _, x := range state.Diff(l.object, r.Before, r.Now, state.Exact) {
			d = append(d, fmt.Sprintf("%s was %s, is %s", x.Path, valueNamed(x.Row, x.After, names), valueNamed(x.Row, x.Before, names)))
		}
		if len(d) == 0 {
			d = append(d, "was there in another order")
		}
		r.Title, r.Text = titleOf(l.object, r.Before, names), strings.Join(d, "; ")
	}
	return r
}

func short(s string) string {
	if len(s) > 120 {
		return s[:117] + "..."
	}
	return s
}
