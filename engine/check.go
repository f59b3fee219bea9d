package engine

import (
	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/tx"
)

// check runs the checks of a commit that holds.
func (s *session) check(c *builtins.Commit, p *tx.Plan) error {
	checks := c.Checks
	if r := s.e.rehearsal; r != nil {
		checks = r.own(checks)
	}
	if len(checks) > 0 {
		s.e.log.Debug("checking", "commit", c.Label, "checks", len(checks), "within", c.Limit())
	}
	return p.Check(s.ctx, s.kernel, checks, c.Limit())
}

// standInForChecks uses what checks name: their namespaces have to be there, and
// a sandbox has to have their devices.
func (s *session) standInForChecks(c *builtins.Commit) error {
	for _, k := range c.Checks {
		sp, err := s.spaces.Open(k.In, false)
		if err != nil {
			return &tx.CheckError{Check: k, Reason: err.Error()}
		}
		st := sp.State()
		if err := st.Load(s.ctx); err != nil {
			return err
		}
		st.Link(k.Dev)
	}
	return nil
}

// notes are the checks of a batch as golden files have them.
func (b *batch) notes() []string {
	var l []string
	for _, c := range b.checks {
		l = append(l, builtins.NoteCheck(c, b.within))
	}
	return l
}

// carrier names what an op without an object is.
func carrier(op *builtins.Op) string {
	if c := op.Carrier(); c != "route" {
		return c
	}
	return "message"
}

// Do implements tx.Namespace.
func (n *namespace) Do(f func() error) error { return n.do(f) }
