package rtnl

import "golang.org/x/sys/unix"

// headerLens are the lengths of the fixed headers of linux/rtnetlink.h. The types
// of messages come in groups of four (new, del, get, set) from RTM_BASE on; a
// group is here by its first.
var headerLens = map[uint16]int{
	unix.RTM_NEWLINK: 16, unix.RTM_NEWADDR: 8, unix.RTM_NEWROUTE: 12, unix.RTM_NEWNEIGH: 12, unix.RTM_NEWRULE: 12,
	unix.RTM_NEWQDISC: 20, unix.RTM_NEWTCLASS: 20, unix.RTM_NEWTFILTER: 20, unix.RTM_NEWACTION: 4,
	unix.RTM_NEWPREFIX: 12, unix.RTM_NEWNEIGHTBL: 4, unix.RTM_NEWNDUSEROPT: 16, unix.RTM_NEWADDRLABEL: 12,
	unix.RTM_NEWNETCONF: 4, unix.RTM_NEWMDB: 8, unix.RTM_NEWNSID: 4, unix.RTM_NEWSTATS: 12, unix.RTM_NEWCHAIN: 20,
	unix.RTM_NEWNEXTHOP: 8, unix.RTM_NEWLINKPROP: 16, unix.RTM_NEWVLAN: 8, unix.RTM_NEWNEXTHOPBUCKET: 8, unix.RTM_NEWTUNNEL: 8,
}

// groupMask is what the types of a group differ in.
const groupMask = 3

// HeaderLen returns the length of the fixed header of a message type; 0 when it
// is not known.
func HeaderLen(typ uint16) int { return headerLens[typ&^groupMask] }
