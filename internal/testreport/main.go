// Testreport reads the output of go test -json and prints what a person wants
// of it: the line of each package, and everything that a failed test said.
//
//	go test -json ./... | testreport [-total FILE]
//
// With -total the counts of passed, failed and skipped tests are added to those
// in FILE. The exit status is 1 when something failed or no test ran.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

func main() {
	total := flag.String("total", "", "add the counts to `FILE`")
	flag.Parse()
	c, err := report(os.Stdin, os.Stdout)
	if err == nil && *total != "" {
		err = add(*total, c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
	}
	if err != nil || c.failed > 0 || c.passed == 0 {
		os.Exit(1)
	}
}

type counts struct{ passed, failed, skipped int }

func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

// An event is a line of go test -json (cmd/test2json).
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// report counts tests, subtests included. What failed without a test of its own,
// a package that does not build or that exits early, counts as one.
func report(r io.Reader, w io.Writer) (c counts, err error) {
	said := map[[2]string][]string{}
	failed := map[string]bool{} // packages with a failed test
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				io.WriteString(w, line) // not of a test: go itself speaks
			} else {
				c.event(e, w, said, failed)
			}
		}
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return c, err
		}
	}
}

func (c *counts) event(e event, w io.Writer, said map[[2]string][]string, failed map[string]bool) {
	test := [2]string{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		io.WriteString(w, e.Output)
	case "output":
		if e.Test == "" && isResult(e.Output) {
			io.WriteString(w, e.Output)
			return
		}
		if !strings.HasPrefix(e.Output, "=== ") { // RUN, PAUSE, CONT
			said[test] = append(said[test], e.Output)
		}
	case "pass", "skip":
		if e.Test != "" && e.Action == "pass" {
			c.passed++
		} else if e.Test != "" {
			c.skipped++
		}
		delete(said, test)
	case "fail":
		if e.Test != "" || !failed[e.Package] {
			c.failed++
			for _, s := range said[test] {
				io.WriteString(w, s)
			}
		}
		failed[e.Package] = true
		delete(said, test)
	}
}

// isResult reports whether a line is the one that go test prints of a package.
func isResult(line string) bool {
	return slices.ContainsFunc([]string{"ok  \t", "FAIL\t", "?   \t", "\t"}, func(p string) bool { return strings.HasPrefix(line, p) })
}

// add adds c to the counts in a file, which need not exist.
func add(name string, c counts) error {
	var sum counts
	b, err := os.ReadFile(name)
	switch {
	case err == nil:
		if _, err := fmt.Sscanf(string(b), "%d passed, %d failed, %d skipped", &sum.passed, &sum.failed, &sum.skipped); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	sum.passed += c.passed
	sum.failed += c.failed
	sum.skipped += c.skipped
	return os.WriteFile(name, []byte(sum.String()+"\n"), 0o666)
}
