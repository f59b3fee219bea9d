package docs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nlscript/nlscript/builtins"
)

// reference is the schema as Markdown.
func reference(s *builtins.Schema) string {
	w := &writer{}
	learn := func(ports bool) {
		for _, k := range s.Kinds {
			if strings.HasPrefix(k.Name, "port.") == ports {
				w.learn(k.Name, k.Attrs)
			}
		}
	}
	learn(true)
	for _, o := range s.Objects {
		w.learn(o.Name, o.Attrs)
	}
	learn(false)
	w.contents(s)
	w.printf("\n## Objects\n")
	for _, o := range s.Objects {
		w.object(o)
	}
	w.printf("\n## Kinds\n")
	for _, k := range s.Kinds {
		w.kind(k)
	}
	w.printf("\n## Functions\n\n")
	for _, f := range s.Functions {
		w.printf("- `%s`  \n  %s.\n", f.Usage, strings.TrimSuffix(f.Doc, "."))
	}
	return w.String()
}

type writer struct {
	strings.Builder
	tables []table
}

// A table is rows and the path of the first place that has them.
type table struct {
	path string
	rows map[string]bool
}

// learn notes the tables below a path.
func (w *writer) learn(path string, all []builtins.SchemaAttr) {
	own, inner := split(path, all)
	if w.same(path, own) == "" {
		t := table{path, map[string]bool{}}
		for _, a := range own {
			t.rows[identity(a)] = true
		}
		w.tables = append(w.tables, t)
	}
	for _, a := range own {
		if rows := inner[a.Path]; rows != nil {
			w.learn(a.Path, rows)
		}
	}
}

// identity is what two rows that are documented once have in common.
func identity(a builtins.SchemaAttr) string { return a.Name + "|" + a.Doc }

// manyRows are so many that a table with some more rows is referred to.
const manyRows = 10

// same returns another table that has all these rows, "" when there is none.
func (w *writer) same(path string, own []builtins.SchemaAttr) string {
	for _, t := range w.tables {
		if t.path == path || len(own) == 0 {
			return ""
		}
		has := func(a builtins.SchemaAttr) bool { return t.rows[identity(a)] }
		if !slices.ContainsFunc(own, func(a builtins.SchemaAttr) bool { return !has(a) }) && (len(own) == len(t.rows) || len(own) > manyRows) {
			return t.path
		}
	}
	return ""
}

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

func (w *writer) contents(s *builtins.Schema) {
	link := func(name string) string {
		return fmt.Sprintf("[%s](#%s)", name, strings.ReplaceAll(name, ".", ""))
	}
	var l []string
	for _, o := range s.Objects {
		l = append(l, link(o.Name))
	}
	w.printf("\n## Contents\n\n- Objects: %s\n", strings.Join(l, ", "))
	var name string
	l = nil
	flush := func() {
		if l != nil {
			w.printf("- %s: %s\n", name, strings.Join(l, ", "))
		}
		l = nil
	}
	for _, k := range s.Kinds {
		ns, _, dotted := strings.Cut(k.Name, ".")
		if !dotted {
			ns = "Others"
		} else {
			ns = "`" + ns + "`"
		}
		if ns != name {
			flush()
			name = ns
		}
		l = append(l, link(k.Name))
	}
	flush()
	l = nil
	for _, f := range s.Functions {
		l = append(l, f.Name)
	}
	w.printf("- [Functions](#functions): %s\n", strings.Join(l, ", "))
}

func (w *writer) object(o builtins.SchemaObject) {
	args := "..."
	if o.Subject != "" {
		args = o.Subject + ", ..."
	}
	w.printf("\n### %s\n\n`%s(%s)`: %s\n\n", o.Name, o.Name, args, o.Doc)
	if o.Patch {
		w.printf("Only what is written changes.\n")
	} else {
		w.printf("The object becomes exactly what is written.\n")
	}
	w.printf("Key: %s.\n", key(o))
	w.printf("\n| verb | flags | meaning |\n|---|---|---|\n")
	for _, v := range o.Verbs {
		w.printf("| `%s.%s` | %s | %s |\n", o.Name, v.Name, flags(v), v.Doc)
	}
	if o.Get != 0 {
		w.printf("| `%s.list` | | read: the objects that have all that is written, as ops |\n", o.Name)
		get := "the one object that has all that is written; an error when there are none or several"
		if o.Name == "route" {
			get = "the route that the kernel would take, by its own look-up"
		}
		w.printf("| `%s.get` | | read: %s |\n", o.Name, get)
	}
	w.rows(o.Name, o.Attrs)
}

