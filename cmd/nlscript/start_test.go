package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestTablesCostNothing: tables are data that the linker lays out. One call in a
// variable of the package, and the compiler makes all that come after it when a
// program starts: 0.7 ms, and a copy of each page they are on.
func TestTablesCostNothing(t *testing.T) {
	const most = 60 // the small maps beside the tables; it was 246
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(trace.String()) {
		_, rest, ok := strings.Cut(line, "wire/rtnl @")
		if !ok {
			continue
		}
		var at, clock float64
		var size, allocs int
		if _, err := fmt.Sscanf(rest, "%f ms, %f ms clock, %d bytes, %d allocs", &at, &clock, &size, &allocs); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if allocs > most {
			t.Errorf("package rtnl makes %d things (%d bytes) when a program starts, at most %d are wanted", allocs, size, most)
		}
		return
	}
	t.Errorf("no line about package rtnl:\n%s", trace.Bytes())
}
