package rtnl

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nlscript/nlscript/wire"
)

// refNetNS is what a relocation of a network namespace is of. The place takes a
// descriptor, which only the process that sends the message has.
const refNetNS = "netns"

// NetNS returns the namespace that the name of a relocation refers to, "" when
// it refers to a device.
func NetNS(rel string) string {
	if what, name := wire.Referred(rel); what == refNetNS {
		return name
	}
	return ""
}

// NetNSName checks the name of a network namespace, as ip netns has them, or the
// path of its file.
func NetNSName(s string) error {
	switch {
	case strings.HasPrefix(s, "/") && !strings.ContainsAny(s, "\x00\n"):
		return nil
	case s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/\x00\n"):
		return fmt.Errorf("%q cannot be the name of a network namespace; it is a name of ip netns, or a path that begins with /", s)
	case strings.Trim(s, "0123456789") == "":
		return fmt.Errorf("%s could be a process, as for ip, or a name; write netns_pid = %[1]s, or the path /run/netns/%[1]s", s)
	}
	return nil
}

// netnsName writes a namespace by its name.
type netnsName struct{}

func (netnsName) Parse(s string) (wire.Value, bool, error) {
	if err := NetNSName(s); err != nil {
		return wire.Value{}, false, err
	}
	return wire.NameVal(wire.Referring(refNetNS, s)), true, nil
}

func (netnsName) Text(v wire.Value) (string, bool) {
	if v.Type != wire.Name {
		return "", false
	}
	if name := NetNS(v.S); name != "" {
		return name, true
	}
	return "", false
}

// indexOf writes the index of a device as its name, when the message is linked.
type indexOf struct{}

func (indexOf) Parse(s string) (wire.Value, bool, error) {
	_, err := strconv.ParseInt(s, 0, 64)
	return wire.NameVal(s), s != "" && err != nil, nil
}

func (indexOf) Text(v wire.Value) (string, bool) { return v.S, v.Type == wire.Name }
