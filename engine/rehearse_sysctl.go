package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/nlscript/nlscript/engine/tx"
)

// A setting is a sysctl by its path below /proc/sys.
type setting struct{ path, value string }

// steering are the sysctls of devices on which it depends what a change takes
// with it, and what comes by itself (KERNEL.md C and H). What a forwarding sets
// beside itself comes after it.
var steering = []struct {
	dir   string
	names []string
}{
	{"net/ipv4/conf/", []string{"forwarding", "promote_secondaries", "ignore_routes_with_linkdown", "accept_redirects", "accept_source_route", "rp_filter", "arp_notify", "proxy_arp", "route_localnet", "bc_forwarding", "src_valid_mark", "arp_evict_nocarrier"}},
	{"net/ipv6/conf/", []string{"forwarding", "disable_ipv6", "keep_addr_on_down", "stable_secret", "addr_gen_mode", "accept_ra", "accept_ra_defrtr", "accept_ra_pinfo", "autoconf", "use_tempaddr", "ignore_routes_with_linkdown",
		"accept_redirects", "proxy_ndp", "ndisc_notify", "seg6_enabled", "rpl_seg_enabled", "optimistic_dad", "use_optimistic", "disable_policy", "ndisc_evict_nocarrier"}},
	{"net/mpls/conf/", []string{"input"}},
}

// commonSettings are those of all devices, of devices to come, and of the
// namespace. default_qdisc is one for the whole machine: the copy has it already.
func commonSettings() []string {
	return append(deviceSettings([]string{"all", "default"}),
		"net/ipv4/nexthop_compat_mode", "net/ipv4/fib_multipath_hash_policy", "net/ipv6/fib_multipath_hash_policy", "net/ipv4/ip_nonlocal_bind", "net/ipv6/ip_nonlocal_bind",
		"net/mpls/platform_labels", "net/ipv6/route/max_size", "net/ipv6/fib_notify_on_flag_change", "net/ipv4/fib_notify_on_flag_change", "net/ipv6/route/skip_notify_on_dev_down")
}

func deviceSettings(devices []string) []string {
	var l []string
	for _, dev := range devices {
		for _, s := range steering {
			for _, name := range s.names {
				l = append(l, s.dir+dev+"/"+name)
			}
		}
	}
	return l
}

// read reads what there is of some settings.
func (n *namespace) read(paths []string) []setting {
	var l []setting
	n.do(func() error {
		for _, p := range paths {
			if v, err := readSysctl(p); err == nil {
				l = append(l, setting{p, v})
			}
		}
		return nil
	})
	return l
}

// write makes settings so, and returns what the kernel refused.
func (n *namespace) write(settings []setting) (refused []string) {
	err := n.do(func() error {
		for _, s := range settings {
			have, err := readSysctl(s.path)
			if errors.Is(err, fs.ErrNotExist) || err == nil && have == s.value {
				continue
			}
			if err := os.WriteFile(procSysDir+s.path, []byte(s.value+"\n"), 0); err != nil {
				refused = append(refused, fmt.Sprintf("sysctl %s is not %s in the copy (%v)", strings.ReplaceAll(s.path, "/", "."), s.value, sysctlError(err)))
			}
		}
		return nil
	})
	if err != nil {
		refused = append(refused, err.Error())
	}
	return refused
}

// rehearsedSys are the sysctls of a copy. Those that are not of a namespace, but
// of the whole machine, are read and never written: what would be is remembered.
type rehearsedSys struct {
	own     procSys
	real    tx.Sysctls
	written map[string]string
	r       *rehearsal
}

func (s *rehearsedSys) Read(path string) (string, error) {
	if v, ok := s.written[path]; ok {
		return v, nil
	}
	if s.copied(path) {
		return s.own.Read(path)
	}
	return s.real.Read(path)
}

func (s *rehearsedSys) Write(path, value string) error {
	if s.copied(path) {
		return s.own.Write(path, value)
	}
	if _, err := s.real.Read(path); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, again := s.written[path]; !again {
		s.r.Notes = append(s.r.Notes, "sysctl "+strings.ReplaceAll(path, "/", ".")+" is one for the whole machine, and was not tried")
	}
	s.written[path] = value
	return nil
}

// copied reports whether a sysctl is one of the copy.
func (s *rehearsedSys) copied(path string) bool {
	if !strings.HasPrefix(path, "net/") {
		return false
	}
	err := s.own.ns.do(func() error {
		_, err := os.Stat(procSysDir + path)
		return err
	})
	return err == nil
}
