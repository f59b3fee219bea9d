package engine

import (
	"cmp"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nlscript/nlscript/builtins"
	"github.com/nlscript/nlscript/engine/state"
	"github.com/nlscript/nlscript/wire"
	"github.com/nlscript/nlscript/wire/rtnl"
)

// Those sysctls are written that a new namespace has otherwise. A device begins
// with what conf/default says when it is made: what all devices, and those to
// come, have stands before the links, what one has behind them.

// A defaults knows the sysctls of a namespace, and those of a new one, by path.
type defaults struct{ now, fresh map[string]string }

const ipForward = "net/ipv4/ip_forward"

// tunables reads the sysctls of a namespace that can be written.
func (n *namespace) tunables() (map[string]string, error) {
	all := map[string]string{}
	err := n.do(func() error {
		return filepath.WalkDir(procSysDir+"net", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil || info.Mode()&0o222 == 0 || info.Mode()&0o444 == 0 {
				return nil // a device goes at any time
			}
			path = strings.TrimPrefix(path, procSysDir)
			if v, err := readSysctl(path); err == nil {
				all[path] = v
			}
			return nil
		})
	})
	return all, err
}

// newTunables are those of a new namespace.
func newTunables() (map[string]string, error) {
	ns := &namespace{}
	if err := ns.fresh(); err != nil {
		return nil, err
	}
	defer ns.close()
	return ns.tunables()
}

// said elsewhere, or not to be told: names of sysctls that are another's alias,
// follow from the link, or are secret.
var otherwise = map[string]bool{
	"net/ipv4/conf/all/forwarding":   true,                                                                        // net/ipv4/ip_forward
	"net/mptcp/pm_type":              true,                                                                        // path_manager
	"net/ipv6/route/gc_min_interval": true, "retrans_time": true, "base_reachable_time": true, "unres_qlen": true, // each has one that is finer
	"net/ipv4/tcp_fastopen_key": true,
	"addr_gen_mode":             true, "mc_forwarding": true,
}

// passedOn reports whether a sysctl of all devices becomes that of each, and of
// those to come (inet_forward_change; addrconf_fixup_forwarding and its like).
func passedOn(dir, dev, name string) bool {
	switch name {
	case "forwarding":
		return true
	case "force_forwarding":
		return dir == "net/ipv6/conf/" && dev != "default"
	case "disable_ipv6", "addr_gen_mode", "ignore_routes_with_linkdown":
		return dir == "net/ipv6/conf/"
	}
	return false
}

// of divides the path of a sysctl that devices have.
func (d *defaults) of(path string) (dir, dev, name string, ok bool) {
	parts := strings.Split(path, "/")
	n := len(parts)
	if n < 4 || parts[n-3] != "conf" && parts[n-3] != "neigh" {
		return "", "", "", false
	}
	return strings.Join(parts[:n-2], "/") + "/", parts[n-2], parts[n-1], true
}

// begins is what a sysctl is before the script's line for it: for one of a device
// when the device has been made, or was there before the others of the script.
func (d *defaults) begins(path string, made bool) string {
	dir, dev, name, ok := d.of(path)
	switch forward := d.now[ipForward]; {
	case dir == "net/ipv4/conf/" && dev == "all" && name == "accept_redirects" && forward != d.fresh[ipForward]:
		return map[string]string{"0": "1", "1": "0"}[forward] // inet_forward_change
	case !ok || dev == "all":
		return d.fresh[path]
	}
	if all := dir + "all/" + name; dev != "default" && made {
		if v, ok := d.now[dir+"default/"+name]; ok {
			return v
		}
		return d.fresh[dir+"lo/"+name] // neigh/default is in the first namespace only
	} else if passedOn(dir, dev, name) && d.now[all] != d.fresh[all] {
		return d.now[all]
	}
	if dev == "default" {
		return d.fresh[path]
	}
	if def := dir + "default/" + name; dir == "net/ipv4/conf/" && d.now[def] != d.fresh[def] {
		return d.now[def] // devinet_copy_dflt_conf
	}
	if dev != "lo" {
		return cmp.Or(d.fresh[dir+"default/"+name], d.fresh[dir+"lo/"+name])
	}
	return d.fresh[path]
}

