package builtins

import (
	"strings"
	"testing"

	"go.starlark.net/starlark"
)

func runGuarded(t *testing.T, src string) (starlark.StringDict, error) {
	t.Helper()
	file, err := FileOptions().Parse("t.star", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	Guard(file)
	names := Guarded()
	prog, err := starlark.FileProgram(file, names.Has)
	if err != nil {
		t.Fatal(err)
	}
	return prog.Init(new(starlark.Thread), names)
}

// TestGuard: what is in bounds is as it is without guard.
func TestGuard(t *testing.T) {
	g, err := runGuarded(t, `
x = 3
x *= 4
y = [1, 2] * 2 + [k * k for k in range(3)]
d = {"a": 2 * 3.5, "b": "ab" * 2, "c": (1,) * 2, "d": -1 * [5][0]}
def f(a, b = 2 * 3, *args):
    return [a * b * len(args), lambda n: n * a]
z = f(2, 3, 4, 5)[0] * f(10)[1](7)
l = [[2]]
l[0][0] *= 8
s = sorted(list(reversed((3, 1, 2)))) + list(zip([1], [2])) + list(enumerate(tuple("a".elems())))
k = len(set([1, 1, 2])) * len(dict(a = 1)) * len(bytes("xyz"))
`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"x": "12", "y": "[1, 2, 1, 2, 0, 1, 4]", "d": `{"a": 7.0, "b": "abab", "c": (1, 1), "d": -5}`,
		"z": "840", "l": "[[16]]", "s": `[1, 2, 3, (1, 2), (0, "a")]`, "k": "6",
	} {
		if got := g[name].String(); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
}

// TestGuardBounds: one call cannot take all memory.
func TestGuardBounds(t *testing.T) {
	for _, src := range []string{
		"[0] * 1000000000", "1000000000 * [0]", "(0,) * 1000000000", "[[0] * 1000000000]", "[0, 1] * 67108864",
		"list(range(1 << 30))", "tuple(range(1 << 30))", "sorted(range(1 << 30))", "set(range(1 << 30))",
		"reversed(range(1 << 30))", "enumerate(range(1 << 30))", "zip(range(1 << 30))",
		"bytes(range(1 << 30))", "(lambda n: [0] * n)(1000000000)",
	} {
		if _, err := runGuarded(t, "x = "+src); err == nil || !strings.Contains(err.Error(), "too many, at most 67108864") {
			t.Errorf("%s: %v", src, err)
		}
	}
	if _, err := runGuarded(t, "x = [0]\nx *= 1000000000"); err == nil {
		t.Error("x *= 1000000000 is not bounded")
	}
	if _, err := runGuarded(t, "x = [0] * -5 + [1] * 0 + ['a' * 3]"); err != nil {
		t.Error(err)
	}
	if _, err := runGuarded(t, "\nx = {} * 2"); err == nil || !strings.Contains(err.Error(), "unknown binary op: dict * int") {
		t.Error(err)
	}
}
