package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/engine/fixture"
	"github.com/nlscript/nlscript/internal/golden"
)

const goldenLong = `Golden builds scripts without a kernel and compares every message, byte by
byte, with the golden file beside each: foo.golden of foo.star. PATH is a script,
or a directory: all scripts in it and below. Devices that a script uses and does
not create are taken to be there.

Params for foo.star come from foo.params.json, facts from foo.facts.json, where
these exist. With --update the golden files are written, for every script, and
what changed is shown.

Exit status 5 when a file differs or is missing.`

func (a *app) goldenCommand() *cobra.Command {
	var update bool
	cmd := &cobra.Command{
		Use:     "golden [-update] PATH...",
		Short:   "Compare what scripts send with their golden files",
		Long:    goldenLong,
		Example: "  nlscript golden scripts/\n  nlscript golden -update scripts/router.star",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("PATH is missing")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			scripts, err := golden.Find(args...)
			if err != nil {
				return fileError(err)
			}
			if len(scripts) == 0 {
				return usagef("no scripts there")
			}
			return a.golden(cmd, scripts, update)
		},
	}
	cmd.Flags().BoolVar(&update, "update", false, "write the golden files (also -update)")
	return cmd
}

// golden checks scripts, all of them, and says at the end what came of it.
func (a *app) golden(cmd *cobra.Command, scripts []string, update bool) error {
	different, failed := 0, 0
	for _, s := range scripts {
		diff, err := fixture.Check(cmd.Context(), s, nil, update)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			different++
			fmt.Fprintln(a.stderr, fileError(err))
		case err != nil:
			failed++
			fmt.Fprintf(a.stderr, "%s: %+v\n", s, err)
		case diff != "":
			different++
			fmt.Fprint(a.stdout, diff)
		}
	}
	if update {
		fmt.Fprintf(a.stdout, "golden files: %d, written: %d\n", len(scripts)-failed, different)
		different = 0
	} else {
		fmt.Fprintf(a.stdout, "golden files: %d, different: %d\n", len(scripts)-failed, different)
	}
	switch {
	case failed > 0:
		return statusError(exitFailed)
	case different > 0:
		return statusError(exitDifferent)
	}
	return nil
}
