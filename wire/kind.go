package wire

// A Kind says how a field's value looks on the wire. Every switch over kinds
// (write, read, text, script in, script out) is total; TestKindsTotal proves it.
type Kind uint8

const (
	_ Kind = iota

	// Integers. Native order unless the name says BE (big-endian).
	U8
	U16
	U32
	U64
	S8
	S32
	S64
	BE16
	BE32
	BE64

	Bool // u8, 0 or 1
	Flag // an empty attribute: there or not
	Bit8 // one bit (Field.Bit) of an integer of 8, 16 or 32 bits, in a Place
	Bit16
	Bit32

	Str   // NUL-terminated string
	Text  // string without NUL
	Bytes // any bytes

	IP     // an address of either family, told by its length
	IP4    // 4 bytes
	IP6    // 16 bytes
	Prefix // an address whose prefix length is in the fixed header (Field.Off); see Field
	MAC    // a link-layer address: 6 bytes as a rule, any length on reading
	Dev    // a device: u32 interface index, relocated from a name

	Nest   // attributes of the table Of; inlined into the parent's names when Inline
	Struct // a fixed struct: table Of without attributes
	Union  // attributes of one of the tables of Union, told by a sibling
	List   // a nest of elements, each an attribute described by Elem
	Array  // elements (Elem) packed one after the other, without headers
	Multi  // the same attribute several times at one level, each described by Elem
	Range  // two integers of kind Elem.Kind: low and high
	Custom // Field.Codec knows

	lastKind
)

// size is the payload's length for kinds of fixed size, else 0.
func (k Kind) size() int {
	switch k {
	case U8, S8, Bool, Bit8:
		return 1
	case U16, BE16, Bit16:
		return 2
	case U32, S32, BE32, Bit32, IP4, Dev:
		return 4
	case U64, S64, BE64:
		return 8
	case IP6:
		return 16
	}
	return 0
}

// bits is the width of an integer kind, else 0.
func (k Kind) bits() int {
	switch k {
	case U8, S8, U16, BE16, U32, S32, BE32, U64, S64, BE64:
		return k.size() * 8
	}
	return 0
}

func (k Kind) signed() bool { return k == S8 || k == S32 || k == S64 }
func (k Kind) isBit() bool  { return k == Bit8 || k == Bit16 || k == Bit32 }

// IsInt reports whether values of the kind are plain integers.
func (k Kind) IsInt() bool { return k.bits() > 0 }

// IsBit reports whether the kind is one bit of a larger integer.
func (k Kind) IsBit() bool { return k.isBit() }
