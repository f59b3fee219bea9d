package wire

import (
	"fmt"
	"strings"
)

// TypeName is the message type as people read it: newroute, delbridge.fdb; of a
// type that is neither New, Del nor Get, the verb that sends it.
func (o *Object) TypeName(typ uint16) string {
	name := strings.TrimSuffix(o.Name, "_")
	switch typ {
	case o.New:
		return "new" + name
	case o.Del:
		return "del" + name
	case o.Get:
		return "get" + name
	}
	for i := range o.Verbs {
		if o.Verbs[i].Type == typ {
			return o.Verbs[i].Name + name
		}
	}
	return fmt.Sprintf("type %d", typ)
}

// flagNames are the flags that every message may have, newFlags and its like
// those whose meaning depends on the message: linux/netlink.h.
var (
	flagNames = Words{{"request", 1}, {"multi", 2}, {"ack", 4}, {"echo", 8}, {"dump_intr", 0x10}, {"dump_filtered", 0x20}}
	newFlags  = Words{{"replace", 0x100}, {"excl", 0x200}, {"create", 0x400}, {"append", 0x800}}
	delFlags  = Words{{"nonrec", 0x100}, {"bulk", 0x200}}
	getFlags  = Words{{"root", 0x100}, {"match", 0x200}, {"atomic", 0x400}}
)

// FlagNames are the names of a message's NLM_F flags; one without a name is a
// number.
func (o *Object) FlagNames(typ, flags uint16) []string {
	words := newFlags
	switch typ {
	case o.Del:
		words = delFlags
	case o.Get:
		words = getFlags
	}
	low, rest := (&Field{Words: flagNames}).BitNames(uint64(flags))
	high, rest := (&Field{Words: words}).BitNames(rest)
	names := append(low, high...)
	if rest != 0 {
		names = append(names, fmt.Sprintf("%#x", rest))
	}
	return names
}

// headText is an nlmsghdr as people read it.
func (o *Object) headText(msg []byte) string {
	typ, flags := getU16(msg[4:]), getU16(msg[6:])
	s := strings.TrimSpace(o.TypeName(typ) + " " + strings.Join(o.FlagNames(typ, flags), "|"))
	if n := getU32(msg); uint64(n) != uint64(len(msg)) {
		s += fmt.Sprintf(" length %d of %d", n, len(msg))
	}
	if seq := getU32(msg[8:]); seq != 0 {
		s += fmt.Sprintf(" seq %d", seq)
	}
	if pid := getU32(msg[12:]); pid != 0 {
		s += fmt.Sprintf(" pid %d", pid)
	}
	return s
}
