package wire

import (
	"errors"
	"fmt"
	"strings"
)

// An AttrError says which field of a table something is wrong with. Path is
// made of row names: kind.vxlan.id.
type AttrError struct {
	Path string
	Err  error
}

func (e *AttrError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *AttrError) Unwrap() error { return e.Err }

// At returns err with name put before its path. Paths are built only here, on
// the way out of an error.
func At(name string, err error) error {
	name = strings.TrimSuffix(name, "_")
	if a, ok := err.(*AttrError); ok {
		sep := "."
		if strings.HasPrefix(a.Path, "[") {
			sep = ""
		}
		return &AttrError{name + sep + a.Path, a.Err}
	}
	return &AttrError{name, err}
}

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

// levels is the stack of inlined nests that are open while a set is written.
type levels struct {
	b    *Builder
	s    *Set
	cur  *nest
	mark [maxDepth]Mark
	done uint64 // nests that were closed, by number
}

// enter closes and opens nests until n is the innermost.
func (l *levels) enter(n *nest) {
	if l.cur == n {
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
	l.mark[n.depth-1] = l.b.Nest(n.typ)
	l.cur = n
}

func (l *levels) leave() {
	l.extras()
	l.b.End(l.mark[l.cur.depth-1])
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
	t.compiled()
	head := len(b.buf) - b.start
	n, err := t.appendFixed(b, s)
	if err != nil {
		return err
	}
	l := levels{b: b, s: s, cur: &t.root}
	for i := n; i < len(s.Ents); i++ {
		f, v := s.Ents[i].F, &s.Ents[i].V
		if f.nest != l.cur {
			l.enter(f.nest)
		}
		var err error
		switch f.how {
		case asU32:
			b.Uint32(f.Type, uint32(v.N+uint64(f.Scale)))
		case asAttr:
			err = f.append(b, f.Type, v)
		case asCodec:
			err = f.Codec.Append(b, f, *v)
		case asPrefix:
			err = f.appendPrefix(b, v, head, t.Fixed)
		case asUnion:
			err = f.appendUnion(b, v, s.tagged(f.nest, f.OneOf.SetTag))
		case asPlace:
			if firstAt(s.Ents, i) {
				if err := l.place(s.Ents[i:], f.At); err != nil {
					return err
				}
			}
		default:
			err = errOrder
		}
		if err != nil {
			return At(f.Name, err)
		}
	}
	if l.cur != &t.root {
		l.enter(&t.root)
	}
	if len(s.Extra) > 0 {
		l.extras()
	}
	return b.err
}

var errOrder = errors.New("fields are not in the table's order")

// How Append writes a row. The first two are in the fixed struct of the table,
// and come first in its order.
type how uint8

const (
	asFixed how = iota + 1
	asSpill
	asU32 // the commonest, for speed
	asAttr
	asCodec
	asPrefix
	asUnion
	asPlace
)

// how is decided once, when the table is compiled.
func (f *Field) writtenAs() how {
	switch {
	case f.At != nil && f.At.Type != 0:
		return asPlace
	case f.At != nil && f.At.Spill != 0:
		return asSpill
	case f.At != nil:
		return asFixed
	case f.Kind == Prefix:
		return asPrefix
	case f.Kind == Union:
		return asUnion
	case f.Kind == U32 && f.Mask == 0:
		return asU32
	case f.Kind == Custom:
		return asCodec
	}
	return asAttr
}

// appendFixed writes the fixed struct, and the attributes that its values spill
// to, and returns how many entries of s that were.
func (t *Table) appendFixed(b *Builder, s *Set) (int, error) {
	if t.Fixed == 0 {
		return 0, nil
	}
	h := b.Fixed(t.Fixed)
	spill := false
	n := 0
	for ; n < len(s.Ents) && s.Ents[n].F.how <= asSpill; n++ {
		f, v := s.Ents[n].F, &s.Ents[n].V
		switch {
		case f.how == asSpill:
			if n := spilled(s.Ents, f.At); n > 255 {
				spill = true
			} else {
				h[f.Off] = byte(n)
			}
		case f.Kind == U8:
			h[f.Off] = byte(v.N + uint64(f.Scale))
		case f.Kind == Dev && v.Type == Int:
			putU32(h[f.Off:], uint32(v.N))
		default:
			if err := f.put(b, h, align(t.Fixed), v); err != nil {
				return n, At(f.Name, err)
			}
		}
	}
	for i := 0; spill && i < n; i++ {
		if f := s.Ents[i].F; f.how == asSpill && firstAt(s.Ents, i) {
			if v := spilled(s.Ents[:n], f.At); v > 255 {
				b.Uint32(f.At.Spill, uint32(v))
			}
		}
	}
	return n, nil
}

// firstAt reports whether entry i is the first of those that share its place.
func firstAt(ents []Entry, i int) bool {
	for j := i - 1; j >= 0; j-- {
		if ents[j].F.At == ents[i].F.At {
			return false
		}
	}
	return true
}

// place writes the attribute that holds a struct which several fields share.
func (l *levels) place(ents []Entry, p *Place) error {
	d := l.b.Attr(p.Type, p.Len)
	copy(d, p.Init)
	for i := range ents {
		if f := ents[i].F; f.At == p {
			if err := f.put(l.b, d, align(p.Len), &ents[i].V); err != nil {
				return At(f.Name, err)
			}
		}
	}
	return nil
}

// spilled combines the fields that share a header byte.
func spilled(ents []Entry, p *Place) uint64 {
	var n uint64
	for i := range ents {
		f, v := ents[i].F, &ents[i].V
		switch {
		case f.At != p:
		case f.Kind.isBit():
			if v.True() != f.Not {
				n |= uint64(f.Bit)
			}
		default:
			n = v.N
		}
	}
	return n
}

// fill writes the fields of the struct h, which has no attributes.
func (t *Table) fill(b *Builder, h []byte, s *Set) error {
	for i := range s.Ents {
		f, v := s.Ents[i].F, &s.Ents[i].V
		if f.how != asFixed {
			return At(f.Name, errors.New("is no part of a struct"))
		}
		if err := f.put(b, h, align(t.Fixed), v); err != nil {
			return At(f.Name, err)
		}
	}
	return nil
}

// put writes a field into the struct d, whose padded length is the last thing
// that was appended.
func (f *Field) put(b *Builder, d []byte, padded int, v *Value) error {
	n := f.Kind.size()
	if f.Kind == MAC || f.Kind == Bytes || f.Kind == Str {
		n = len(v.S)
	}
	if f.Off+n > len(d) {
		return fmt.Errorf("%d bytes do not fit", n)
	}
	p := d[f.Off:]
	switch {
	case f.Kind.isBit():
		putBit(p, f, v.True() != f.Not)
		if f.At != nil && f.At.Mask != 0 {
			putBit(d[f.At.Mask:], f, true)
		}
	case f.Kind == MAC || f.Kind == Bytes || f.Kind == Str:
		copy(p, v.S)
	case f.Kind == Dev:
		if v.Type == Name {
			b.Relocate(padded-f.Off, v.S)
		} else {
			putU32(p, uint32(v.N))
		}
	default:
		return f.putFixed(p, v)
	}
	return nil
}

func putBit(p []byte, f *Field, on bool) {
	switch f.Kind {
	case Bit8:
		p[0] = setBit(p[0], byte(f.Bit), on)
	case Bit16:
		putU16(p, setBit(getU16(p), uint16(f.Bit), on))
	default:
		putU32(p, setBit(getU32(p), f.Bit, on))
	}
}

func setBit[T uint8 | uint16 | uint32](v, bit T, on bool) T {
	if on {
		return v | bit
	}
	return v &^ bit
}

// putFixed writes a value of fixed size.
func (f *Field) putFixed(p []byte, v *Value) error {
	n := v.N + uint64(f.Scale)
	switch f.Kind {
	case U8, S8, Bool:
		p[0] = byte(n)
	case U16:
		putU16(p, uint16(n))
	case BE16:
		p[0], p[1] = byte(n>>8), byte(n)
	case U32, S32, Dev:
		putU32(p, uint32(n))
	case BE32:
		p[0], p[1], p[2], p[3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	case U64, S64:
		putU64(p, n)
	case BE64:
		for i := range 8 {
			p[i] = byte(n >> (56 - 8*i))
		}
	case IP4:
		a := v.A.As4()
		copy(p, a[:])
	case IP6:
		a := v.A.As16()
		copy(p, a[:])
	default:
		return fmt.Errorf("kind %d has no fixed size", f.Kind)
	}
	return nil
}

// append writes the attribute typ with the value v.
func (f *Field) append(b *Builder, typ uint16, v *Value) error {
	switch f.Kind {
	case U8, S8, U16, BE16, U32, S32, BE32, U64, S64, BE64, Bool, IP4, IP6:
		if f.Kind == IP4 && !v.A.Is4() || f.Kind == IP6 && !v.A.Is6() {
			return f.mismatch(v)
		}
		n := f.Kind.size()
		err := f.putFixed(b.Attr(typ, n), v)
		if v.HasMask && f.Mask != 0 {
			return (&Field{Kind: f.Kind}).putFixed(b.Attr(f.Mask, n), &Value{N: v.M})
		}
		return err
	case Bit8, Bit16, Bit32:
		return fmt.Errorf("a bit needs a place")
	case Flag:
		if v.True() {
			b.Attr(typ, 0)
		}
	case Str:
		b.String(typ, v.S)
	case Text, Bytes, MAC:
		b.Text(typ, v.S)
	case IP:
		if !v.A.IsValid() {
			return f.mismatch(v)
		}
		if f.Alt != 0 && v.A.Is6() {
			typ = f.Alt
		}
		b.Addr(typ, v.A)
	case Prefix:
		return errors.New("a prefix needs a header")
	case Dev:
		if v.Type == Name {
			b.Device(typ, v.S)
		} else {
			b.Uint32(typ, uint32(v.N))
		}
	case Nest:
		if v.Sub == nil {
			return f.mismatch(v)
		}
		m := b.Nest(typ)
		if err := v.Sub.Table.Append(b, v.Sub); err != nil {
			return err
		}
		b.End(m)
	case Struct:
		if v.Sub == nil {
			return f.mismatch(v)
		}
		return v.Sub.Table.fill(b, b.Attr(typ, v.Sub.Table.Fixed), v.Sub)
	case Union:
		return f.appendUnion(b, v, false)
	case List:
		m := b.Nest(typ)
		for i := range v.L {
			t := f.Elem.Type
			if t == 0 {
				t = f.From + uint16(i)
			}
			if err := f.Elem.append(b, t, &v.L[i]); err != nil {
				return At(fmt.Sprintf("[%d]", i), err)
			}
		}
		b.End(m)
	case Multi:
		for i := range v.L {
			if err := f.Elem.append(b, typ, &v.L[i]); err != nil {
				return At(fmt.Sprintf("[%d]", i), err)
			}
		}
	case Array, Range:
		return f.appendArray(b, typ, v)
	case Custom:
		return f.Codec.Append(b, f, *v)
	default:
		return fmt.Errorf("kind %d is not written", f.Kind)
	}
	return nil
}

func (f *Field) mismatch(v *Value) error {
	return fmt.Errorf("a value of type %d does not fit", v.Type)
}

// elemSize is the length of one packed element.
func (f *Field) elemSize() int {
	if f.Elem.Kind == Struct {
		return f.Elem.Of.Fixed
	}
	return f.Elem.Kind.size()
}

func (f *Field) appendArray(b *Builder, typ uint16, v *Value) error {
	n := f.elemSize()
	p := b.Attr(typ, n*len(v.L))
	total := align(n * len(v.L))
	if len(p) < n*len(v.L) {
		return nil // the builder has the error
	}
	for i := range v.L {
		e := &v.L[i]
		if f.Elem.Kind == Struct {
			if e.Sub == nil {
				return At(fmt.Sprintf("[%d]", i), f.Elem.mismatch(e))
			}
			if err := e.Sub.Table.fill(b, p[i*n:(i+1)*n], e.Sub); err != nil {
				return At(fmt.Sprintf("[%d]", i), err)
			}
			continue
		}
		if f.Elem.Kind == Dev && e.Type == Name {
			b.Relocate(total-i*n, e.S)
			continue
		}
		if err := f.Elem.putFixed(p[i*n:], e); err != nil {
			return At(fmt.Sprintf("[%d]", i), err)
		}
	}
	return nil
}

// familyIP6 is AF_INET6, in the first byte of a header with prefixes.
const familyIP6 = 10

// appendPrefix writes the address of a prefix, and its length into the fixed
// struct that begins at head. A prefix without address leaves the length to others.
func (f *Field) appendPrefix(b *Builder, v *Value, head, fixed int) error {
	if f.Off >= fixed {
		return errors.New("no room for a prefix length")
	}
	switch v.Type {
	case Net:
		b.Addr(f.Type, v.A)
		b.buf[b.start+head+f.Off] = byte(v.N)
	case EmptyNet:
		b.Attr(f.Type, 0)
	case AnyNet:
		if f.Zero && b.buf[b.start+head] == familyIP6 {
			b.Attr(f.Type, 16)
		}
	default:
		return f.mismatch(v)
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
	m := b.Nest(f.Type)
	if err := t.Append(b, v.Sub); err != nil {
		return At(t.Name, err)
	}
	b.End(m)
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
