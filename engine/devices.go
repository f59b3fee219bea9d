package engine

import "context"

// Devices runs a script as Plan does and returns the devices that it uses, that
// are not there and that it does not create: what a sandbox has to provide.
// Beside an error they are those it used before.
func (e *Engine) Devices(ctx context.Context, script Script) ([]string, error) {
	var names []string
	_, err := e.transact(ctx, true, func(s *session) error {
		s.st.StandIns = true
		defer func() { names = s.st.StoodIn }()
		return s.exec(script)
	})
	return names, err
}
