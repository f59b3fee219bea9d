package builtins

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// An attrValue is a raw attribute: attr(99, u32 = 7).
type attrValue struct {
	raw   wire.Raw
	depth int // of attributes inside
}

var _ starlark.Comparable = (*attrValue)(nil)

func (a *attrValue) String() string        { return render(rawNode(&a.raw, 0), 0) }
func (a *attrValue) Type() string          { return "attr" }
func (a *attrValue) Freeze()               {}
func (a *attrValue) Truth() starlark.Bool  { return true }
func (a *attrValue) Hash() (uint32, error) { return hashString(a.String()), nil }
func (a *attrValue) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	return equality(op, a.String() == y.(*attrValue).String(), a)
}

func hashString(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s))
	return h.Sum32()
}

// encodings are the keywords of attr, of which a call has one.
const encodings = "u8 u16 u32 u64 s32 be16 be32 be64 str bytes flag ip mac nested"

var errOneEncoding = errors.New("wants the type and one of " + encodings)

// attrOf is attr(type, u32 = 7).
func attrOf(_ *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	a, err := makeAttr(args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	return a, nil
}

func makeAttr(args starlark.Tuple, kwargs []starlark.Tuple) (*attrValue, error) {
	var typ starlark.Value
	if len(args) == 1 {
		typ = args[0]
	} else if len(args) > 1 {
		return nil, errOneEncoding
	}
	var name string
	var v starlark.Value
	for i, kv := range kwargs {
		if err := given(kwargs, i); err != nil {
			return nil, err
		}
		switch k := string(kv[0].(starlark.String)); {
		case kv[1] == starlark.None:
		case k == "type" && typ == nil:
			typ = kv[1]
		case v != nil:
			return nil, &ArgError{Arg: k, Err: errOneEncoding}
		default:
			name, v = k, kv[1]
		}
	}
	if typ == nil || v == nil {
		return nil, errOneEncoding
	}
	n, err := within(typ, 16)
	if err != nil {
		return nil, &ArgError{Err: wire.At("type", err)}
	}
	a := &attrValue{raw: wire.Raw{Type: uint16(n)}}
	if err := a.set(name, v); err != nil {
		return nil, argError(name, err)
	}
	if len(a.raw.Data) > 65531 {
		return nil, argError(name, fmt.Errorf("%d bytes, an attribute holds at most 65531", len(a.raw.Data)))
	}
	return a, nil
}

// within is an unsigned integer of so many bits.
func within(v starlark.Value, bits int) (uint64, error) {
	i, ok := v.(starlark.Int)
	if !ok {
		return 0, wrong(v, "an integer")
	}
	n, ok := i.Uint64()
	if limit := uint64(1)<<bits - 1; !ok || bits < 64 && n > limit {
		return 0, fmt.Errorf("%s is out of range (0..%d)", i, limit)
	}
	return n, nil
}

// set encodes the payload.
func (a *attrValue) set(encoding string, v starlark.Value) error {
	put := func(bits int, data func(n uint64) []byte) error {
		n, err := within(v, bits)
		if err == nil {
			a.raw.Data = data(n)
		}
		return err
	}
	ne, be := binary.NativeEndian, binary.BigEndian
	switch encoding {
	case "u8":
		return put(8, func(n uint64) []byte { return []byte{byte(n)} })
	case "u16":
		return put(16, func(n uint64) []byte { return ne.AppendUint16(nil, uint16(n)) })
	case "u32":
		return put(32, func(n uint64) []byte { return ne.AppendUint32(nil, uint32(n)) })
	case "u64":
		return put(64, func(n uint64) []byte { return ne.AppendUint64(nil, n) })
	case "be16":
		return put(16, func(n uint64) []byte { return be.AppendUint16(nil, uint16(n)) })
	case "be32":
		return put(32, func(n uint64) []byte { return be.AppendUint32(nil, uint32(n)) })
	case "be64":
		return put(64, func(n uint64) []byte { return be.AppendUint64(nil, n) })
	case "s32":
		i, ok := v.(starlark.Int)
		if !ok {
			return wrong(v, "an integer")
		}
		n, ok := i.Int64()
		if !ok || n != int64(int32(n)) {
			return fmt.Errorf("%s is out of range (-2147483648..2147483647)", i)
		}
		a.raw.Data = ne.AppendUint32(nil, uint32(n))
	case "str":
		s, ok := starlark.AsString(v)
		if !ok {
			return wrong(v, "a string")
		}
		a.raw.Data = append([]byte(s), 0)
	case "bytes":
		b, err := bytesOf(v)
		if err != nil {
			return err
		}
		a.raw.Data = b
	case "flag":
		if v != starlark.True {
			return wrong(v, "True")
		}
		a.raw.Data = []byte{}
	case "ip":
		w, err := address(&wire.Field{Kind: wire.IP}, v)
		if err != nil {
			return err
		}
		a.raw.Data = w.A.AsSlice()
	case "mac":
		w, err := linkAddress(&wire.Field{Kind: wire.MAC}, v)
		if err != nil {
			return err
		}
		a.raw.Data = []byte(w.S)
	case "nested":
		sub, depth, err := rawList(v)
		a.raw.Nested, a.raw.Sub, a.depth = true, sub, depth+1
		if a.depth > maxRawDepth {
			return errNesting
		}
		return err
	default:
		return fmt.Errorf("is not an encoding, %w", errOneEncoding)
	}
	return nil
}

// maxRawDepth bounds attributes in attributes, which a script may build without end.
const maxRawDepth = 32

// rawList reads attrs = [attr(...), ...].
func rawList(v starlark.Value) (l []wire.Raw, depth int, err error) {
	ok, err := elements(v, func(i int, v starlark.Value) error {
		if a, ok := v.(*attrValue); ok {
			l, depth = append(l, a.raw), max(depth, a.depth)
			return nil
		}
		return wire.At(fmt.Sprintf("[%d]", i), wrong(v, "attr(...)"))
	})
	if !ok {
		err = wrong(v, "a list of attr(...)")
	}
	return l, depth, err
}

// addAttrs adds raw attributes beside the rows of a set.
func addAttrs(set *wire.Set, v starlark.Value) error {
	if v == starlark.None {
		return nil
	}
	l, _, err := rawList(v)
	for _, a := range l {
		set.AddRaw(a)
	}
	return err
}

// messageOf is message(type, flags =, header =, attrs =): a message past the
// objects. It is always sent, as a verb is, with exactly these flags.
func messageOf(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := scriptOf(thread)
	var op *Op
	if err == nil {
		op, err = s.message(args, kwargs)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	op.Site = s.site(thread)
	s.made(op.Site, fn.Name(), 1)
	return op, nil
}

func (s *Script) message(args starlark.Tuple, kwargs []starlark.Tuple) (*Op, error) {
	flags := uint64(unix.NLM_F_REQUEST | unix.NLM_F_ACK)
	var typ, header, attrs starlark.Value
	if len(args) > 1 {
		return nil, &ArgError{Index: 1, Err: fmt.Errorf("got %d positional arguments, want one, the type", len(args))}
	} else if len(args) == 1 {
		typ = args[0]
	}
	for i, kv := range kwargs {
		if err := given(kwargs, i); err != nil {
			return nil, err
		}
		name, v := string(kv[0].(starlark.String)), kv[1]
		if v == starlark.None {
			continue
		}
		var err error
		switch {
		case name == "type" && typ == nil:
			typ = v
		case name == "flags":
			flags, err = messageFlags(v)
		case name == "header":
			header = v
		case name == "attrs":
			attrs = v
		default:
			return nil, &ArgError{Arg: name, Err: fmt.Errorf("unknown keyword %s, there are type flags header attrs", name)}
		}
		if err != nil {
			return nil, argError(name, err)
		}
	}
	if typ == nil {
		return nil, errors.New("wants a type, such as 24 for RTM_NEWROUTE")
	}
	n, err := within(typ, 16)
	if err != nil {
		return nil, &ArgError{Err: wire.At("type", err)}
	}
	var head []byte
	if header != nil {
		if head, err = bytesOf(header); err != nil {
			return nil, argError("header", err)
		}
		if len(head) > 4096 {
			return nil, argError("header", fmt.Errorf("%d bytes are too many", len(head)))
		}
	}
	obj := s.rawObject(len(head))
	set := wire.NewSet(obj.Table)
	if len(head) > 0 {
		set.PutName("header", wire.StrVal(string(head)))
	}
	if attrs != nil {
		if err := addAttrs(set, attrs); err != nil {
			return nil, argError("attrs", err)
		}
	}
	if err := obj.Append(&s.Arena, uint16(n), uint16(flags), set); err != nil {
		return nil, err
	}
	msg, rel, err := s.Arena.Last()
	if err != nil {
		return nil, err
	}
	verb := &wire.Verb{Name: "message", Type: uint16(n), Flags: uint16(flags) &^ (unix.NLM_F_REQUEST | unix.NLM_F_ACK)}
	return &Op{Object: obj, Verb: verb, Msg: msg, Rel: rel}, s.count(len(msg))
}

// rawObject is the object of messages with a header of n bytes.
func (s *Script) rawObject(n int) *wire.Object {
	if o := s.raw[n]; o != nil {
		return o
	}
	t := &wire.Table{Name: "message", Doc: "a message past the objects", Fixed: n}
	if n > 0 {
		t.Fields = []wire.Field{{Name: "header", Kind: wire.Bytes, At: &wire.Place{}, Doc: "the fixed header"}}
	}
	o := &wire.Object{Name: "message", Table: t}
	if s.raw == nil {
		s.raw = map[int]*wire.Object{}
	}
	s.raw[n] = o
	return o
}

// messageFlags reads the flags of a message: a number, or names without NLM_F_.
// Where several names share a number, the message type tells them apart.
func messageFlags(v starlark.Value) (uint64, error) {
	w, err := bits(&wire.Field{Kind: wire.U16, Bits: true, Words: wire.Words{
		{Name: "REQUEST", N: unix.NLM_F_REQUEST}, {Name: "MULTI", N: unix.NLM_F_MULTI}, {Name: "ACK", N: unix.NLM_F_ACK},
		{Name: "ECHO", N: unix.NLM_F_ECHO}, {Name: "REPLACE", N: unix.NLM_F_REPLACE}, {Name: "EXCL", N: unix.NLM_F_EXCL},
		{Name: "CREATE", N: unix.NLM_F_CREATE}, {Name: "APPEND", N: unix.NLM_F_APPEND}, {Name: "ROOT", N: unix.NLM_F_ROOT},
		{Name: "MATCH", N: unix.NLM_F_MATCH}, {Name: "ATOMIC", N: unix.NLM_F_ATOMIC}, {Name: "NONREC", N: unix.NLM_F_NONREC},
		{Name: "BULK", N: unix.NLM_F_BULK},
	}}, v)
	return w.N, err
}

// hexText is bytes as message() and attr() print them.
func hexText(b []byte) string { return hex.EncodeToString(b) }
