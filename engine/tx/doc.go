// Package tx makes ops true: it plans what has to be sent for them, sends it in
// windows between fences, verifies that it took, and undoes it when it did not.
//
//	plan    the state now, and after each op; the difference is the messages
//	send    datagrams of up to nlconn.Window messages, fenced before what cascades
//	verify  what was wanted equals what is read back
//	undo    what is there equals what was there: the same difference, the other way
//
// It stands on state, nlconn and builtins (whose Op it takes).
package tx
