package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// An Op describes one change, as the constructors of scripts do, or what a commit
// waits for, checks, or makes of several. It is immutable.
type Op struct {
	ops    []*builtins.Op
	check  *builtins.Check
	within time.Duration // of the check
	lost   []string      // what the commit may lose for good
	err    error         // it cannot be
}

// NewOp makes an op: the object, or one of its verbs ("route", "link.delete"),
// what it is called ("10.0.0.0/8"; "" for what has no name), and its fields as
// scripts spell them. A kind is a map that names it:
//
//	NewOp("link", "vx0", map[string]any{"kind": map[string]any{"kind": "vxlan", "id": 9}})
//
// or its name alone when it has no options, and each hop() a map of its fields.
//
// It makes what the other functions of scripts make as well: "sysctl",
// "wait.carrier", "wait.dad", "check.ping" and its like, which hold for the commit
// as a whole, and "exact" and "cutover", whose ops are the field "ops":
//
//	NewOp("sysctl", "net.ipv4.ip_forward", map[string]any{"value": 1})
//	NewOp("check.ping", "192.0.2.1", map[string]any{"within": "5s"})
//	NewOp("exact", "route", map[string]any{"ops": []Op{a, b}, "table": 100})
func NewOp(object, subject string, attrs map[string]any) (Op, error) {
	s := builtins.NewScript("", nil)
	plain, _ := scriptValue(attrs).(map[string]any)
	made, ok, err := s.Call(rtnl.Objects, object, subject, plain)
	if !ok {
		var op *builtins.Op
		op, err = s.NewOp(rtnl.Objects, object, subject, plain)
		made.Ops = []*builtins.Op{op}
	}
	if err != nil {
		return Op{}, err
	}
	for _, op := range made.Ops {
		op.Flags |= builtins.Shared
	}
	return Op{ops: made.Ops, check: made.Check, within: made.Within}, nil
}

// scriptValue is a value with ops as package builtins has them.
func scriptValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, x := range v {
			m[k] = scriptValue(x)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, x := range v {
			l[i] = scriptValue(x)
		}
		return l
	case []Op:
		l := []any{}
		for _, o := range v {
			l = append(l, scriptValue(o))
		}
		return l
	case Op:
		l := []any{}
		for _, op := range v.ops {
			l = append(l, op)
		}
		return l
	}
	return v
}

// each returns the op with f done to copies of all it stands for.
func (o Op) each(f func(*builtins.Op)) Op {
	l := make([]*builtins.Op, len(o.ops))
	for i, op := range o.ops {
		c := *op
		f(&c)
		l[i] = &c
	}
	o.ops = l
	return o
}

// Absent returns the op that the object shall not be. Of what cannot be absent, a
// check or a sysctl, the commit fails.
func (o Op) Absent() Op {
	if o.check != nil {
		o.err = errors.New("a check cannot be absent")
		return o
	}
	gone, err := builtins.Gone(o.ops)
	if err != nil {
		o.err = errors.Join(o.err, err)
		return o
	}
	o.ops = gone
	return o
}

// In returns the op in another network namespace, named as for ip netns or by the
// path of its file. One that is not there is made when the op is committed.
func (o Op) In(netns string) Op {
	place := builtins.PlaceOf(netns)
	if o.check != nil {
		c := *o.check
		c.In = place
		o.check = &c
	}
	return o.each(func(op *builtins.Op) { op.Place = place })
}

// Irreversible returns the op with leave for its commit to lose what a plan says
// cannot be restored: "link wg0". Without it the commit is refused.
func (o Op) Irreversible(names ...string) Op {
	o.lost = append(slices.Clip(o.lost), names...)
	return o
}

// String is the op as a script would write it.
func (o Op) String() string {
	switch {
	case o.check != nil:
		return o.check.String()
	case len(o.ops) == 0:
		return "<no op>"
	}
	return o.ops[len(o.ops)-1].String() // that of exact has the others in it
}

// together is the commit of ops.
func together(ops []Op) (*builtins.Commit, error) {
	c := &builtins.Commit{}
	for i, o := range ops {
		if len(o.ops) == 0 && o.check == nil && o.err == nil {
			return nil, fmt.Errorf("commit: op %d is none: it was not made by NewOp", i)
		}
		if o.err != nil {
			return nil, fmt.Errorf("%s: %w", o, o.err)
		}
		c.Ops = append(c.Ops, o.ops...)
		c.Irreversible = append(c.Irreversible, o.lost...)
		if o.check != nil {
			c.Checks = append(c.Checks, o.check)
			c.Within = max(c.Within, o.within)
		}
	}
	return c, nil
}

// scriptOf is the script that does what Commit does with ops that it takes.
func scriptOf(ops []Op) Script {
	var l, checks, lost []string
	within := time.Duration(0)
	for _, o := range ops {
		if o.check != nil {
			checks, within = append(checks, o.String()), max(within, o.within)
		} else {
			l = append(l, o.String())
		}
		for _, name := range o.lost {
			lost = append(lost, strconv.Quote(name))
		}
	}
	src := fmt.Sprintf("commit([%s], checks = [%s], irreversible = [%s]", strings.Join(l, ",\n"), strings.Join(checks, ", "), strings.Join(lost, ", "))
	if within > 0 {
		src += fmt.Sprintf(", within = \"%dms\"", within.Milliseconds())
	}
	return Script{Name: "ops", Source: []byte(src + ")\n")}
}

// opOf is an op that a script, or a plan, has.
func opOf(op *builtins.Op) *Op { return &Op{ops: []*builtins.Op{op}} }
