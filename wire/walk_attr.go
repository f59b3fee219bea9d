package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// attr visits one attribute and what is inside.
func (w *walker) attr(n *nest, x *node, payload, head []byte, a Attr) {
	if x.depth >= maxShown {
		x.text, x.step = attrText(a.Type)
		w.visit(x)
		return
	}
	if sub := n.sub(a.Type); sub != nil {
		x.text = sub.name
		w.open(x, sub)
		w.inside(x, a, func(off, end int) { w.attrs(sub, x, head, off, end) })
		return
	}
	if n.isUnion(a.Type) {
		w.union(n, x, payload, a)
		return
	}
	f := n.row(a.Type)
	switch {
	case f == nil, f.At != nil && n.table.Codec != nil: // a codec computes what is in its structs
		w.unknown(x, a)
		return
	case f.At != nil:
		w.place(f, x, a)
		return
	case f.Mask == a.Type && f.Mask != f.Type:
		x.step, x.field = f.Label(), f
		x.text = f.Label() + " mask ?"
		if m, ok := (&Field{Kind: f.Kind}).fixed(a.Data); ok {
			x.val, x.text = m, fmt.Sprintf("%s mask %#x", f.Label(), m.N)
		}
		w.visit(x)
		return
	}
	for r := f; r != nil; r = r.next {
		label, step, row := r.Label(), r.Label(), r
		if r.Kind == Multi {
			row, step = r.Elem, fmt.Sprintf("%s[%d]", label, before(payload, a))
		}
		if w.row(r, row, x, label, step, a, head) {
			return
		}
	}
	if n.table.Codec != nil { // its rows need not be attributes
		w.unknown(x, a)
		return
	}
	x.step, x.field, x.text = f.Label(), f, f.Label()+" ?"
	w.visit(x)
}

// before counts the attributes of a's type before it.
func before(payload []byte, a Attr) int {
	n := 0
	for b := range Attrs(payload[:a.Off]) {
		if b.Type == a.Type {
			n++
		}
	}
	return n
}

// inside visits the payload of an opened attribute, and what padding it has.
func (w *walker) inside(x *node, a Attr, walk func(off, end int)) {
	end := x.off + attrHeader + len(a.Data)
	walk(x.off+attrHeader, end)
	w.rest(x, end, x.end)
}

// row visits an attribute of row r, or of an element r of it, when it is as the
// row says.
func (w *walker) row(of, r *Field, x *node, label, step string, a Attr, head []byte) bool {
	nester, parts := r.Codec.(Nester)
	open := r.Kind == Nest || r.Kind == List && framed(a.Data) || r.Kind == Custom && parts
	var v Value
	if !open || of.When != nil {
		var ok bool
		if v, ok = r.value(a.Data, head); !ok || of.When != nil && !of.When(v) {
			return false
		}
	}
	x.field, x.step, x.val = of, step, v
	switch {
	case r.Kind == Nest:
		w.nested(r.Of, x, label, a)
	case r.Kind == List:
		x.text = label
		w.open(x, nil)
		w.inside(x, a, func(off, end int) { w.elems(r, x, off, end) })
	case open:
		x.text = label
		w.open(x, nil)
		w.inside(x, a, func(off, end int) { w.parts(nester, x, off, end) })
	default:
		x.text = r.pair(label, v, w.names)
		if r.Kind == Struct {
			x.set, x.rows, x.base = v.Sub, r.Of.structRows, x.off+attrHeader
		}
		w.visit(x)
	}
	return true
}

// pair is Pair under another name.
func (f *Field) pair(label string, v Value, names Names) string {
	if label == f.Label() {
		return f.Pair(v, names)
	}
	return label + " " + f.Text(v, names)
}

// nested visits an attribute whose payload t describes. What a codec makes of
// it stands on the line that opens it.
func (w *walker) nested(t *Table, x *node, label string, a Attr) {
	x.text = label + w.summary(t, a.Data)
	w.open(x, &t.compiled().root)
	w.inside(x, a, func(off, end int) { w.payload(t, x, off, end) })
}

// summary is what the codec of a table makes of a payload.
func (w *walker) summary(t *Table, payload []byte) string {
	s := NewSet(t)
	if t.Codec == nil || t.Decode(payload, s) != nil {
		return ""
	}
	s.Extra = nil // shown as attributes
	return strings.TrimRight(" "+s.Text(w.names), " ")
}

