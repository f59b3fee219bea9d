package builtins

import (
	"time"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// A Host is what a script's verbs need from the engine that runs it. It is set
// on the thread before the script starts; constructors need only the Script.
type Host interface {
	// Commit sends ops as one batch. The error it returns ends the script.
	Commit(c *Commit) error
	// Attempt is Commit that undoes its batch alone on failure and returns the
	// failure as a value; err is for what no script may catch (cancellation).
	Attempt(c *Commit) (failure error, err error)
	// List returns the objects that the kernel (or the facts) hold and that
	// agree with every field of filter. Get is the kernel's own look-up. Both look
	// in the network namespace in, nil the one the run works in.
	List(in *Place, obj *wire.Object, filter *wire.Set) ([]*Op, error)
	Get(in *Place, obj *wire.Object, filter *wire.Set) (*Op, error)
	// ReadSysctl returns the current value there.
	ReadSysctl(in *Place, s *Sysctl) (string, error)
	// Param returns what -D or --params gave for a name, as it was given: of -D
	// the string, of --params what encoding/json makes of it.
	Param(name string) (v any, ok bool)
	// Declare tells the host of a param() call, for --help and completion.
	Declare(p *Param)
}

// A Commit is a call of commit() or attempt().
type Commit struct {
	Ops   []*Op
	Label string
	Site  *Site

	// Irreversible names what may be lost for good, as a plan does: "link wg0".
	Irreversible []string

	Checks []*Check      // have to hold in the end
	Within time.Duration // in this time after the batch was verified; 0: CheckWithin
}

// Limit is how long the checks may take.
func (c *Commit) Limit() time.Duration {
	if c.Within != 0 {
		return c.Within
	}
	return CheckWithin
}

// A Param is a call of param().
type Param struct {
	Name    string
	Doc     string
	Type    string // bool int string list dict, or "" for any
	Default starlark.Value
	Choices []starlark.Value
	Secret  bool
	Site    *Site
}
