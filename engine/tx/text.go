package tx

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Title names an op as people do: "route 10.0.0.0/8", "addr 10.0.0.1/24 dev eth0".
func Title(op *builtins.Op) string {
	if op != nil && op.Place != nil && !op.NetNS {
		return titleHere(op) + in(op.Place)
	}
	return titleHere(op)
}

// in says in which namespace something is.
func in(p *builtins.Place) string {
	if p == nil {
		return ""
	}
	return " netns " + p.String()
}

func titleHere(op *builtins.Op) string {
	switch {
	case op == nil:
		return "undo"
	case op.NetNS:
		return "netns " + op.Place.String()
	case op.Sysctl != nil:
		return "sysctl " + op.Sysctl.Name
	case op.Wait != nil:
		return op.Wait.Text()
	case op.Cutover != nil:
		return op.Cutover.Text()
	case op.Exact != nil:
		return strings.TrimSpace("exact " + op.Object.Name + " " + op.Exact.Title(nil))
	case op.Object == nil:
		return "message"
	}
	s := wire.NewSet(op.Object.Table)
	if op.Set(s) != nil {
		return op.Object.Name
	}
	t := titleOf(op.Object, s, nil)
	if op.Verb != nil {
		t = strings.Replace(t, op.Object.Name, op.Object.Name+"."+op.Verb.Name, 1)
	}
	return t
}

// titleRows are what names an object beside its subject.
var titleRows = map[string]bool{"dev": true, "parent": true, "classid": true}

// usual is what goes without saying of a rule.
var usual = map[string]bool{"family inet": true, "type unicast": true}

// titleOf names an object by its subject and device.
func titleOf(o *wire.Object, s *wire.Set, names wire.Names) string {
	t := o.Name
	subject := o.Subject
	if o.By != "" && subject != "" && !s.Has(subject) {
		subject = o.By
	}
	if subject != "" {
		f := s.Table.Row(subject)
		v, ok := s.At(f)
		if !ok && f.Kind == wire.Prefix {
			v, ok = wire.Value{Type: wire.AnyNet}, true
		}
		if ok {
			t += " " + f.Text(v, names)
		} else if o == rtnl.Link && s.Has("group") { // a verb on all of it
			group, _ := s.Get("group")
			t += " " + s.Table.Row("group").Pair(group, names)
		}
	}
	for _, e := range s.Ents {
		if titleRows[e.F.Name] && e.F.Name != subject && o != rtnl.Route && o != rtnl.Nexthop {
			if word := e.F.Words.Name(e.V.N); e.F.Handle && word != "" {
				t += " " + word // as tc says: dev eth0 root
				continue
			}
			t += " " + e.F.Pair(e.V, names)
		}
	}
	if o == rtnl.Rule {
		for _, e := range s.Ents {
			if !usual[e.F.Name+" "+e.F.Text(e.V, nil)] && !e.F.Loose || e.F.Name == "priority" {
				t += " " + e.F.Pair(e.V, names)
			}
		}
	}
	return t
}

// names are those that links had when the change was planned.
func (c *Change) names() wire.Names { return c.st.NamesAfter(c.then) }

// contents is the object as a set, devices by index or name.
func (c *Change) contents() *wire.Set {
	if c.set != nil {
		return c.set
	}
	s := wire.NewSet(c.Object.Table)
	if c.Op.Set(s) != nil {
		return wire.NewSet(c.Object.Table)
	}
	return s
}

func (c *Change) title() string {
	switch {
	case c.Op.NetNS:
		return titleHere(c.Op)
	case c.name != "":
		return "link " + c.name + in(c.Place)
	case c.Object == nil, c.Object == rtnl.Link && c.Action != Remove, c.Action == Send:
		return titleHere(c.Op) + in(c.Place)
	}
	return titleOf(c.Object, c.contents(), c.names()) + in(c.Place)
}

// Title names the object that changes.
func (c *Change) Title() string { return c.title() }

