package wire

import (
	"fmt"
	"slices"
	"sync"
)

// A Field is one row of a table: everything that is known of one attribute, or
// of one field of a fixed struct. Keyword, check, encoder, decoder, annotation,
// error path, diff, export, documentation and schema are read from it.
type Field struct {
	Name string // iproute2's word, '-' as '_', a Starlark keyword with a trailing '_'; unique in its table
	Type uint16 // attribute number; for Prefix, Union and friends see below
	Kind Kind
	how  how    // how Append writes it,
	head uint32 // the header of its attribute,
	nest *nest  // and where it belongs: beside each other, for the walk
	Doc  string // one line: meaning, unit, what iproute2 calls it when that differs

	// Where the value lives when it is not the whole payload of attribute Type.
	At  *Place // a part of a fixed struct: the table's own header, or an attribute's
	Off int    // offset in that struct; for Prefix: offset of the length byte in the table's header
	Bit uint32 // Bit8..Bit32: the bit
	Not bool   // Bit8..Bit32: True clears the bit (arp is the flag noarp)

	// What values are legal. Zero Max means the kind's own limit.
	Min, Max uint64           // integers; strings, bytes and lists: length. Signed kinds: two's complement
	Words    Words            // names of values
	Enum     []string         // rows, instead of Words: the names of 0, 1, 2, …; "" skips a number
	Closed   bool             // only Words are legal, other numbers are not
	Bits     bool             // integer: a set of Words (bits) written as a list of names
	Time     uint64           // integer: a time, Time of which make a second; written as "30s", "10ms"
	Rate     bool             // integer: bytes per second; written as "10mbit"
	Size     bool             // integer: bytes; written as "64kb" or a number
	Handle   bool             // integer: a tc handle, written "1:10" in hexadecimal
	Hex      bool             // integer: printed in hexadecimal
	Scale    int64            // integer: the wire value is the written one plus Scale (a weight of 1 is sent as 0: Scale -1)
	Alt      uint16           // IP: attribute number when the address is IPv6 (vxlan local, local6)
	Mask     uint16           // integer: attribute number of a mask, written "0x10/0xff"
	Zero     bool             // Prefix: a /0 prefix without address is sent as an address of zeros for IPv6 (route default)
	When     func(Value) bool // reading: this row of several with one Type applies to the value; nil always

	Of     *Table // Nest, Struct
	Inline bool   // Nest: Of's rows are written as keywords of the parent (route mtu is in metrics)
	OneOf  *OneOf // Union
	Elem   *Field // List, Array, Multi, Range. List: Elem.Type numbers each element, 0 counts from From
	From   uint16 // List: number of the first element
	Codec  Codec  // Custom
	Plain  bool   // Custom: the codec writes an address with N 0 as nothing but the payload of Type

	Notation Notation // texts for values beside those of the kind: realms "3/4"

	// What the engine needs to know (KERNEL.md B). See package tx.
	RO           bool                           // the kernel reports it and does not accept it
	Volatile     bool                           // never compared; with Loose it is when it was written, but not by undo
	WO           bool                           // accepted and never reported: sent each time it is written, never compared
	Along        string                         // WO: the row that it goes along with, when that is written; otherwise it is sent by itself
	Late         bool                           // ignored or refused when the object is created: sent in a message of its own afterwards
	Down         bool                           // can be changed only while the link is down
	Immutable    bool                           // cannot be changed after creation
	Stuck        func(before, after Value) bool // of a row that can: not from this value to that one
	Portless     bool                           // can be changed only while the link has no ports
	Loose        bool                           // whole objects: compared only when written (route protocol)
	Merge        bool                           // List of structs: what is not mentioned stays; the first row is the key, 0 in the second takes it away
	Ages         bool                           // counts down: what is reported may be less than what was written; nothing is the first of Words, no end
	Dies         bool                           // Ages: the object goes with it
	Silent       bool                           // the kernel does not report what Default says
	Ticks        bool                           // a time that the kernel keeps in ticks of its own, rounded down: it may report 1 less
	Given        bool                           // the kernel gives one to an object that is made without: undo leaves that to what had none
	Index        bool                           // a number that may be the index of a device: messages can be linked with it
	Irreversible string                         // RO: what it tells of that no message brings back; undo compares it all the same
	Since        string                         // first kernel that has it, when later than 5.10
	Default      string                         // what a new object has, as Text writes it; "" unknown, or not the same for all
	Leads        bool                           // options: in a report about a range it is that of the first alone
	Needs        string                         // options: the row of the bridge, or of the port, that has to be on for it to have an effect

	id    int
	size  int    // of the payload, when an attribute is read the short way
	run   int    // how many rows from here on are bits of one header word that are off when it is 0
	first uint64 // what Default says,
	knows bool   // where that is needed: of options, and of what is Silent
	next  *Field // further row with the same Type and place, told apart by When
	own   *Table
}

