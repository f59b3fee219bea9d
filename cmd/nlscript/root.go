package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nlscript/nlscript/engine"
)

// An app is one execution: its streams.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	colour         painter
	handler        *handler
	after          advice
}

// advice is what to say when a run fails and something can be done.
type advice struct{ recover, retry string }

// of is the end of what is said of a failure.
func (v advice) of(e *engine.Error) string {
	switch {
	case e.Outcome == "residue" && v.recover != "":
		return "\ntry again with  " + v.recover + "  " + whenBack(e.Gone()) + "(journal kept)"
	case e.Outcome == "conflict" && v.retry != "":
		return ". Again:  " + v.retry
	}
	return ""
}

// whenBack says what to wait for, when it is devices.
func whenBack(gone []string) string {
	switch len(gone) {
	case 0:
		return ""
	case 1:
		return "when " + gone[0] + " is back "
	}
	return "when " + strings.Join(gone, ", ") + " are back "
}

// A usageError is wrong use of the command line: exit status 2, with the usage
// line of the verb.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// A statusError ends the command with a status after everything was said.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

const rootLong = `nlscript configures the Linux network from Starlark scripts.

A script says what the network should be. nlscript turns it into rtnetlink
messages, commits them as one batch that either all holds or leaves nothing
behind, and says what it changed.

  # site.star
  commit(
      link("lan", kind = kind.bridge(), up = True),
      link("eth1", master = "lan", up = True),
      addr("10.1.0.1/24", dev = "lan"),
      route("default", via = "10.1.0.254"),
  )

  nlscript plan site.star             what would change, against this machine
  nlscript run --sandbox site.star    try it in a private namespace, without root
  nlscript run site.star              do it
  nlscript run --confirm 60s FILE     do it, and undo it unless it is confirmed in time
  nlscript doc route                  what route() takes
  nlscript FILE                       run, when FILE has a '/', ends in .star or is '-'

Exit status: 0 done, or nothing to do; 1 an error, nothing is left applied;
2 wrong usage; 3 undo is incomplete; 4 another program interfered; 5 a golden
file differs, or plan --check would change something.

There is no configuration file. NO_COLOR is the only variable that is read.`

// root is the command line for some arguments.
func (a *app) root(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:           "nlscript",
		Short:         "Configure the Linux network from Starlark scripts",
		Long:          rootLong,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			text := fmt.Sprintf("unknown command %q", args[0])
			if l := cmd.SuggestionsFor(args[0]); len(l) > 0 {
				text += "; did you mean " + strings.Join(l, ", ") + "?"
			}
			return usagef("%s", text)
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{flagError(err)} })
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Name() != "run" { // which has more to get ready
			awaitGuard(cmd.Context())
		}
		return emptyFlag(cmd)
	}
	// What all the others need costs a tenth of a short run.
	for verb, command := range map[string]func() *cobra.Command{"run": a.runCommand, watchVerb: a.watchCommand} {
		if len(args) > 0 && args[0] == verb {
			root.CompletionOptions.DisableDefaultCmd = true
			root.AddCommand(command())
			return root
		}
	}
	root.AddCommand(a.runCommand(), a.planCommand(), a.buildCommand(), a.decodeCommand(), a.goldenCommand(),
		a.exportCommand(), a.docCommand(), a.schemaCommand(), a.versionCommand(),
		a.confirmCommand(), a.recoverCommand(), a.statusCommand(), a.watchCommand(), a.privateCommand())
	known(root)
	return root
}

// known makes help and completion refuse what they do not know, too.
func known(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				if found, rest, err := root.Find(args); err != nil || len(rest) > 0 || len(args) > 0 && found == root {
					return usagef("unknown command %q", strings.Join(args, " "))
				}
				return nil
			}
		case "completion":
			c.Args = cobra.ArbitraryArgs
			c.RunE = func(_ *cobra.Command, args []string) error {
				if len(args) == 0 {
					return usagef("SHELL is missing: bash, zsh, fish or powershell")
				}
				return usagef("unknown shell %q; there are bash, zsh, fish and powershell", args[0])
			}
		}
	}
}

// flagError says of a flag's value what is wanted.
func flagError(err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return err
	}
	what, use := pflag.UnquoteUsage(bad.GetFlag())
	return fmt.Errorf("--%s %s: %s is wanted: %s", bad.GetFlag().Name, bad.GetValue(), what, use)
}

// emptyFlag refuses a flag that is given and says nothing: --netns "$NS" with NS
// not set must not mean the network namespace that nlscript is started in.
func emptyFlag(cmd *cobra.Command) error {
	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && err == nil {
			what, _ := pflag.UnquoteUsage(f)
			err = usagef("--%s is empty: %s is wanted", f.Name, what)
		}
	})
	return err
}

// rewrite makes "run" of a file name, and "--update" of golden's "-update".
func rewrite(args []string) []string {
	if len(args) == 0 {
		return args
	}
	if f := args[0]; f == "-" || strings.HasSuffix(f, scriptExt) || strings.Contains(f, "/") && !strings.HasPrefix(f, "-") {
		return append([]string{"run"}, args...)
	}
	if args[0] == "golden" {
		args = slices.Clone(args)
		for i := range args {
			if args[i] == "-update" {
				args[i] = "--update"
			}
		}
	}
	return args
}

const scriptExt = ".star"

// exactArgs wants n arguments and says which.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef("%s is missing", names[len(args)])
		case len(args) > len(names):
			return usagef("unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

// exclusive refuses flags that contradict each other.
func exclusive(cmd *cobra.Command, names ...string) error {
	var given []string
	for _, n := range names {
		if cmd.Flags().Changed(n) {
			given = append(given, "--"+n)
		}
	}
	if len(given) > 1 {
		return usagef("%s contradict each other", strings.Join(given, " and "))
	}
	return nil
}

// status says what went wrong, once, and returns the exit status.
func (a *app) status(cmd *cobra.Command, err error) int {
	var usage usageError
	var code statusError
	var fail *engine.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &fail):
		if fail.Usage() {
			return a.wrongUsage(cmd, fail)
		}
		fmt.Fprintln(a.stderr, a.colour.failure(fmt.Sprintf("%+v", fail)+a.after.of(fail)))
		return outcomeStatus(fail)
	case errors.As(err, &usage):
		return a.wrongUsage(cmd, usage.error)
	}
	fmt.Fprintln(a.stderr, a.colour.failure(fmt.Sprintf("error: %v", err)))
	return exitFailed
}

func (a *app) wrongUsage(cmd *cobra.Command, err error) int {
	fmt.Fprintf(a.stderr, "%s: %v\nusage: %s\n", cmd.CommandPath(), err, cmd.UseLine())
	return exitUsage
}

// outcomeStatus is the exit status for a run that failed.
func outcomeStatus(e *engine.Error) int {
	switch e.Outcome {
	case "residue":
		return exitResidue
	case "conflict":
		return exitConflict
	}
	return exitFailed
}
