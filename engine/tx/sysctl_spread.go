package tx

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Some sysctls write others, and some take objects with them.

// spreads are the sysctls that a write of another sets, * for each device, all and
// default (inet_forward_change, addrconf_fixup_forwarding, addrconf_disable_ipv6,
// addrconf_fixup_linkdown, addrconf_sysctl_addr_gen_mode). One of default sets
// those that nobody has written, and writing it back does so again.
var spreads = map[string][]string{
	"net/ipv4/ip_forward":                           {"net/ipv4/conf/*/forwarding", "net/ipv4/conf/all/accept_redirects"},
	"net/ipv4/conf/all/forwarding":                  {"net/ipv4/ip_forward", "net/ipv4/conf/*/forwarding", "net/ipv4/conf/all/accept_redirects"},
	"net/ipv6/conf/all/forwarding":                  {"net/ipv6/conf/*/forwarding"},
	"net/ipv6/conf/all/disable_ipv6":                {"net/ipv6/conf/*/disable_ipv6"},
	"net/ipv6/conf/all/ignore_routes_with_linkdown": {"net/ipv6/conf/*/ignore_routes_with_linkdown"},
	"net/ipv6/conf/all/addr_gen_mode":               {"net/ipv6/conf/*/addr_gen_mode"},
}

// keepSpread notes the sysctls that are set along with one. A secret sets the mode of
// its device, that of default of all (addrconf_sysctl_stable_secret): the link has it,
// and gets it back without making addresses.
func (p *planner) keepSpread(path string) {
	if _, dev, _ := settingOf(path); isSecret(path) {
		for _, l := range p.st.All(rtnl.Link) {
			if dev == "default" || dev == l.Name() {
				p.plan.touch.key(rtnl.Link, l.Key)
			}
		}
	}
	for _, pattern := range spreads[path] {
		paths := []string{pattern}
		if before, behind, each := strings.Cut(pattern, "*"); each {
			paths = []string{before + "default" + behind, before + "all" + behind}
			for _, l := range p.st.All(rtnl.Link) {
				paths = append(paths, before+l.Name()+behind)
			}
		}
		all := values(p.sys, paths)
		for _, path := range paths {
			if old, ok := all[path]; ok { // a device need not have the family
				p.plan.settings = append(p.plan.settings, sysctlImage{&builtins.Sysctl{Path: path, Name: path}, old, true})
			}
		}
	}
}

// takes plans what goes with a sysctl: disable_ipv6 takes the addresses, routes
// and neighbours of the family from a device, or from all.
func (p *planner) takes(path, value string, c *Change) error {
	rest, is := strings.CutPrefix(path, "net/ipv6/conf/")
	dev, disables := strings.CutSuffix(rest, "/disable_ipv6")
	if !is || !disables || sameValue(value, "0") {
		return nil
	}
	var links []*state.Entry
	for _, l := range p.st.All(rtnl.Link) {
		if dev == "all" || l.Name() == dev {
			links = append(links, l)
			p.plan.touch.link(l.Index())
		}
	}
	if len(links) == 0 {
		return nil
	}
	if err := p.loadLinkObjects(links...); err != nil {
		return err
	}
	for _, l := range links {
		for _, o := range linkObjects {
			for _, x := range p.st.All(o) {
				if o.Table.Row("family") != nil && x.Set().Uint("family") == unix.AF_INET6 && o != rtnl.FDB && uses(x, l.Index()) {
					c.With = appendNew(c.With, []*state.Entry{x})
				}
			}
		}
	}
	for _, x := range c.With {
		p.st.Remove(x)
	}
	err := p.loses(c.With...)
	p.remark(c)
	return err
}
