package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/fixture"
	"github.com/nlscript/nlscript/internal/jsonerr"
	"github.com/nlscript/nlscript/internal/source"
)

// params are the flags that give values to the param()s of a script.
type params struct {
	define []string
	file   string
}

// repeated is a flag that may be given several times. (pflag's own goes through
// encoding/csv to say that it is empty.)
type repeated []string

func (r *repeated) Set(s string) error { *r = append(*r, s); return nil }
func (r *repeated) String() string     { return strings.Join(*r, " ") }
func (r *repeated) Type() string       { return "stringArray" }

func (p *params) flags(cmd *cobra.Command) {
	cmd.Flags().VarP((*repeated)(&p.define), "define", "D", "give the script's param() `KEY=VALUE` (repeatable)")
	cmd.Flags().StringVar(&p.file, "params", "", "read params from the JSON object in `FILE`")
}

// values are the params by name; -D wins over the file.
func (p *params) values(ctx context.Context) (map[string]any, error) {
	m := map[string]any{}
	if p.file != "" {
		src, err := source.File(ctx, p.file)
		if err != nil {
			return nil, fileError(err)
		}
		if m, err = fixture.Params(src); err != nil {
			return nil, usagef("%s: %w", p.file, err)
		}
	}
	given := map[string]bool{}
	for _, d := range p.define {
		k, v, ok := strings.Cut(d, "=")
		switch {
		case !ok || k == "":
			return nil, usagef("-D %s: want KEY=VALUE", d)
		case given[k]:
			return nil, usagef("-D %s is given twice", k)
		}
		given[k], m[k] = true, v
	}
	return m, nil
}

// facts are the flags that stand for a kernel.
type facts struct {
	file     string
	links    []string
	standIns bool
}

func (f *facts) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "facts", "", "know only what `FILE` says instead of the kernel")
	cmd.Flags().Var((*repeated)(&f.links), "link", "a device there is, as `NAME=INDEX` (repeatable)")
}

func (f *facts) given() bool { return f.file != "" || len(f.links) > 0 || f.standIns }

// read returns the facts: of the file, then those of the flags.
func (f *facts) read(ctx context.Context) (engine.Facts, error) {
	var out engine.Facts
	if f.file != "" {
		src, err := source.Await(ctx, func() ([]byte, error) { return os.ReadFile(f.file) })
		if err != nil {
			return out, fileError(err)
		}
		if err := json.Unmarshal(src, &out); err != nil {
			return out, usagef("%s: %w", f.file, jsonerr.Explain(err))
		}
	}
	if out.Links == nil {
		out.Links = map[string]int{}
	}
	for _, l := range f.links {
		name, index, ok := strings.Cut(l, "=")
		n, err := strconv.ParseInt(index, 10, 32)
		if !ok || name == "" || err != nil || n < 1 {
			return out, usagef("--link %s: want NAME=INDEX", l)
		}
		out.Links[name] = int(n)
	}
	out.StandIns = f.standIns
	return out, nil
}

// stdinName is what scripts read from the standard input are called.
const stdinName = "<stdin>"

// script reads a script and says where it may load() from: the directory it is
// in, and below.
func (a *app) script(ctx context.Context, file string, p *params) (engine.Script, fs.FS, error) {
	s := engine.Script{Name: stdinName}
	var err error
	if s.Params, err = p.values(ctx); err != nil {
		return s, nil, err
	}
	dir := "."
	if file == "-" {
		s.Source, err = source.Read(ctx, a.stdin)
	} else {
		s.Source, err = source.File(ctx, file)
		s.Name, dir = filepath.Base(file), filepath.Dir(file)
	}
	if err != nil {
		return s, nil, fileError(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return s, nil, fileError(err)
	}
	return s, root.FS(), nil
}

// fileError says what is wrong with a file without naming the system call.
func fileError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", pe.Path, pe.Err)
	}
	return err
}
