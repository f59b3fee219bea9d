package engine

import "context"

// Duplicate is the copy of the engine's namespace that a rehearsal runs in, and
// what ends it.
func (e *Engine) Duplicate(ctx context.Context, script Script) (*Engine, *rehearsal, func(), error) {
	r := &rehearsal{}
	c, err := e.duplicate(ctx, e.named(ctx, func(s *session) error { return s.exec(script) }), r)
	return c, r, r.end, err
}

// RehearseBeside rehearses as where another process makes the copy, in this one.
func (e *Engine) RehearseBeside(ctx context.Context, script Script) (*rehearsal, error) {
	e.SetPrivate(func(ctx context.Context, req []byte) ([]byte, error) {
		other, err := New()
		if err != nil {
			return nil, err
		}
		return other.Private(ctx, req)
	})
	return e.rehearseBeside(ctx, script, false)
}
