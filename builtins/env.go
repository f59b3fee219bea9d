package builtins

import (
	"strings"

	"go.starlark.net/lib/math"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// FileOptions is the dialect of scripts.
func FileOptions() *syntax.FileOptions {
	return &syntax.FileOptions{Set: true, TopLevelControl: true, GlobalReassign: true}
}

// Predeclared returns the names that a script can use beside Starlark's own.
// The set is closed: what is new comes inside a namespace. Nothing in it tells
// the time, makes random numbers or reads the environment.
func Predeclared() starlark.StringDict { return env(rtnl.Objects, rtnl.Unions, rtnl.Hop) }

// env makes the names for some objects and what their tables choose from, and
// functions for tables that stand alone.
func env(objects []*wire.Object, unions []*wire.OneOf, alone ...*wire.Table) starlark.StringDict {
	d := starlark.StringDict{
		"commit":  starlark.NewBuiltin("commit", commitOf),
		"attempt": starlark.NewBuiltin("attempt", attemptOf),
		"absent":  starlark.NewBuiltin("absent", absentOf),
		"exact":   starlark.NewBuiltin("exact", exactOf),
		"netns":   starlark.NewBuiltin("netns", netnsOf),
		"param":   starlark.NewBuiltin("param", paramOf),
		"attr":    starlark.NewBuiltin("attr", attrOf),
		"message": starlark.NewBuiltin("message", messageOf),
		"sysctl":  sysctlValue{},
		"mac":     starlark.NewBuiltin("mac", macOf),
		"struct":  starlark.NewBuiltin("struct", starlarkstruct.Make),
		"json":    jsonModule(),
		"math":    math.Module,
		"check":   checkNamespace(),
		"wait":    waitNamespace(),
		"cutover": starlark.NewBuiltin("cutover", cutoverOf),
		"ip":      ipNamespace(),
	}
	for _, o := range objects {
		declare(d, o.Name, newConstructor(o))
	}
	for _, u := range unions {
		ns, ok := d[u.Name].(*namespace)
		if !ok {
			ns = &namespace{name: u.Name}
			d[u.Name] = ns
		}
		ns.make = append(ns.make, func(add func(string, starlark.Value)) {
			for _, t := range u.Tables {
				add(identifier(t.Name), &member{u.Name, t})
			}
		})
	}
	for _, t := range alone {
		d[identifier(t.Name)] = &member{"", t}
	}
	return d
}

// declare puts a constructor at its place: "bridge.fdb" inside the namespace
// bridge, or inside the constructor of that name.
func declare(d starlark.StringDict, name string, c *constructor) {
	head, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		if ns, ok := d[name].(*namespace); ok {
			for k, v := range ns.declared {
				c.declare(k, v)
			}
		}
		d[name] = c
		return
	}
	switch in := d[head].(type) {
	case *namespace:
		in.declare(rest, c)
	case *constructor:
		in.declare(rest, c)
	default:
		ns := &namespace{name: head}
		ns.declare(rest, c)
		d[head] = ns
	}
}
