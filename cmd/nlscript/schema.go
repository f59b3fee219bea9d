package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/builtins"
)

const schemaLong = `Schema writes what nlscript knows of rtnetlink as JSON, for editors and
generators: every object, kind and attribute with path, number, kind of value
and documentation.`

func (a *app) schemaCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "schema --json",
		Short:   "Write every object, kind and attribute as JSON",
		Long:    schemaLong,
		Example: "  nlscript schema --json | jq '.objects[].name'",
		Args:    exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			if !asJSON {
				return usagef("JSON is the only form there is: say --json, or see nlscript doc")
			}
			enc := json.NewEncoder(a.stdout)
			enc.SetIndent("", "  ")
			return enc.Encode(builtins.NewSchema())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
