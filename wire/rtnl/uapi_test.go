package rtnl

import (
	"cmp"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nlscript/nlscript/wire"
)

type uapiAudit struct {
	header string // in /usr/include/linux
	prefix string
	table  *wire.Table
	but    []string // constants without a row
	first  string
}

// uapiAudits say which enum of which header numbers the rows of a table. The
// enum is the one that has first, or prefix+"UNSPEC". Headers of an earlier
// kernel lack constants: rows beyond their last are not checked. Those of a
// later one have more: constants beyond the last row are no failure.
var uapiAudits = []uapiAudit{
	{header: "if_link.h", prefix: "IFLA_", table: linkTable, but: []string{
		"COST", "PRIORITY", "WEIGHT", // no kernel reads or reports them
		"ALT_IFNAME", // the element of PROP_LIST
	}},
	{header: "if_link.h", prefix: "IFLA_INFO_", table: linkInfo},
	{header: "if_link.h", prefix: "IFLA_PROTO_DOWN_REASON_", table: protoDownReason},
	{header: "if_link.h", prefix: "IFLA_INET_", table: linkInet},
	{header: "if_link.h", prefix: "IFLA_INET6_", table: linkInet6, but: []string{"MCAST"}}, // reserved, never used
	{header: "if_link.h", prefix: "IFLA_MCTP_", table: linkMCTP},
	{header: "if_link.h", prefix: "IFLA_XDP_", table: xdp},
	{header: "if_link.h", prefix: "IFLA_VF_", table: vfTable, but: []string{"INFO", "PORT"}}, // elements of lists above
	{header: "if_link.h", prefix: "IFLA_PORT_", table: vfPort},
	{header: "if_link.h", prefix: "IFLA_BR_", table: bridgeKind},
	{header: "if_link.h", prefix: "IFLA_BRPORT_", table: bridgePort},
	{header: "if_link.h", prefix: "IFLA_VLAN_", table: vlanKind},
	{header: "if_link.h", prefix: "IFLA_VXLAN_", table: vxlanKind},
	{header: "if_link.h", prefix: "IFLA_MACVLAN_", table: macvlanKind},
	{header: "if_link.h", prefix: "IFLA_MACVLAN_", table: macvtapKind},
	{header: "if_link.h", prefix: "IFLA_VRF_", table: vrfKind},
	{header: "if_link.h", prefix: "IFLA_VRF_PORT_", table: vrfPort},
	{header: "if_link.h", prefix: "IFLA_BOND_", table: bondKind},
	{header: "if_link.h", prefix: "IFLA_BOND_AD_INFO_", table: bondADInfo},
	{header: "if_link.h", prefix: "IFLA_BOND_SLAVE_", table: bondPort},
	{header: "veth.h", prefix: "VETH_INFO_", table: vethKind},
	{header: "if_bridge.h", prefix: "BRIDGE_QUERIER_", table: bridgeQuerier},
	{header: "if_bridge.h", prefix: "IFLA_BRIDGE_", table: vlanSpec, first: "IFLA_BRIDGE_FLAGS", but: []string{
		"MODE", "MRP", "CFM", "MST", // no part of a VLAN
		"VLAN_TUNNEL_INFO", // of tunnelSpec
	}},
	{header: "if_bridge.h", prefix: "BRIDGE_VLANDB_ENTRY_", table: vlanEntry, but: []string{"RANGE"}}, // the end of vid
	{header: "if_bridge.h", prefix: "BRIDGE_VLANDB_GOPTS_", table: vlanGlobal, but: []string{"RANGE"}},
	{header: "if_bridge.h", prefix: "BRIDGE_VLANDB_TINFO_", table: vlanEntryTunnelInfo},
	{header: "if_bridge.h", prefix: "BRIDGE_VLANDB_STATS_", table: vlanEntryCounters},
	{header: "ip.h", prefix: "IPV4_DEVCONF_", table: inetConf, first: "IPV4_DEVCONF_FORWARDING"},
	{header: "ipv6.h", prefix: "DEVCONF_", table: inet6Conf, first: "DEVCONF_FORWARDING"},
}

