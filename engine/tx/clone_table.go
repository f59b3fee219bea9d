package tx

import (
	"fmt"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// pick tells which objects are copied: all but those of tables that are too large.
func (c *Clone) pick(o *wire.Object) func(*state.Entry) bool {
	if o != rtnl.Route || c.Most == 0 {
		return func(*state.Entry) bool { return true }
	}
	left, total := map[tableOf]int{}, map[tableOf]int{}
	for _, e := range c.src.All(o) {
		if !e.Foreign() {
			total[inTable(e)]++
			left[inTable(e)] = c.Most
		}
	}
	named := map[*state.Entry]bool{}
	for _, e := range c.src.All(o) {
		if t := inTable(e); total[t] > c.Most && c.Named != nil && c.Named(e) {
			named[e] = true
			left[t]--
		}
	}
	return func(e *state.Entry) bool {
		t := inTable(e)
		if total[t] <= c.Most || named[e] {
			return true
		}
		left[t]--
		return left[t] >= 0
	}
}

// A tableOf is one routing table of a family.
type tableOf struct{ family, table uint64 }

func inTable(e *state.Entry) tableOf { return tableOf{e.Set().Uint("family"), e.Set().Uint("table")} }

// large notes the tables of which not all is in the copy.
func (c *Clone) large() {
	if c.Most == 0 {
		return
	}
	total := map[tableOf]int{}
	var order []tableOf
	for _, e := range c.src.All(rtnl.Route) {
		t := inTable(e)
		if e.Foreign() {
			continue
		}
		if total[t]++; total[t] == c.Most+1 {
			order = append(order, t)
		}
	}
	for _, t := range order {
		family := "IPv4"
		if t.family == afInet6 {
			family = "IPv6"
		}
		note := fmt.Sprintf("of the %d %s routes of table %d the copy has %d", total[t], family, t.table, c.Most)
		if c.Named != nil {
			note += ", those that the script names among them"
		}
		c.Notes = append(c.Notes, note)
	}
}
