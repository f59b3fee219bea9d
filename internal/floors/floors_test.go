// Package floors checks how the house is built (DESIGN.md 5): imports only go
// down, and what belongs to one floor stays on it.
package floors

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/nlscript/nlscript"
	root   = "../.."
)

// floors are the packages from the bottom up. What is on a floor may use,
// directly or through others, what else is on it and the floors named beside it.
var floors = []struct {
	dir  string // with the directories in it, unless these have a line of their own
	uses []string
}{
	{"wire", nil},
	{"wire/rtnl", []string{"wire"}},
	{"internal", []string{"wire", "wire/rtnl"}},
	{"builtins", []string{"wire", "wire/rtnl", "internal"}},
	{"engine/nlconn", []string{"wire", "wire/rtnl"}},
	{"engine/state", []string{"wire", "wire/rtnl"}},
	{"engine/tx", []string{"wire", "wire/rtnl", "internal", "builtins", "engine/nlconn", "engine/state"}},
	{"engine", []string{"wire", "wire/rtnl", "internal", "builtins", "engine/nlconn", "engine/state", "engine/tx"}},
	{"cmd", []string{"wire", "wire/rtnl", "internal", "builtins", "engine/nlconn", "engine/state", "engine/tx", "engine"}},
}

// outside are packages of others that only some floors may import, in tests
// too.
var outside = []struct {
	path string
	by   []string
}{
	{"github.com/josharian/native", []string{"wire"}},
	{"github.com/mdlayher/netlink", []string{"engine/nlconn"}},
	{"github.com/spf13/cobra", []string{"cmd"}},
	{"github.com/spf13/pflag", []string{"cmd"}},
	{"go.starlark.net", []string{"builtins", "engine", "engine/tx", "cmd"}},
}

// inTests are packages that tests of a lower floor use all the same: the syntax
// of Starlark says what can be a keyword.
var inTests = map[string][]string{"wire/rtnl": {"go.starlark.net/syntax"}}