func (w *writer) kind(k builtins.SchemaKind) {
	w.printf("\n### %s\n\n`%s(...)`: %s.\n", k.Name, k.Name, k.Doc)
	w.rows(k.Name, k.Attrs)
}

// A group is rows under one title.
type group struct {
	title string
	rows  []builtins.SchemaAttr
}

// rows writes the rows of a table, then the tables of its nests.
func (w *writer) rows(path string, all []builtins.SchemaAttr) {
	own, inner := split(path, all)
	if len(own) == 0 {
		w.printf("\nIt has no keywords.\n")
		return
	}
	if same := w.same(path, own); same != "" {
		var l []string
		for _, a := range own {
			l = append(l, a.Name)
		}
		w.printf("\nAs in `%s`: %s.\n", same, names(l))
		return
	}
	if all := groups(own); len(all) == 1 && all[0].title == reportedTitle {
		w.reported(all[0], inner)
		return
	}
	for _, g := range groups(own) {
		if g.title != "" {
			w.printf("\n%s\n", g.title)
		}
		if g.title == reportedTitle {
			w.reported(g, inner)
			continue
		}
		w.printf("\n| keyword | value | meaning |\n|---|---|---|\n")
		for _, a := range g.rows {
			w.printf("| `%s` | %s | %s |\n", a.Name, value(a, inner[a.Path]), meaning(a))
		}
	}
	for _, a := range own {
		if rows := inner[a.Path]; rows != nil && !a.ReadOnly {
			w.printf("\n#### %s\n\n%s.\n", a.Path, upper(a.Doc))
			w.rows(a.Path, rows)
		}
	}
}

// reported lists rows that cannot be written, with what is in them.
func (w *writer) reported(g group, inner map[string][]builtins.SchemaAttr) {
	w.printf("\n")
	for _, a := range g.rows {
		w.printf("- `%s`: %s\n", a.Name, meaning(a))
		own, _ := split(a.Path, inner[a.Path])
		if same := w.same(a.Path, own); same != "" {
			w.printf("  - as in `%s`\n", same)
			continue
		}
		var plain []string
		for _, b := range own {
			if strings.HasSuffix(b.Doc, "."+b.Name) { // a sysctl: its name says all
				plain = append(plain, b.Name)
				continue
			}
			w.printf("  - `%s`: %s\n", b.Name, meaning(b))
		}
		if plain != nil {
			w.printf("  - %s: the sysctls of these names\n", names(plain))
		}
	}
}

// split separates the rows of a table from those inside its nests.
func split(path string, all []builtins.SchemaAttr) (own []builtins.SchemaAttr, inner map[string][]builtins.SchemaAttr) {
	inner = map[string][]builtins.SchemaAttr{}
	depth := strings.Count(path, ".") + 1
	for _, a := range all {
		parts := strings.Split(a.Path, ".")
		if len(parts) == depth+1 {
			own = append(own, a)
			continue
		}
		parent := strings.Join(parts[:depth+1], ".")
		inner[parent] = append(inner[parent], a)
	}
	return own, inner
}

const reportedTitle = "Reported by the kernel, for `.list(...)` and to read from ops:"

// fewFlags is how many switches may stand among the other keywords.
const fewFlags = 6

// groups puts rows together by what they are for.
func groups(rows []builtins.SchemaAttr) []group {
	l := []group{{}, {title: "Switches in the fixed header:"}}
	reads, reported := group{title: "For look-ups and messages of their own:"}, group{title: reportedTitle}
	nests := map[string]int{}
	switches := 0
	for _, a := range rows {
		if a.Header && isSwitch(a) && !a.ReadOnly {
			switches++
		}
	}
	for _, a := range rows {
		verb, _, hasVerb := strings.Cut(a.Doc, ": ")
		switch {
		case a.ReadOnly:
			reported.rows = append(reported.rows, a)
		case hasVerb && slices.Contains([]string{"get", "list", "get and list", "flush", "dump"}, verb):
			reads.rows = append(reads.rows, a)
		case a.Header && isSwitch(a) && switches > fewFlags:
			l[1].rows = append(l[1].rows, a)
		case a.Nest != "" && count(rows, a.Nest) > fewFlags:
			i, ok := nests[a.Nest]
			if !ok {
				i = len(l)
				nests[a.Nest] = i
				l = append(l, group{title: upper(a.Nest) + ":"})
			}
			l[i].rows = append(l[i].rows, a)
		default:
			l[0].rows = append(l[0].rows, a)
		}
	}
	l = append(l, reads, reported)
	return slices.DeleteFunc(l, func(g group) bool { return len(g.rows) == 0 })
}

