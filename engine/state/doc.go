// Package state holds what the kernel keeps as the messages that describe it,
// found by key, and compares: the one engine behind plan, verify and undo.
//
// A [State] is filled table by table from a [Source] (the kernel, or facts),
// and may then be changed as if messages had been sent, which is how a plan
// sees what its own earlier ops did. It stands on wire and rtnl and knows no
// socket.
package state
