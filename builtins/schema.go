package builtins

import (
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Schema is everything that can be written, for `nlscript schema --json`.
type Schema struct {
	Version   int            `json:"schema_version"`
	Objects   []SchemaObject `json:"objects"`
	Kinds     []SchemaKind   `json:"kinds"`
	Functions []SchemaFunc   `json:"functions"`
}

// A SchemaObject is a constructor.
type SchemaObject struct {
	Name    string       `json:"name"`
	Doc     string       `json:"doc"`
	Subject string       `json:"subject,omitempty"` // the positional argument
	New     uint16       `json:"new"`
	Del     uint16       `json:"del,omitempty"`
	Get     uint16       `json:"get,omitempty"`
	Patch   bool         `json:"patch"` // only what is written changes
	Key     []string     `json:"key"`
	Verbs   []SchemaVerb `json:"verbs"`
	Attrs   []SchemaAttr `json:"attributes"`
}

// A SchemaVerb is a verb with the message it sends.
type SchemaVerb struct {
	Name  string `json:"name"`
	Type  uint16 `json:"type"`
	Flags uint16 `json:"flags"`
	Doc   string `json:"doc"`
}

// A SchemaKind is a member of a namespace: kind.vxlan, or hop.
type SchemaKind struct {
	Name  string       `json:"name"`
	Doc   string       `json:"doc"`
	Attrs []SchemaAttr `json:"attributes"`
}

// A SchemaFunc is a function that no table describes.
type SchemaFunc struct {
	Name  string `json:"name"`
	Usage string `json:"usage"`
	Doc   string `json:"doc"`
}

// A SchemaAttr is a row.
type SchemaAttr struct {
	Path      string            `json:"path"` // route.mtu, kind.vxlan.id, link.xdp.fd
	Name      string            `json:"name"`
	Number    uint16            `json:"number"`           // of the attribute; 0 in the fixed header
	Nest      string            `json:"nest,omitempty"`   // nests around it that a script does not write: metrics
	Header    bool              `json:"header,omitempty"` // in the fixed header, at Offset
	Offset    int               `json:"offset,omitempty"`
	Kind      string            `json:"kind"`
	Elem      string            `json:"element,omitempty"`
	OneOf     string            `json:"namespace,omitempty"`
	Value     string            `json:"value"` // how a script writes it
	Words     map[string]uint64 `json:"words,omitempty"`
	Closed    bool              `json:"closed,omitempty"` // no other number than those of words
	Min       uint64            `json:"min,omitempty"`
	Max       uint64            `json:"max,omitempty"`
	ReadOnly  bool              `json:"read_only,omitempty"`
	WriteOnly bool              `json:"write_only,omitempty"`
	Immutable bool              `json:"immutable,omitempty"`
	NeedsDown bool              `json:"needs_down,omitempty"`
	Since     string            `json:"since,omitempty"`
	Doc       string            `json:"doc"`
}

// NewSchema returns the schema of all tables.
func NewSchema() *Schema { return newManual(rtnl.Objects, rtnl.Hop).schema() }

func (m *manual) schema() *Schema {
	s := &Schema{Version: 1}
	for _, o := range m.objects {
		x := SchemaObject{Name: o.Name, Doc: o.Doc, Subject: o.Subject, New: o.New, Del: o.Del, Get: o.Get, Patch: o.Patch || o.Table.Options, Key: o.Key}
		for _, v := range o.Verbs {
			x.Verbs = append(x.Verbs, SchemaVerb{v.Name, v.Type, v.Flags, sentence(v.Doc)})
		}
		x.Attrs = schemaRows(nil, o.Name, o.Table, 0)
		s.Objects = append(s.Objects, x)
	}
	for _, sp := range m.spaces {
		for _, t := range sp.tables {
			s.Kinds = append(s.Kinds, schemaKind(sp.name, t))
		}
	}
	for _, t := range m.alone {
		s.Kinds = append(s.Kinds, schemaKind("", t))
	}
	for _, f := range functions() {
		s.Functions = append(s.Functions, SchemaFunc{f.name, f.usage, f.doc})
	}
	return s
}

func schemaKind(ns string, t *wire.Table) SchemaKind {
	name := qualified(ns, t)
	return SchemaKind{Name: name, Doc: sentence(t.Doc), Attrs: schemaRows([]SchemaAttr{}, name, t, 0)}
}

// schemaDepth bounds nests that may contain themselves.
const schemaDepth = 6

func schemaRows(l []SchemaAttr, path string, t *wire.Table, depth int) []SchemaAttr {
	for _, f := range t.Rows() {
		a := SchemaAttr{Path: path + "." + f.Label(), Name: f.Name, Number: f.Type, Nest: f.In(), Kind: kindName(f.Kind), Value: valueForm(f),
			Closed: f.Closed, Min: f.Min, Max: f.Max, ReadOnly: f.RO, WriteOnly: f.WO, Immutable: f.Immutable, NeedsDown: f.Down,
			Since: f.Since, Doc: sentence(f.Doc)}
		if f.At != nil {
			a.Header, a.Offset, a.Number = f.At.Header(), f.Off, f.At.Type
		}
		for _, w := range f.Words {
			if a.Words == nil {
				a.Words = map[string]uint64{}
			}
			a.Words[w.Name] = w.N
		}
		inner := innermost(f)
		if inner != f {
			a.Elem = kindName(inner.Kind)
		}
		if inner.OneOf != nil {
			a.OneOf = inner.OneOf.Name
		}
		l = append(l, a)
		if inner.Of != nil && depth < schemaDepth {
			l = schemaRows(l, a.Path, inner.Of, depth+1)
		}
	}
	return l
}

// innermost is what the lists of a row are made of in the end.
func innermost(f *wire.Field) *wire.Field {
	for f.Elem != nil {
		f = f.Elem
	}
	return f
}
