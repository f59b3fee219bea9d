package builtins

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/nlscript/nlscript/wire"
)

// A node is a piece of source text: a leaf, or a call, list or dict that is
// broken over lines when it is too long.
type node struct {
	key         string // "dev = " or `"dev": `, before the rest
	text        string // leaf
	open, close string // "route(" and ")"
	kids        []node
}

const (
	lineWidth   = 100
	indentWidth = 4
)

// render writes a node that begins at an indentation.
func render(n node, indent int) string {
	var b strings.Builder
	n.write(&b, indent, 0)
	return b.String()
}

// flat is the length of the node on one line.
func (n *node) flat() int {
	l := len(n.key) + len(n.text) + len(n.open) + len(n.close)
	for i := range n.kids {
		l += n.kids[i].flat() + 2
	}
	return l
}

// write writes the node; more is what follows it on its line.
func (n *node) write(b *strings.Builder, indent, more int) {
	b.WriteString(n.key)
	b.WriteString(n.text)
	b.WriteString(n.open)
	if indent+n.flat()+more <= lineWidth || len(n.kids) == 0 {
		for i := range n.kids {
			if i > 0 {
				b.WriteString(", ")
			}
			n.kids[i].write(b, -1<<20, 0)
		}
		b.WriteString(n.close)
		return
	}
	inner := "\n" + strings.Repeat(" ", indent+indentWidth)
	for i := range n.kids {
		b.WriteString(inner)
		n.kids[i].write(b, indent+indentWidth, 1)
		b.WriteByte(',')
	}
	b.WriteString("\n" + strings.Repeat(" ", indent) + n.close)
}

// quote writes a string by Starlark's rules.
func quote(s string) string { return syntax.Quote(s, false) }

// valueNode is the source of a script value that belongs to row f.
func (o outer) valueNode(f *wire.Field, v starlark.Value) node {
	switch v := v.(type) {
	case starlark.String:
		return node{text: quote(string(v))}
	case starlark.Bytes:
		if f != nil && f.Kind == wire.Bytes {
			return node{text: quote(hexText([]byte(v)))}
		}
		return node{text: syntax.Quote(string(v), true)}
	case starlark.Int:
		if n, ok := v.Uint64(); ok && f != nil && (f.Hex || f.Mask != 0) && n > 9 {
			return node{text: fmt.Sprintf("%#x", n)}
		}
	case addrValue:
		return node{text: quote(v.String())}
	case prefixValue:
		if v.p.IsSingleIP() {
			return node{text: quote(v.p.Addr().String())}
		}
		return node{text: quote(v.String())}
	case macValue:
		return node{text: quote(v.String())}
	case *kindValue:
		return kindNode(v.ns, v.set, o.names)
	case *attrValue:
		return rawNode(&v.raw, 0)
	case *starlark.List:
		n := node{open: "[", close: "]"}
		for i := range v.Len() {
			n.kids = append(n.kids, o.valueNode(elem(f), v.Index(i)))
		}
		return n
	case starlark.Tuple:
		n := node{open: "(", close: ")"}
		for _, x := range v {
			n.kids = append(n.kids, o.valueNode(elem(f), x))
		}
		return n
	case *starlark.Dict:
		n := node{open: "{", close: "}"}
		for _, kv := range v.Items() {
			name, _ := starlark.AsString(kv[0])
			var row *wire.Field
			if f != nil && f.Of != nil {
				row = f.Of.Row(name)
			}
			kid := o.valueNode(row, kv[1])
			kid.key = kv[0].String() + ": "
			n.kids = append(n.kids, kid)
		}
		return n
	}
	return node{text: v.String()}
}

func elem(f *wire.Field) *wire.Field {
	if f != nil && f.Elem != nil {
		return f.Elem
	}
	return f
}

// kindNode is kind.vxlan(id = 9).
func kindNode(ns string, set *wire.Set, names wire.Names) node {
	o := outer{names}
	n := node{open: qualified(ns, set.Table) + "(", close: ")"}
	o.arguments(&n, set, set.Table.Row(set.Table.Subject))
	return n
}

// arguments adds the rows of a set: the subject, then the keywords, then attrs.
func (o outer) arguments(n *node, set *wire.Set, subject *wire.Field) {
	for _, positional := range []bool{true, false} {
		for _, e := range set.Ents {
			if (e.F == subject) != positional {
				continue
			}
			v, err := o.value(e.F, e.V)
			if err != nil {
				continue
			}
			kid := o.valueNode(e.F, v)
			if !positional {
				kid.key = e.F.Name + " = "
			}
			n.kids = append(n.kids, kid)
		}
	}
	if len(set.Extra) > 0 {
		kid := o.valueNode(nil, attrsOut(set))
		kid.key = attrsWord + " = "
		n.kids = append(n.kids, kid)
	}
}

// rawNode is attr(99, bytes = "00"), or attr(99, nested = [...]) for what is one.
func rawNode(r *wire.Raw, depth int) node {
	typ := r.Type
	payload := node{key: "bytes = ", text: quote(hexText(r.Data))}
	if sub, ok := r.Attrs(); ok && depth < maxRawDepth {
		typ &^= wire.Nested
		payload = node{key: "nested = ", open: "[", close: "]"}
		for i := range sub {
			payload.kids = append(payload.kids, rawNode(&sub[i], depth+1))
		}
	} else if len(r.Data) == 0 {
		payload = node{text: "flag = True"}
	}
	return node{open: "attr(", close: ")", kids: []node{{text: fmt.Sprint(typ)}, payload}}
}
