package wire

import "strings"

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
