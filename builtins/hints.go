package builtins

import (
	"strings"

	"github.com/nlscript/nlscript/wire"
)

// hint answers a keyword that a table does not have with the one to say
// instead: names of the kernel, of other tools, and of ip's other objects.
// There is no hint when the table has no such row.
func hint(t *wire.Table, word string) string {
	for _, say := range synonyms(word) {
		if f := t.Row(say); f != nil && !f.RO {
			return "; say " + say
		}
	}
	if t.Row(word+"_") != nil {
		return "; say " + word + "_"
	}
	if w := strings.ReplaceAll(word, "_", ""); w != word && t.Row(w) != nil {
		return "; say " + w
	}
	return didYouMean(word, rowNames(t))
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
