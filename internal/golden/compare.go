package golden

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/nlscript/nlscript/wire"
)

const (
	scriptExt = ".star"
	goldenExt = ".golden"
)

// Path returns the golden file of a script: the one beside it.
func Path(script string) string { return strings.TrimSuffix(script, scriptExt) + goldenExt }

// Compare compares the golden file at path with got, what Render made now, and
// returns the difference as a unified diff, "" when there is none. With update
// it writes got to the file instead, and the diff is what changed. A file that
// is missing is an error unless it is written.
//
// Golden files hold the bytes of little-endian machines. On others the same
// integers in the other order are no difference, and nothing is written.
func Compare(path, got string, update bool) (string, error) {
	old, err := os.ReadFile(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing && !update:
		return "", fmt.Errorf("%w; -update writes it", err)
	case err != nil && !missing:
		return "", err
	case update && wire.IsBigEndian:
		return "", fmt.Errorf("%s: golden files are written on little-endian machines", path)
	}
	want := string(old)
	if wire.IsBigEndian {
		want = inOrderOf(got, want)
	}
	d := string(diff.Diff(path, []byte(want), "now", []byte(got)))
	if update && (d != "" || missing) {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			return "", err
		}
	}
	return d, nil
}

// Find returns the scripts that paths name: files, and of directories all
// scripts in them and below, sorted. A golden file there without its script is
// an error: it would never be compared.
func Find(paths ...string) ([]string, error) {
	var scripts []string
	var errs []error
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			scripts = append(scripts, strings.TrimSuffix(p, goldenExt))
			if filepath.Ext(p) == goldenExt {
				scripts[len(scripts)-1] += scriptExt
			}
			continue
		}
		err = filepath.WalkDir(p, func(file string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || d.IsDir():
			case filepath.Ext(file) == scriptExt:
				scripts = append(scripts, file)
			case filepath.Ext(file) == goldenExt:
				script := strings.TrimSuffix(file, goldenExt) + scriptExt
				if _, err := os.Stat(script); err != nil {
					errs = append(errs, fmt.Errorf("%s: no script %s", file, filepath.Base(script)))
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(scripts)
	return slices.Compact(scripts), errors.Join(errs...)
}
