package wire

import (
	"slices"
	"strconv"
	"strings"
)

// OneOf is a choice of tables, told by a sibling attribute: the kind of a
// link chooses the meaning of its data. The field's Type is the data, Tag the
// sibling.
type OneOf struct {
	Name   string // namespace in scripts: kind, port, sch, encap
	Tag    uint16
	TagU16 bool // the tag is a u16 (Table.TagN), not a string (Table.Tag or Name)
	TagNUL bool // the string has its NUL (the kind of a qdisc)
	Always bool // the data is sent though empty, whatever the member
	Tables []*Table

	// iproute2 and the kernel name the kind of a port in two ways:
	// as the link's kind, "bridge_slave", when setting, and by an attribute of
	// its own, "bridge", when reporting. Both are read; SetTag+Suffix is written.
	SetTag uint16
	Suffix string
}

// Table returns the member with this tag, or nil.
func (u *OneOf) Table(tag string) *Table {
	for _, t := range u.Tables {
		if t.tag() == tag {
			return t
		}
	}
	return nil
}

// tag is the table's name on the wire.
func (t *Table) tag() string {
	if t.Tag != "" {
		return t.Tag
	}
	return t.Name
}

func (u *OneOf) tableN(n uint16) *Table {
	for _, t := range u.Tables {
		if t.TagN == n {
			return t
		}
	}
	return nil
}

// appendUnion writes the tag and, when there is any, the data. SetTag is
// written unless another field of the set has taken it.
func (f *Field) appendUnion(b *Builder, v *Value, taken bool) error {
	if v.Sub == nil {
		return f.mismatch(v)
	}
	t, u := v.Sub.Table, f.OneOf
	switch {
	case u.TagU16:
		b.Uint16(u.Tag, t.TagN)
	case u.SetTag != 0 && !taken:
		p := b.Attr(u.SetTag, len(t.tag())+len(u.Suffix))
		copy(p[copy(p, t.tag()):], u.Suffix)
	case u.TagNUL:
		b.String(u.Tag, t.tag())
	default:
		b.Text(u.Tag, t.tag())
	}
	if len(v.Sub.Ents) == 0 && len(v.Sub.Extra) == 0 && !u.Always && !t.Always {
		return nil
	}
	at := b.begin(f.Type | Nested)
	if err := t.Append(b, v.Sub); err != nil {
		return At(t.Name, err)
	}
	b.end(at)
	return nil
}

// tagged reports whether something else in nest in of s writes attribute tag: a
// union, or a tag that no union knows.
func (s *Set) tagged(in *nest, tag uint16) bool {
	if tag == 0 {
		return false
	}
	for i := range s.Ents {
		if f := s.Ents[i].F; f.Kind == Union && f.OneOf.Tag == tag {
			return true
		}
	}
	for i := range s.Extra {
		if s.Extra[i].in != nil && s.Extra[i].in == in && s.Extra[i].Type&typeMask == tag {
			return true
		}
	}
	return false
}

func (n *nest) isUnion(typ uint16) bool {
	for _, f := range n.unions {
		if typ == f.Type || typ == f.OneOf.Tag || f.OneOf.SetTag != 0 && typ == f.OneOf.SetTag {
			return true
		}
	}
	return false
}

// Unknown returns the tag of a union row that no table has, as it was read: the
// kind of a link that nothing is known of.
func (s *Set) Unknown(f *Field) (tag string, ok bool) {
	for i := range s.Extra {
		r := &s.Extra[i]
		if r.in == nil || !slices.Contains(r.in.unions, f) || r.Nested {
			continue
		}
		if r.Type&typeMask != f.OneOf.Tag {
			continue
		}
		if f.OneOf.TagU16 && len(r.Data) == 2 {
			return strconv.Itoa(int(getU16(r.Data))), true
		}
		return strings.TrimRight(string(r.Data), "\x00"), true
	}
	return "", false
}

// A choice is what is there of a union at one level: its tag in one or the
// other form, its data, and the table the tag means. An attribute that is not
// there has no Data, not even empty.
type choice struct {
	tag, set, data Attr
	table          *Table
}

// choose finds the parts of a union in a payload. Of several the first counts.
func (f *Field) choose(payload []byte) choice {
	var c choice
	for a, err := range Attrs(payload) {
		switch {
		case err != nil:
		case a.Type == f.OneOf.Tag && c.tag.Data == nil:
			c.tag = a
		case a.Type == f.Type && c.data.Data == nil:
			c.data = a
		case f.OneOf.SetTag != 0 && a.Type == f.OneOf.SetTag && c.set.Data == nil:
			c.set = a
		}
	}
	c.table = f.member(c.tag, c.set)
	return c
}

// decodeUnions reads the unions of a level, and keeps what of them no table
// understands.
func (n *nest) decodeUnions(payload []byte, s *Set) {
	var read [8]int // attributes that were understood, by their offsets
	used := read[:0]
	for _, f := range n.unions {
		c := f.choose(payload)
		if c.table == nil || s.hasField(f) {
			continue
		}
		if c.data.Data == nil && c.table.Codec != nil && (c.table.Always || f.OneOf.Always) {
			continue // a codec may have nothing to say without data
		}
		sub := NewSet(c.table)
		if c.data.Data != nil && c.table.Decode(c.data.Data, sub) != nil {
			continue
		}
		s.Put(f, SubVal(sub))
		if c.tag.Data == nil {
			c.tag = c.set
		}
		used = append(used, c.tag.Off)
		if c.data.Data != nil {
			used = append(used, c.data.Off)
		}
	}
	for a, err := range Attrs(payload) {
		if err == nil && n.isUnion(a.Type) && !slices.Contains(used, a.Off) {
			s.Extra = append(s.Extra, a.raw(n))
		}
	}
}

// member finds the table a tag means: either the reported tag, or the one that
// is written when setting, with its suffix.
func (f *Field) member(tag, set Attr) *Table {
	u := f.OneOf
	switch {
	case tag.Data != nil && u.TagU16:
		if len(tag.Data) == 2 {
			return u.tableN(getU16(tag.Data))
		}
	case tag.Data != nil:
		return u.Table(strings.TrimRight(string(tag.Data), "\x00"))
	case set.Data != nil:
		if name, ok := strings.CutSuffix(strings.TrimRight(string(set.Data), "\x00"), u.Suffix); ok {
			return u.Table(name)
		}
	}
	return nil
}
