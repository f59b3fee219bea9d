package wire

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
	if n == l.cur {
		return
	}
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
	for _, last := range []bool{false, true} { // those of unions are read last
		for i := range l.s.Extra {
			if r := &l.s.Extra[i]; l.s.level(r) == l.cur && l.cur.isUnion(r.Type&typeMask) == last {
				r.append(l.b)
			}
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
	b.reserve(align(t.Fixed) + 8*len(s.Ents))
	start := len(b.buf)
	n, end := t.root.short(b.buf[start:cap(b.buf)], align(t.Fixed), s.Ents)
	b.buf = b.buf[:start+end]
	if n < len(s.Ents) || len(s.Extra) > 0 {
		return t.appendRest(b, s, start-b.start, n)
	}
	if t.Framed {
		putU16(b.buf[start:], uint16(end))
	}
	return b.err
}

// appendRest writes what is not short: the entries from i on, and s.Extra. The
// fixed struct begins at head.
func (t *Table) appendRest(b *Builder, s *Set, head, i int) error {
	l := levels{b: b, s: s, cur: &t.root}
	for i < len(s.Ents) {
		f, n := s.Ents[i].F, 0
		l.enter(f.nest)
		if f.how != asOther {
			b.reserve(8 * (len(s.Ents) - i))
			start, end := b.start+head, 0
			n, end = l.cur.short(b.buf[start:cap(b.buf)], len(b.buf)-start, s.Ents[i:])
			b.buf = b.buf[:start+end]
			i += n
		}
		if n == 0 {
			if err := l.other(i, head); err != nil {
				return err
			}
			i++
		}
	}
	l.enter(&t.root)
	l.extras()
	if t.Framed {
		b.end(uint32(head))
	}
	return b.err
}

// short writes entries up to one that is in another nest or has no short way,
// and returns how many that were. What is written begins with the fixed struct
// and ends at end; there is room for 8 bytes an entry.
func (in *nest) short(p []byte, end int, ents []Entry) (n, newEnd int) {
	for i := range ents {
		f, v := ents[i].F, &ents[i].V
		if f.nest != in {
			return i, end
		}
		num := v.N + uint64(f.Scale)
		if f.how <= asWord { // no attribute; a jump table for all is slower
			switch {
			case f.how == asByte:
				p[f.Off] = byte(num)
			case f.how == asWord && v.Type != Name:
				putU32(p[f.Off:], uint32(num))
			default:
				return i, end
			}
			continue
		}
		q := p[end : end+8]
		switch f.how {
		case asSpill:
			if num <= 255 {
				p[f.Off] = byte(num)
				continue
			}
			putU32(q[4:], uint32(num))
		case asFlag:
			if num != 0 {
				putU32(q, f.head)
				end += 4
			}
			continue
		case asU8:
			q[4] = byte(num)
		case asU16:
			putU16(q[4:], uint16(num))
		case asBE16:
			q[4], q[5] = byte(num>>8), byte(num)
		case asU32:
			if v.Type == Name {
				return i, end
			}
			putU32(q[4:], uint32(num))
		case asAddr:
			if v.Type != Addr || v.N != 0 || !v.A.Is4() {
				return i, end
			}
			*(*[4]byte)(q[4:]) = v.A.As4()
		case asPrefix:
			if v.Type != Net || !v.A.Is4() {
				return i, end
			}
			*(*[4]byte)(q[4:]) = v.A.As4()
			p[f.Off] = byte(num)
		default:
			return i, end
		}
		putU32(q, f.head)
		end += 8
	}
	return len(ents), end
}

// other writes entry i where Append has no short way. The fixed struct begins
// at head.
func (l *levels) other(i, head int) (err error) {
	b, t, ents := l.b, l.s.Table, l.s.Ents[i:]
	f, v := ents[0].F, &ents[0].V
	switch {
	case f.At != nil && (!f.At.Header() || f.At.Spill != 0) && !firstAt(l.s.Ents, i):
		return nil // written with the first of its place
	case f.At != nil && !f.At.Header():
		return l.place(ents, f.At)
	case f.At != nil && f.At.Spill != 0:
		if n := spilled(ents, f.At); n > 255 {
			b.Uint32(f.At.Spill, n)
		} else {
			b.buf[b.start+head+f.Off] = byte(n)
		}
	case f.At != nil:
		d := b.buf[b.start+head:]
		err = f.put(b, d[:t.Fixed], len(d), v)
	case f.Kind == Custom:
		err = f.Codec.Append(b, f, *v)
	case f.Kind == Prefix:
		err = f.appendPrefix(b, v, head, t.Fixed)
	case f.Kind == Union:
		err = f.appendUnion(b, v, l.s.tagged(f.nest, f.OneOf.SetTag))
	default:
		err = f.append(b, f.Type, v)
	}
	if err == nil {
		err = b.err // what is too long does not fail otherwise
	}
	if err != nil {
		err = At(f.Name, err)
	}
	return err
}

// How Append writes a row. Rows of the fixed struct come first in the table's
// order.
type how uint8

const (
	asOther how = iota
	asByte      // of the fixed struct; up to asWord no attribute
	asWord
	asSpill // of the fixed struct, or an attribute
	asFlag  // attributes with the header Field.head: of 4 bytes,
	asU8    // of 8 bytes
	asU16
	asBE16
	asU32
	asAddr // IPv4
	asPrefix
)

// write decides how f is written, once, when its table is compiled.
func (f *Field) write() {
	as, typ, size := f.writtenAs()
	var b [attrHeader]byte
	putU16(b[:], uint16(attrHeader+size))
	putU16(b[2:], typ)
	f.how, f.head, f.size = as, getU32(b[:]), size
}

// writtenAs returns the way, and the attribute and its size when it is a short one.
func (f *Field) writtenAs() (as how, typ uint16, size int) {
	switch {
	case f.At != nil && !f.At.Header() || f.Mask != 0:
		return asOther, 0, 0
	case f.At != nil && f.At.Spill != 0 && !f.Kind.isBit():
		return asSpill, f.At.Spill, 4
	case f.At != nil && f.Kind == U8:
		return asByte, 0, 0
	case f.At != nil && (f.Kind == U32 || f.Kind == Dev):
		return asWord, 0, 0
	case f.At != nil:
		return asOther, 0, 0
	}
	switch f.Kind {
	case Flag:
		return asFlag, f.Type, 0
	case U8, S8, Bool:
		return asU8, f.Type, 1
	case U16:
		return asU16, f.Type, 2
	case BE16:
		return asBE16, f.Type, 2
	case U32, S32, Dev:
		return asU32, f.Type, 4
	case IP, IP4:
		return asAddr, f.Type, 4
	case Prefix:
		if f.Off < f.own.Fixed {
			return asPrefix, f.Type, 4
		}
	case Custom:
		if f.Plain {
			return asAddr, f.Type, 4
		}
	}
	return asOther, 0, 0
}
