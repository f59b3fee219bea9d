package tx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Residue is an object that undo could not make as it was.
type Residue struct {
	Object *wire.Object
	Title  string
	Text   string // was ..., is ...
	Before *wire.Set
	Now    *wire.Set
	Place  *builtins.Place // nil: the namespace the run works in

	Vanished bool // a device that the run did not remove
	Awaited  bool // a device that is gone, and that no message makes
	Untabled bool // the object is there again, without what went with it and has no table
	Swapped  bool // a port that stands on the other side of another one of its bridge
}

// Undone counts the messages that took effect and of which nothing is left: they
// are not about what is different from before. What a message(...) did that no
// table describes is not undone.
func (p *Plan) Undone(left []Residue) (n int) {
	type about struct {
		object *wire.Object
		key    string
	}
	there := map[about]bool{}
	for _, r := range left {
		for _, s := range []*wire.Set{r.Before, r.Now} {
			if r.Object == nil || s == nil {
				continue
			}
			in := r.Place.String() + "\x00"
			there[about{r.Object, in + state.KeyOf(r.Object, s)}] = true
			if r.Object == rtnl.Link {
				name, _ := s.Get("name")
				there[about{r.Object, in + name.S}] = true
			}
		}
	}
	for i := range p.Steps[:p.handed] {
		s := &p.Steps[i]
		if s.Msg == nil || s.refused || !slices.Contains(rtnl.Objects, s.Object) {
			continue
		}
		set := wire.NewSet(s.Object.Table)
		if s.Object.Decode(s.Msg, nil, set) != nil {
			continue
		}
		set = canon(s.Object, set)
		in := s.Place().String() + "\x00"
		hit := there[about{s.Object, in + state.KeyOf(s.Object, set)}]
		if s.Object == rtnl.Link {
			name, _ := set.Get("name")
			hit = hit || there[about{s.Object, in + name.S}]
		}
		if !hit {
			n++
		}
	}
	return n
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
		if !p.Place.Same(r.Place) || r.Untabled {
			return false
		}
		if r.Object == nil {
			named := func(x sysctlImage) bool { return "sysctl "+x.s.Name == r.Title }
			return slices.ContainsFunc(p.sysctls, named) || slices.ContainsFunc(p.settings, named)
		}
		s := r.Before
		if s == nil {
			s = r.Now
		}
		e := state.EntryOf(r.Object, s)
		return p.touch.has(e) || r.Swapped && p.standsBy(e)
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
		why := u.refused[x.about()]
		r.Awaited = x.object == rtnl.Link && x.is == nil && rtnl.Link.Irreversible(x.was.Set()) != ""
		if why != "" && !(r.Vanished && r.Awaited) { // that goes without saying
			r.Text += "  (" + why + ")"
		}
		l = append(l, r)
	}
	return append(append(l, u.plan.vanished(u.now, l)...), u.unordered()...)
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
		r.Title, r.Text = titleOf(l.object, r.Before, names), "was "+short(wasText(l.object, r.Before, names))+"; is gone"
		if l.object == rtnl.Link && u.plan.planned && u.plan.st.LinkByIndex(l.was.Index()) != nil {
			r.Vanished = true // the plan leaves it
			r.Text += vanishedText
		}
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

const vanishedText = " (the device vanished meanwhile)"

// vanished tells of the links that the plan changes, that others have removed
// meanwhile, and that are not back: nothing of ours is left on them, but nothing is
// as it was.
func (p *Plan) vanished(now *state.State, told []Residue) (l []Residue) {
	for _, e := range p.lost {
		title := titleOf(e.Object, e.Set(), now.Names)
		if is := func(r Residue) bool { return r.Title == title }; now.Known(e.Name()) == nil && !slices.ContainsFunc(told, is) && !slices.ContainsFunc(l, is) {
			l = append(l, Residue{Object: e.Object, Before: e.Set(), Title: title, Vanished: true, Awaited: true,
				Text: "was " + wasText(e.Object, e.Set(), now.Names) + "; is gone" + vanishedText})
		}
	}
	return l
}

// wasText is what an object was: of a link what people look for.
func wasText(o *wire.Object, s *wire.Set, names wire.Names) string {
	if o != rtnl.Link {
		return fieldsText(o, Writable(s), names)
	}
	l := []string{"down"}
	if s.Uint("up") != 0 {
		l[0] = "up"
	}
	if kind, ok := s.Get("kind"); ok && kind.Sub != nil {
		l = append(l, "kind "+kind.Sub.Table.Name)
	}
	for _, row := range []string{"master", "mtu"} {
		if v, ok := s.Get(row); ok {
			l = append(l, s.Table.Row(row).Pair(v, names))
		}
	}
	return strings.Join(l, ", ")
}

func short(s string) string {
	if len(s) > 120 {
		return s[:117] + "..."
	}
	return s
}
