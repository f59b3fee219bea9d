package wire

import (
	"fmt"
	"slices"
	"strings"
)

// unlinked is the first of the numbers that stand for relocations while a
// message is decoded: no index of a device is that high.
const unlinked = 0xff000000

// A relocation is of a device unless its name says what else, before a slash:
// no name of a device has one.

// Referring returns the name of a relocation of something else than a device.
func Referring(what, name string) string { return what + "/" + name }

// Referred reports what a relocation is of, "" a device, and its bare name.
func Referred(rel string) (what, name string) {
	if what, name, ok := strings.Cut(rel, "/"); ok {
		return what, name
	}
	return "", rel
}

// Unlinked reports whether a value is a relocation, not a number.
func Unlinked(v Value) bool {
	return v.Type == Name || v.Type == Int && v.N >= unlinked && v.N <= 1<<32-1
}

// Link returns a copy of msg, or msg itself when there is nothing to patch,
// with the indexes that index gives for the names.
func Link(msg []byte, rel []Reloc, index func(name string) uint32) []byte {
	if len(rel) == 0 {
		return msg
	}
	msg = slices.Clone(msg)
	Patch(msg, rel, index)
	return msg
}

// Patch writes the indexes of the named devices into msg.
func Patch(msg []byte, rel []Reloc, index func(name string) uint32) {
	for _, r := range rel {
		putU32(msg[r.Off:], index(r.Name))
	}
}

// Decode reads a whole message that Append wrote, devices by their names again.
func (o *Object) Decode(msg []byte, rel []Reloc, s *Set) error {
	if len(msg) < HeaderLen {
		return &FrameError{0, fmt.Sprintf("%d bytes, a message header has %d", len(msg), HeaderLen)}
	}
	if len(rel) > 0 {
		i := uint32(0)
		msg = Link(msg, rel, func(string) uint32 { i++; return unlinked + i - 1 })
	}
	if err := o.Table.Decode(msg[HeaderLen:], s); err != nil {
		return err
	}
	if len(rel) > 0 {
		s.name(rel)
	}
	return nil
}

// name replaces the numbers that stand for relocations by the names.
func (s *Set) name(rel []Reloc) {
	s.Devices(func(v *Value) error {
		if n := uint32(v.N); v.Type == Int && n >= unlinked && n < unlinked+uint32(len(rel)) {
			*v = NameVal(rel[n-unlinked].Name)
		}
		return nil
	})
}

// Devices calls f for every value of the set, nested ones included, that holds
// a device; f may change it.
func (s *Set) Devices(f func(v *Value) error) error {
	for i := range s.Ents {
		if err := s.Ents[i].V.devices(s.Ents[i].F, f); err != nil {
			return At(s.Ents[i].F.Name, err)
		}
	}
	return nil
}

func (v *Value) devices(row *Field, f func(v *Value) error) error {
	switch v.Type {
	case SetVal:
		err := v.Sub.Devices(f)
		if err != nil && row != nil && row.Kind == Union {
			return At(v.Sub.Table.Name, err)
		}
		return err
	case ListVal:
		var elem *Field
		if row != nil {
			elem = row.Elem
		}
		for i := range v.L {
			if err := v.L[i].devices(elem, f); err != nil {
				return At(fmt.Sprintf("[%d]", i), err)
			}
		}
	case Name:
		return f(v)
	case Int:
		if row != nil && (row.Kind == Dev || row.Index) {
			return f(v)
		}
	}
	return nil
}

// SetFlags replaces the flags of a message.
func SetFlags(msg []byte, flags uint16) { putU16(msg[6:], flags) }

// TypeFlags returns type and flags of a message.
func TypeFlags(msg []byte) (typ, flags uint16) { return getU16(msg[4:]), getU16(msg[6:]) }
