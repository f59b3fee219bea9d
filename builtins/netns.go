package builtins

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Place is a network namespace other than the one a run works in. One of the
// fields is set.
type Place struct {
	Name string // of ip netns
	Path string // file of the namespace
	PID  int    // a process in it
}

// netnsDir is where ip netns keeps names.
const netnsDir = "/run/netns"

// PlaceOf is the place that netns = names: a path begins with a slash.
func PlaceOf(name string) *Place {
	if filepath.IsAbs(name) {
		return &Place{Path: name}
	}
	return &Place{Name: name}
}

// File is the path by which the namespace is opened.
func (p *Place) File() string {
	switch {
	case p.Name != "":
		return filepath.Join(netnsDir, p.Name)
	case p.Path != "":
		return filepath.Clean(p.Path)
	}
	return fmt.Sprintf("/proc/%d/ns/net", p.PID)
}

// String is the place as people read it; "" for nil, the one the run works in.
func (p *Place) String() string {
	switch {
	case p == nil:
		return ""
	case p.Name != "":
		return p.Name
	case p.Path != "":
		return p.Path
	}
	return fmt.Sprintf("pid %d", p.PID)
}

// parsePlace reads what String wrote.
func parsePlace(s string) *Place {
	if number, ok := strings.CutPrefix(s, "pid "); ok {
		if pid, err := strconv.Atoi(number); err == nil {
			return &Place{PID: pid}
		}
	}
	return PlaceOf(s)
}

// Same reports whether two places are written the same.
func (p *Place) Same(o *Place) bool { return p == o || p != nil && o != nil && *p == *o }

// call is netns("blue", ...) around the source of an op.
func (p *Place) call(inside ...node) node {
	n := node{open: "netns(", close: ")"}
	switch {
	case p.Name != "":
		n.kids = append(n.kids, node{text: quote(p.Name)})
		n.kids = append(n.kids, inside...)
	case p.Path != "":
		n.kids = append(inside, node{key: "path = ", text: quote(p.Path)})
	default:
		n.kids = append(inside, node{key: "pid = ", text: fmt.Sprint(p.PID)})
	}
	return n
}

// netnsOf is netns("blue", ops...): the ops, in another network namespace. Alone
// it is the op that the namespace shall be there.
func netnsOf(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := scriptOf(thread)
	var out *opList
	if err == nil {
		out, err = s.place(args, kwargs)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	if len(out.ops) == 1 && out.ops[0].NetNS {
		op := &out.ops[0]
		op.Site = s.site(thread)
		s.made(op.Site, fn.Name(), 1)
	}
	return out, nil
}

func (s *Script) place(args starlark.Tuple, kwargs []starlark.Tuple) (*opList, error) {
	place := &Place{}
	given, first := 0, 0
	for i, kv := range kwargs {
		name, v := string(kv[0].(starlark.String)), kv[1]
		var err error
		switch {
		case v == starlark.None:
			continue
		case name == "path":
			text, ok := starlark.AsString(v)
			if place.Path = text; !ok {
				err = wrong(v, "a string")
			} else if !filepath.IsAbs(text) {
				err = fmt.Errorf("%q is not a path that begins with /", text)
			}
		case name == "pid":
			if err = starlark.AsInt(v, &place.PID); err != nil || place.PID < 1 {
				err = wrong(v, "the number of a process")
			}
		default:
			err = fmt.Errorf("unknown keyword %s, there are path and pid%s", name, didYouMean(name, []string{"path", "pid"}))
		}
		if given++; err == nil && given > 1 {
			err = errPlaces
		}
		if err != nil {
			return nil, &ArgError{Arg: name, Index: i, Err: err}
		}
	}
	if given == 0 {
		if len(args) == 0 {
			return nil, errors.New(`which one? write netns("blue", ops...), or path =, or pid =`)
		}
		name, ok := starlark.AsString(args[0])
		if !ok {
			return nil, &ArgError{Err: wrong(args[0], "the name of a network namespace first, or path =, or pid =")}
		}
		if err := rtnl.NetNSName(name); err != nil {
			return nil, &ArgError{Err: err}
		}
		place = PlaceOf(name)
		args, first = args[1:], 1
	} else if len(args) > 0 {
		if _, ok := args[0].(starlark.String); ok {
			return nil, &ArgError{Err: errPlaces}
		}
	}
	out := &opList{name: "netns"}
	if len(args) == 0 {
		out.ops = append(out.ops, Op{Place: place, NetNS: true})
	}
	for i, v := range args {
		err := flatten(v, func(op *Op) error {
			if op.Place != nil && !op.Place.Same(place) {
				return fmt.Errorf("%s is in a namespace already", short(op.String()))
			}
			placed := *op // used, and told of in errors, as the op itself would be
			placed.Place = place
			out.ops = append(out.ops, placed)
			return nil
		})
		if err != nil {
			return nil, &ArgError{Index: first + i, Err: fmt.Errorf("argument %d: %w", first+i+1, err)}
		}
	}
	return out, nil
}

var errPlaces = errors.New("one namespace is meant: give its name, or path =, or pid =")

// placeWord is the keyword of what looks, or tries something, in a namespace.
const placeWord = "netns"

// placeInto reads a network namespace: its name, the path of its file, or the
// value of netns(...) without ops.
func placeInto(p **Place) func(starlark.Value) error {
	return func(v starlark.Value) error {
		if l, ok := v.(*opList); ok && len(l.ops) == 1 && l.ops[0].NetNS {
			l.ops[0].use()
			*p = l.ops[0].Place
			return nil
		}
		name, ok := starlark.AsString(v)
		if !ok {
			return wrong(v, "the name of a network namespace, the path of its file, or netns(...)")
		}
		if err := rtnl.NetNSName(name); err != nil {
			return err
		}
		*p = PlaceOf(name)
		return nil
	}
}

// whereToLook takes netns = out of the keywords of a read: nil is the namespace
// that the run works in.
func whereToLook(kwargs []starlark.Tuple) (in *Place, rest []starlark.Tuple, err error) {
	for i, kv := range kwargs {
		if string(kv[0].(starlark.String)) != placeWord {
			rest = append(rest, kv)
			continue
		}
		if err := given(kwargs, i); err != nil {
			return nil, nil, err
		}
		if kv[1] == starlark.None {
			continue
		}
		if err := placeInto(&in)(kv[1]); err != nil {
			return nil, nil, argError(placeWord, err)
		}
	}
	return in, rest, nil
}

// together is where ops are that one op is made of: all have to be in the same
// namespace.
type together struct {
	in   *Place
	some bool
}

// add returns op as it is in its namespace.
func (t *together) add(op *Op) (*Op, error) {
	if t.some && !t.in.Same(op.Place) {
		return nil, fmt.Errorf("%s is in another network namespace than what is before it", short(op.String()))
	}
	t.in, t.some = op.Place, true
	if op.Place == nil {
		return op, nil
	}
	bare := *op
	bare.Place = nil
	return &bare, nil
}
