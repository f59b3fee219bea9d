package engine

import (
	"context"
	"time"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/tx"
)

// Limits bound what a script may use. The zero Limits are the defaults.
type Limits struct {
	Steps uint64        // Starlark steps; 0: 500 million
	Ops   int           // ops a script makes; 0: 20 million
	Bytes int64         // bytes of messages; 0: 4 GiB
	Run   time.Duration // a run, waiting for the kernel included; 0: no limit
	Undo  time.Duration // undoing a failed run, also after cancellation; 0: 5 minutes
}

// Facts stand for a kernel where there is none.
type Facts struct {
	Links    map[string]int // name to index
	Messages [][]byte       // objects as the kernel would report them: RTM_NEWROUTE and its like
	StandIns bool           // devices that a script uses and does not create are there

	NetNS map[string]*Facts // of other network namespaces that are there, by name or path
}

// A Script is what Run runs.
type Script struct {
	Name    string // file name, for positions and for load() to start from
	Source  []byte
	Params  map[string]any // values for param(): a string as -D gives it, or what encoding/json makes of a file
	Retry   int            // how often to run it again after a conflict with another program
	Confirm time.Duration  // undo unless confirmed in this time, a year at most; needs WithJournal

	// Rehearse runs it in a copy of the namespace first, and then only if it held
	// there. It takes CAP_SYS_ADMIN, or SetPrivate.
	Rehearse bool
}

// Outcomes of a run.
const (
	committed  = "committed"
	unchanged  = "unchanged"
	rolledBack = "rolled_back"
	residue    = "residue"
	conflict   = "conflict"
)

// A Plan is what a script, or a commit, comes to.
type Plan struct {
	Changes  []Change
	Messages [][]byte // in order, devices linked; of a plan that is being run they are the ones sent

	commits  []*batch
	failed   []failedAttempt
	warnings []string
	standIns []string
	secrets  []string
	conn     bool // made against a kernel
}

// A failedAttempt is an attempt() of which nothing is left.
type failedAttempt struct {
	after  int // commits
	label  string
	site   string
	why    string
	undone bool // something had been sent
}

// A batch is one commit of a plan.
type batch struct {
	label   string
	site    string
	plan    *tx.Plan
	attempt bool
	checks  []*builtins.Check
	within  time.Duration // as written

	irreversible []string // what may be lost
}

// A Change is what becomes of one object. Action is create, change, bounce (down
// and up again), delete, send (a verb, not compared) or unchanged.
type Change struct {
	Action, Object, Key, Pos string
	NetNS                    string // network namespace, as it is named; "" the one the engine works in
	Before, After            *Op    // Before of what changes or goes; After of what is there then

	Irreversible []string // what could not be brought back: "link wg0: kind wireguard, its keys and peers"
}

// A Result is what a run came to. Outcome is "committed" or "unchanged"; what
// else can happen is an Error.
type Result struct {
	Outcome  string
	Plan     *Plan
	Undone   int      // messages of undo, by Undo or by attempt()
	Residue  []Change // of Undo
	Warnings []string

	Rehearsal *rehearsal // of a script that was rehearsed

	sent  int
	took  time.Duration
	waits *waits
	undo  func(context.Context) (int, []tx.Residue, error)
}
