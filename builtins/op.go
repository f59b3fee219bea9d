package builtins

import (
	"github.com/nlscript/nlscript/wire"
)

// An Op describes one change: what a constructor returns and commit takes. It
// is immutable; its message lies in the arena of the script that made it.
type Op struct {
	Object *wire.Object // nil when another carrier than rtnetlink takes the op
	Verb   *wire.Verb   // the kernel's verb, always sent; nil: ensure, the object shall be so
	Absent bool         // ensure that the object is not there
	Flags  OpFlags
	used   bool // committed, or part of another op

	// Msg is the whole message, seq and pid 0, devices not linked yet: Rel says
	// where their indexes belong. Of an ensure the flags are those of a plain
	// creation, and the planner decides.
	Msg []byte
	Rel []wire.Reloc

	Sysctl  *Sysctl  // carrier sysctl
	Wait    *Wait    // nothing is sent until it holds
	Cutover *Cutover // a table gets other routes at one instant
	Exact   *Exact   // nothing but what its ops say shall be in a scope; the op has no message
	NetNS   bool     // carrier netns: the namespace of Place shall be there
	Place   *Place   // network namespace the op is in; nil: the one the run works in
	Site    *Site    // where in the script it was made; nil from Go
}

// OpFlags are what is asked of the engine beside the message.
type OpFlags uint8

const (
	Recreate OpFlags = 1 << iota // an immutable difference deletes and adds
	Appended                     // with others of its key that have it, in the order written, it is all there is of it
	Selects                      // a script wrote it: absent() takes what is not written of a key that is Open to be anything
	Unsaid                       // and so it is with what Finish has added
	Shared                       // the message is not the running script's own: it must not be written to
)

// A Sysctl is the op that sets net.*: the path with '/' under /proc/sys.
type Sysctl struct {
	Path  string // net/ipv4/ip_forward
	Name  string // net.ipv4.ip_forward
	Value string
}

// A Site is a place in a script: the call stack, innermost first, without the
// builtin itself. Sites are interned, a million ops of one loop share theirs.
type Site struct {
	Frames []Frame

	// Of the ops made here: how many, how many were used, by which constructor.
	made, used int
	what       string
}

// A Frame is one level of a call stack.
type Frame struct {
	Func      string // "<toplevel>" or the function's name
	File      string
	Line, Col int
}

// Set decodes the op's message into s, devices by name.
func (op *Op) Set(s *wire.Set) error { return op.Object.Decode(op.Msg, op.Rel, s) }