func TestUAPI(t *testing.T) {
	for _, a := range uapiAudits {
		path := filepath.Join("/usr/include/linux", a.header)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Skipf("no kernel headers: %v", err)
		}
		first := cmp.Or(a.first, a.prefix+"UNSPEC")
		consts := enumWith(string(text), first)
		delete(consts, a.prefix+"MAX")
		if len(consts) < 2 {
			t.Errorf("%s: no enum with %s", path, first)
			continue
		}
		auditNumbers(t, consts, a.prefix, a.table, a.but)
	}
}

// Every kind, of links and of their ports, that has rows is compared.
func TestEveryKindHasAHeader(t *testing.T) {
	for _, u := range []*wire.OneOf{Kinds, Ports} {
		for _, tab := range u.Tables {
			if len(tab.Declared()) == 0 {
				continue
			}
			if !slices.ContainsFunc(uapiAudits, func(a uapiAudit) bool { return a.table == tab }) {
				t.Errorf("%s.%s: uapiAudits does not say which enum of which header numbers its rows", u.Name, tab.Name)
			}
		}
	}
}

// auditNumbers compares the numbers of a table's rows with an enum.
func auditNumbers(t *testing.T, consts map[string]uint64, prefix string, tab *wire.Table, but []string) {
	t.Helper()
	rows := map[uint64]string{}
	for i := range tab.Declared() {
		for _, n := range numbers(&tab.Declared()[i]) {
			rows[uint64(n)] = tab.Declared()[i].Name
		}
	}
	lastRow, lastConst := last(maps.Keys(rows)), last(maps.Values(consts))
	named := map[uint64]bool{}
	for name, n := range consts {
		named[n] = true
		short := strings.TrimPrefix(name, prefix)
		if rows[n] == "" && n <= lastRow && short != "UNSPEC" && short != "PAD" && !slices.Contains(but, short) {
			t.Errorf("%s: %s (%d) has no row", tab.Name, name, n)
		}
		if rows[n] != "" && slices.Contains(but, short) && !sharesNumber(consts, name) {
			t.Errorf("%s: %s (%d) is said to have no row and is %s", tab.Name, name, n, rows[n])
		}
	}
	for n, name := range rows {
		if n <= lastConst && !named[n] {
			t.Errorf("%s: row %s is number %d, which is not in the header", tab.Name, name, n)
		}
	}
}

func last(seq iter.Seq[uint64]) uint64 {
	var m uint64
	for n := range seq {
		m = max(m, n)
	}
	return m
}

func sharesNumber(consts map[string]uint64, name string) bool {
	for other, n := range consts {
		if other != name && n == consts[name] {
			return true
		}
	}
	return false
}

var (
	comment    = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	directive  = regexp.MustCompile(`(?m)^\s*#.*$`)
	enumBlock  = regexp.MustCompile(`(?s)enum\s*\w*\s*\{(.*?)\}`)
	enumerator = regexp.MustCompile(`^(\w+)\s*(?:=\s*(\w+))?$`)
)

// enumWith returns the enum of a C header that has the constant first, without
// the mark of its end.
func enumWith(text, first string) map[string]uint64 {
	text = directive.ReplaceAllString(comment.ReplaceAllString(text, ""), "")
	for _, block := range enumBlock.FindAllStringSubmatch(text, -1) {
		consts, next := map[string]uint64{}, uint64(0)
		for item := range strings.SplitSeq(block[1], ",") {
			m := enumerator.FindStringSubmatch(strings.TrimSpace(item))
			if m == nil {
				continue
			}
			if n, ok := consts[m[2]]; ok {
				next = n
			} else if n, err := strconv.ParseUint(m[2], 0, 64); err == nil {
				next = n
			}
			consts[m[1]] = next
			next++
		}
		if _, ok := consts[first]; !ok {
			continue
		}
		maps.DeleteFunc(consts, func(name string, _ uint64) bool {
			return strings.HasPrefix(name, "__")
		})
		return consts
	}
	return nil
}
