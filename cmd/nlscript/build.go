package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/engine"
)

const buildLong = `Build evaluates a script and writes the messages it would send, without
touching a kernel.

What the machine looks like are facts: devices by --link or --facts, and objects
that are there already in the file. What the facts do not hold is absent, so the
messages are those that a machine with just these facts would be sent. With
--stand-ins every device that the script uses and does not create is there.

The text is that of golden files: offset, bytes, annotation. --json writes one
object a line for each message.

The file of facts is {"links": [{"name": "eth0", "index": 2}], "messages": ["..."]},
messages as the kernel reports them, in hexadecimal.`

const buildExample = `  nlscript build --link eth0=2 site.star
  nlscript build --stand-ins -D wan=eth7 site.star
  nlscript build --json --facts facts.json site.star | jq -r .hex`

func (a *app) buildCommand() *cobra.Command {
	var p params
	var f facts
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "build [flags] SCRIPT",
		Short:   "Write the messages that a script comes to, without a kernel",
		Long:    buildLong,
		Example: buildExample,
		Args:    exactArgs("SCRIPT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			known, err := f.read(cmd.Context())
			if err != nil {
				return err
			}
			s, root, err := a.script(cmd.Context(), args[0], &p)
			if err != nil {
				return err
			}
			e, err := engine.New(engine.WithFacts(known), engine.WithFS(root), engine.WithLogger(a.logger(s.Name, false)))
			if err != nil {
				return err
			}
			plan, err := e.Plan(cmd.Context(), s)
			if err != nil {
				return err
			}
			if asJSON {
				return plan.WriteBuild(a.stdout)
			}
			text, err := plan.Golden(s.Name)
			if err == nil {
				_, err = io.WriteString(a.stdout, text)
			}
			return err
		},
	}
	p.flags(cmd)
	f.flags(cmd)
	cmd.Flags().BoolVar(&f.standIns, "stand-ins", false, "take every device to be there that the script does not create")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line for each message")
	a.scriptHelp(cmd, &p)
	return cmd
}
