package builtins

import (
	"fmt"
	"hash/fnv"
	"maps"
	"strings"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A namespace is a closed set of names: kind, port, sch, bridge.
type namespace struct {
	name string
	doc  string
	lazyMembers
}

// lazyMembers are the members of a value by name: those that are declared, and those
// that are made when the first is asked for. Most scripts use few of them.
type lazyMembers struct {
	declared map[string]starlark.Value
	make     []func(add func(name string, v starlark.Value))
	once     sync.Once
	all      map[string]starlark.Value
}

func (l *lazyMembers) declare(name string, v starlark.Value) {
	if l.declared == nil {
		l.declared = map[string]starlark.Value{}
	}
	l.declared[name] = v
}

func (l *lazyMembers) members() map[string]starlark.Value {
	l.once.Do(func() {
		l.all = map[string]starlark.Value{}
		maps.Copy(l.all, l.declared)
		for _, f := range l.make {
			f(func(name string, v starlark.Value) { l.all[name] = v })
		}
	})
	return l.all
}

var (
	_ starlark.HasAttrs = (*namespace)(nil)
	_ starlark.Callable = (*namespace)(nil)
)

// Name and CallInternal are there to answer a call: a namespace is no function.
func (n *namespace) Name() string { return n.name }

func (n *namespace) CallInternal(*starlark.Thread, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	var names []string
	for _, m := range n.AttrNames() {
		names = append(names, n.name+"."+m)
	}
	more := ""
	for _, u := range unions(rtnl.Objects) {
		for _, t := range u.Tables {
			if u.Name == "kind" && identifier(t.Name) == n.name {
				more = "; the kind of a link is " + qualified(u.Name, t) + "(...)"
			}
		}
	}
	return nil, fmt.Errorf("%s is no function; there are %s%s", n.name, strings.Join(names, " "), more)
}

func (n *namespace) String() string        { return "<namespace " + n.name + ">" }
func (n *namespace) Type() string          { return "namespace" }
func (n *namespace) Freeze()               {}
func (n *namespace) Truth() starlark.Bool  { return true }
func (n *namespace) Hash() (uint32, error) { return starlark.String(n.name).Hash() }
func (n *namespace) AttrNames() []string   { return sortedKeys(n.members()) }

func (n *namespace) Attr(name string) (starlark.Value, error) {
	if v := n.members()[name]; v != nil {
		return v, nil
	}
	names := n.AttrNames()
	more := didYouMean(name, names)
	if more == "" && len(names) <= 40 {
		more = "; there are " + strings.Join(names, " ")
	}
	return nil, fmt.Errorf("there is no %s.%s%s", n.name, name, more)
}

// A member is a function of a namespace: kind.vxlan.
type member struct {
	ns    string // "kind"; "" for hop
	table *wire.Table
}

var _ starlark.Callable = (*member)(nil)

func (m *member) Name() string          { return qualified(m.ns, m.table) }
func (m *member) String() string        { return "<function " + m.Name() + ">" }
func (m *member) Type() string          { return "function" }
func (m *member) Freeze()               {}
func (m *member) Truth() starlark.Bool  { return true }
func (m *member) Hash() (uint32, error) { return starlark.String(m.Name()).Hash() }

// identifier is a table's name as a script can write it: keywords of Starlark
// get an underscore, other characters become one.
func identifier(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, s)
	if _, err := new(syntax.FileOptions).ParseExpr("", s, 0); err != nil {
		s += "_"
	}
	return s
}

func qualified(ns string, t *wire.Table) string {
	if ns == "" {
		return identifier(t.Name)
	}
	return ns + "." + identifier(t.Name)
}

func (m *member) CallInternal(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	set := wire.NewSet(m.table)
	if err := m.bind(set, args, kwargs); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name(), err)
	}
	return &kindValue{ns: m.ns, set: set}, nil
}

func (m *member) bind(set *wire.Set, args starlark.Tuple, kwargs []starlark.Tuple) error {
	var r reader
	if len(args) > 0 {
		f := m.table.Row(m.table.Subject)
		if f == nil {
			return &ArgError{Err: fmt.Errorf("got a positional argument, want keywords only")}
		}
		if len(args) > 1 {
			return &ArgError{Index: 1, Err: fmt.Errorf("got %d positional arguments, want one, %s", len(args), f.Name)}
		}
		for _, kv := range kwargs {
			if string(kv[0].(starlark.String)) == f.Name {
				return argError(f.Name, errTwoSubjects)
			}
		}
		if err := r.row(set, f, args[0]); err != nil {
			return &ArgError{Err: unwrapArg(err)}
		}
	}
	return r.keywords(set, kwargs)
}

// A kindValue is what a member of a namespace returns: kind.vxlan(id = 9). It
// is immutable; its set must not be changed.
type kindValue struct {
	ns  string
	set *wire.Set
}

var (
	_ starlark.Comparable = (*kindValue)(nil)
	_ starlark.HasAttrs   = (*kindValue)(nil)
)

func (k *kindValue) name() string         { return qualified(k.ns, k.set.Table) }
func (k *kindValue) String() string       { return render(kindNode(k.ns, k.set, nil), 0) }
func (k *kindValue) Type() string         { return k.name() }
func (k *kindValue) Freeze()              {}
func (k *kindValue) Truth() starlark.Bool { return true }

func (k *kindValue) Hash() (uint32, error) {
	h := fnv.New32a()
	h.Write([]byte(k.String()))
	return h.Sum32(), nil
}

func (k *kindValue) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	return equality(op, k.set.Equal(y.(*kindValue).set), k)
}

// equality answers == and != of values without an order.
func equality(op syntax.Token, eq bool, v starlark.Value) (bool, error) {
	switch op {
	case syntax.EQL:
		return eq, nil
	case syntax.NEQ:
		return !eq, nil
	}
	return false, fmt.Errorf("%s %s %s is not defined", v.Type(), op, v.Type())
}

func (k *kindValue) AttrNames() []string {
	var l []string
	for _, f := range k.set.Table.Rows() {
		l = append(l, f.Name)
	}
	return l
}

// Attr reads a row back; None when it was not written.
func (k *kindValue) Attr(name string) (starlark.Value, error) {
	f := k.set.Table.Row(name)
	if f == nil {
		return nil, fmt.Errorf("%s has no %s%s", k.name(), name, hint(k.set.Table, name))
	}
	return rowValue(k.set, f)
}

// rowValue is the value of a row as a script reads it.
func rowValue(set *wire.Set, f *wire.Field) (starlark.Value, error) {
	v, ok := set.At(f)
	if !ok {
		if f.Kind == wire.Prefix && f.Zero {
			return starlark.String("default"), nil
		}
		if !f.Header() || f.Kind == wire.Dev {
			return starlark.None, nil
		}
		v = wire.IntVal(-uint64(f.Scale))
		if f.Not {
			v = wire.BoolVal(true)
		}
	}
	return scriptValue(f, v)
}
