package builtins

import (
	"fmt"
	"strings"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Doc is what `nlscript doc NAME` prints: of an object or function, of a verb, a
// namespace, a kind, a row of either (route, route.add, kind, kind.vxlan,
// kind.vxlan.id), and with "" the list of all names.
func Doc(name string) (string, error) { return newManual(rtnl.Objects, rtnl.Hop).doc(name) }

// A manual finds what there is to say about a name.
type manual struct {
	objects []*wire.Object
	spaces  []space
	alone   []*wire.Table
}

// A space is a namespace of tables, of one or several unions.
type space struct {
	name   string
	tables []*wire.Table
}

func newManual(objects []*wire.Object, alone ...*wire.Table) *manual {
	m := &manual{objects: objects, alone: alone}
	for _, u := range unions(objects) {
		i := 0
		for i < len(m.spaces) && m.spaces[i].name != u.Name {
			i++
		}
		if i == len(m.spaces) {
			m.spaces = append(m.spaces, space{name: u.Name})
		}
		for _, t := range u.Tables {
			if !hasTable(m.spaces[i].tables, t) {
				m.spaces[i].tables = append(m.spaces[i].tables, t)
			}
		}
	}
	return m
}

func hasTable(l []*wire.Table, t *wire.Table) bool {
	for _, x := range l {
		if x == t {
			return true
		}
	}
	return false
}

func (m *manual) doc(name string) (string, error) {
	if name == "" {
		return m.contents(), nil
	}
	var names, hints []string
	for _, f := range functions() {
		names = append(names, f.name)
		if f.name == name {
			return fmt.Sprintf("%s\n\n%s\n", f.usage, wrap(f.doc, 0)), nil
		}
	}
	for _, o := range m.objects {
		names = append(names, o.Name)
		if o.Name == name {
			return objectDoc(o), nil
		}
		rest, ok := strings.CutPrefix(name, o.Name+".")
		if !ok {
			continue
		}
		if v := o.Verb(rest); v != nil {
			return fmt.Sprintf("%s(%s)\n\n%s\n", name, usage(o), wrap(sentence(v.Doc), 0)), nil
		}
		if o.Get != 0 && (rest == "list" || rest == "get") {
			return fmt.Sprintf("%s(%s, netns = None)\n\n%s\n", name, usage(o), wrap("Read: "+readDoc(o, rest)+".", 0)), nil
		}
		if text, ok := rowDoc(o.Table, o.Name, rest); ok {
			return text, nil
		}
		hints = append(hints, missingRow(o.Name, rest, o.Table))
	}
	for _, s := range m.spaces {
		names = append(names, s.name)
		if s.name == name {
			return s.doc(), nil
		}
		rest, ok := strings.CutPrefix(name, s.name+".")
		for _, t := range s.tables {
			full := qualified(s.name, t)
			if ok {
				names = append(names, full)
			}
			if full == name {
				return tableDoc(full, t), nil
			}
			if row, ok := strings.CutPrefix(rest, identifier(t.Name)+"."); ok {
				if text, ok := rowDoc(t, full, row); ok {
					return text, nil
				}
				hints = append(hints, missingRow(full, row, t))
			}
		}
	}
	for _, t := range m.alone {
		full := qualified("", t)
		names = append(names, full)
		if full == name {
			return tableDoc(full, t), nil
		}
		if row, ok := strings.CutPrefix(name, full+"."); ok {
			if text, ok := rowDoc(t, full, row); ok {
				return text, nil
			}
		}
	}
	if f, ok := readOf(name); ok {
		return m.doc(f)
	}
	if l := below(name, names); len(l) > 0 {
		return fmt.Sprintf("%s: there are %s; see nlscript doc %s\n", name, strings.Join(l, ", "), l[0]), nil
	}
	for _, h := range append(hints, didYouMean(name, names)) {
		if h != "" {
			return "", fmt.Errorf("nothing is called %q%s", name, h)
		}
	}
	return "", fmt.Errorf("nothing is called %q", name)
}

// readDoc is what a read of an object returns.
func readDoc(o *wire.Object, read string) string {
	switch {
	case read == "list":
		return "the objects that have all that is written, as ops"
	case o == rtnl.Route:
		return "the route that the kernel would take, by its own look-up"
	}
	return "the one object that has all that is written; an error when there are none or several"
}

// readOf is the function whose documentation has that of its read: sysctl.get.
func readOf(name string) (string, bool) {
	f, ok := strings.CutSuffix(name, ".get")
	return f, ok && f == "sysctl"
}

// missingRow answers the name of a keyword that a table does not have.
func missingRow(prefix, name string, t *wire.Table) string {
	if strings.Contains(name, ".") {
		return ""
	}
	return strings.Replace(hint(t, name), "did you mean ", "did you mean "+prefix+".", 1)
}

// below are the names inside a namespace: bridge.fdb in bridge.
func below(name string, names []string) []string {
	var l []string
	for _, n := range names {
		if strings.HasPrefix(n, name+".") {
			l = append(l, n)
		}
	}
	return l
}

// contents lists all names with the first sentence of what they are.
func (m *manual) contents() string {
	var b strings.Builder
	line := func(name, doc string) { fmt.Fprintf(&b, "  %-18s %s\n", name, hang(doc, 21)) }
	b.WriteString("Objects: name(...) makes sure, name.VERB(...) is sent as it is, name.list(...) and name.get(...) read.\n")
	for _, o := range m.objects {
		line(o.Name, first(o.Doc))
	}
	b.WriteString("\nNamespaces:\n")
	for _, s := range m.spaces {
		var l []string
		for _, t := range s.tables {
			l = append(l, identifier(t.Name))
		}
		line(s.name, strings.Join(l, " "))
	}
	b.WriteString("\nFunctions:\n")
	for _, t := range m.alone {
		line(identifier(t.Name), first(t.Doc))
	}
	for _, f := range functions() {
		line(f.name, first(f.doc))
	}
	return b.String()
}

func (s space) doc() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: what can be written for %s =\n\n", s.name, s.name)
	for _, t := range s.tables {
		fmt.Fprintf(&b, "  %-22s %s\n", qualified(s.name, t), sentence(t.Doc))
	}
	return b.String()
}

