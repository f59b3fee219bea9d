package wire

import "errors"

// Append writes a message: header, then the fields of s. The message's bytes
// are then what b.Last returns; after an error b is as it was.
func (o *Object) Append(b *Builder, typ, flags uint16, s *Set) error {
	m := b.Begin(typ, flags)
	if err := o.Table.Append(b, s); err != nil {
		b.Cancel(m)
		return err
	}
	b.End(m)
	if err := b.err; err != nil {
		b.Cancel(m)
		return err
	}
	return nil
}

// Bounds on the inlined nests of a table: one in another, and in all.
const (
	maxDepth = 4
	maxNests = 63
)

// levels are the inlined nests that are open while a set is written.
type levels struct {
	b    *Builder
	s    *Set
	cur  *nest
	at   [maxDepth]uint32 // where each begins
	done uint64           // nests that were closed, by number
}

// enter closes and opens nests until n is the innermost.
func (l *levels) enter(n *nest) {
	for l.cur.depth > n.depth || !n.within(l.cur) {
		l.leave()
	}
	l.descend(n)
}

func (l *levels) descend(n *nest) {
	if n == l.cur {
		return
	}
	l.descend(n.parent)
	l.at[n.depth-1] = l.b.begin(n.typ | Nested)
	l.cur = n
}

func (l *levels) leave() {
	l.extras()
	l.b.end(l.at[l.cur.depth-1])
	l.done |= 1 << l.cur.no
	l.cur = l.cur.parent
}

// extras writes the raw attributes that belong into the current nest, and the
// nests in it that hold nothing else. It is called once for each nest.
func (l *levels) extras() {
	if len(l.s.Extra) == 0 {
		return
	}
	for _, sub := range l.cur.subs {
		if l.done&(1<<sub.no) == 0 && l.s.extraIn(sub) {
			l.descend(sub)
			l.leave()
		}
	}
	for i := range l.s.Extra {
		if r := &l.s.Extra[i]; l.s.level(r) == l.cur {
			r.append(l.b)
		}
	}
}

// level is the nest of s that a raw attribute belongs into.
func (s *Set) level(r *Raw) *nest {
	if r.in == nil || r.in.table != s.Table {
		return &s.Table.root
	}
	return r.in
}

// extraIn reports whether a raw attribute of s belongs into n or a nest in it.
func (s *Set) extraIn(n *nest) bool {
	for i := range s.Extra {
		if in := s.level(&s.Extra[i]); in.depth >= n.depth && in.within(n) {
			return true
		}
	}
	return false
}

func (n *nest) within(p *nest) bool {
	for n.depth > p.depth {
		n = n.parent
	}
	return n == p
}

func (r *Raw) append(b *Builder) {
	if !r.Nested {
		copy(b.Attr(r.Type, len(r.Data)), r.Data)
		return
	}
	m := b.Nest(r.Type)
	for i := range r.Sub {
		r.Sub[i].append(b)
	}
	b.End(m)
}

// Append writes the payload that the table describes: its fixed struct, then
// one attribute for each field of s, in the table's order.
func (t *Table) Append(b *Builder, s *Set) error {
	if t.Codec != nil {
		if err := t.Codec.Append(b, s); err != nil {
			return err
		}
		for i := range s.Extra {
			s.Extra[i].append(b)
		}
		return b.err
	}
	// There is room for all attributes that have a short way, of 8 bytes each;
	// others look for themselves.
	b.reserve(align(t.Fixed) + 8 + 8*len(s.Ents))
	head := len(b.buf) - b.start
	i, err := t.appendFixed(b, s.Ents)
	if err != nil {
		return err
	}
	l := levels{b: b, s: s, cur: &t.root}
	buf := b.buf // b is behind until something else writes
	for ; i < len(s.Ents); i++ {
		f, v := s.Ents[i].F, &s.Ents[i].V
		if f.nest != l.cur {
			b.buf = b.buf[:len(buf)]
			l.enter(f.nest)
			b.reserve(8 * (len(s.Ents) - i))
			buf = b.buf
		}
		p := buf[len(buf):][:8]
		how := f.how
		switch how {
		case asU8:
			p[4] = byte(v.N + uint64(f.Scale))
		case asU16:
			putU16(p[4:], uint16(v.N+uint64(f.Scale)))
		case asBE16:
			p[4], p[5] = byte(v.N>>8), byte(v.N)
		case asU32:
			putU32(p[4:], uint32(v.N+uint64(f.Scale)))
		case asDev:
			if v.Type == Name {
				how = asOther
			}
			putU32(p[4:], uint32(v.N))
		case asAddr:
			if v.Type != Addr || v.N != 0 || !v.A.Is4() {
				how = asOther
				break
			}
			*(*[4]byte)(p[4:]) = v.A.As4()
		case asPrefix:
			if v.Type != Net || !v.A.Is4() {
				how = asOther
				break
			}
			*(*[4]byte)(p[4:]) = v.A.As4()
			buf[b.start+head+f.Off] = byte(v.N)
		default:
			how = asOther
		}
		if how != asOther {
			putU32(p, f.head)
			buf = buf[:len(buf)+8]
			continue
		}
		b.buf = b.buf[:len(buf)]
		if err := l.other(i, head); err != nil {
			return At(f.Name, err)
		}
		b.reserve(8 * (len(s.Ents) - i))
		buf = b.buf
	}
	b.buf = b.buf[:len(buf)]
	if l.cur != &t.root {
		l.enter(&t.root)
	}
	if len(s.Extra) > 0 {
		l.extras()
	}
	return b.err
}

