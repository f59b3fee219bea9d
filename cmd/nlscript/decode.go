package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/internal/source"
	"github.com/nlscript/nlscript/wire"
)

const decodeLong = `Decode reads rtnetlink messages and writes what they say.

The input, FILE or the standard input, is hexadecimal with a message (or a whole
datagram) a line, or the text of a golden file. The output is annotated text,
with --json an object a line of names and values, or with --star the script that
would send the messages. Messages that the kernel reports become ops that make
the same object again.

With --facts devices are written by name where only their index is known.`

const decodeExample = `  echo 280000001400050600000000000000000218000002000000080002000a00000108000100... | nlscript decode
  nlscript build --json site.star | jq -r .hex | nlscript decode
  nlscript decode --star site.golden`

func (a *app) decodeCommand() *cobra.Command {
	var f facts
	var asJSON, asScript bool
	cmd := &cobra.Command{
		Use:     "decode [--json | --star] [--facts FILE] [FILE]",
		Short:   "Turn messages back into text, JSON or a script",
		Long:    decodeLong,
		Example: decodeExample,
		Args:    atMost("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := exclusive(cmd, "json", "star"); err != nil {
				return err
			}
			known, err := f.read(cmd.Context())
			if err != nil {
				return err
			}
			text, err := a.input(cmd.Context(), args)
			if err != nil {
				return err
			}
			messages, err := builtins.Decode(text)
			if err != nil {
				return err
			}
			switch {
			case asScript:
				p := builtins.Printer{Names: known.Name}
				return p.Script(a.stdout, messages)
			case asJSON:
				return writeJSON(a.stdout, messages, known.Name)
			}
			return writeText(a.stdout, messages, known.Name)
		},
	}
	f.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line for each message")
	cmd.Flags().BoolVar(&asScript, "star", false, "the script that would send the messages")
	return cmd
}

// atMost wants these arguments or fewer.
func atMost(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return usagef("unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

// input is the text of the file that args name, or of the standard input.
func (a *app) input(ctx context.Context, args []string) (string, error) {
	if len(args) == 0 || args[0] == "-" {
		b, err := source.Await(ctx, func() ([]byte, error) { return io.ReadAll(a.stdin) })
		return string(b), err
	}
	b, err := source.Await(ctx, func() ([]byte, error) { return os.ReadFile(args[0]) })
	return string(b), fileError(err)
}

func writeJSON(w io.Writer, messages []builtins.Decoded, names wire.Names) error {
	enc := json.NewEncoder(w)
	for i := range messages {
		m, err := messages[i].JSON(names)
		if err == nil {
			m["index"] = i
			err = enc.Encode(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeText(w io.Writer, messages []builtins.Decoded, names wire.Names) error {
	for i := range messages {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		if err := messages[i].Text(w, names); err != nil {
			return err
		}
	}
	return nil
}
