package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const events = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
go: a line of go itself
{"ImportPath":"q","Action":"build-output","Output":"q.go:1: syntax error\n"}
{"Action":"output","Package":"q","Output":"FAIL\tq [build failed]\n"}
{"Action":"fail","Package":"q"}
{"Action":"output","Package":"r","Output":"ok  \tr\t0.1s\n"}
{"Action":"pass","Package":"r"}
`

func TestReport(t *testing.T) {
	var out strings.Builder
	c, err := report(strings.NewReader(events), &out)
	if want := (counts{1, 2, 1}); err != nil || c != want {
		t.Errorf("%v, %v; want %v", c, err, want)
	}
	want := `    b_test.go:1: wrong
FAIL	p	0.1s
go: a line of go itself
q.go:1: syntax error
FAIL	q [build failed]
ok  	r	0.1s
`
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", &out, want)
	}
}

func TestAdd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "total")
	for range 2 {
		if err := add(name, counts{3, 1, 2}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if want := "6 passed, 2 failed, 4 skipped\n"; err != nil || string(b) != want {
		t.Errorf("%q, %v; want %q", b, err, want)
	}
	if err := os.WriteFile(name, []byte("many\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := add(name, counts{}); err == nil {
		t.Error("a file with other contents was accepted")
	}
}
