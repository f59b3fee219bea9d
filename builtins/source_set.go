package builtins

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// A trial completes sets as a constructor does and compares what comes out.
type trial struct {
	obj    *wire.Object
	verb   *wire.Verb
	loose  bool // compare objects, not bytes
	want   []byte
	rel    []wire.Reloc
	canon  *wire.Set
	b      wire.Builder
	err    error
	typ    uint16
	finish *wire.Set // after the last try
}

// encode returns the message of a set, valid until the next call.
func (t *trial) encode(set *wire.Set) ([]byte, []wire.Reloc, error) {
	t.b.Reset()
	if err := t.obj.Append(&t.b, t.typ, 0, set); err != nil {
		return nil, nil, err
	}
	return t.b.Last()
}

// same reports whether a constructor makes the message of set.
func (t *trial) same(set *wire.Set) bool {
	t.fill(set)
	if t.obj.Finish != nil {
		if t.err = t.obj.Finish(t.finish, t.verb); t.err != nil {
			return false
		}
	}
	if t.loose {
		return t.canonical(t.finish).Equal(t.canon)
	}
	msg, rel, err := t.encode(t.finish)
	t.err = err
	return err == nil && bytes.Equal(msg, t.want) && slices.Equal(rel, t.rel)
}

// fill puts a copy of set where Finish may change it.
func (t *trial) fill(set *wire.Set) {
	if t.finish == nil {
		t.finish = &wire.Set{Ents: make([]wire.Entry, 0, 2*len(set.Ents)+8)}
	}
	t.finish.Table = set.Table
	t.finish.Ents = append(t.finish.Ents[:0], set.Ents...)
	t.finish.Extra = append(t.finish.Extra[:0], set.Extra...)
}

// follows reports whether row e, which set does not have, follows from it.
func (t *trial) follows(set *wire.Set, e wire.Entry) bool {
	if t.obj.Finish != nil && !nothing(e) {
		t.fill(set)
		if t.obj.Finish(t.finish, t.verb) != nil {
			return false
		}
		if _, ok := t.finish.At(e.F); !ok && !t.loose {
			return false
		}
	}
	return t.same(set)
}

// canonical is the set as the kernel would keep it, without what it only reports.
func (t *trial) canonical(set *wire.Set) *wire.Set {
	c := set.Clone()
	if t.obj.Canon != nil {
		t.obj.Canon(c)
	}
	c = writable(c)
	byName(t.obj, c)
	c.Ents = slices.DeleteFunc(c.Ents, func(e wire.Entry) bool { return e.F.Header() && nothing(e) })
	return c
}

// nothing reports whether a row holds what one of the header holds unset.
func nothing(e wire.Entry) bool {
	if e.F.Kind.IsBit() {
		return e.F.At != nil && e.F.At.Mask == 0 && e.V.True() == e.F.Not
	}
	return e.V.Type == wire.Int && e.V.N+uint64(e.F.Scale) == 0
}

// written returns the rows that a script has to write for the message whose
// rows are full: what Finish adds by itself is left out, and what it would add
// wrongly is there with its zero.
func written(obj *wire.Object, verb *wire.Verb, loose bool, full *wire.Set) (*wire.Set, error) {
	t := &trial{obj: obj, verb: verb, loose: loose}
	if loose {
		t.canon = t.canonical(full)
	} else {
		msg, rel, err := t.encode(full)
		if err != nil {
			return nil, err
		}
		t.want, t.rel = bytes.Clone(msg), slices.Clone(rel)
	}
	set := full.Clone()
	renamed(set, &constructor{obj: obj, verb: verb})
	if loose {
		set = writable(set)
		byName(obj, set)
	}
	same := t.same(set)
	if loose && !same {
		// What the kernel reports may lack what a script has to write, an IPv6
		// address is only its IFA_ADDRESS, or say more: lifetimes without an end.
		set = t.canon.Clone()
		same = t.same(set)
	}
	if !same && t.err == nil {
		for _, e := range t.finish.Ents {
			if _, ok := set.At(e.F); !ok && e.F.Header() && !e.F.RO {
				set.Put(e.F, unset(e.F))
			}
		}
		same = t.same(set)
	}
	if !same && (!loose || t.err != nil) {
		return nil, errInexpressible
	}
	if same {
		subject := (&constructor{obj: obj, verb: verb}).subject()
		if subject != nil && subject.Zero {
			// A default route has no destination on the wire.
			named := set.Clone()
			if _, ok := set.At(subject); !ok {
				named.Put(subject, wire.Value{Type: wire.AnyNet})
			}
			if t.same(named) {
				set = named
			}
		}
		for i := len(set.Ents) - 1; i >= 0; i-- {
			e := set.Ents[i]
			if e.F == subject {
				continue
			}
			set.Ents = slices.Delete(set.Ents, i, i+1)
			if !t.follows(set, e) {
				set.Ents = slices.Insert(set.Ents, i, e)
			}
		}
	}
	read, err := reread(set)
	if err != nil {
		return nil, err
	}
	if subject := (&constructor{obj: obj, verb: verb}).subject(); subject != nil && verb == nil {
		if v, ok := read.At(subject); ok && legalSubject(obj, subject, v) != nil {
			return nil, errInexpressible
		}
	}
	if same && !t.same(read) {
		return nil, errInexpressible
	}
	return set, nil
}