// A Place is a fixed struct that several fields share: a table's own fixed
// header (Type 0), or the payload of attribute Type.
type Place struct {
	Type  uint16        // attribute; 0 is the fixed header of the table, unless Attr says otherwise
	Attr  bool          // it is the attribute that has the number 0
	Len   int           // length of the attribute's struct
	Mask  int           // offset of the word that says which bits count (ifi_change), 0 none
	Init  func() []byte // bytes of the attribute's struct before fields are set; nil zeros
	Spill uint16        // header only, of bits or one number: values over 255 go to this u32 attribute and leave 0 in the header
	Ends  *Ends         // nil: the attribute is there once
}

func (p *Place) initial() []byte {
	if p.Init == nil {
		return nil
	}
	return p.Init()
}

// Header reports whether the struct is the fixed header of a table.
func (p *Place) Header() bool { return p.Type == 0 && !p.Attr }

// Ends says that the attribute of a struct is there twice when the Range row in
// it is more than one number: with the low one and the bits First, then with the
// high one and the bits Last, in the u16 at Off. With a Tail there is no second
// struct: the high one is all of the attribute that has this number.
type Ends struct {
	Off         int
	First, Last uint16
	Tail        uint16
}

// Words name integer values, in the order documentation shows them. The first
// name of a number is the one that is printed.
type Words []Word

// A Word is a name of a number.
type Word struct {
	Name string
	N    uint64
}

// spell makes Words of Enum.
func (f *Field) spell() {
	if f.Words != nil {
		return
	}
	for i, s := range f.Enum {
		if s != "" {
			f.Words = append(f.Words, Word{s, uint64(i)})
		}
	}
}

// Number returns the value that has this name.
func (w Words) Number(name string) (uint64, bool) {
	for _, x := range w {
		if x.Name == name {
			return x.N, true
		}
	}
	return 0, false
}

// Name returns the first name of a number, or "".
func (w Words) Name(n uint64) string {
	for _, x := range w {
		if x.N == n {
			return x.Name
		}
	}
	return ""
}

// A Codec encodes what no kind describes. Its values are built from integers,
// strings, addresses and lists; it refuses others with an error that says what
// it wants. Append writes the whole attribute f.Type (or several).
type Codec interface {
	Append(b *Builder, f *Field, v Value) error
	Decode(f *Field, payload []byte) (Value, error)
}

// A Notation reads and writes texts that the kind of a row does not know. False
// leaves the text, or the value, to the kind.
type Notation interface {
	Parse(s string) (v Value, ok bool, err error)
	Text(v Value) (s string, ok bool)
}

// A Former is a Codec that says how a script writes its values: "list of hop()".
type Former interface{ Form() string }

// A Tabler is a Codec of lists of one table's sets: next hops.
type Tabler interface{ Elem() *Table }

// A Texter is a Codec whose values have a text of their own.
type Texter interface{ Text(v Value) string }