func isSwitch(a builtins.SchemaAttr) bool { return strings.HasPrefix(a.Kind, "bit") }

// count is how many writable rows are in a nest.
func count(rows []builtins.SchemaAttr, nest string) (n int) {
	for _, a := range rows {
		if a.Nest == nest && !a.ReadOnly {
			n++
		}
	}
	return n
}

// shorter are forms of values as the tables of the reference write them; the
// introduction of docs/language.md explains them.
var shorter = strings.NewReplacer(
	", 0..4294967295", "", ", 0..18446744073709551615", "", ", -2147483648..2147483647", ", may be negative",
	"an integer or one of ", "integer or ", "one of ", "", "an integer", "integer", "a time such as \"30s\" or \"100ms\"", "time",
	"a rate such as \"10mbit\"", "rate", "a size: a number of bytes, or \"64kb\"", "size", "a handle such as \"1:10\"", "handle",
	"device: name, altname, or the op of a link", "device", "link-layer address such as \"02:00:00:00:00:01\"", "link-layer address",
	"prefix such as \"10.0.0.0/8\", or \"default\"", "prefix", "range such as \"1000-2000\", or one number", "range",
	"bytes, or a string of hexadecimal digits", "bytes", "True or False", "switch")

func value(a builtins.SchemaAttr, inner []builtins.SchemaAttr) string {
	if a.OneOf != "" {
		return "`" + a.OneOf + ".NAME(...)`"
	}
	v := a.Value
	if inner != nil {
		v, _, _ = strings.Cut(v, " with keys")
	}
	v = shorter.Replace(v)
	return escape(words(v))
}

// words writes quoted words as code.
func words(v string) string {
	parts := strings.Split(v, "\"")
	if len(parts)%2 == 0 {
		return v
	}
	for i := 1; i < len(parts); i += 2 {
		parts[i] = "`" + parts[i] + "`"
	}
	return strings.Join(parts, "")
}

func meaning(a builtins.SchemaAttr) string {
	var notes []string
	for _, n := range []struct {
		on   bool
		text string
	}{
		{a.Immutable, "fixed once created"},
		{a.NeedsDown, "changed while the link is down"},
		{a.WriteOnly, "never reported"},
		{a.Since != "", "Linux " + a.Since},
	} {
		if n.on {
			notes = append(notes, n.text)
		}
	}
	s := escape(a.Doc)
	if len(notes) > 0 {
		s += " *(" + strings.Join(notes, "; ") + ")*"
	}
	return s
}

// key is what makes two ops the same object.
func key(o builtins.SchemaObject) string {
	if slices.Equal(o.Key, []string{"index"}) {
		return "the device, by whatever name"
	}
	return names(o.Key)
}

// flags are the flags of a verb's message by name.
func flags(v builtins.SchemaVerb) string {
	bits := map[uint16]string{0x100: "`REPLACE`", 0x200: "`EXCL`", 0x400: "`CREATE`", 0x800: "`APPEND`"}
	if strings.Contains(v.Name, "delete") || v.Name == "flush" {
		bits[0x100], bits[0x200] = "`NONREC`", "`BULK`"
	}
	var l []string
	for _, b := range slices.Sorted(maps.Keys(bits)) {
		if v.Flags&b != 0 {
			l = append(l, bits[b])
		}
	}
	return cmp.Or(strings.Join(l, " "), "none")
}

func names(l []string) string {
	out := make([]string, len(l))
	for i, s := range l {
		out[i] = "`" + s + "`"
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// escape keeps what Markdown would take for its own.
func escape(s string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "*", "\\*").Replace(s)
}