// renamed moves a link's name, which beside its index is a new name, to the row
// that says so.
func renamed(set *wire.Set, c *constructor) {
	f := renameRow(c)
	if f == nil {
		return
	}
	if v, ok := set.At(set.Table.Row(c.obj.Subject)); ok {
		set.Del(c.obj.Subject)
		set.Put(f, v)
	}
}

// renameRow is the row that renames an object which a verb addresses by its
// index: it is the same attribute as the name. Nil when there is none.
func renameRow(c *constructor) *wire.Field {
	name := c.obj.Table.Row(c.obj.Subject)
	if !c.byIndex() || name == nil {
		return nil
	}
	for _, f := range c.obj.Table.Rows() {
		if f != name && f.At == nil && f.Type == name.Type && f.Kind == name.Kind {
			return f
		}
	}
	return nil
}

// byName takes away the index of an object that has a name.
func byName(obj *wire.Object, set *wire.Set) {
	if obj.By != "" && set.Has(obj.Subject) {
		set.Del(obj.By)
	}
}

// unset is what a row of the header holds when nothing is written.
func unset(f *wire.Field) wire.Value {
	if f.Kind.IsBit() {
		return wire.BoolVal(f.Not)
	}
	return wire.IntVal(-uint64(f.Scale))
}

// reread is the set as a script would write it and a constructor read it.
func reread(set *wire.Set) (*wire.Set, error) {
	out := &wire.Set{Table: set.Table, Extra: set.Extra}
	for _, e := range set.Ents {
		if e.F.RO {
			return nil, errInexpressible
		}
		v, err := rereadValue(e.F, e.V)
		if err != nil {
			return nil, err
		}
		out.Put(e.F, v)
	}
	return out, nil
}

func rereadValue(f *wire.Field, v wire.Value) (wire.Value, error) {
	switch {
	case v.Type == wire.SetVal:
		sub, err := reread(v.Sub)
		return wire.SubVal(sub), err
	case v.Type == wire.ListVal && f.Kind != wire.Range && !spelled(f, v):
		elem := f.Elem
		if elem == nil {
			elem = f
		}
		l := make([]wire.Value, len(v.L))
		for i := range v.L {
			var err error
			if l[i], err = rereadValue(elem, v.L[i]); err != nil {
				return v, err
			}
		}
		return wire.ListOf(l...), f.CheckLen(len(l))
	}
	x, err := scriptValue(f, v)
	if err != nil {
		return v, err
	}
	if s, ok := x.(starlark.String); ok && !utf8.ValidString(string(s)) {
		return v, errInexpressible
	}
	var r reader
	return r.value(f, x)
}

// spelled reports whether a row's own notation has a text for a value.
func spelled(f *wire.Field, v wire.Value) bool {
	if f.Notation == nil {
		return false
	}
	_, ok := f.Notation.Text(v)
	return ok
}

// writable is the set without what the kernel only reports, at every level.
func writable(set *wire.Set) *wire.Set {
	out := &wire.Set{Table: set.Table, Extra: set.Extra}
	for _, e := range set.Ents {
		if !e.F.RO && !e.F.Volatile {
			out.Ents = append(out.Ents, wire.Entry{F: e.F, V: writableValue(e.V)})
		}
	}
	return out
}

func writableValue(v wire.Value) wire.Value {
	switch v.Type {
	case wire.SetVal:
		v.Sub = writable(v.Sub)
	case wire.ListVal:
		l := make([]wire.Value, len(v.L))
		for i := range v.L {
			l[i] = writableValue(v.L[i])
		}
		v.L = l
	}
	return v
}
