package engine

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/internal/jsonerr"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// UnmarshalJSON reads a file of facts:
//
//	{"links": [{"name": "eth0", "index": 2}], "messages": ["34000000..."], "netns": {"blue": {"links": [...]}}}
func (f *Facts) UnmarshalJSON(b []byte) error {
	var file struct {
		Links []struct {
			Name  string
			Index int
		}
		Messages []string
		NetNS    map[string]*Facts
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return jsonerr.Explain(err)
	}
	links := map[string]int{}
	for i, l := range file.Links {
		if l.Name == "" || l.Index < 1 {
			return fmt.Errorf("links[%d]: a name and an index from 1 on are wanted", i)
		}
		if _, twice := links[l.Name]; twice {
			return fmt.Errorf("links[%d]: %s is there twice", i, l.Name)
		}
		links[l.Name] = l.Index
	}
	var messages [][]byte
	for i, m := range file.Messages {
		msg, err := hex.DecodeString(m)
		if err != nil {
			err = fmt.Errorf("%.40q is not hexadecimal bytes", m)
		}
		if err == nil && len(msg) == 0 {
			err = errors.New("is empty")
		}
		for _, ferr := range wire.Messages(msg) {
			err = errors.Join(err, ferr)
		}
		if err != nil {
			return fmt.Errorf("messages[%d]: %w", i, err)
		}
		messages = append(messages, msg)
	}
	for name, there := range file.NetNS {
		err := rtnl.NetNSName(name)
		switch {
		case there == nil:
			err = errors.New("an object is wanted, such as {}")
		case len(there.NetNS) > 0:
			err = errors.New("namespaces are of the machine: netns belongs outside")
		}
		if err != nil {
			return fmt.Errorf("netns: %q: %w", name, err)
		}
	}
	f.Links, f.Messages, f.NetNS = links, messages, file.NetNS
	return nil
}

// Name returns the name of the device with an index, "" when the facts have none.
func (f *Facts) Name(index uint32) string {
	for name, i := range f.Links {
		if uint32(i) == index {
			return name
		}
	}
	set := wire.NewSet(rtnl.Link.Table)
	for _, b := range f.Messages {
		for m := range wire.Messages(b) {
			if m.Type == rtnl.Link.New && rtnl.Link.Table.DecodeState(m.Data, set) == nil && set.Uint("index") == uint64(index) {
				name, _ := set.Get("name")
				return name.S
			}
		}
	}
	if index == loopback {
		return "lo"
	}
	return ""
}

// loopback is the index of lo in every network namespace.
const loopback = 1

// factSource answers dumps from facts. What they do not hold is absent.
type factSource struct{ facts *Facts }

// Dump implements state.Source.
func (s *factSource) Dump(_ context.Context, req []byte) ([]wire.Message, error) {
	var out []wire.Message
	for q, err := range wire.Messages(req) {
		if err != nil {
			return nil, err
		}
		family, bridge := q.Data[0], q.Data[0] == unix.AF_BRIDGE
		for _, b := range s.facts.Messages {
			for m, err := range wire.Messages(b) {
				if err != nil {
					return nil, err
				}
				if m.Type == q.Type-2 && len(m.Data) > 0 && (family == 0 || m.Data[0] == family) && // RTM_NEW, RTM_DEL, RTM_GET
					(q.Type != unix.RTM_GETLINK || bridge == (m.Data[0] == unix.AF_BRIDGE)) {
					out = append(out, m)
				}
			}
		}
		if q.Type == unix.RTM_GETLINK && !bridge {
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
	indexes := s.facts.Links
	if _, ok := indexes["lo"]; !ok && s.facts.Name(loopback) == "lo" {
		indexes = maps.Clone(indexes)
		if indexes == nil {
			indexes = map[string]int{}
		}
		indexes["lo"] = loopback
	}
	for _, name := range sortedKeys(indexes) {
		index := uint64(indexes[name])
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
