package wire

import "slices"

// unlinked is the first of the numbers that stand for relocations while a
// message is decoded: no index of a device is that high.
const unlinked = 0xff000000

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
	for i := range s.Ents {
		s.Ents[i].V.name(s.Ents[i].F, rel)
	}
}

func (v *Value) name(f *Field, rel []Reloc) {
	switch {
	case v.Type == SetVal:
		v.Sub.name(rel)
	case v.Type == ListVal:
		for i := range v.L {
			v.L[i].name(f.Elem, rel)
		}
	case v.Type == Int && (f == nil || f.Kind == Dev) && v.N >= unlinked && v.N < unlinked+uint64(len(rel)):
		*v = NameVal(rel[v.N-unlinked].Name)
	}
}
