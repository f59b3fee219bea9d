package wire

import (
	"errors"
	"fmt"
)

// append writes the attribute typ with the value v.
func (f *Field) append(b *Builder, typ uint16, v *Value) error {
	switch f.Kind {
	case U8, S8, U16, BE16, U32, S32, BE32, U64, S64, BE64, Bool, IP4, IP6:
		if f.Kind == IP4 && !v.A.Is4() || f.Kind == IP6 && !v.A.Is6() {
			return f.mismatch(v)
		}
		n := f.Kind.size()
		if v.Type == Name {
			b.Attr(typ, n)
			b.relocate(n, v.S)
			return nil
		}
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
			b.device(typ, v.S)
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
	total := align(len(p))
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
			b.relocate(total-i*n, e.S)
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
