package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/builtins"
)

const docLong = `Doc says what a name of the language means and takes: an object (route), a
verb (route.add), a function (commit), a namespace (kind), what is in it
(kind.vxlan), or one keyword of either (kind.vxlan.id). Without a name it lists
them all.`

func (a *app) docCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "doc [NAME]",
		Short:   "Say what a name of the language means",
		Long:    docLong,
		Example: "  nlscript doc\n  nlscript doc route\n  nlscript doc kind.vxlan",
		Args:    atMost("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := builtins.Doc(strings.Join(args, ""))
			if err != nil {
				return usageError{err}
			}
			_, err = io.WriteString(a.stdout, text)
			return err
		},
	}
}
