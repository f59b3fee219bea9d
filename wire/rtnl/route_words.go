package rtnl

import (
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// The names iproute2 ships in /etc/iproute2 are fixed here: a script means the
// same on every machine. Numbers without a name are legal everywhere.

// ipFamilies are the address families of routes, rules and next hops.
var ipFamilies = wire.Words{{Name: "inet", N: unix.AF_INET}, {Name: "inet6", N: unix.AF_INET6}, {Name: "mpls", N: unix.AF_MPLS}}

var routeTables = wire.Words{
	{Name: "main", N: unix.RT_TABLE_MAIN}, {Name: "local", N: unix.RT_TABLE_LOCAL}, {Name: "default", N: unix.RT_TABLE_DEFAULT},
}

// routeProtocols say who made a route, a rule or a next hop.
var routeProtocols = wire.Words{
	{Name: "unspec", N: 0}, {Name: "redirect", N: 1}, {Name: "kernel", N: 2}, {Name: "boot", N: 3}, {Name: "static", N: 4},
	{Name: "gated", N: 8}, {Name: "ra", N: 9}, {Name: "mrt", N: 10}, {Name: "zebra", N: 11}, {Name: "bird", N: 12},
	{Name: "dnrouted", N: 13}, {Name: "xorp", N: 14}, {Name: "ntk", N: 15}, {Name: "dhcp", N: 16}, {Name: "mrouted", N: 17},
	{Name: "keepalived", N: 18}, {Name: "babel", N: 42}, {Name: "ovn", N: 84}, {Name: "openr", N: 99}, {Name: "bgp", N: 186},
	{Name: "isis", N: 187}, {Name: "ospf", N: 188}, {Name: "rip", N: 189}, {Name: "eigrp", N: 192},
}

var routeScopes = wire.Words{
	{Name: "global", N: unix.RT_SCOPE_UNIVERSE}, {Name: "site", N: unix.RT_SCOPE_SITE}, {Name: "link", N: unix.RT_SCOPE_LINK},
	{Name: "host", N: unix.RT_SCOPE_HOST}, {Name: "nowhere", N: unix.RT_SCOPE_NOWHERE},
}

var routeTypes = []string{"", "unicast", "local", "broadcast", "anycast", "multicast",
	"blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve"}

// ipProtocols are the transport protocols that have names in /etc/protocols
// everywhere and ports or types that rules match.
var ipProtocols = wire.Words{
	{Name: "icmp", N: 1}, {Name: "igmp", N: 2}, {Name: "ipencap", N: 4}, {Name: "tcp", N: 6}, {Name: "udp", N: 17},
	{Name: "dccp", N: 33}, {Name: "ipv6", N: 41}, {Name: "gre", N: 47}, {Name: "esp", N: 50}, {Name: "ah", N: 51},
	{Name: "ipv6-icmp", N: 58}, {Name: "ospf", N: 89}, {Name: "pim", N: 103}, {Name: "vrrp", N: 112}, {Name: "sctp", N: 132},
	{Name: "udplite", N: 136},
}
