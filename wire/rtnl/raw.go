package rtnl

import (
	"slices"

	"github.com/nlscript/nlscript/wire"
)

// Codecs of tables keep in Set.Extra what their rows cannot say.

// keep adds an attribute that no row describes.
func keep(s *wire.Set, a wire.Attr) {
	s.Extra = append(s.Extra, wire.Raw{Type: a.Type | a.Flags, Data: slices.Clone(a.Data)})
}

// keepAll makes of a payload that the rows cannot say a set of nothing but its
// attributes.
func keepAll(payload []byte, s *wire.Set) error {
	s.Reset(s.Table)
	for a, err := range wire.Attrs(payload) {
		if err != nil {
			return err
		}
		keep(s, a)
	}
	return nil
}

// rawOnly reports whether a set is such attributes alone: a codec that cannot do
// without some row adds nothing to them.
func rawOnly(s *wire.Set) bool { return len(s.Ents) == 0 && len(s.Extra) > 0 }
