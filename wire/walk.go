package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// A Nester is a Codec, of a row or of a table, whose payload is divided into
// parts that tables describe, as the next hops of a route are. Walk calls visit
// for each part, first to last: where it begins in the payload, what it is called in
// a path ("[1]"), the table that describes it, and its bytes. What it does not
// understand it leaves out.
type Nester interface {
	Walk(payload []byte, visit func(off int, label string, t *Table, part []byte))
}

// maxShown bounds how deep attributes are taken apart. What is deeper is shown
// as bytes.
const maxShown = 24

// A node is a piece of a message: a header, a struct, an attribute, what is left
// over. Its own bytes and those of the nodes inside are all there is from off to
// end.
type node struct {
	up   *node
	off  int // offset in the message; of attributes, that of the header
	own  int // end of its own bytes, those before the first node inside
	end  int
	step string // what it adds to a path; "" nothing
	text string // what people read; an opened nest ends in ":"

	field *Field          // row; nil when there is none
	val   Value           // None: not understood
	set   *Set            // of a struct in its own bytes: the values,
	rows  func() []*Field // all rows,
	base  int             // and where it begins
	flat  bool            // paths name its rows instead of the node, not inside it
	level *nest           // the attributes inside; nil: none

	depth int // of indentation
}

// A walker visits the nodes of a message, from the first byte to the last,
// enclosing ones before those inside. It never fails: what is not well formed is
// a node too.
type walker struct {
	msg   []byte
	names Names
	state bool // the kernel reports an object: all bits of masked fields count
	visit func(*node)
}

const flagRequest = 1 // NLM_F_REQUEST

func (o *Object) walk(msg []byte, names Names, visit func(*node)) {
	w := &walker{msg: msg, names: names, visit: visit}
	root := &node{end: len(msg), depth: -1}
	if len(msg) < HeaderLen {
		w.rest(root, 0, len(msg))
		return
	}
	w.state = getU16(msg[6:])&flagRequest == 0
	visit(&node{up: root, own: HeaderLen, end: HeaderLen, text: o.headText(msg)})
	root.level = &o.Table.compiled().root
	w.payload(o.Table, root, HeaderLen, len(msg))
}

// open visits a node that others are inside of. Its own bytes are an attribute header.
func (w *walker) open(x *node, level *nest) {
	x.own = x.off + attrHeader
	x.level = level
	x.text += ":"
	w.visit(x)
}

// rest visits bytes that are not what should be there.
func (w *walker) rest(up *node, off, end int) {
	if off < end {
		w.visit(&node{up: up, off: off, own: end, end: end, depth: up.depth + 1, text: "left over"})
	}
}

// payload visits what t describes, from off to end.
func (w *walker) payload(t *Table, up *node, off, end int) {
	if n, ok := t.Codec.(Nester); ok {
		w.parts(n, up, off, end)
		return
	}
	var head []byte
	if t.Fixed > 0 {
		if end-off < t.Fixed {
			w.rest(up, off, end)
			return
		}
		x := w.head(t, up, off, end)
		w.visit(x)
		head, off = w.msg[x.off:x.off+t.Fixed], x.own
	}
	if t.Codec != nil && !plain(w.msg[off:end]) {
		w.rest(up, off, end)
		return
	}
	w.attrs(&t.compiled().root, up, head, off, end)
}

// plain reports whether b is attributes beyond doubt; the payload of a table
// with a codec may be something else.
func plain(b []byte) bool {
	n := 0
	for a, err := range Attrs(b) {
		if err != nil || a.Type == 0 {
			return false
		}
		n = min(a.Off+attrHeader+align(len(a.Data)), len(b))
	}
	return n == len(b)
}

// head is the fixed struct of t.
func (w *walker) head(t *Table, up *node, off, end int) *node {
	s := NewSet(t)
	t.readFixed(w.msg[off:off+t.Fixed], s, w.state)
	own := min(off+align(t.Fixed), end)
	return &node{up: up, off: off, own: own, end: own, depth: up.depth + 1, set: s, rows: t.structRows, base: off,
		text: strings.TrimSpace(t.Head + " " + s.Text(w.names))}
}

// structRows are the rows inside the fixed struct of t.
func (t *Table) structRows() []*Field {
	var rows []*Field
	for _, f := range t.Rows() {
		if f.Header() || f.Kind == Prefix && f.nest == &t.root {
			rows = append(rows, f)
		}
	}
	return rows
}

// chain is f and the further rows of its attribute.
func (f *Field) chain() []*Field {
	var rows []*Field
	for ; f != nil; f = f.next {
		rows = append(rows, f)
	}
	return rows
}

// parts visits what a codec says the payload consists of.
func (w *walker) parts(n Nester, up *node, off, end int) {
	at := off
	n.Walk(w.msg[off:end:end], func(o int, label string, t *Table, part []byte) {
		start, stop := off+o, off+o+len(part)
		if start < at || stop > end || stop-start < t.Fixed {
			return
		}
		w.rest(up, at, start)
		x := &node{up: up, off: start, own: start, depth: up.depth}
		var head []byte
		if t.Fixed > 0 {
			x = w.head(t, up, start, stop)
			x.text = label + " " + x.text
			head = w.msg[start : start+t.Fixed]
		}
		x.end, x.step, x.level = stop, label, &t.compiled().root
		w.visit(x)
		w.attrs(x.level, x, head, x.own, stop)
		at = stop
	})
	w.rest(up, at, end)
}

// attrs visits the attributes of one level.
func (w *walker) attrs(n *nest, up *node, head []byte, off, end int) {
	at := off
	payload := w.msg[off:end:end]
	for a, err := range Attrs(payload) {
		if err != nil {
			break
		}
		at = min(off+a.Off+attrHeader+align(len(a.Data)), end)
		w.attr(n, &node{up: up, off: off + a.Off, own: at, end: at, depth: up.depth + 1}, payload, head, a)
	}
	w.rest(up, at, end)
}

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
	case p.Type == 0 && len(a.Data) == 4:
		for r := f; r != nil; r = r.next {
			r.setInt(s, uint64(getU32(a.Data)))
		}
	case p.Type != 0 && len(a.Data) >= p.Len && zero(a.Data[p.Len:]):
		for r := f; r != nil; r = r.next {
			r.read(a.Data[:p.Len], s, false)
		}
		x.set, x.rows, x.base, x.flat = s, f.chain, x.off+attrHeader, true
	default:
		w.visit(x)
		return
	}
	if len(s.Ents) > 0 {
		x.text = s.Text(w.names)
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