// usage is the arguments of an object's constructor.
func usage(o *wire.Object) string {
	if o.Subject == "" {
		return "..."
	}
	return o.Subject + ", ..."
}

func objectDoc(o *wire.Object) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s(%s)\n\n%s\n", o.Name, usage(o), wrap(o.Doc, 0))
	if o.Patch || o.Table.Options {
		b.WriteString("\nOnly what is written changes.\n")
	} else {
		b.WriteString("\nThe object becomes exactly what is written.\n")
	}
	b.WriteString("\nVerbs:\n")
	for _, v := range o.Verbs {
		fmt.Fprintf(&b, "  %-16s %s\n", o.Name+"."+v.Name, sentence(v.Doc))
	}
	if o.Get != 0 {
		fmt.Fprintf(&b, "  %-16s %s\n", o.Name+".list", readDoc(o, "list"))
		fmt.Fprintf(&b, "  %-16s %s\n", o.Name+".get", readDoc(o, "get"))
	}
	writeRows(&b, o.Table)
	return b.String()
}

func tableDoc(name string, t *wire.Table) string {
	var b strings.Builder
	args := "..."
	if len(t.Rows()) == 0 {
		args = ""
	} else if t.Subject != "" {
		args = t.Subject + ", ..."
	}
	fmt.Fprintf(&b, "%s(%s)\n\n%s\n", name, args, wrap(sentence(t.Doc), 0))
	writeRows(&b, t)
	return b.String()
}

// writeRows lists the keywords, then what is only reported.
func writeRows(b *strings.Builder, t *wire.Table) {
	for _, ro := range []bool{false, true} {
		title := "\nKeywords:\n"
		if ro {
			title = "\nReported by the kernel:\n"
		}
		for _, f := range t.Rows() {
			if f.RO != ro {
				continue
			}
			b.WriteString(title)
			title = ""
			fmt.Fprintf(b, "  %-20s %s\n", f.Name, hang(sentence(f.Doc), 23))
			fmt.Fprintf(b, "  %-20s %s\n", "", hang(valueForm(f), 23))
		}
	}
}

// rowDoc describes a row, also one inside a nest: "xdp.fd".
func rowDoc(t *wire.Table, prefix, name string) (string, bool) {
	head, rest, inside := strings.Cut(name, ".")
	f := t.Row(head)
	if f == nil {
		f = t.Row(head + "_")
	}
	switch {
	case f == nil:
		return "", false
	case inside && innermost(f).Of != nil:
		return rowDoc(innermost(f).Of, prefix+"."+head, rest)
	case inside:
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s.%s\n\n%s\n\nValue: %s\n", prefix, f.Name, wrap(sentence(f.Doc), 0), valueForm(f))
	var notes []string
	for _, n := range []struct {
		on   bool
		text string
	}{
		{f.RO, "reported by the kernel, cannot be set"}, {f.WO, "accepted and never reported: sent each time it is written"},
		{f.Down, "can be changed only while the link is down: it is put down and up again"},
		{f.Immutable, "cannot be changed after creation, unless recreate = True"},
		{f.Late, "set by a message of its own after creation"}, {f.Since != "", "since Linux " + f.Since},
		{f.Needs != "", "has an effect while " + f.Needs + " is on"},
	} {
		if n.on {
			notes = append(notes, n.text)
		}
	}
	if len(notes) > 0 {
		b.WriteString("Note: " + strings.Join(notes, "; ") + "\n")
	}
	fmt.Fprintf(&b, "Wire: %s\n", wireForm(f))
	if t := innermost(f).Of; t != nil {
		writeRows(&b, t)
	}
	return b.String(), true
}

// sentence is a doc without the stop that some have.
func sentence(s string) string { return strings.TrimSuffix(strings.TrimSpace(s), ".") }

// first is the first sentence of a doc.
func first(s string) string {
	s, _, _ = strings.Cut(s, ". ")
	return sentence(s)
}

// hang is wrap for what begins in the column of the indentation.
func hang(s string, indent int) string { return strings.TrimLeft(wrap(s, indent), " ") }

// wrap breaks a text into lines of 78 columns, each indented.
func wrap(s string, indent int) string {
	var b strings.Builder
	pad := strings.Repeat(" ", indent)
	col := indent
	b.WriteString(pad)
	for i, w := range strings.Fields(s) {
		if i > 0 && col+1+len(w) > 78 {
			b.WriteString("\n" + pad)
			col = indent
		} else if i > 0 {
			b.WriteByte(' ')
			col++
		}
		b.WriteString(w)
		col += len(w)
	}
	return b.String()
}

// unions returns the namespaces that the objects' tables choose from, each once.
func unions(objects []*wire.Object) []*wire.OneOf {
	var l []*wire.OneOf
	seen := map[any]bool{}
	for _, o := range objects {
		unionsOf(o.Table, seen, &l)
	}
	return l
}

func unionsOf(t *wire.Table, seen map[any]bool, l *[]*wire.OneOf) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	for _, f := range t.Rows() {
		for ; f != nil; f = f.Elem {
			unionsOf(f.Of, seen, l)
			u := f.OneOf
			if u == nil || seen[u] {
				continue
			}
			seen[u] = true
			*l = append(*l, u)
			for _, t := range u.Tables {
				unionsOf(t, seen, l)
			}
		}
	}
}
