package engine

import "context"

// Duplicate is the copy of the engine's namespace that a rehearsal runs in, and
// what ends it.
func (e *Engine) Duplicate(ctx context.Context, script Script) (*Engine, *rehearsal, func(), error) {
	r := &rehearsal{}
	c, err := e.duplicate(ctx, e.named(ctx, func(s *session) error { return s.exec(script) }), r)
	return c, r, r.end, err
}
