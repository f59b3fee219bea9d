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

// A build is one call of a constructor.
type build struct {
	s       *Script
	c       *constructor
	r       reader
	flags   OpFlags
	written bool             // by a script, all of it
	subject starlark.Value   // positional argument or its keyword; nil: none
	byWord  bool             // it was the keyword
	family  []starlark.Value // family = [...]: one op for each
	site    *Site
}

// bind reads the arguments into set, all but the subject.
func (b *build) bind(set *wire.Set, args starlark.Tuple, kwargs []starlark.Tuple) error {
	subject := b.c.subject()
	switch {
	case len(args) > 1:
		return &ArgError{Index: 1, Err: fmt.Errorf("got %d positional arguments, want %s", len(args), b.wantArgs(subject))}
	case len(args) == 1 && subject == nil:
		return &ArgError{Err: fmt.Errorf("got a positional argument, want keywords only")}
	case len(args) == 1 && args[0] != starlark.None:
		b.subject = args[0]
	}
	for i, kv := range kwargs {
		if err := given(kwargs, i); err != nil {
			return err
		}
		name, v := string(kv[0].(starlark.String)), kv[1]
		switch {
		case subject != nil && (name == b.c.obj.Subject || name == subject.Name):
			if v == starlark.None {
				continue
			}
			if b.subject != nil {
				return b.twoSubjects(name)
			}
			b.subject, b.byWord = v, true
			continue
		case b.flagOf(name) != 0:
			on, ok := v.(starlark.Bool)
			if !ok && v != starlark.None {
				return argError(name, wrong(v, "True or False"))
			}
			if on {
				b.flags |= b.flagOf(name)
			}
			continue
		case name == "family":
			if l, ok := list(v); ok {
				if len(l) == 0 {
					return argError(name, errors.New("the list is empty"))
				}
				b.family = l
				continue
			}
		}
		if err := b.r.keyword(set, name, v); err != nil {
			return err
		}
	}
	return nil
}

// flagOf is what a keyword that is no row asks of the engine; 0 when it is one.
func (b *build) flagOf(word string) OpFlags {
	switch {
	case b.c.verb != nil || b.c.read != noRead:
	case word == recreateWord:
		return Recreate
	case word == appendWord && b.c.obj.Several():
		return Appended
	}
	return 0
}

// twoSubjects answers a subject's keyword beside the positional argument, which
// may be meant to rename.
func (b *build) twoSubjects(name string) error {
	if f := renameRow(b.c); f != nil && name == b.c.obj.Subject {
		return argError(name, fmt.Errorf("%w; say %s to rename", errTwoSubjects, f.Name))
	}
	return argError(name, errTwoSubjects)
}

func (b *build) wantArgs(subject *wire.Field) string {
	if subject == nil {
		return "keywords only"
	}
	return "one, " + b.c.obj.Subject
}

var errNameless = errors.New("is missing; only a verb acts on a group, such as link.change(group = ...)")

// list returns the elements of a list or tuple.
func list(v starlark.Value) ([]starlark.Value, bool) {
	switch v := v.(type) {
	case *starlark.List:
		l := make([]starlark.Value, v.Len())
		for i := range l {
			l[i] = v.Index(i)
		}
		return l, true
	case starlark.Tuple:
		return v, true
	}
	return nil, false
}

// op makes the op, or the ops, that the arguments describe.
func (b *build) op(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	set := b.s.scratch(b.c.obj.Table)
	defer b.s.release(set)
	if err := b.bind(set, args, kwargs); err != nil {
		return nil, err
	}
	b.written = b.c.verb == nil && b.c.read == noRead
	b.site = b.s.site(thread)
	var many starlark.Iterable
	if b.subject != nil {
		many = bulk(b.c.subject(), b.subject)
	}
	if many == nil && b.family == nil {
		op := &Op{}
		if err := b.one(op, set, b.subject); err != nil {
			return nil, err
		}
		b.s.made(b.site, b.c.name, 1)
		return op, nil
	}
	return b.all(set, many)
}

// bulk returns the elements of a subject that stands for many objects, or nil.
func bulk(f *wire.Field, v starlark.Value) starlark.Iterable {
	switch f.Kind {
	case wire.List, wire.Array, wire.Multi:
		return nil
	case wire.Range:
		if _, ok := v.(starlark.Tuple); ok {
			return nil
		}
	}
	if _, ok := v.(starlark.IterableMapping); ok {
		return nil
	}
	l, _ := v.(starlark.Iterable)
	return l
}

// one encodes the op for one subject into the arena.
func (b *build) one(op *Op, set *wire.Set, subject starlark.Value) error {
	if subject != nil {
		if err := b.put(set, subject); err != nil {
			return err
		}
	}
	return b.encode(op, set)
}

// put sets the subject's row.
func (b *build) put(set *wire.Set, v starlark.Value) error {
	f := b.c.subject()
	w, err := b.r.value(f, v)
	if err == nil && b.c.read == noRead && b.c.verb == nil {
		err = legalSubject(b.c.obj, f, w)
	}
	if err != nil {
		a := &ArgError{Err: wire.At(b.c.obj.Subject, err)}
		if b.byWord {
			a.Arg = b.c.obj.Subject
		}
		return a
	}
	if b.c.obj == rtnl.Addr && b.c.verb == nil && b.c.read == noRead && w.Type == wire.Net && bare(v) {
		w = wire.Value{Type: wire.Addr, A: w.A} // Finish gives it a length, absent() does not mean it
	}
	set.Put(f, w)
	return nil
}

