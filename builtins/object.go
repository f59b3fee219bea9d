package builtins

import (
	"fmt"
	"sort"
	"strings"

	"go.starlark.net/starlark"
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// ensureFlags are the message flags of an op without a verb, beside those that
// make the object: the planner makes of them what the difference asks for.
const ensureFlags = unix.NLM_F_REQUEST | unix.NLM_F_ACK

// A constructor is what a script calls to describe an object: route(...),
// route.add(...), route.list(...).
type constructor struct {
	obj         *wire.Object
	verb        *wire.Verb // nil: ensure, or a read
	read        readKind
	name        string // "route.add"
	lazyMembers        // verbs, reads, and objects below: bridge.fdb
}

type readKind uint8

const (
	noRead readKind = iota
	readList
	readGet
)

var (
	_ starlark.Callable = (*constructor)(nil)
	_ starlark.HasAttrs = (*constructor)(nil)
)

// newConstructor returns the ensure constructor of an object with its verbs.
func newConstructor(obj *wire.Object) *constructor {
	c := &constructor{obj: obj, name: obj.Name}
	c.make = append(c.make, func(add func(string, starlark.Value)) {
		for i := range obj.Verbs {
			v := &obj.Verbs[i]
			add(v.Name, &constructor{obj: obj, verb: v, name: obj.Name + "." + v.Name})
		}
		if obj.Get != 0 {
			add("list", &constructor{obj: obj, read: readList, name: obj.Name + ".list"})
			add("get", &constructor{obj: obj, read: readGet, name: obj.Name + ".get"})
		}
	})
	return c
}

func (c *constructor) Name() string          { return c.name }
func (c *constructor) String() string        { return "<constructor " + c.name + ">" }
func (c *constructor) Type() string          { return "constructor" }
func (c *constructor) Freeze()               {}
func (c *constructor) Truth() starlark.Bool  { return true }
func (c *constructor) Hash() (uint32, error) { return starlark.String(c.name).Hash() }
func (c *constructor) AttrNames() []string   { return sortedKeys(c.members()) }

func (c *constructor) Attr(name string) (starlark.Value, error) {
	if v := c.members()[name]; v != nil {
		return v, nil
	}
	if len(c.members()) == 0 {
		return nil, nil
	}
	return nil, fmt.Errorf("%s has no verb %s, it has %s%s", c.name, name,
		strings.Join(c.AttrNames(), " "), didYouMean(name, c.AttrNames()))
}

func sortedKeys(m map[string]starlark.Value) []string {
	l := make([]string, 0, len(m))
	for k := range m {
		l = append(l, k)
	}
	sort.Strings(l)
	return l
}

func (c *constructor) CallInternal(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := scriptOf(thread)
	if err == nil && c.read != noRead {
		s, err = hostOf(thread)
	}
	var v starlark.Value
	if err == nil {
		b := build{s: s, c: c}
		if c.read != noRead {
			v, err = b.look(thread, args, kwargs)
		} else {
			v, err = b.op(thread, args, kwargs)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return v, nil
}

// subject is the row that the positional argument sets. A verb for objects
// that exist names a link by its index, which is relocated from the name.
func (c *constructor) subject() *wire.Field {
	name := c.obj.Subject
	if c.byIndex() {
		name = c.obj.By
	}
	if name == "" {
		return nil
	}
	return c.obj.Table.Row(name)
}

func (c *constructor) byIndex() bool {
	return c.verb != nil && c.verb.Exists && c.obj.By != ""
}

// called is the name that a script calls.
func (c *constructor) called() string {
	if c.verb != nil {
		return c.obj.Name + "." + c.verb.Name
	}
	return c.obj.Name
}

// message returns the type and the flags of the message.
func (c *constructor) message() (typ, flags uint16) {
	if c.verb == nil {
		return c.obj.New, ensureFlags | c.obj.AddFlags(unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	}
	return c.verb.Type, c.verb.Flags | unix.NLM_F_REQUEST | unix.NLM_F_ACK
}
