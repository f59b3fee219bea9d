// Package wire writes and reads netlink messages, and is the language that
// tables of attributes are written in. It knows the framing of netlink and no
// family of it: the tables are in package rtnl.
//
//	|<-- nlmsghdr -->|<- fixed header ->|<------ attributes ------>|
//	len type flags seq pid  ifinfomsg …   len type payload pad …
//
// A [Builder] appends messages to the buffer that is sent. [Messages] and
// [Attrs] iterate over received bytes and yield views into them. A [Table]
// declares the fields of a message, or of a nested attribute, one row each; from
// it come encoding ([Table.Append]), decoding ([Table.Decode]), the annotated
// dump ([Object.Dump], which [ParseDump] reads back) and the name of whatever stands
// at a byte offset ([Object.Locate]). Values in between are a [Set].
//
// The package imports nothing of this module.
package wire
