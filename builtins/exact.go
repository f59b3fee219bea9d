package builtins

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// An Exact says that of the objects in a scope only some shall be there. The op
// that has it comes behind the ops that make these.
type Exact struct {
	Ops    []*Op     // ensures of the op's object
	Scope  *wire.Set // rows that all in the scope have, devices by name
	Bounds []Bounds  // and numbers that lie between two
}

// Bounds are the lowest and the highest number in a row.
type Bounds struct {
	Row       *wire.Field
	Low, High uint64
}

// exactOf is exact(ops..., table = 100): these ops, and nothing else in the
// scope that the keywords name. A constructor in the first place says of what,
// when there may be no ops.
func exactOf(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := scriptOf(thread)
	var out *opList
	if err == nil {
		out, err = exactly(args, kwargs)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	last := &out.ops[len(out.ops)-1]
	last.Site = s.site(thread)
	s.made(last.Site, fn.Name(), 1)
	return out, nil
}

func exactly(args starlark.Tuple, kwargs []starlark.Tuple) (*opList, error) {
	var obj *wire.Object
	var where together
	out := &opList{name: "exact"}
	for i, v := range args {
		if c, ok := v.(*constructor); ok && i == 0 && c.verb == nil && c.read == noRead {
			obj = c.obj
			continue
		}
		err := flatten(v, func(op *Op) error {
			if err := exactable(obj, op); err != nil {
				return err
			}
			bare, err := where.add(op)
			if err != nil {
				return err
			}
			obj = op.Object
			op.use()
			out.ops = append(out.ops, *bare)
			return nil
		})
		if err != nil {
			return nil, &ArgError{Index: i, Err: fmt.Errorf("argument %d: %w", i+1, err)}
		}
	}
	if obj == nil {
		obj = onlyObject(kwargs)
	}
	switch {
	case obj == nil:
		return nil, errors.New("there are no ops that say of what; write exact(addr, ops, dev = ...)")
	case len(obj.Within) == 0:
		return nil, fmt.Errorf("%s: exact is for routes, addresses, rules, neighbours, nexthops, VLANs of a port, entries of forwarding databases and the ports of a master", obj.Name)
	}
	x, err := readScope(obj, kwargs)
	if err != nil {
		return nil, err
	}
	out.ops = append(out.ops, Op{Object: obj, Exact: x})
	inside := out.ops
	if where.in != nil {
		out.ops = slices.Clone(inside)
		for i := range out.ops {
			out.ops[i].Place = where.in
		}
	}
	for i := range inside[:len(inside)-1] {
		x.Ops = append(x.Ops, &inside[i])
	}
	return out, nil
}

// exactable reports why an op cannot be one of an exact set of objects.
func exactable(obj *wire.Object, op *Op) error {
	switch {
	case op.Exact != nil:
		return errors.New("exact in exact")
	case op.plain(), op.Sysctl != nil, op.Object.New == 0:
		return fmt.Errorf("%s is not an object of a kind that exact knows", short(op.String()))
	case op.Verb != nil, op.Absent:
		return fmt.Errorf("%s: exact takes ops that ensure, such as %s(...)", short(op.String()), op.Object.Name)
	case obj != nil && obj != op.Object:
		return fmt.Errorf("%s among ops of %s; exact takes ops of one object", short(op.String()), obj.Name)
	}
	return nil
}

// onlyObject is the object that a scope without ops can only be of.
func onlyObject(kwargs []starlark.Tuple) *wire.Object {
	var only *wire.Object
	for _, o := range rtnl.Objects {
		words := slices.DeleteFunc(slices.Clone(o.Within), func(w string) bool { return w == "" })
		if len(words) == 0 || !slices.ContainsFunc(kwargs, func(kv starlark.Tuple) bool { return string(kv[0].(starlark.String)) == words[0] }) {
			continue
		}
		if only != nil {
			return nil
		}
		only = o
	}
	return only
}

// readScope reads the keywords of exact.
func readScope(obj *wire.Object, kwargs []starlark.Tuple) (*Exact, error) {
	x := &Exact{Scope: wire.NewSet(obj.Table)}
	var r reader
	for i, kv := range kwargs {
		if err := given(kwargs, i); err != nil {
			return nil, err
		}
		name, v := string(kv[0].(starlark.String)), kv[1]
		if !slices.Contains(obj.Within, name) {
			words := slices.DeleteFunc(slices.Clone(obj.Within), func(s string) bool { return s == "" })
			return nil, &ArgError{Arg: name, Err: fmt.Errorf("unknown keyword %s; a scope of %s has %s%s", name, obj.Name, strings.Join(words, " "), didYouMean(name, words))}
		}
		f := obj.Table.Row(name)
		if pair, ok := v.(starlark.Tuple); ok && f.Kind.IsInt() {
			b, err := r.pair(f, pair)
			if err != nil {
				return nil, argError(name, err)
			}
			x.Bounds = append(x.Bounds, b)
			continue
		}
		if err := r.row(x.Scope, f, v); err != nil {
			return nil, err
		}
	}
	if must := obj.Within[0]; must != "" && !x.Scope.Has(must) && !slices.ContainsFunc(x.Bounds, func(b Bounds) bool { return b.Row.Name == must }) {
		return nil, &ArgError{Arg: must, Err: fmt.Errorf("%s is missing: of which %s shall these be all", must, obj.Name)}
	}
	return x, nil
}

// pair reads the lowest and the highest number of a scope.
func (r *reader) pair(f *wire.Field, v starlark.Tuple) (Bounds, error) {
	b := Bounds{Row: f}
	if len(v) != 2 {
		return b, fmt.Errorf("%d values, want (lowest, highest)", len(v))
	}
	low, err := r.value(f, v[0])
	if err != nil {
		return b, err
	}
	high, err := r.value(f, v[1])
	if err != nil {
		return b, err
	}
	b.Low, b.High = low.N, high.N
	if b.Low > b.High {
		return b, fmt.Errorf("the lowest, %d, is above the highest, %d", b.Low, b.High)
	}
	return b, nil
}

// node is the call that makes the op and those before it.
func (x *Exact) node(obj *wire.Object, names wire.Names) (node, error) {
	n := node{open: "exact(", close: ")", kids: []node{{text: obj.Name}}}
	if len(x.Ops) > 0 {
		list := node{open: "[", close: "]"}
		for _, op := range x.Ops {
			kid, err := op.node(names)
			if err != nil {
				return n, err
			}
			list.kids = append(list.kids, kid)
		}
		n.kids = append(n.kids, list)
	}
	outer{names}.arguments(&n, x.Scope, nil)
	for _, b := range x.Bounds {
		pair := node{key: b.Row.Name + " = ", open: "(", close: ")"}
		for _, v := range []uint64{b.Low, b.High} {
			pair.kids = append(pair.kids, outer{names}.valueNode(b.Row, intOut(b.Row, wire.IntVal(v))))
		}
		n.kids = append(n.kids, pair)
	}
	return n, nil
}

// Title names the scope: "table 100", "priority 1000-1999".
func (x *Exact) Title(names wire.Names) string {
	var l []string
	for _, e := range x.Scope.Ents {
		l = append(l, e.F.Pair(e.V, names))
	}
	for _, b := range x.Bounds {
		l = append(l, fmt.Sprintf("%s %s-%s", b.Row.Label(), b.Row.Text(wire.IntVal(b.Low), names), b.Row.Text(wire.IntVal(b.High), names)))
	}
	return strings.Join(l, " ")
}