// A Table describes a message after its nlmsghdr, or the payload of a nest or
// struct: a fixed part, then attributes.
type Table struct {
	Name   string
	Doc    string
	Tag    string // name on the wire as member of a OneOf, when it is not Name: sch.htb_class is sent as "htb"
	TagN   uint16 // number in a OneOf with TagU16
	Always bool   // as member of a OneOf: the data is sent though empty
	// Subject is the row that may be written without its name: act.gact("pass").
	Subject string
	// Irreversible is, as member of a OneOf, what no message makes again of an
	// object of this kind; "" nothing.
	Irreversible string
	// Immutable says, as member of a OneOf, that no message changes an object of this
	// kind: not even what is not of the kind.
	Immutable bool
	Fixed     int    // length of the fixed struct; 0 when there are only attributes
	Head      string // name of the fixed struct (rtmsg)
	Framed    bool   // the fixed struct begins with the length of all, a u16
	// Options says that objects of the table are options of another object, which
	// has them as long as it is there: New sets what it mentions, and a state holds
	// those of which something is not as it begins.
	Options bool
	Fields  []Field

	// Lazy, when set, makes Fields, once they are needed: rows that are computed
	// would cost every start of a program.
	Lazy func() []Field

	// Codec, when set, writes and reads the whole payload: for tables whose
	// rows are computed from each other (tc's rates).
	Codec TableCodec

	rows  sync.Once // Lazy was called
	spell sync.Once // for Declared: spelt are Fields with the Words of Enum
	spelt []Field
	once  sync.Once
	own   []Field  // Fields and, in their place, the rows of inlined nests,
	flat  []*Field // and where they are; index is id
	name  map[string]*Field
	root  nest
	nests int // inlined ones
}

// A TableCodec encodes a whole nest. Append is called inside the nest's
// attribute and writes the rows, not s.Extra; Decode gets the payload and keeps
// in s.Extra what it does not know.
type TableCodec interface {
	Append(b *Builder, s *Set) error
	Decode(payload []byte, s *Set) error
}

// nest is a level of attributes in one table: the top, or an inlined nest.
type nest struct {
	typ    uint16
	name   string
	table  *Table
	no     int // number in its table, 0 for the root
	parent *nest
	depth  int
	byType []*Field // first row with this attribute number
	places []*Place // structs at this level
	subs   []*nest
	fields []*Field // header rows (root only)
	unions []*Field
}

func (n *nest) sub(typ uint16) *nest {
	for _, s := range n.subs {
		if s.typ == typ {
			return s
		}
	}
	return nil
}

func (n *nest) row(typ uint16) *Field {
	if int(typ) < len(n.byType) {
		return n.byType[typ]
	}
	return nil
}

// tail notes the row whose range an attribute ends. It is no row of its own.
func (n *nest) tail(typ uint16, f *Field) {
	n.room(typ)
	n.byType[typ] = f
}

// room makes room for an attribute number.
func (n *nest) room(typ uint16) {
	if missing := int(typ) + 1 - len(n.byType); missing > 0 {
		n.byType = append(n.byType, make([]*Field, missing)...)
	}
}

func (n *nest) index(typ uint16, f *Field) {
	n.room(typ)
	if n.byType[typ] == nil {
		n.byType[typ] = f
		return
	}
	last := n.byType[typ]
	for last != f && last.next != nil {
		last = last.next
	}
	if last != f {
		last.next = f
	}
}

// Declared returns the rows as the table has them: inlined nests are one row.
// The slice is shared: do not change it.
func (t *Table) Declared() []Field {
	t.spell.Do(func() {
		t.spelt = slices.Clone(t.declared())
		for i := range t.spelt {
			t.spelt[i].spell()
		}
	})
	return t.spelt
}

// declared is Declared, but for Words of Enum.
func (t *Table) declared() []Field {
	t.rows.Do(func() {
		if t.Lazy != nil {
			t.Fields = t.Lazy()
		}
	})
	return t.Fields
}

// compiled returns t ready for use: rows numbered, names indexed.
func (t *Table) compiled() *Table {
	t.once.Do(t.compile)
	return t
}

func (t *Table) compile() {
	rows := t.declared()
	n := count(rows)
	t.own, t.flat, t.name = make([]Field, 0, n), make([]*Field, 0, n), make(map[string]*Field, n)
	t.root.table = t
	// Header rows first: their struct comes first on the wire.
	for i := range rows {
		if f := &rows[i]; f.At != nil && f.At.Header() {
			t.add(f, &t.root)
		}
	}
	for i := range rows {
		if f := &rows[i]; f.At == nil || !f.At.Header() {
			t.add(f, &t.root)
		}
	}
	t.root.ready()
	t.begin()
}

// count is how many rows there are, those of inlined nests in place of these.
func count(rows []Field) int {
	n := len(rows)
	for i := range rows {
		if f := &rows[i]; f.Kind == Nest && f.Inline {
			n += count(f.Of.declared()) - 1
		}
	}
	return n
}

