package builtins

import (
	"slices"
	"testing"

	"github.com/nlscript/nlscript/wire/rtnl"
)

// TestUnions looks for choices of tables that scripts would have no names for.
func TestUnions(t *testing.T) {
	found := unions(rtnl.Objects)
	for _, u := range found {
		if !slices.Contains(rtnl.Unions, u) {
			t.Errorf("%s, with %d tables, is not in rtnl.Unions", u.Name, len(u.Tables))
		}
	}
	if len(found) != len(rtnl.Unions) {
		t.Errorf("rtnl.Unions has %d, the objects have %d", len(rtnl.Unions), len(found))
	}
}