// elems visits the elements of a list.
func (w *walker) elems(f *Field, up *node, off, end int) {
	at, i := off, 0
	for a, err := range Attrs(w.msg[off:end:end]) {
		if err != nil {
			break
		}
		at = min(off+a.Off+attrHeader+align(len(a.Data)), end)
		x := &node{up: up, off: off + a.Off, own: at, end: at, depth: up.depth + 1}
		label := "[" + strconv.Itoa(i) + "]"
		if x.depth >= maxShown || f.Elem.Type != 0 && a.Type != f.Elem.Type || !w.row(f.Elem, f.Elem, x, label, label, a, nil) {
			w.unknown(x, a)
		}
		i++
	}
	w.rest(up, at, end)
}

// union visits the tag or the data of a union.
func (w *walker) union(n *nest, x *node, payload []byte, a Attr) {
	var tag *Field // whose tag this may be
	for _, f := range n.unions {
		c := f.choose(payload)
		switch {
		case a.Type == f.Type:
			x.field, x.step = f, f.Label()
			if c.table == nil {
				w.unknown(x, a)
				return
			}
			x.step += "." + c.table.Name
			w.nested(c.table, x, c.table.Name, a)
			return
		case c.table != nil && (a.Off == c.tag.Off && c.tag.Data != nil || a.Off == c.set.Off && c.tag.Data == nil):
			x.field, x.step, x.text = f, f.Label(), f.Label()+" "+c.table.Name
			w.visit(x)
			return
		case a.Type == f.OneOf.Tag || tag == nil && a.Type == f.OneOf.SetTag:
			tag = f
		}
	}
	x.field, x.step, x.text = tag, tag.Label(), tag.Label()+" "
	switch {
	case !tag.OneOf.TagU16 || a.Type != tag.OneOf.Tag:
		x.text += quote(strings.TrimRight(string(a.Data), "\x00"))
	case len(a.Data) == 2:
		x.text += strconv.Itoa(int(getU16(a.Data)))
	default:
		x.text += "?"
	}
	w.visit(x)
}

// place visits an attribute whose payload several rows share, or that a row of
// the header spills into.
func (w *walker) place(f *Field, x *node, a Attr) {
	s := NewSet(f.own)
	p := f.At
	x.field, x.step, x.text = f, f.Label(), f.Label()+" ?"
	switch {
	case p.Header() && len(a.Data) == 4:
		for r := f; r != nil; r = r.next {
			r.setInt(s, uint64(getU32(a.Data)))
		}
	case !p.Header() && f.tails(a.Type):
		x.val, x.text = IntVal(0), f.Label()+" to ?"
		if len(a.Data) == f.Elem.Kind.size() {
			x.val = IntVal(f.Elem.int(a.Data))
			x.text = f.Label() + " to " + f.Elem.Text(x.val, w.names)
		}
		w.visit(x)
		return
	case p.Ends != nil && len(a.Data) == p.Len && (p.Ends.Tail != 0 || p.framed(a.Data)):
		f.endRows(a.Data, s)
		x.set, x.rows, x.base, x.flat = s, f.chain, x.off+attrHeader, true
	case !p.Header() && len(a.Data) >= p.Len && zero(a.Data[p.Len:]):
		for r := f; r != nil; r = r.next {
			r.read(a.Data[:p.Len], s, false)
		}
		x.set, x.rows, x.base, x.flat = s, f.chain, x.off+attrHeader, true
	default:
		w.visit(x)
		return
	}
	if len(s.Ents) > 0 {
		x.text = s.Text(w.names) + p.endText(a.Data)
		x.val, x.step = s.Ents[0].V, fieldNames(s.Ents)
		x.field = s.Ents[0].F
	} else {
		x.text = f.Label() + " unset"
	}
	w.visit(x)
}

func fieldNames(ents []Entry) string {
	var names []string
	for _, e := range ents {
		names = append(names, e.F.Label())
	}
	return strings.Join(names, ",")
}

// unknown visits an attribute that no row describes. It is taken apart when its
// flag says that it is a nest.
func (w *walker) unknown(x *node, a Attr) {
	var step string
	x.text, step = attrText(a.Type)
	if x.step == "" {
		x.step = step
	}
	if a.Flags&Nested == 0 || len(a.Data) == 0 || !framed(a.Data) || x.depth >= maxShown {
		w.visit(x)
		return
	}
	none := new(nest)
	none.table = new(Table)
	w.open(x, none)
	w.inside(x, a, func(off, end int) { w.attrs(none, x, nil, off, end) })
}

// attrText is what an attribute without row is called, by people and in paths.
func attrText(typ uint16) (text, step string) {
	return fmt.Sprintf("attr %d", typ), fmt.Sprintf("attr(%d)", typ)
}
