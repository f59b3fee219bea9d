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
