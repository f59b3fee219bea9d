package tx

import (
	"encoding/binary"
	"time"
)

// A coder writes values, or reads back what one wrote: one function for each type
// of the journal says what it has, for both directions. (encoding/json looks
// through the types first, which took as long as changing a route.)
type coder struct {
	b       []byte // written so far, or still to be read
	reading bool
	err     error // the first, in reading
}

func (c *coder) number() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail()
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *coder) fail() {
	c.b, c.err = nil, errRecordDamaged
}

// codeInt is for numbers that are not negative, or seldom.
func codeInt[T ~int | ~int64 | ~uint8 | ~uint32 | ~uint64 | ~uintptr](c *coder, v *T) {
	if c.reading {
		*v = T(c.number())
	} else {
		c.b = binary.AppendUvarint(c.b, uint64(*v))
	}
}

func codeBool(c *coder, v *bool) {
	var n uint8
	if *v {
		n = 1
	}
	codeInt(c, &n)
	*v = n != 0
}

// codeData is for bytes and strings; what is empty is read as the zero value.
func codeData[T ~string | ~[]byte](c *coder, v *T) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, uint64(len(*v)))
		c.b = append(c.b, *v...)
		return
	}
	n := c.number()
	if n > uint64(len(c.b)) {
		c.fail()
		return
	}
	if n > 0 {
		*v = T(append([]byte(nil), c.b[:n]...))
	}
	c.b = c.b[n:]
}

// codeTime is for times; the zero time is one.
func codeTime(c *coder, v *time.Time) {
	var ns int64
	if !v.IsZero() {
		ns = v.UnixNano()
	}
	codeInt(c, &ns)
	if c.reading && ns != 0 {
		*v = time.Unix(0, ns)
	}
}

// codeList is for slices; an empty one is read as nil.
func codeList[T any](c *coder, l *[]T, each func(*coder, *T)) {
	n := uint64(len(*l))
	codeInt(c, &n)
	for i := uint64(0); i < n && c.err == nil; i++ {
		if c.reading {
			var x T
			each(c, &x)
			*l = append(*l, x)
		} else {
			each(c, &(*l)[i])
		}
	}
}

// codeMap is for maps; an empty one is read as nil.
func codeMap[K comparable, V any](c *coder, m *map[K]V, key func(*coder, *K), value func(*coder, *V)) {
	n := uint64(len(*m))
	codeInt(c, &n)
	if !c.reading {
		for k, v := range *m {
			key(c, &k)
			value(c, &v)
		}
		return
	}
	for i := uint64(0); i < n && c.err == nil; i++ {
		var k K
		var v V
		key(c, &k)
		value(c, &v)
		if *m == nil {
			*m = map[K]V{}
		}
		(*m)[k] = v
	}
}

// codeOptional is for what may be nil.
func codeOptional[T any](c *coder, p **T, each func(*coder, *T)) {
	there := *p != nil
	codeBool(c, &there)
	if !there {
		return
	}
	if c.reading {
		*p = new(T)
	}
	each(c, *p)
}

func codeMessages(c *coder, l *[][]byte) { codeList(c, l, codeData[[]byte]) }
