package tx

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Some sysctls write others, and some take objects with them.

// spreads are the sysctls that a write of another sets, * for each device, all and
// default (inet_forward_change, addrconf_fixup_forwarding, addrconf_disable_ipv6,
// addrconf_fixup_linkdown, addrconf_sysctl_addr_gen_mode,
// addrconf_sysctl_force_forwarding).
var spreads = map[string][]string{
	"net/ipv4/ip_forward":                           {"net/ipv4/conf/*/forwarding", "net/ipv4/conf/all/accept_redirects"},
	"net/ipv4/conf/all/forwarding":                  {"net/ipv4/ip_forward", "net/ipv4/conf/*/forwarding", "net/ipv4/conf/all/accept_redirects"},
	"net/ipv6/conf/all/forwarding":                  {"net/ipv6/conf/*/forwarding"},
	"net/ipv6/conf/all/disable_ipv6":                {"net/ipv6/conf/*/disable_ipv6"},
	"net/ipv6/conf/all/ignore_routes_with_linkdown": {"net/ipv6/conf/*/ignore_routes_with_linkdown"},
	"net/ipv6/conf/all/addr_gen_mode":               {"net/ipv6/conf/*/addr_gen_mode"},
	"net/ipv6/conf/all/force_forwarding":            {"net/ipv6/conf/*/force_forwarding"},
}

// doubtful is where a sysctl of the devices to come becomes that of each device on
// which nobody has written it, which the kernel does not tell. Writing it back does so
// again (devinet_copy_dflt_conf, neigh_copy_dflt_parms).
var doubtful = []string{"net/ipv4/conf/default/", "net/ipv4/neigh/default/", "net/ipv6/neigh/default/"}

// spread notes the sysctls that are set along with one: what they were, for an undo,
// and what they are behind it. It is not known when the one may have its value already:
// then nothing is set. A secret sets the mode of its device, that of default of all
// (addrconf_sysctl_stable_secret): the link has it, and gets it back without making
// addresses.
func (p *planner) spread(path, value string, changes bool) {
	if _, dev, _ := settingOf(path); isSecret(path) {
		for _, l := range p.st.All(rtnl.Link) {
			if dev == "default" || dev == l.Name() {
				p.plan.touch.key(rtnl.Link, l.Key)
			}
		}
	}
	for _, dir := range doubtful {
		name, is := strings.CutPrefix(path, dir)
		if !is || name == "forwarding" {
			continue
		}
		before := strings.TrimSuffix(dir, "default/")
		for _, l := range p.st.All(rtnl.Link) {
			p.st.Sysctls.Perhaps[before+l.Name()+"/"+name] = value
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
		was := map[string]string{}
		if p.sys != nil {
			was = values(p.sys, paths)
		}
		set := value
		if strings.HasSuffix(pattern, "/accept_redirects") {
			set = opposite(value)
		}
		for _, path := range paths {
			old, there := was[path]
			if there {
				p.keepSetting(path, old)
			}
			switch {
			case !changes:
				p.st.Sysctls.Perhaps[path] = set
			case there: // a device need not have the family
				p.st.Sysctls.Write(path, set)
			}
		}
	}
}

// opposite is what a switch is when it is not what it is.
func opposite(value string) string {
	if sameValue(value, "0") {
		return "1"
	}
	return "0"
}

// doubted is what a link has, with what sysctls of the plan have made of it. Where that
// is not known it is what is not wanted, so that it is written.
func (p *planner) doubted(e *state.Entry, have, want *wire.Set) *wire.Set {
	now := func(path string, v wire.Value, is bool, wanted wire.Value) (wire.Value, bool) {
		if s, ok := p.st.Sysctls.Sure[path]; ok {
			v, is = number(s)
		}
		if s, ok := p.st.Sysctls.Perhaps[path]; ok && (!is || v.Equal(wanted)) {
			v, is = number(s)
		}
		return v, is
	}
	if wanted, ok := want.Get("addrgenmode"); ok {
		v, is := have.Get("addrgenmode")
		if !e.Reported() && !is { // it begins with what devices do
			v, is = p.toCome("net/ipv6/conf/default/addr_gen_mode")
		}
		if v, is = now(modePath(e), v, is, wanted); is && !v.Equal(wanted) {
			have = have.Clone()
			have.PutName("addrgenmode", v)
		}
	}
	inet, _ := have.Get("inet")
	wanted, _ := want.Get("inet")
	if inet.Sub == nil || wanted.Sub == nil {
		return have
	}
	own := inet.Sub.Clone()
	for _, w := range wanted.Sub.Ents {
		v, is := inet.Sub.At(w.F)
		if v, is = now(inetPath(e, w.F), v, is, w.V); is {
			own.Put(w.F, v)
		}
	}
	have = have.Clone()
	have.PutName("inet", wire.SubVal(own))
	return have
}

// toCome is a sysctl as devices that are made get it.
func (p *planner) toCome(path string) (wire.Value, bool) {
	s, ok := p.st.Sysctls.Sure[path]
	if !ok && p.sys != nil {
		v, err := p.sys.Read(path)
		s, ok = v, err == nil
	}
	if !ok {
		return wire.Value{}, false
	}
	return number(s)
}

// setsSysctls notes the sysctls that a link's change sets.
func (p *planner) setsSysctls(e *state.Entry, want *wire.Set) {
	if v, ok := want.Get("addrgenmode"); ok {
		p.st.Sysctls.Write(modePath(e), fmt.Sprint(v.N))
	}
	if inet, _ := want.Get("inet"); inet.Sub != nil {
		for _, x := range inet.Sub.Ents {
			p.st.Sysctls.Write(inetPath(e, x.F), fmt.Sprint(int64(x.V.N)))
		}
	}
}

func modePath(e *state.Entry) string { return "net/ipv6/conf/" + e.Name() + "/addr_gen_mode" }

func inetPath(e *state.Entry, f *wire.Field) string {
	return "net/ipv4/conf/" + e.Name() + "/" + f.Name
}

// number is the value of a sysctl as links have it.
func number(s string) (wire.Value, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 0, 64)
	return wire.IntVal(uint64(n)), err == nil
}

// takes plans what goes with a sysctl: disable_ipv6 takes the addresses, routes
// and neighbours of the family from a device, or from all. With addr_gen_mode addresses
// come, which an undo takes away again where there were none of the kind.
func (p *planner) takes(path, value string, c *Change) error {
	if dir, dev, name := settingOf(path); dir == "net/ipv6/conf/" && name == "addr_gen_mode" {
		for _, l := range p.st.All(rtnl.Link) {
			if dev == "all" || dev == l.Name() {
				p.plan.touch.link(l.Index())
			}
		}
		return p.st.Load(p.ctx, state.Scope{Object: rtnl.Addr, Family: unix.AF_INET6})
	}
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
	err := p.loses(nil, c.With...)
	p.remark(c)
	return err
}