// Text is what changes, after the title: the fields of what is new, before and
// after of what changes.
func (c *Change) Text() string {
	if c.Object == nil && c.Op.Sysctl != nil {
		if c.Action == Same {
			return c.Op.Sysctl.Value
		}
		old := strings.TrimSpace(c.Old)
		if old == "" {
			old = "?"
		}
		return old + " -> " + c.Op.Sysctl.Value
	}
	if c.Op.NetNS {
		return ""
	}
	switch c.Action {
	case Cut:
		return c.text
	case Await:
		if c.Op.Wait.Within == 0 {
			return fmt.Sprintf("within %v", c.Op.Wait.Limit())
		}
	case Modify, Bounce:
		var l []string
		for _, d := range c.Deltas {
			before, after := valueNamed(d.Row, d.Before, c.names()), valueNamed(d.Row, d.After, c.names())
			if before == after { // of a link that is yet to be made: what it has is not known
				l = append(l, shortPath(d.Path)+" "+after)
				continue
			}
			l = append(l, fmt.Sprintf("%s %s -> %s", shortPath(d.Path), before, after))
		}
		return strings.Join(l, ", ")
	case Create:
		if c.Object.Join != nil {
			return fieldsText(c.Object, c.set, c.names()) // the op may say more
		}
		return fieldsText(c.Object, c.Op.Written(), c.names())
	case Send:
		return "sent as it is, not compared"
	}
	return ""
}

// shortPath is the path of a field that changes, without the kind of the object:
// it has but one.
func shortPath(path string) string {
	if rest, ok := strings.CutPrefix(path, "kind."); ok {
		if _, field, ok := strings.Cut(rest, "."); ok {
			return field
		}
	}
	return path
}

// fieldsText is the fields of an object beside those its title names; bits come
// last, after a comma.
func fieldsText(o *wire.Object, s *wire.Set, names wire.Names) string {
	if o == rtnl.Rule {
		return ""
	}
	var words, bits []string
	for _, e := range s.Ents {
		f := e.F
		switch {
		case f.Name == o.Subject || f.Name == o.By || f.Name == "family" || f.RO:
		case titleRows[f.Name] && o != rtnl.Route && o != rtnl.Nexthop:
		case f.Kind.IsBit():
			bits = append(bits, f.Pair(e.V, names))
		default:
			words = append(words, f.Pair(e.V, names))
		}
	}
	t := strings.Join(words, " ")
	if len(bits) > 0 {
		if t != "" {
			t += ", "
		}
		t += strings.Join(bits, ", ")
	}
	return t
}

// thereText is what an object that is there is, for which fieldsText may have no words: the
// title of a rule says it all.
func thereText(o *wire.Object, s *wire.Set, names wire.Names) string {
	return cmp.Or(fieldsText(o, s, names), "there")
}

// valueText is a field's value, "none" when it is not there.
func valueText(f *wire.Field, v wire.Value, st *state.State) string {
	return valueNamed(f, v, st.Names)
}

func valueNamed(f *wire.Field, v wire.Value, names wire.Names) string {
	if v.Type == wire.None {
		return "none"
	}
	return f.Text(v, names)
}

// Attrs is what changes as encoding/json writes it: path to before and after.
func (c *Change) Attrs() map[string][]any {
	m := map[string][]any{}
	switch {
	case c.Op.Sysctl != nil:
		m["value"] = []any{c.Old, c.Op.Sysctl.Value}
	case c.Object == nil:
	case c.Action == Create || c.Action == Send:
		for _, e := range c.contents().Ents {
			m[e.F.Label()] = []any{nil, e.F.JSON(e.V, c.names())}
		}
	case c.Action == Remove:
		for _, e := range c.contents().Ents {
			if !e.F.RO && !e.F.Volatile {
				m[e.F.Label()] = []any{e.F.JSON(e.V, c.names()), nil}
			}
		}
	default:
		for _, d := range c.Deltas {
			m[d.Path] = []any{c.json(d.Row, d.Before), c.json(d.Row, d.After)}
		}
	}
	return m
}

func (c *Change) json(f *wire.Field, v wire.Value) any {
	if v.Type == wire.None {
		return nil
	}
	return f.JSON(v, c.names())
}