// bare reports whether a value of a prefix is an address without a length.
func bare(v starlark.Value) bool {
	if s, ok := v.(starlark.String); ok {
		return !strings.Contains(string(s), "/")
	}
	_, ok := v.(addrValue)
	return ok
}

// legalSubject refuses what the kernel would, while the call is known. A verb is
// sent as it is written.
func legalSubject(obj *wire.Object, f *wire.Field, v wire.Value) error {
	if f.Kind != wire.Prefix || obj.Name != "route" {
		return nil
	}
	if f.Notation != nil {
		if _, ok := f.Notation.Text(v); ok {
			return nil
		}
	}
	return network(v)
}

// says reports whether a row is written; an address without a length leaves that
// open.
func says(set *wire.Set, row string) bool {
	v, _ := set.Get(row)
	return set.Has(row) && v.Type != wire.Addr
}

// encode completes the set and appends its message to the arena.
func (b *build) encode(op *Op, set *wire.Set) error {
	obj := b.c.obj
	if b.c.verb == nil && obj.By != "" && !set.Has(obj.Subject) && !set.Has(obj.By) {
		return argError(obj.Subject, errNameless)
	}
	flags := b.flags
	if b.written && obj.Open != nil {
		flags |= Selects
		if !slices.ContainsFunc(obj.Tacit, func(row string) bool { return says(set, row) }) {
			flags |= Unsaid
		}
	}
	if obj.Finish != nil {
		if err := obj.Finish(set, b.c.verb); err != nil {
			return finishError(err)
		}
	}
	typ, verb := b.c.message()
	if err := obj.Append(&b.s.Arena, typ, verb, set); err != nil {
		return finishError(err)
	}
	msg, rel, err := b.s.Arena.Last()
	if err != nil {
		return err
	}
	*op = Op{Object: obj, Verb: b.c.verb, Flags: flags, Msg: msg, Rel: rel, Site: b.site}
	return b.s.count(len(msg))
}

// maxSlab bounds what a bulk call allocates before its first op.
const maxSlab = 1 << 20

// all makes an op for every element of the positional argument and every family.
func (b *build) all(set *wire.Set, many starlark.Iterable) (starlark.Value, error) {
	n := 1
	if many != nil {
		n = max(starlark.Len(many), 0)
	}
	n *= max(len(b.family), 1)
	if b.s.MaxOps > 0 && n > b.s.MaxOps-b.s.ops {
		return nil, b.s.tooMany()
	}
	out := &opList{name: b.c.name, ops: make([]Op, 0, min(n, maxSlab))}
	// Finish adds to the set: each op starts from what was written.
	base := set.Clone()
	each := func(i int, v starlark.Value) error {
		families := b.family
		if families == nil {
			families = []starlark.Value{starlark.None}
		}
		for _, f := range families {
			set.Ents = append(set.Ents[:0], base.Ents...)
			set.Extra = append(set.Extra[:0], base.Extra...)
			if err := b.r.keyword(set, "family", f); f != starlark.None && err != nil {
				return err
			}
			out.ops = append(out.ops, Op{})
			if err := b.one(&out.ops[len(out.ops)-1], set, v); err != nil {
				return element(i, v, err)
			}
		}
		return nil
	}
	var err error
	if many == nil {
		err = each(-1, b.subject)
	} else {
		_, err = elements(many, func(i int, v starlark.Value) error {
			if v == starlark.None {
				return nil
			}
			return each(i, v)
		})
	}
	if err != nil {
		return nil, err
	}
	b.s.made(b.site, b.c.name, len(out.ops))
	return out, nil
}

// element says which element of a bulk call an error is about.
func element(i int, v starlark.Value, err error) error {
	if i < 0 {
		return err
	}
	a, ok := err.(*ArgError)
	if !ok {
		a = &ArgError{Err: err}
	}
	return &ArgError{Arg: a.Arg, Index: a.Index, Err: fmt.Errorf("element %d, %s: %w", i, short(v.String()), a.Err)}
}

// look reads objects from the host.
func (b *build) look(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	b.r.filter = true
	set := wire.NewSet(b.c.obj.Table)
	in, kwargs, err := whereToLook(kwargs)
	if err != nil {
		return nil, err
	}
	if err := b.bind(set, args, kwargs); err != nil {
		return nil, err
	}
	if b.family != nil {
		return nil, argError("family", errors.New("read one family at a time"))
	}
	if b.subject != nil {
		if err := b.put(set, b.subject); err != nil {
			return nil, err
		}
	}
	if err := b.pickable(set); err != nil {
		return nil, err
	}
	site := b.s.site(thread)
	if b.c.read == readGet {
		op, err := b.s.host.Get(in, b.c.obj, set)
		if err != nil || op == nil {
			return starlark.None, err
		}
		op.used, op.Site, op.Place = true, site, in
		return op, nil
	}
	ops, err := b.s.host.List(in, b.c.obj, set)
	if err != nil {
		return nil, err
	}
	l := make([]starlark.Value, len(ops))
	for i, op := range ops {
		op.used, op.Site, op.Place = true, site, in
		l[i] = op
	}
	return starlark.NewList(l), nil
}

// pickable refuses fields that the kernel never reports: nothing would agree with
// them. A look-up of a route is a question to the kernel, which may have them.
func (b *build) pickable(set *wire.Set) error {
	if b.c.read == readGet && b.c.obj == rtnl.Route {
		return nil
	}
	for _, e := range set.Ents {
		if e.F.WO {
			return argError(e.F.Name, errors.New("is never reported by the kernel: nothing can be found by it"))
		}
	}
	return nil
}
