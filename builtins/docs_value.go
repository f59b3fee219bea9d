package builtins

import (
	"fmt"
	"strings"

	"github.com/nlscript/nlscript/wire"
)

// kindName is a kind as the schema calls it.
func kindName(k wire.Kind) string {
	switch k {
	case wire.U8:
		return "u8"
	case wire.U16:
		return "u16"
	case wire.U32:
		return "u32"
	case wire.U64:
		return "u64"
	case wire.S8:
		return "s8"
	case wire.S32:
		return "s32"
	case wire.S64:
		return "s64"
	case wire.BE16:
		return "be16"
	case wire.BE32:
		return "be32"
	case wire.BE64:
		return "be64"
	case wire.Bool:
		return "bool"
	case wire.Flag:
		return "flag"
	case wire.Bit8:
		return "bit8"
	case wire.Bit16:
		return "bit16"
	case wire.Bit32:
		return "bit32"
	case wire.Str:
		return "string"
	case wire.Text:
		return "text"
	case wire.Bytes:
		return "bytes"
	case wire.IP:
		return "ip"
	case wire.IP4:
		return "ip4"
	case wire.IP6:
		return "ip6"
	case wire.Prefix:
		return "prefix"
	case wire.MAC:
		return "mac"
	case wire.Dev:
		return "device"
	case wire.Nest:
		return "nest"
	case wire.Struct:
		return "struct"
	case wire.Union:
		return "union"
	case wire.List:
		return "list"
	case wire.Array:
		return "array"
	case wire.Multi:
		return "multi"
	case wire.Range:
		return "range"
	case wire.Custom:
		return "custom"
	}
	return ""
}

// valueForm says how a script writes the value of a row.
func valueForm(f *wire.Field) string {
	switch f.Kind {
	case wire.Bool, wire.Flag, wire.Bit8, wire.Bit16, wire.Bit32:
		return "True or False"
	case wire.Str, wire.Text:
		s := "string"
		if f.Max > 0 {
			s += fmt.Sprintf(", at most %d bytes", f.Max)
		}
		return s
	case wire.Bytes:
		return `bytes, or a string of hexadecimal digits`
	case wire.IP, wire.IP4, wire.IP6:
		return map[wire.Kind]string{wire.IP: "address", wire.IP4: "IPv4 address", wire.IP6: "IPv6 address"}[f.Kind]
	case wire.Prefix:
		return `prefix such as "10.0.0.0/8", or "default"`
	case wire.MAC:
		return `link-layer address such as "02:00:00:00:00:01"`
	case wire.Dev:
		if f.Notation != nil {
			return "name, or path"
		}
		return "device: name, altname, or the op of a link"
	case wire.Nest, wire.Struct:
		return wantNest(f.Of)
	case wire.Union:
		return "one of " + members(f.OneOf)
	case wire.List, wire.Array, wire.Multi:
		return "list of: " + valueForm(innermost(f))
	case wire.Range:
		return `range such as "1000-2000", or one number`
	case wire.Custom:
		if c, ok := f.Codec.(wire.Former); ok {
			return c.Form()
		}
		return "see above"
	}
	s := wantInt(f)
	if f.Bits {
		return "list of " + legal(f)
	}
	if f.Time == 0 && !f.Rate && !f.Handle && !f.Closed {
		if lim := (&wire.Field{Kind: f.Kind, Min: f.Min, Max: f.Max, Scale: f.Scale}).Legal(); lim != "" {
			s += ", " + lim
		}
	}
	return s
}

// wireForm says where and how the value stands in a message.
func wireForm(f *wire.Field) string {
	kind := kindName(f.Kind)
	switch {
	case f.At != nil && f.At.Header():
		return fmt.Sprintf("%s at offset %d of the fixed header", kind, f.Off)
	case f.At != nil:
		return fmt.Sprintf("%s at offset %d of attribute %d", kind, f.Off, f.At.Type)
	}
	s := fmt.Sprintf("attribute %d, %s", f.Type, kind)
	var more []string
	if in := f.In(); in != "" {
		more = append(more, "in nest "+in)
	}
	if f.Alt != 0 {
		more = append(more, fmt.Sprintf("attribute %d for IPv6", f.Alt))
	}
	if f.Mask != 0 {
		more = append(more, fmt.Sprintf("mask in attribute %d", f.Mask))
	}
	return strings.Join(append([]string{s}, more...), ", ")
}
