package builtins

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
)

// A fakeHost records commits, and answers reads with what is put in it.
type fakeHost struct {
	commits  []*Commit
	fail     error
	objects  []*Op
	filter   string
	params   map[string]any
	declared []string
	sysctls  map[string]string
}

func (h *fakeHost) Commit(c *Commit) error { h.commits = append(h.commits, c); return h.fail }
func (h *fakeHost) Attempt(c *Commit) (error, error) {
	h.commits = append(h.commits, c)
	return h.fail, nil
}
func (h *fakeHost) List(_ *Place, obj *wire.Object, filter *wire.Set) ([]*Op, error) {
	h.filter = filter.Text(nil)
	return h.objects, nil
}
func (h *fakeHost) Get(_ *Place, obj *wire.Object, filter *wire.Set) (*Op, error) {
	h.filter = filter.Text(nil)
	if len(h.objects) == 0 {
		return nil, nil
	}
	return h.objects[0], nil
}
func (h *fakeHost) ReadSysctl(_ *Place, s *Sysctl) (string, error) {
	if v, ok := h.sysctls[s.Path]; ok {
		return v, nil
	}
	return "", errors.New("no such sysctl")
}
func (h *fakeHost) Param(name string) (any, bool) { v, ok := h.params[name]; return v, ok }
func (h *fakeHost) Declare(p *Param)              { h.declared = append(h.declared, p.Name) }

const mainFile = "main.star"

// exec runs a script and returns its globals.
func exec(t testing.TB, h Host, src string) (*Script, starlark.StringDict, error) {
	t.Helper()
	s := NewScript(mainFile, h)
	thread := &starlark.Thread{Name: "test", Print: func(_ *starlark.Thread, msg string) { t.Log(msg) }}
	SetScript(thread, s)
	globals, err := starlark.ExecFileOptions(FileOptions(), thread, mainFile, src, testNames())
	return s, globals, err
}

// testNames is what scripts in testdata see: the names of a script, and eq and
// fails to check with.
func testNames() starlark.StringDict {
	d := Predeclared()
	d["eq"] = starlark.NewBuiltin("eq", func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		if len(args) != 2 {
			return nil, errors.New("eq wants two values")
		}
		if same, err := starlark.Equal(args[0], args[1]); err != nil || !same {
			return nil, fmt.Errorf("got %s, want %s", args[0], args[1])
		}
		return starlark.None, nil
	})
	d["fails"] = starlark.NewBuiltin("fails", func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		want, _ := starlark.AsString(args[1])
		_, err := starlark.Call(thread, args[0], nil, nil)
		if err == nil {
			return nil, fmt.Errorf("no failure, want %q", want)
		}
		if ok, bad := regexp.MatchString(want, err.Error()); bad != nil || !ok {
			return nil, fmt.Errorf("failed with %q, want %q", err, want)
		}
		return starlark.None, nil
	})
	return d
}

// op runs one expression and returns the op it makes.
func op(t testing.TB, expr string) *Op {
	t.Helper()
	_, g, err := exec(t, &fakeHost{}, "x = "+expr)
	if err != nil {
		t.Fatal(err)
	}
	return g["x"].(*Op)
}

// TestFiles runs testdata/*.star: chunks between lines of ---, each a script of
// its own. A line that ends in ### "regexp" must fail with such an error, and
// no other line may.
func TestFiles(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.star")
	if len(files) < 4 {
		t.Fatalf("only %d files in testdata", len(files))
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			line := 1
			for _, chunk := range strings.Split(string(data), "\n---\n") {
				runChunk(t, name, line, chunk)
				line += strings.Count(chunk, "\n") + 2
			}
		})
	}
}

var expectation = regexp.MustCompile(`(?m)### ("(?:[^"\\]|\\.)*")$`)

func runChunk(t *testing.T, name string, first int, chunk string) {
	t.Helper()
	var want *regexp.Regexp
	wantLine := 0
	for i, l := range strings.Split(chunk, "\n") {
		if m := expectation.FindStringSubmatch(l); m != nil {
			if want != nil {
				t.Errorf("%s:%d: a chunk can fail only once", name, first+i)
			}
			text := strings.ReplaceAll(m[1][1:len(m[1])-1], `\"`, `"`)
			want, wantLine = regexp.MustCompile(text), i+1
		}
	}
	_, _, err := exec(t, &fakeHost{params: map[string]any{}, sysctls: map[string]string{"net/ipv4/ip_forward": "1"}}, chunk)
	switch line := errorLine(err); {
	case err == nil && want != nil:
		t.Errorf("%s:%d: no error, want %q", name, first+wantLine-1, want)
	case err != nil && want == nil:
		t.Errorf("%s:%d: %v", name, first+line-1, err)
	case err != nil && line != wantLine:
		t.Errorf("%s:%d: %v, want it in line %d", name, first+line-1, err, first+wantLine-1)
	case err != nil && !want.MatchString(err.Error()):
		t.Errorf("%s:%d: %q does not match %q", name, first+line-1, err, want)
	}
}

// errorLine is the line of the script's own frame, innermost first.
func errorLine(err error) int {
	var e *starlark.EvalError
	if !errors.As(err, &e) {
		return 0
	}
	for i := len(e.CallStack) - 1; i >= 0; i-- {
		if p := e.CallStack[i].Pos; p.Filename() == mainFile {
			return int(p.Line)
		}
	}
	return 0
}
