package engine

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// factSource answers dumps from facts. What they do not hold is absent.
type factSource struct{ facts *Facts }

// Dump implements state.Source.
func (s *factSource) Dump(_ context.Context, req []byte) ([]wire.Message, error) {
	var out []wire.Message
	for q, err := range wire.Messages(req) {
		if err != nil {
			return nil, err
		}
		family := q.Data[0]
		for _, b := range s.facts.Messages {
			for m, err := range wire.Messages(b) {
				if err != nil {
					return nil, err
				}
				if m.Type == q.Type-2 && len(m.Data) > 0 && (family == 0 || m.Data[0] == family) { // RTM_NEW, RTM_DEL, RTM_GET
					out = append(out, m)
				}
			}
		}
		if q.Type == unix.RTM_GETLINK {
			links, err := s.links(out)
			if err != nil {
				return nil, err
			}
			out = append(out, links...)
		}
	}
	return out, nil
}

// links are messages for the links of which only the name is known.
func (s *factSource) links(have []wire.Message) ([]wire.Message, error) {
	known := map[uint64]bool{}
	set := wire.NewSet(rtnl.Link.Table)
	for _, m := range have {
		if rtnl.Link.Table.DecodeState(m.Data, set) == nil {
			known[set.Uint("index")] = true
		}
	}
	var b wire.Builder
	var out []wire.Message
	for _, name := range sortedKeys(s.facts.Links) {
		index := uint64(s.facts.Links[name])
		if known[index] {
			continue
		}
		set.Reset(rtnl.Link.Table)
		set.PutName("index", wire.IntVal(index))
		set.PutName("name", wire.StrVal(name))
		if err := rtnl.Link.Append(&b, unix.RTM_NEWLINK, 0, set); err != nil {
			return nil, err
		}
		msg, _, err := b.Last()
		if err != nil {
			return nil, err
		}
		for m := range wire.Messages(slices.Clone(msg)) {
			out = append(out, m)
		}
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string {
	l := make([]string, 0, len(m))
	for k := range m {
		l = append(l, k)
	}
	slices.SortFunc(l, strings.Compare)
	return l
}