// AppendFramed is Append of a struct that begins with its own u16 length, as
// rtnexthop does, with the length filled in.
func (t *Table) AppendFramed(b *Builder, s *Set) error {
	at := uint32(len(b.buf) - b.start)
	if err := t.Append(b, s); err != nil {
		return err
	}
	b.end(at)
	return nil
}

// other writes the attribute of entry i where Append has no short way. The
// fixed struct begins at head.
func (l *levels) other(i, head int) error {
	f, v := l.s.Ents[i].F, &l.s.Ents[i].V
	switch {
	case f.how <= asSpill:
		return errOrder
	case f.At != nil:
		if firstAt(l.s.Ents, i) {
			return l.place(l.s.Ents[i:], f.At)
		}
		return nil
	case f.Kind == Custom:
		return f.Codec.Append(l.b, f, *v)
	case f.Kind == Prefix:
		return f.appendPrefix(l.b, v, head, l.s.Table.Fixed)
	case f.Kind == Union:
		return f.appendUnion(l.b, v, l.s.tagged(f.nest, f.OneOf.SetTag))
	}
	return f.append(l.b, f.Type, v)
}

var errOrder = errors.New("fields are not in the table's order")

// How Append writes a row. The first four are in the fixed struct of the
// table, and come first in its order; the last are attributes of 8 bytes whose
// header is Field.head.
type how uint8

const (
	asByte how = iota + 1
	asWord
	asField
	asSpill
	asOther
	asU8
	asU16
	asBE16
	asU32
	asDev    // unless it is a name
	asAddr   // when the address is IPv4
	asPrefix // likewise
)

// write decides how f is written, once, when its table is compiled.
func (f *Field) write() {
	var size int
	f.how, size = f.writtenAs()
	var b [attrHeader]byte
	putU16(b[:], uint16(attrHeader+size))
	putU16(b[2:], f.Type)
	f.head = getU32(b[:])
}

// writtenAs returns the way, and the size of the payload when it is a short one.
func (f *Field) writtenAs() (h how, size int) {
	header := f.At != nil && f.At.Type == 0
	switch {
	case header && f.At.Spill != 0:
		return asSpill, 0
	case header && f.Kind == U8:
		return asByte, 0
	case header && (f.Kind == U32 || f.Kind == Dev):
		return asWord, 0
	case header:
		return asField, 0
	case f.At != nil || f.Mask != 0:
		return asOther, 0
	}
	switch f.Kind {
	case U8, S8, Bool:
		return asU8, 1
	case U16:
		return asU16, 2
	case BE16:
		return asBE16, 2
	case U32, S32:
		return asU32, 4
	case Dev:
		return asDev, 4
	case IP, IP4:
		return asAddr, 4
	case Prefix:
		return asPrefix, 4
	case Custom:
		if f.Plain {
			return asAddr, 4
		}
	}
	return asOther, 0
}

// appendFixed writes the fixed struct, and the attribute that a value spills
// to, and returns how many of the entries that were.
func (t *Table) appendFixed(b *Builder, ents []Entry) (int, error) {
	if t.Fixed == 0 {
		return 0, nil
	}
	h := b.Fixed(t.Fixed)
	n := 0
	var spill *Field // one place of a struct can spill
	var wide uint64
	for ; n < len(ents) && ents[n].F.how <= asSpill; n++ {
		f, v := ents[n].F, &ents[n].V
		switch f.how {
		case asByte:
			h[f.Off] = byte(v.N + uint64(f.Scale))
		case asWord:
			if v.Type == Name {
				b.Relocate(align(t.Fixed)-f.Off, v.S)
			}
			putU32(h[f.Off:], uint32(v.N+uint64(f.Scale)))
		case asSpill:
			spill = f
			wide |= f.spilled(v)
		default:
			if err := f.put(b, h, align(t.Fixed), v); err != nil {
				return n, At(f.Name, err)
			}
		}
	}
	switch {
	case wide > 255:
		b.Uint32(spill.At.Spill, uint32(wide))
	case spill != nil:
		h[spill.Off] = byte(wide)
	}
	return n, nil
}
