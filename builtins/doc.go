// Package builtins is what a script can call. It stands on package wire/rtnl,
// whose tables it turns into functions, and under package engine, which it
// knows as a [Host].
//
//	route("10.0.0.0/8", via = "192.0.2.1")     commit(op, ...)
//	       |                                        |
//	  reader: by the row of each keyword       Host.Commit
//	  Object.Finish: what follows from it
//	  Object.Append: bytes in Script.Arena
//	       |
//	      Op: a reference into the arena, where it was made, and how
//
// A constructor is pure: it describes an object and encodes it, once. Verbs
// with effects (commit, attempt, list, get) go through the Host of the
// [Script] that is on the thread. Nothing else is kept, and nothing globally.
//
// Reading values from scripts (in.go), giving them back (out.go) and writing
// source (source.go) are the inverse of each other: the source of any message
// makes the message again.
//
// The names of a script, beside those of Starlark:
//
//	link addr neigh bridge.fdb bridge.vlan bridge.tunnel_info bridge.vlan_options
//	bridge.vlan_global nexthop route rule qdisc class_
//	                        constructors of objects, with their verbs: route.add
//	kind port encap sch hop functions that make parts of objects: kind.vxlan
//	commit attempt absent exact
//	                        what shall become of ops
//	param                   what whoever runs the script may say
//	netns                   ops in another network namespace
//	sysctl                  an op of another carrier
//	wait.dad wait.carrier   ops that hold back what comes behind them
//	cutover                 an op that gives a table other routes at one instant
//	check.ping check.tcp check.route_get check.carrier
//	                        what has to hold when a batch was sent
//	attr message            past the tables
//	ip mac                  values to count with
//	struct json math        from the library of Starlark
//
// [Doc] has a page for each, and for each of their keywords.
package builtins
