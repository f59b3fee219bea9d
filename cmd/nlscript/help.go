package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine"
)

// scriptHelp makes the help of a verb that takes a script list the script's
// params, and gives completion their names.
func (a *app) scriptHelp(cmd *cobra.Command, p *params) {
	plain := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		plain(cmd, args)
		if rest := cmd.Flags().Args(); len(rest) == 1 {
			a.paramHelp(cmd.Context(), rest[0])
		}
	})
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return []string{strings.TrimPrefix(scriptExt, ".")}, cobra.ShellCompDirectiveFilterFileExt
	}
	complete := func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		return a.completeParam(cmd.Context(), args, typed), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	if err := cmd.RegisterFlagCompletionFunc("define", complete); err != nil {
		panic(err) // the flag is there: params.flags
	}
}

// declared returns the params of a script, those that it gets to without a
// kernel.
func (a *app) declared(ctx context.Context, file string) ([]*builtins.Param, error) {
	s, root, err := a.script(ctx, file, &params{})
	if err != nil {
		return nil, err
	}
	e, err := engine.New(engine.WithFacts(engine.Facts{StandIns: true}), engine.WithFS(root))
	if err != nil {
		return nil, err
	}
	return e.Params(ctx, s)
}

func (a *app) paramHelp(ctx context.Context, file string) {
	l, err := a.declared(ctx, file)
	switch {
	case err != nil && len(l) == 0:
		fmt.Fprintf(a.stdout, "\nThe params of %s are not known: %v\n", file, err)
		return
	case len(l) == 0:
		fmt.Fprintf(a.stdout, "\n%s has no params.\n", file)
		return
	}
	fmt.Fprintf(a.stdout, "\nParams of %s:\n", file)
	writeParams(a.stdout, l)
}

func writeParams(w io.Writer, l []*builtins.Param) {
	names := make([]string, len(l))
	width := 0
	for i, p := range l {
		names[i] = p.Name + "=" + p.Type
		width = max(width, len(names[i]))
	}
	for i, p := range l {
		notes := []string{}
		if p.Doc != "" {
			notes = append(notes, p.Doc)
		}
		if len(p.Choices) > 0 {
			notes = append(notes, "one of "+valueList(p.Choices))
		}
		switch {
		case p.Default == starlark.None:
		case p.Secret:
			notes = append(notes, "default (secret)")
		default:
			notes = append(notes, "default "+valueText(p.Default))
		}
		line := fmt.Sprintf("  -D %-*s  %s", width, names[i], strings.Join(notes, "; "))
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

func valueText(v starlark.Value) string {
	if s, ok := starlark.AsString(v); ok && s != "" {
		return s
	}
	return v.String()
}

func valueList(l []starlark.Value) string {
	var s []string
	for _, v := range l {
		s = append(s, valueText(v))
	}
	return strings.Join(s, " ")
}

// completeParam completes KEY= and, where the values are few, KEY=VALUE. The
// script has to stand before the flag.
func (a *app) completeParam(ctx context.Context, args []string, typed string) []string {
	if len(args) == 0 || args[0] == "-" {
		return nil
	}
	l, _ := a.declared(ctx, args[0])
	var out []string
	for _, p := range l {
		choices := p.Choices
		if p.Type == "bool" {
			choices = []starlark.Value{starlark.String("true"), starlark.String("false")}
		}
		if !strings.HasPrefix(typed, p.Name+"=") {
			out = append(out, p.Name+"=\t"+p.Doc)
			continue
		}
		for _, c := range choices {
			out = append(out, p.Name+"="+valueText(c))
		}
	}
	return out
}