// A listed package is what go list says of it.
type listed struct {
	ImportPath   string
	Standard     bool
	Module       *struct{ Path string }
	Dir          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// dir is the package's place in the module; ok is false for packages of others.
func dir(importPath string) (d string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// list returns the packages of the module, what they depend on included.
func list(t *testing.T) map[string]listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Module,Dir,GoFiles,Imports,TestImports,XTestImports,Deps", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %s", exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]listed{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

// floorOf returns the line of floors that a directory belongs to: the longest.
func floorOf(d string) (i int) {
	i = -1
	for j, f := range floors {
		if under(d, f.dir) && (i < 0 || len(f.dir) > len(floors[i].dir)) {
			i = j
		}
	}
	return i
}

func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

func TestImportsOnlyGoDown(t *testing.T) {
	checked := 0
	for _, p := range list(t) {
		d, ok := dir(p.ImportPath)
		if !ok {
			continue
		}
		checked++
		for _, err := range violations(d, p) {
			t.Error(err)
		}
	}
	if checked < 5 {
		t.Errorf("only %d packages were checked", checked)
	}
}

// violations returns what is wrong with the imports of the package at d.
func violations(d string, p listed) (bad []string) {
	i := floorOf(d)
	if i < 0 && len(p.GoFiles) == 0 {
		return nil // tests of the whole
	}
	if i < 0 {
		return []string{d + " is on no floor: add it to the list, or move it"}
	}
	f := floors[i]
	for _, dep := range p.Deps {
		e, ours := dir(dep)
		if !ours || e == d {
			continue
		}
		if j := floorOf(e); j < 0 || j != i && !slices.Contains(f.uses, floors[j].dir) {
			bad = append(bad, d+" depends on "+e+", which is not below "+f.dir)
		}
	}
	for _, imp := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
		for _, o := range outside {
			test := !slices.Contains(p.Imports, imp)
			if under(imp, o.path) && !slices.Contains(o.by, f.dir) && !(test && slices.Contains(inTests[f.dir], imp)) {
				bad = append(bad, d+" imports "+imp+", which only "+strings.Join(o.by, ", ")+" may")
			}
		}
	}
	return bad
}

// The check itself finds what it is for.
func TestViolations(t *testing.T) {
	for _, c := range []struct {
		dir     string
		p       listed
		refused bool
	}{
		{"wire", listed{Deps: []string{module + "/wire/rtnl"}}, true},
		{"wire", listed{Deps: []string{module + "/internal/golden"}}, true},
		{"wire", listed{Deps: []string{"fmt"}, Imports: []string{"github.com/josharian/native"}}, false},
		{"wire/rtnl", listed{Deps: []string{module + "/wire"}}, false},
		{"wire/rtnl", listed{Deps: []string{module + "/builtins"}}, true},
		{"wire/rtnl", listed{Imports: []string{"go.starlark.net/syntax"}}, true},
		{"wire/rtnl", listed{TestImports: []string{"go.starlark.net/syntax"}}, false},
		{"builtins", listed{Deps: []string{module + "/engine"}}, true},
		{"builtins", listed{Deps: []string{module + "/engine/nlconn"}}, true},
		{"builtins", listed{Imports: []string{"github.com/mdlayher/netlink/nlenc"}}, true},
		{"internal/golden", listed{Deps: []string{module + "/builtins"}}, true},
		{"engine/state", listed{Deps: []string{module + "/builtins"}}, true},
		{"engine/nlconn", listed{Deps: []string{module + "/internal/nsexec"}}, true},
		{"engine/nlconn", listed{Imports: []string{"github.com/mdlayher/netlink"}}, false},
		{"engine/tx", listed{Deps: []string{module + "/engine/state", module + "/builtins"}}, false},
		{"engine/tx", listed{Deps: []string{module + "/engine"}}, true},
		{"engine", listed{Deps: []string{module + "/engine/tx", module + "/wire"}}, false},
		{"engine", listed{TestImports: []string{"github.com/mdlayher/netlink"}}, true},
		{"engine", listed{Deps: []string{module + "/cmd/nlscript"}}, true},
		{"cmd/nlscript", listed{Deps: []string{module + "/engine", module + "/engine/tx"}, Imports: []string{"github.com/spf13/cobra"}}, false},
		{"util", listed{GoFiles: []string{"util.go"}}, true},
		{"docs", listed{}, false},
	} {
		if bad := violations(c.dir, c.p); (len(bad) > 0) != c.refused {
			t.Errorf("%s %+v: %q", c.dir, c.p, bad)
		}
	}
}

// docs/dependencies.md has a line for each module that the program imports from,
// and for no other.
func TestDependenciesAreDocumented(t *testing.T) {
	text, err := os.ReadFile(path.Join(root, "docs/dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := list(t)
	imported, documented := map[string]bool{}, map[string]bool{}
	for _, p := range all {
		if _, ours := dir(p.ImportPath); !ours {
			continue
		}
		for _, imp := range p.Imports {
			if dep := all[imp]; dep.Module != nil && dep.Module.Path != module {
				imported[dep.Module.Path] = true
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\| ([\w./-]+\.[\w./-]+)`).FindAllStringSubmatch(string(text), -1) {
		documented[strings.TrimSuffix(m[1], "/unix")] = true
	}
	for m := range imported {
		if !documented[m] {
			t.Errorf("docs/dependencies.md says nothing of %s", m)
		}
	}
	for m := range documented {
		if !imported[m] {
			t.Errorf("docs/dependencies.md has %s, which is not imported", m)
		}
	}
}

// family are the names of the kernel's headers that belong to the tables.
var family = regexp.MustCompile(`\b(IFLA|IFA|RTA|RTAX|NDA|NDTA|NHA|FRA|TCA|IFF|NTF|NUD|RTN|RTM|LWTUNNEL|VETH)_\w+`)

// wire knows the framing and no family: not in its code, and not in what it
// says about it.
func TestWireKnowsNoFamily(t *testing.T) {
	for name, src := range sources(t, "wire") {
		if path.Dir(name) == "wire" {
			for _, found := range family.FindAllString(src, -1) {
				t.Errorf("%s mentions %s", name, found)
			}
		}
	}
}

// Nothing happens when a package is linked in: no init.
func TestNoInit(t *testing.T) {
	for name, src := range sources(t, ".") {
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has a func init", name)
			}
		}
	}
}

// One file imports josharian/native.
func TestByteOrderInOneFile(t *testing.T) {
	for name, src := range sources(t, ".") {
		if strings.Contains(src, `"github.com/josharian/native"`) != (name == "wire/order.go") {
			t.Errorf("%s: only wire/order.go, and that, imports josharian/native", name)
		}
	}
}

// Nothing of rtnetlink is little-endian: it is in the order of the machine, or
// big-endian on all.
func TestNothingIsLittleEndian(t *testing.T) {
	for name, src := range sources(t, ".") {
		if strings.Contains(src, "LittleEndian") {
			t.Errorf("%s mentions little-endian order", name)
		}
	}
}

// sources returns the Go files under a directory of the module, tests aside, by
// their path in it.
func sources(t *testing.T, under string) map[string]string {
	t.Helper()
	files := map[string]string{}
	fsys := os.DirFS(root)
	err := fs.WalkDir(fsys, under, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		src, err := fs.ReadFile(fsys, name)
		files[name] = string(src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no Go files under %s", under)
	}
	return files
}
