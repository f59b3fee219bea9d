package builtins

import (
	"errors"
	"fmt"
	"slices"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// A Cutover is an op that gives a routing table other routes at one instant.
type Cutover struct {
	Routes   []*Op  // ensures of routes, of this table or of main
	Nexthops []*Op  // ensures of next hops that routes refer to
	Table    uint32 // which one
}

// TableText is the table as scripts write it.
func (c *Cutover) TableText() string {
	return rtnl.Route.Table.Row("table").Text(wire.IntVal(uint64(c.Table)), nil)
}

// Text names the cut-over: "cutover main".
func (c *Cutover) Text() string { return "cutover " + c.TableText() }

// Ops are all ops of the cut-over.
func (c *Cutover) Ops() []*Op { return append(slices.Clone(c.Nexthops), c.Routes...) }

func (c *Cutover) equal(o *Cutover) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.Table == o.Table && slices.EqualFunc(c.Ops(), o.Ops(), (*Op).Equal)
}

// cutoverOf is cutover(routes, table = "main").
func cutoverOf(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := scriptOf(thread)
	c := &Cutover{}
	var where together
	if err == nil {
		err = c.bind(&where, args, kwargs)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.Name(), err)
	}
	op := &Op{Cutover: c, Site: s.site(thread), Place: where.in}
	s.made(op.Site, fn.Name(), 1)
	return op, s.count(0)
}

func (c *Cutover) bind(where *together, args starlark.Tuple, kwargs []starlark.Tuple) error {
	table := wire.NewSet(rtnl.Route.Table)
	var r reader
	err := bindWords(args, kwargs, plainArg{"routes", true, func(v starlark.Value) error { return flatten(v, func(op *Op) error { return c.add(where, op) }) }},
		plainArg{"table", false, func(v starlark.Value) error { return r.row(table, table.Table.Row("table"), v) }})
	if err != nil {
		return err
	}
	table.Default("table", wire.IntVal(tableMain))
	c.Table = uint32(table.Uint("table"))
	if len(c.Routes) == 0 {
		return errors.New("there are no routes; absent(route.list(table = ...)) empties a table")
	}
	return nil
}

// tableMain is RT_TABLE_MAIN, where routes are that name no table.
const tableMain = 254

// add takes one op of the list.
func (c *Cutover) add(where *together, op *Op) error {
	switch {
	case op.Object != rtnl.Route && op.Object != rtnl.Nexthop || op.Object == nil:
		return fmt.Errorf("%s is neither a route nor a nexthop", short(op.String()))
	case op.Verb != nil || op.Absent || op.Exact != nil:
		return fmt.Errorf("%s: a cutover takes what shall be: %s(...)", short(op.String()), op.Object.Name)
	}
	op.use()
	op, err := where.add(op)
	if err != nil {
		return err
	}
	if op.Object == rtnl.Nexthop {
		c.Nexthops = append(c.Nexthops, op)
	} else {
		c.Routes = append(c.Routes, op)
	}
	return nil
}

func (c *Cutover) node(names wire.Names) (node, error) {
	list := node{open: "[", close: "]"}
	for _, op := range c.Ops() {
		n, err := op.node(names)
		if err != nil {
			return n, err
		}
		list.kids = append(list.kids, n)
	}
	n := node{open: "cutover(", close: ")", kids: []node{list}}
	if c.Table != tableMain {
		t := rtnl.Route.Table.Row("table")
		v, err := scriptValue(t, wire.IntVal(uint64(c.Table)))
		if err != nil {
			return n, err
		}
		n.kids = append(n.kids, node{key: "table = ", text: v.String()})
	}
	return n, nil
}
