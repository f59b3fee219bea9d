// Package engine runs network configuration scripts and commits ops: the front
// door of nlscript for Go programs.
//
//	e, err := engine.New()
//	res, err := e.Run(ctx, engine.Script{Name: "site.star", Source: src})
//
// A run is a transaction: when it returns an error with outcome "rolled_back",
// everything that the script had committed has been undone and the undo has been
// verified by reading back. Outcome "residue" lists what could not be restored.
//
// An Engine is safe for concurrent use; its commits queue. It keeps no state
// outside itself, and the threads of callers never change namespace. Starlark
// steps do not bound memory: "x" * (1 << 29) is one step and half a gigabyte;
// who runs scripts of others sets RLIMIT_DATA, as the command does.
package engine
