package builtins

import (
	"errors"
	"testing"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// TestArgPos: an error points at the argument, in the source as it stands.
func TestArgPos(t *testing.T) {
	for _, c := range []struct {
		src       string
		line, col int32
	}{
		{`route("10.0.0.0/8", via = "x")`, 1, 21},
		{`route("10.0.0.0/40", dev = "lo")`, 1, 7},
		{"route(\n    dst = \"10.0.0.0/40\",\n)", 2, 5},
		{"b = {\"mtu\": \"x\"}\nroute(\"10.0.0.0/8\", **b)", 2, 21},
		{`route(table = 5, dst = [x for x in ["10.0.0.0/40"]])`, 1, 18},
		{`link("x", kind = kind.vxlan(id = -1))`, 1, 29},
		{`link("x", foo = 1, mtu = 3)`, 1, 11},
		{`rule(from_ = "x")`, 1, 6},
		{`commit(None, ["x"])`, 1, 14},
		{`absent(5)`, 1, 8},
		{`x = sysctl("kernel.x", 1)`, 1, 12},
	} {
		_, _, err := exec(t, &fakeHost{}, c.src)
		var arg *ArgError
		var eval *starlark.EvalError
		if !errors.As(err, &arg) || !errors.As(err, &eval) {
			t.Errorf("%s: %v is no ArgError", c.src, err)
			continue
		}
		file, perr := FileOptions().Parse(mainFile, c.src, 0)
		if perr != nil {
			t.Fatal(perr)
		}
		at, ok := ArgPos(file, eval.CallStack.At(1).Pos, arg.Index, arg.Arg)
		if !ok || at.Line != c.line || at.Col != c.col {
			t.Errorf("%s: %d:%d %v, want %d:%d (%v)", c.src, at.Line, at.Col, ok, c.line, c.col, err)
		}
	}
}

// TestArgPosPath: the kernel's error about a field of a kind points into the
// call that made the kind, when the source has it there.
func TestArgPosPath(t *testing.T) {
	src := `link("x", kind = kind.vxlan(
    id = 7, ttl = 3))
link("y", kind = k)`
	file, err := FileOptions().Parse(mainFile, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		call      syntax.Position
		path      string
		line, col int32
		ok        bool
	}{
		{syntax.MakePosition(nil, 1, 5), "kind.vxlan.ttl", 2, 13, true},
		{syntax.MakePosition(nil, 1, 5), "kind.vxlan.port", 1, 11, true},
		{syntax.MakePosition(nil, 3, 5), "kind.vxlan.id", 3, 11, true},
		{syntax.MakePosition(nil, 3, 5), "mtu", 3, 5, false},
		{syntax.MakePosition(nil, 9, 9), "mtu", 9, 9, false},
	} {
		at, ok := ArgPos(file, c.call, 0, ErrorPath(c.path)...)
		if at.Line != c.line || at.Col != c.col || ok != c.ok {
			t.Errorf("%s at %d: %d:%d %v, want %d:%d %v", c.path, c.call.Line, at.Line, at.Col, ok, c.line, c.col, c.ok)
		}
	}
}
