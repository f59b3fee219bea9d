package wire

import (
	"encoding/hex"
	"net"
)

// JSON is the set as encoding/json can write it: names to values.
func (s *Set) JSON(names Names) map[string]any {
	m := make(map[string]any, len(s.Ents))
	for _, e := range s.Ents {
		m[e.F.Label()] = e.F.JSON(e.V, names)
	}
	if len(s.Extra) > 0 {
		m["attrs"] = rawJSON(s.Extra)
	}
	return m
}

func rawJSON(raw []Raw) []any {
	var l []any
	for _, r := range raw {
		x := map[string]any{"type": r.Type & typeMask}
		if r.Nested {
			x["nested"] = rawJSON(r.Sub)
		} else {
			x["hex"] = hex.EncodeToString(r.Data)
		}
		l = append(l, x)
	}
	return l
}

// JSON is the value as encoding/json can write it: numbers stay numbers unless
// they have a word or a unit.
func (f *Field) JSON(v Value, names Names) any {
	switch f.Kind {
	case Bool, Flag, Bit8, Bit16, Bit32:
		return v.True()
	case Nest, Struct:
		return v.Sub.JSON(names)
	case Union:
		m := v.Sub.JSON(names)
		m[f.OneOf.Name] = v.Sub.Table.Name
		return m
	case List, Array, Multi:
		l := make([]any, len(v.L))
		for i, e := range v.L {
			l[i] = f.Elem.JSON(e, names)
		}
		return l
	case MAC:
		return net.HardwareAddr(v.S).String()
	case Str, Text:
		return v.S
	case Custom:
		return v.json(f, names)
	}
	if f.Kind.IsInt() && !v.HasMask && f.Words.Name(v.N) == "" && !f.Bits && f.Time == 0 && !f.Rate && !f.Handle {
		if f.Kind.signed() {
			return int64(v.N)
		}
		return v.N
	}
	return f.Text(v, names)
}

func (v Value) json(f *Field, names Names) any {
	switch v.Type {
	case Int:
		return v.N
	case SetVal:
		return v.Sub.JSON(names)
	case ListVal:
		l := make([]any, len(v.L))
		for i, e := range v.L {
			l[i] = e.json(f, names)
		}
		return l
	}
	return v.text(names)
}
