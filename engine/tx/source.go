package tx

import (
	"context"

	"github.com/nlscript/nlscript/engine/nlconn"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
)

// Source reads state from the kernel.
type Source struct{ Conn *nlconn.Conn }

// Dump implements state.Source.
func (s Source) Dump(ctx context.Context, req []byte) ([]wire.Message, error) {
	parts, err := s.Conn.Dump(ctx, req)
	if err != nil {
		return nil, err
	}
	var l []wire.Message
	for m := range parts.Messages() {
		l = append(l, m)
	}
	return l, nil
}

// Brief returns a state for a plan that is sent.
func Brief(conn *nlconn.Conn) *state.State {
	st := state.New(Source{conn})
	st.Brief = true
	return st
}

// Get implements state.Getter.
func (s Source) Get(req []byte) ([]byte, error) { return s.Conn.Get(req) }
