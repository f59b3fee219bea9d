package main

import (
	"bufio"

	"github.com/spf13/cobra"

	"github.com/nlscript/nlscript/engine"
	"github.com/nlscript/nlscript/engine/nlconn"
)

const exportLong = `Export writes a script that makes what is in a network namespace: run in an empty
one, it makes the same links, addresses, routes, rules, neighbours, forwarding
entries, nexthops, qdiscs and classes, and export writes the same again. It
changes nothing, and needs no rights.

What the kernel or a daemon made is left out, as it comes again by itself: routes
and addresses of proto kernel or with a lifetime that ends, link-local
addresses, learned neighbours. --all writes it too. What a new link has by itself
is never written. A device that no script can make is the patch of one that is
there.

Sysctls below net. are written that are not as in a new namespace, those of devices
that are not as conf/default says: --kinds sysctl is these alone. Settings of IPv4
are in the lines of their links. What is one for the whole machine is not written,
nor keys. To know what is as in a new namespace takes making one: where that is not
allowed, not in a user namespace either, they are left out, and a comment says so.

A route whose gateway is on no network any more stays in the kernel, which would
refuse it now: it is a comment. What a namespace has beyond this is not written.`

const exportExample = `  nlscript export > machine.star
  nlscript export --netns blue --kinds route,rule
  nlscript export | nlscript run --netns copy -`

func (a *app) exportCommand() *cobra.Command {
	var f facts
	var netns string
	var kinds []string
	var all bool
	cmd := &cobra.Command{
		Use:     "export [flags]",
		Short:   "Write the script that makes this network",
		Long:    exportLong,
		Example: exportExample,
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := exclusive(cmd, "netns", "facts"); err != nil {
				return err
			}
			var opts []engine.Option
			switch {
			case f.given():
				known, err := f.read(cmd.Context())
				if err != nil {
					return err
				}
				opts = append(opts, engine.WithFacts(known))
			case netns != "":
				ns, err := nlconn.OpenNetNS(netns)
				if err != nil {
					return err
				}
				defer ns.Close()
				opts = append(opts, engine.WithNetNS(int(ns.Fd())))
			}
			e, err := engine.New(opts...)
			if err != nil {
				return err
			}
			e.SetPrivate(runPrivate("."))
			w := bufio.NewWriter(a.stdout)
			if err := e.Export(cmd.Context(), w, all, kinds...); err != nil {
				return err
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&netns, "netns", "", "of the network namespace `NAME` of ip netns")
	cmd.Flags().StringSliceVar(&kinds, "kinds", nil, "write only objects of these `KINDS`: link,addr,route")
	cmd.Flags().BoolVar(&all, "all", false, "write also what the kernel or a daemon made")
	f.flags(cmd)
	return cmd
}