// sysctls makes the lines of sysctls, those before the links and those behind.
func (x *exporter) sysctls() (before, behind []line) {
	if x.known == nil || !x.sysctl {
		return nil, nil
	}
	type found struct {
		line
		rank, place int
		path        string
	}
	var l []found
	for path, v := range x.known.now {
		dir, dev, name, device := x.known.of(path)
		f := found{path: path, line: line{text: sysctlLine(path, v)}}
		e := x.st.Known(dev)
		switch {
		case otherwise[path] || device && otherwise[name] && dev != "all" && dev != "default":
			continue
		case !device:
			if _, per := x.known.fresh[path]; !per {
				continue // one for the whole machine
			}
			if path != ipForward {
				f.rank = 3
			}
		case dev == "all":
			f.rank = 1
		case dev == "default":
			f.rank = 2
		case e == nil || e.Foreign() && e.Name() != "lo" && !x.all || x.inLink(e, dir, name, v):
			continue
		default:
			f.rank, f.place = 4, x.place[e.Index()]
		}
		if _, there := x.known.fresh[path]; f.rank < 4 && !there && dir != "" {
			continue // neigh/default of the first namespace is the whole machine's
		}
		if x.known.begins(path, e != nil && e.Set().Has("kind")) != v {
			l = append(l, f)
		}
	}
	slices.SortFunc(l, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.place, b.place), strings.Compare(a.path, b.path))
	})
	for _, f := range l {
		if f.rank < 4 {
			before = append(before, f.line)
		} else {
			behind = append(behind, f.line)
		}
	}
	return before, behind
}

// inLink reports whether the line of a link says what a sysctl says.
func (x *exporter) inLink(e *state.Entry, dir, name, v string) bool {
	switch dir {
	case "net/ipv4/conf/":
		inet, _ := e.Set().Get("inet")
		return inet.Sub != nil && inet.Sub.Table.Row(name) != nil && x.objects[rtnl.Link]
	case "net/ipv6/conf/":
		if v == "-1" && (name == "accept_dad" || name == "use_tempaddr") {
			return true // of a device without ARP, or a tunnel (ipv6_add_dev)
		}
		if name == "stable_secret" {
			return e.Set().Uint("addrgenmode") != stableSecret // the kernel draws one for random addresses
		}
		return name == "mtu" && v == strconv.FormatUint(e.Set().Uint("mtu"), 10)
	}
	return false
}

// settled makes settings that are in the link what they have to be where a
// device does not begin with the tables' defaults.
func (x *exporter) settled(e *state.Entry, s *wire.Set) {
	if x.known == nil {
		return
	}
	made := e.Set().Has("kind")
	begins := func(path string) (string, bool) {
		v := x.known.begins(path, made)
		return v, v != ""
	}
	if inet, _ := e.Set().Get("inet"); inet.Sub != nil {
		own := wire.NewSet(inet.Sub.Table)
		for _, ent := range inet.Sub.Ents {
			v, known := begins("net/ipv4/conf/" + e.Name() + "/" + ent.F.Name)
			if !known {
				v = ent.F.Default
			}
			if !ent.F.RO && v != strconv.FormatInt(int64(ent.V.N), 10) {
				own.Put(ent.F, ent.V)
			}
		}
		if s.Del("inet"); len(own.Ents) > 0 {
			s.PutName("inet", wire.SubVal(own))
		}
	}
	if mode, ok := e.Set().Get("addrgenmode"); ok && kindName(e) != "vrf" {
		if s.Del("addrgenmode"); x.known.now["net/ipv6/conf/"+e.Name()+"/stable_secret"] != "" && mode.N == stableSecret && x.sysctl {
			return // the secret sets it
		}
		if v, known := begins("net/ipv6/conf/" + e.Name() + "/addr_gen_mode"); known && v != strconv.FormatUint(mode.N, 10) || !known && mode.N != 0 {
			s.PutName("addrgenmode", mode)
		}
	}
}

const stableSecret = 2 // IN6_ADDR_GEN_MODE_STABLE_PRIVACY

// sysctlLine is the op as a person writes it.
func sysctlLine(path, value string) string {
	value = strings.Join(strings.Fields(value), " ")
	op := builtins.SysctlOp(path, value)
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && strconv.FormatInt(n, 10) == value {
		return strings.Replace(op.String(), strconv.Quote(value)+")", value+")", 1)
	}
	return op.String()
}
