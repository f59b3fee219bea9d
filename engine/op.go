package engine

import (
	"slices"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// An Op describes one change, as the constructors of scripts do. It is immutable.
type Op struct {
	op   *builtins.Op
	lost []string // what the commit may lose for good
}

// NewOp makes an op: the object, or one of its verbs ("route", "link.delete"),
// what it is called ("10.0.0.0/8"; "" for what has no name), and its fields as
// scripts spell them. A kind is a map that names it:
//
//	NewOp("link", "vx0", map[string]any{"kind": map[string]any{"kind": "vxlan", "id": 9}})
func NewOp(object, subject string, attrs map[string]any) (Op, error) {
	op, err := builtins.NewScript("", nil).NewOp(rtnl.Objects, object, subject, attrs)
	if err != nil {
		return Op{}, err
	}
	op.Flags |= builtins.Shared
	return Op{op: op}, nil
}

// Absent returns the op that the object shall not be.
func (o Op) Absent() Op {
	c := *o.op
	c.Absent = true
	return Op{&c, o.lost}
}

// In returns the op in another network namespace, named as for ip netns or by the
// path of its file. One that is not there is made when the op is committed.
func (o Op) In(netns string) Op {
	c := *o.op
	c.Place = builtins.PlaceOf(netns)
	return Op{&c, o.lost}
}

// Irreversible returns the op with leave for its commit to lose what a plan says
// cannot be restored: "link wg0". Without it the commit is refused.
func (o Op) Irreversible(names ...string) Op {
	return Op{o.op, append(slices.Clip(o.lost), names...)}
}

// String is the op as a script would write it.
func (o Op) String() string {
	if o.op == nil {
		return "<no op>"
	}
	return o.op.String()
}
