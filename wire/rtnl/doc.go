// Package rtnl holds the tables of rtnetlink: what a link, an address, a route
// looks like on the wire, one row for each attribute, written in the language
// of package wire. One object a file, one kind of link a file.
//
// Numbers come from golang.org/x/sys/unix; what it lacks is a constant beside
// its row. Ranges and behaviour are those of Linux 6.12. Words are iproute2's.
//
// A row is configuration unless it says otherwise: RO is reported and not
// accepted, Volatile changes by itself, Late is ignored or refused while the
// object is created. Rows that the kernel moves by itself but that can be
// written (bridge port state) are Loose: compared only when written.
package rtnl
