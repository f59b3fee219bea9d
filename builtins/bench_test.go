package builtins

import (
	"testing"

	"go.starlark.net/starlark"
)

func benchThread(b *testing.B) *starlark.Thread {
	b.ReportAllocs()
	thread := &starlark.Thread{}
	SetScript(thread, NewScript(mainFile, nil))
	return thread
}

// BenchmarkRoute4 is a constructor with four keywords.
func BenchmarkRoute4(b *testing.B) {
	thread := benchThread(b)
	route := Predeclared()["route"]
	args := starlark.Tuple{starlark.String("10.0.0.0/8")}
	kwargs := []starlark.Tuple{
		{starlark.String("via"), starlark.String("192.0.2.1")},
		{starlark.String("dev"), starlark.String("eth0")},
		{starlark.String("table"), starlark.MakeInt(100)},
		{starlark.String("metric"), starlark.MakeInt(20)},
	}
	for b.Loop() {
		if _, err := starlark.Call(thread, route, args, kwargs); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBulk is one route of many in a call.
func BenchmarkBulk(b *testing.B) {
	thread := benchThread(b)
	names := Predeclared()
	v, err := starlark.EvalOptions(FileOptions(), thread, "x", `ip.prefix("10.0.0.0/8").subnets(18)`, names)
	if err != nil {
		b.Fatal(err)
	}
	args := starlark.Tuple{v}
	kwargs := []starlark.Tuple{{starlark.String("via"), starlark.String("192.0.2.1")}}
	n := starlark.Len(v)
	for i := 0; b.Loop(); i++ {
		if i%n != 0 {
			continue // an iteration is one route
		}
		if _, err := starlark.Call(thread, names["route"], args, kwargs); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSource is the printer that decode and export use.
func BenchmarkSource(b *testing.B) {
	x := op(b, `route("10.0.0.0/8", via = "192.0.2.1", dev = "eth0", table = 100, metric = 20)`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.Source(nil); err != nil {
			b.Fatal(err)
		}
	}
}
