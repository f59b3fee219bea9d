package builtins

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// hint answers a keyword that a table does not have with the one to say
// instead: names of the kernel, of other tools, and of ip's other objects.
// There is no hint when the table has no such row.
func hint(t *wire.Table, word string) string {
	has := func(name string) bool { f := t.Row(name); return f != nil && !f.RO }
	if say := phrase(word, has); say != "" {
		return "; say " + say
	}
	for _, say := range synonyms(word) {
		if has(say) {
			return "; say " + say
		}
	}
	if has(word + "_") {
		return "; say " + word + "_"
	}
	if w := strings.ReplaceAll(word, "_", ""); w != word && has(w) {
		return "; say " + w
	}
	// ip's bare words, which are values here.
	for _, f := range t.Rows() {
		if !f.RO && hasWord(f.Words, word) {
			return fmt.Sprintf("; say %s = %q", f.Name, word)
		}
	}
	if s := didYouMean(word, rowNames(t)); s != "" {
		return s
	}
	names := rowNames(t)
	var longer []string
	for _, n := range names {
		if strings.HasPrefix(n, word+"_") {
			longer = append(longer, n)
		}
	}
	switch {
	case len(longer) > 0 && len(longer) <= fewNames:
		return "; there is " + strings.Join(longer, ", ")
	case len(names) <= fewNames:
		return "; there are " + strings.Join(names, " ")
	}
	return ""
}

// fewNames is how many an error may list.
const fewNames = 24

func hasWord(words wire.Words, word string) bool {
	for _, w := range words {
		if w.Name == word {
			return true
		}
	}
	return false
}

// phrase is what to say for a word that is no other name of one keyword.
func phrase(word string, has func(string) bool) string {
	switch {
	case word == "down" && has("up"):
		return "up = False"
	case word == "noarp" && has("arp"):
		return "arp = False"
	case word == "nomaster" && has("master"):
		return "master = 0"
	case word == "root" && has("parent"):
		return `parent = "root"`
	case (word == "nexthop" || word == "next_hop") && has("via") && has("nexthops"):
		return "via, or nexthops = [hop(...)]"
	case word == "dev" && has("name") && has("link"):
		return "its name first, and link for the device below it"
	}
	return ""
}

// rowNames are the keywords a script may write for t.
func rowNames(t *wire.Table) []string {
	var l []string
	for _, f := range t.Rows() {
		if !f.RO {
			l = append(l, f.Name)
		}
	}
	return l
}

// synonyms are the rows that a word may mean, the likeliest first.
func synonyms(word string) []string {
	switch word {
	case "preference", "prio", "distance":
		return []string{"metric", "priority", "prio"}
	case "priority", "weight":
		return []string{"metric", "prio", "weight"}
	case "metric", "order":
		return []string{"priority", "metric"}
	case "pref":
		return []string{"priority", "prio", "metric"}
	case "gateway", "gw", "nexthop", "next_hop":
		return []string{"via", "nexthops", "nhid"}
	case "multipath", "hops", "nexthop_group":
		return []string{"nexthops", "group"}
	case "nh_id", "nexthop_id":
		return []string{"nhid", "id"}
	case "device", "interface", "iface", "ifindex", "oif", "oifname", "ifname", "port":
		return []string{"dev", "oif", "name", "link"}
	case "iifname", "input":
		return []string{"iif"}
	case "prefsrc", "source", "preferred_source":
		return []string{"src", "from_", "local"}
	case "saddr":
		return []string{"src", "local", "from_"}
	case "destination", "prefix", "network", "daddr", "dest", "to":
		return []string{"dst", "to", "remote"}
	case "lock_mtu":
		return []string{"lock"}
	case "flow", "realm":
		return []string{"realms"}
	case "brd":
		return []string{"broadcast"}
	case "mac", "hwaddr", "lladdr", "hwaddress":
		return []string{"address", "lladdr"}
	case "address", "addr", "ip":
		return []string{"local", "to", "dst", "lladdr"}
	case "parent", "lower", "lowerdev", "real_dev":
		return []string{"link", "dev"}
	case "type":
		return []string{"kind"}
	case "kind":
		return []string{"type"}
	case "slave", "slave_data", "port_type":
		return []string{"port"}
	case "bridge", "bond", "vrf", "controller":
		return []string{"master"}
	case "txqlen", "tx_queue_len", "qlen":
		return []string{"txqueuelen"}
	case "vni", "vid", "tag", "vlan_id", "vlanid":
		return []string{"id", "vlan", "vid"}
	case "vlan":
		return []string{"vid", "id"}
	case "id":
		return []string{"vni", "vid"}
	case "dst_port", "destination_port", "udp_port":
		return []string{"dstport", "dport"}
	case "src_port", "source_port":
		return []string{"srcport", "sport"}
	case "lookup":
		return []string{"table"}
	case "src", "from":
		return []string{"from_", "local", "src"}
	case "dst":
		return []string{"to", "remote", "dst"}
	case "peer_address", "endpoint":
		return []string{"remote", "peer"}
	case "mark":
		return []string{"fwmark", "mark"}
	case "fwmark":
		return []string{"mark", "fwmark"}
	case "state":
		return []string{"nud", "up", "state"}
	case "nud":
		return []string{"state"}
	case "enabled", "admin_state", "active":
		return []string{"up"}
	case "down":
		return []string{"up"}
	case "af", "address_family":
		return []string{"family"}
	case "valid_lifetime", "lifetime":
		return []string{"valid_lft"}
	case "preferred_lifetime":
		return []string{"preferred_lft"}
	case "alt_ifname", "altname":
		return []string{"altnames"}
	case "ifalias", "description":
		return []string{"alias"}
	case "new_name", "rename":
		return []string{"newname"}
	case "hoplimit", "hop_limit":
		return []string{"ttl", "hoplimit"}
	case "classid", "class":
		return []string{"flowid", "classid", "class_"}
	}
	return nil
}

// Undefined is what an error adds to a name that nothing is called, from the
// character that follows it: a call, a member, or else perhaps a text without
// quotes.
func Undefined(name string, next byte) string {
	switch name {
	case "true":
		return "; write True"
	case "false":
		return "; write False"
	case "none", "null", "nil":
		return "; write None"
	case "address", "addresses":
		return "; say addr"
	case "neighbor", "neighbour", "arp":
		return "; say neigh"
	case "iface", "interface", "device":
		return "; say link"
	case "nh":
		return "; say nexthop"
	}
	d := Predeclared()
	if next != '(' && next != '.' {
		for _, o := range rtnl.Objects {
			if f := o.Table.Row(name); f != nil && !f.RO && next != '=' {
				return fmt.Sprintf("; a keyword has a value: %s = ...", name)
			}
		}
		return fmt.Sprintf("; a text is in quotes: %q", name)
	}
	if d.Has(name + "_") {
		return "; say " + name + "_"
	}
	for _, k := range slices.Sorted(maps.Keys(d)) {
		if in, ok := d[k].(starlark.HasAttrs); ok && next == '(' && slices.Contains(in.AttrNames(), name) {
			return fmt.Sprintf("; say %s.%s", k, name)
		}
	}
	return didYouMean(name, d.Keys())
}
