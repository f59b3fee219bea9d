package rtnl

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nlscript/nlscript/wire"
)

// routingAudits are to the tables of routing what uapiAudits are to links.
var routingAudits = []struct {
	header string
	prefix string
	first  string
	table  *wire.Table
	but    []string // constants without a row
}{
	{"rtnetlink.h", "RTA_", "RTA_UNSPEC", routeTable, []string{
		"PROTOINFO", "SESSION", "MP_ALGO", // no longer used
	}},
	{"rtnetlink.h", "RTAX_", "RTAX_UNSPEC", routeMetrics, nil},
	{"fib_rules.h", "FRA_", "FRA_UNSPEC", ruleTable, []string{"UNUSED3", "UNUSED4", "UNUSED5"}},
	{"nexthop.h", "NHA_", "NHA_UNSPEC", nexthopTable, nil},
	{"nexthop.h", "NHA_RES_GROUP_", "NHA_RES_GROUP_UNSPEC", resilientGroup, nil},
	{"nexthop.h", "NHA_RES_BUCKET_", "NHA_RES_BUCKET_UNSPEC", resilientBucket, nil},
	{"mpls_iptunnel.h", "MPLS_IPTUNNEL_", "MPLS_IPTUNNEL_UNSPEC", encapMPLS, nil},
	{"lwtunnel.h", "LWTUNNEL_IP_", "LWTUNNEL_IP_UNSPEC", encapIP, nil},
	{"lwtunnel.h", "LWTUNNEL_IP6_", "LWTUNNEL_IP6_UNSPEC", encapIP6, nil},
	{"lwtunnel.h", "LWTUNNEL_IP_OPTS_", "LWTUNNEL_IP_OPTS_UNSPEC", tunnelOpts, nil},
	{"lwtunnel.h", "LWT_BPF_", "LWT_BPF_UNSPEC", encapBPF, nil},
	{"lwtunnel.h", "LWT_XFRM_", "LWT_XFRM_UNSPEC", encapXfrm, nil},
	{"seg6_local.h", "SEG6_LOCAL_", "SEG6_LOCAL_UNSPEC", encapSeg6Local, nil},
	{"seg6_iptunnel.h", "SEG6_IPTUNNEL_", "SEG6_IPTUNNEL_UNSPEC", encapSeg6, nil},
	{"rpl_iptunnel.h", "RPL_IPTUNNEL_", "RPL_IPTUNNEL_UNSPEC", encapRPL, nil},
	{"ioam6_iptunnel.h", "IOAM6_IPTUNNEL_", "IOAM6_IPTUNNEL_UNSPEC", encapIOAM6, []string{"FREQ_N"}}, // the n of freq
	{"ila.h", "ILA_ATTR_", "ILA_ATTR_UNSPEC", encapILA, []string{"IDENTIFIER", "LOCATOR_MATCH", "IFINDEX", "DIR"}},
}

func TestRoutingUAPI(t *testing.T) {
	for _, a := range routingAudits {
		path := filepath.Join("/usr/include/linux", a.header)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Skipf("no kernel headers: %v", err)
		}
		consts := enumWith(string(text), a.first)
		delete(consts, a.prefix+"MAX")
		if len(consts) < 2 {
			t.Errorf("%s: no enum with %s", path, a.first)
			continue
		}
		auditNumbers(t, consts, a.prefix, a.table, a.but)
	}
}
