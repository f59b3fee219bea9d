package wire

import "strings"

// Locate returns the path, in the words of scripts, of what stands at an offset
// in a message, counted from the nlmsghdr as the kernel counts: an attribute
// header, a payload, or a field of a fixed header. It is "" when the table has
// no name for it.
func (o *Object) Locate(msg []byte, off int) string {
	x := o.at(msg, off)
	if x == nil {
		return ""
	}
	return x.path(off)
}

// Row returns the row of what stands at an offset, for what it allows, and the
// value that was sent; nil when no row describes it. The value is None when it
// is not as the row says, or when it is a nest.
func (o *Object) Row(msg []byte, off int) (*Field, Value) {
	x := o.at(msg, off)
	if x == nil {
		return nil, Value{}
	}
	if e := x.entry(off); e != nil {
		return e.F, e.V
	}
	return x.field, x.val
}

// LocateMissing returns the path of attribute typ, which the kernel misses in
// the nest at an offset; -1 is the top level.
func (o *Object) LocateMissing(msg []byte, nest, typ int) string {
	level := &o.Table.compiled().root
	prefix := ""
	if nest >= 0 {
		x := o.at(msg, nest)
		if x == nil {
			return ""
		}
		prefix = x.steps()
		if level = x.level; level == nil {
			return prefix
		}
	}
	return join(prefix, level.attrName(typ))
}

// attrName is what an attribute of this level is called in a path.
func (n *nest) attrName(typ int) string {
	if typ < 0 || typ > typeMask {
		return ""
	}
	t := uint16(typ)
	if s := n.sub(t); s != nil {
		return label(s.name)
	}
	for _, f := range n.unions {
		if t == f.Type || t == f.OneOf.Tag {
			return f.Label()
		}
	}
	if f := n.row(t); f != nil {
		return f.Label()
	}
	_, step := attrText(t)
	return step
}

// at returns the innermost node at an offset, or nil.
func (o *Object) at(msg []byte, off int) *node {
	var found *node
	o.walk(msg, nil, func(x *node) {
		if x.off <= off && off < x.end {
			found = x
		}
	})
	return found
}

// entry is the row of the node's struct that an offset is in, or nil. Of bits
// that share a byte it is one that is set.
func (x *node) entry(off int) *Entry {
	if x.set == nil || off < x.base {
		return nil
	}
	at := off - x.base
	for i := range x.set.Ents {
		if e := &x.set.Ents[i]; e.F.covers(at) {
			return e
		}
	}
	for _, f := range x.rows() {
		if f.covers(at) && !f.Kind.isBit() {
			return &Entry{F: f}
		}
	}
	return nil
}

// covers reports whether a byte of the struct belongs to the row.
func (f *Field) covers(at int) bool {
	if f.Kind == Prefix {
		return at == f.Off
	}
	return f.At != nil && at >= f.Off && at < f.Off+f.width()
}

// path is where the node, or the row of its struct at an offset, is.
func (x *node) path(off int) string {
	p := x.steps()
	if e := x.entry(off); e != nil {
		if x.flat {
			return join(x.up.steps(), e.F.Label())
		}
		return join(p, e.F.Label())
	}
	if x.step == "" && x.level != nil && x.up != nil { // the header of an inlined nest
		return join(p, label(x.level.name))
	}
	return p
}

// steps is the path of a node: what it and those around it add.
func (x *node) steps() string {
	if x == nil {
		return ""
	}
	step := x.step
	if x.field == nil && x.up != nil && x.up.level != nil && x.up.level.table.Codec != nil {
		step = "" // scripts do not write the attributes of a codec
	}
	return join(x.up.steps(), step)
}

// join puts a step behind a path.
func join(path, step string) string {
	if path == "" || step == "" || strings.HasPrefix(step, "[") {
		return path + step
	}
	return path + "." + step
}

func label(name string) string { return strings.TrimSuffix(name, "_") }