// ready notes what reading needs to know of the rows of a level together.
func (n *nest) ready() {
	for typ, f := range n.byType {
		if f != nil && int(f.Type) == typ && (f.next != nil || f.When != nil || n.sub(f.Type) != nil || n.isUnion(f.Type)) {
			f.size = 0
		}
	}
	for i := len(n.fields) - 1; i >= 0; i-- {
		f := n.fields[i]
		if !f.Kind.isBit() || f.Not || f.At.Mask != 0 {
			continue
		}
		f.run = 1
		if i+1 < len(n.fields) && n.fields[i+1].Off == f.Off && n.fields[i+1].Kind == f.Kind {
			f.run += n.fields[i+1].run
		}
	}
	for _, sub := range n.subs {
		sub.ready()
	}
}

func (t *Table) add(row *Field, n *nest) {
	if row.Kind == Nest && row.Inline {
		t.nests++
		s := &nest{typ: row.Type, name: row.Name, table: t, no: t.nests, parent: n, depth: n.depth + 1}
		if s.no > maxNests || s.depth > maxDepth {
			panic(fmt.Sprintf("wire: table %s: too many inlined nests at %q", t.Name, row.Name))
		}
		n.subs = append(n.subs, s)
		rows := row.Of.declared()
		for i := range rows {
			t.add(&rows[i], s)
		}
		return
	}
	t.own = append(t.own, *row)
	f := &t.own[len(t.own)-1]
	f.spell()
	f.id, f.nest, f.next, f.own = len(t.flat), n, nil, t
	f.write()
	t.flat = append(t.flat, f)
	if t.name[f.Name] != nil {
		panic(fmt.Sprintf("wire: table %s: two rows named %q", t.Name, f.Name))
	}
	t.name[f.Name] = f
	switch {
	case f.At != nil && f.At.Header():
		if t.Codec == nil && f.Off+f.width() > t.Fixed {
			panic(fmt.Sprintf("wire: table %s: row %q is not inside the fixed struct", t.Name, f.Name))
		}
		n.fields = append(n.fields, f)
		if f.At.Spill != 0 {
			n.index(f.At.Spill, f)
		}
	case f.At != nil:
		n.index(f.At.Type, f)
		if f.Kind == Range && f.At.Ends != nil && f.At.Ends.Tail != 0 {
			n.tail(f.At.Ends.Tail, f)
		}
		for _, p := range n.places {
			if p == f.At {
				return
			}
		}
		n.places = append(n.places, f.At)
	case f.Kind == Union:
		n.unions = append(n.unions, f)
	default:
		n.index(f.Type, f)
		if f.Alt != 0 {
			n.index(f.Alt, f)
		}
		if f.Mask != 0 {
			n.index(f.Mask, f)
		}
	}
}

// width is how much of its fixed struct a row takes, at least.
func (f *Field) width() int {
	if f.At.Spill != 0 {
		return 1
	}
	return max(f.Kind.size(), 1)
}

// Fixed reports whether no message changes the row of an object from before to after.
func (f *Field) Fixed(before, after Value) bool {
	return f.Immutable || f.Stuck != nil && f.Stuck(before, after)
}

// IsDefault reports whether v is what a new object has.
func (f *Field) IsDefault(v Value) bool { return f.Default != "" && f.Text(v, nil) == f.Default }

// Rows returns the rows of the table, those of inlined nests in place of these.
// The slice is shared: do not change it.
func (t *Table) Rows() []*Field { return t.compiled().flat }

// Row returns the row with this name, or nil.
func (t *Table) Row(name string) *Field { return t.compiled().name[name] }

// Header reports whether the field lives in its table's fixed header, where it
// always has a value.
func (f *Field) Header() bool {
	return f.At != nil && f.At.Header() && f.nest != nil && f.nest.depth == 0
}

// ID is the row's index in Rows of its table.
func (f *Field) ID() int { return f.id }

// In names the inlined nests that the row is in, outermost first, as
// "af_spec.af_inet6"; "" at the top of its table.
func (f *Field) In() string {
	if f.nest == nil {
		return ""
	}
	name := ""
	for n := f.nest; n.parent != nil; n = n.parent {
		if name != "" {
			name = "." + name
		}
		name = n.name + name
	}
	return name
}
