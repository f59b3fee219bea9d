package reliability

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// An author makes up scripts: ops of all kinds about few devices, networks and
// tables, so that they meet.
type author struct {
	r    *rand.Rand
	devs []string // that there are, those that the script has made so far among them
}

// pairs are the ends of veths that an author makes; the other kinds have a name each.
var (
	usual  = []string{"eth0", "eth1", "eth2", "eth3"}
	pairs  = [][2]string{{"v0", "v1"}, {"w0", "w1"}}
	bridge = []string{"br0", "br1"}
	vxlans = []string{"vx0", "vx1"}
	mvlans = []string{"mv0", "mv1"}
)

// one of them.
func one[T any](w *author, l ...T) T { return l[w.r.IntN(len(l))] }

// odds reports true once in n times.
func (w *author) odds(n int) bool { return w.r.IntN(n) == 0 }

// some takes each of the keywords about once in n times, as ", a = b".
func (w *author) some(n int, keywords ...string) string {
	var b strings.Builder
	for _, k := range keywords {
		if w.odds(n) {
			b.WriteString(", " + k)
		}
	}
	return b.String()
}

func (w *author) dev() string {
	if w.odds(40) {
		return one(w, "br0", "v0", "vx0", "mv0")
	}
	return one(w, w.devs...)
}

// made are the devices among some that there are.
func (w *author) made(of ...string) []string {
	return slices.DeleteFunc(of, func(d string) bool { return !slices.Contains(w.devs, d) })
}

func (w *author) make(names ...string) {
	for _, n := range names {
		if !slices.Contains(w.devs, n) {
			w.devs = append(w.devs, n)
		}
	}
}

func (w *author) gone(name string) {
	w.devs = slices.DeleteFunc(w.devs, func(d string) bool { return d == name })
}

// network is the number of the network that is usual on a device.
func network(dev string) int {
	all := slices.Concat(usual, bridge, vxlans, mvlans, []string{"v0", "v1", "w0", "w1"})
	return max(0, slices.Index(all, dev))
}

func (w *author) mac() string { return fmt.Sprintf("02:00:00:00:%02x:%02x", w.r.IntN(3), w.r.IntN(6)) }

func (w *author) addr4(dev string) string {
	return fmt.Sprintf("10.%d.%d.%d", network(dev), w.r.IntN(2), 1+w.r.IntN(4))
}

func (w *author) addr6(dev string) string {
	return fmt.Sprintf("2001:db8:%x::%x", network(dev), 1+w.r.IntN(4))
}

// gate is a gateway that may be on a network of a device.
func (w *author) gate(six bool) string {
	dev := one(w, usual...)
	if w.odds(5) {
		dev = w.dev()
	}
	if six {
		return fmt.Sprintf("2001:db8:%x::%x", network(dev), 8+w.r.IntN(3))
	}
	return fmt.Sprintf("10.%d.0.%d", network(dev), 8+w.r.IntN(3))
}

// ops are the lines of a commit.
func (w *author) ops(n int) (l []string) {
	for range n {
		l = append(l, w.op())
	}
	return l
}

func (w *author) op() string {
	type part struct {
		weight int
		op     func() string
	}
	parts := []part{
		{14, w.link}, {8, w.newLink}, {5, w.port}, {4, w.noLink}, {16, w.addr}, {18, w.route}, {6, w.noRoute}, {5, w.rule}, {5, w.neigh},
		{4, w.fdb}, {6, w.nexthop}, {5, w.qdisc}, {5, w.sysctl}, {4, w.exact},
	}
	sum := 0
	for _, p := range parts {
		sum += p.weight
	}
	n := w.r.IntN(sum)
	for _, p := range parts {
		if n -= p.weight; n < 0 {
			return p.op()
		}
	}
	panic("weights")
}

// whole is an object by its constructor, by absent, or by a verb.
func (w *author) whole(name, key, rest string, verbs ...string) string {
	switch {
	case w.odds(6):
		return fmt.Sprintf("absent(%s(%s))", name, key)
	case w.odds(10):
		v := one(w, append(slices.Repeat(verbs, 2), "delete")...)
		if v == "delete" {
			return fmt.Sprintf("%s.delete(%s)", name, key)
		}
		return fmt.Sprintf("%s.%s(%s%s)", name, v, key, rest)
	}
	return fmt.Sprintf("%s(%s%s)", name, key, rest)
}

func (w *author) link() string {
	dev := w.dev()
	s := w.some(3, fmt.Sprintf("up = %s", one(w, "True", "True", "False")), fmt.Sprintf("mtu = %d", one(w, 1500, 1400, 1300, 1281, 1000)),
		fmt.Sprintf("address = %q", w.mac())) +
		w.some(6, fmt.Sprintf("alias = %q", one(w, "a", "b", "")), fmt.Sprintf("txqueuelen = %d", one(w, 0, 5, 1000)), fmt.Sprintf("group = %d", w.r.IntN(3)),
			"arp = "+one(w, "True", "False"), "multicast = "+one(w, "True", "False"), "promisc = "+one(w, "True", "False"), "allmulticast = "+one(w, "True", "False"),
			fmt.Sprintf("altnames = [%q]", one(w, "n1", "n2")), "gso_max_segs = 77")
	if strings.HasPrefix(dev, "mv") || strings.HasPrefix(dev, "vx") {
		s += w.some(4, "protodown = "+one(w, "True", "False"))
	}
	if s == "" {
		s = `, alias = "c"`
	}
	if w.odds(8) {
		return fmt.Sprintf("link.change(%q%s)", dev, s)
	}
	return fmt.Sprintf("link(%q%s)", dev, s)
}

func (w *author) newLink() string {
	up := one(w, ", up = True", ", up = True", "") + w.some(6, "mtu = 1350", fmt.Sprintf("address = %q", w.mac()), `alias = "new"`)
	switch w.r.IntN(5) {
	case 0, 1:
		n := one(w, bridge...)
		w.make(n)
		o := w.some(4, "stp_state = "+one(w, "True", "False"), `ageing_time = "`+one(w, "50s", "100s")+`"`, "priority = 100", "mcast_snooping = "+one(w, "True", "False"), "group_fwd_mask = 8", `forward_delay = "5s"`,
			"mcast_querier = "+one(w, "True", "False"), `mcast_hash_max = 512`, "nf_call_iptables = True", "fdb_max_learned = 9")
		return fmt.Sprintf("link(%q, kind = kind.bridge(%s)%s)", n, strings.TrimPrefix(o, ", "), up)
	case 2:
		p := one(w, pairs...)
		w.make(p[:]...)
		return fmt.Sprintf("link(%q, kind = kind.veth(peer = {\"name\": %q, \"up\": %s})%s%s)", p[0], p[1], one(w, "True", "True", "False"), up, w.some(6, "numtxqueues = 4"))
	case 3:
		n := one(w, vxlans...)
		w.make(n)
		i := slices.Index(vxlans, n)
		o := w.some(4, `ageing = "55s"`, "learning = False", fmt.Sprintf("dev = %q", one(w, usual...)), "ttl = 5", "proxy = True", "l2miss = True", "local = \"10.0.0.1\"")
		return fmt.Sprintf("link(%q, kind = kind.vxlan(id = %d, dstport = %d%s)%s)", n, 7+i, 4789+i, o, up)
	}
	n := one(w, mvlans...)
	on := usual[2+slices.Index(mvlans, n)]
	w.make(n)
	return fmt.Sprintf("link(%q, link = %q, kind = kind.macvlan(mode = %q)%s)", n, on, one(w, "private", "bridge", "vepa"), up)
}

// port makes a link a port of a bridge, frees it, or changes it as a port.
func (w *author) port() string {
	brs := w.made(slices.Clone(bridge)...)
	if len(brs) == 0 {
		return w.newLink()
	}
	o := w.some(3, fmt.Sprintf("cost = %d", one(w, 5, 6)), "hairpin = "+one(w, "True", "False"), "learning = "+one(w, "True", "False"), "isolated = "+one(w, "True", "False"), "guard = True", fmt.Sprintf("priority = %d", one(w, 3, 4)),
		"mcast_flood = False", "neigh_suppress = True", fmt.Sprintf("backup_port = %q", one(w, usual...)))
	if o != "" {
		o = fmt.Sprintf(", port = port.bridge(%s)", strings.TrimPrefix(o, ", "))
	}
	dev := w.dev()
	for slices.Contains(bridge, dev) || strings.HasPrefix(dev, "mv") {
		dev = one(w, usual...)
	}
	if w.odds(4) {
		return fmt.Sprintf(one(w, "link(%q, master = None%s)", "link(%q, master = None%s)", "link.set(%q, master = 0%s)"), dev, w.some(3, "up = True", "mtu = 1300"))
	}
	return fmt.Sprintf("link(%q, master = %q%s%s)", dev, one(w, brs...), o, w.some(2, "up = True"))
}

func (w *author) noLink() string {
	l := w.made(slices.Concat(bridge, vxlans, mvlans, []string{"v0", "v1", "w0", "w1"})...)
	if len(l) == 0 {
		return w.newLink()
	}
	n := one(w, l...)
	w.gone(n)
	for _, p := range pairs {
		if slices.Contains(p[:], n) {
			w.gone(p[0])
			w.gone(p[1])
		}
	}
	return fmt.Sprintf(one(w, "absent(link(%q))", "absent(link(%q))", "link.delete(%q)"), n)
}

func (w *author) addr() string {
	dev := w.dev()
	if w.odds(20) {
		return fmt.Sprintf("addr.delete(%q, dev = %q)", w.addr4(dev), dev)
	}
	if w.odds(20) {
		return fmt.Sprintf(`addr(%q, peer = "2001:db8:ee%x::%x/%d", dev = %q)`, w.addr6(dev), network(dev), 1+w.r.IntN(3), one(w, 128, 64), dev)
	}
	if w.odds(3) {
		return w.whole("addr", fmt.Sprintf(`"%s/%d", dev = %q`, w.addr6(dev), one(w, 64, 64, 64, 56, 128), dev),
			w.some(5, "nodad = True", "noprefixroute = True", "metric = 77", `valid_lft = "3000s", preferred_lft = "2000s"`, "home = True", "proto = 9"), "add", "replace", "change")
	}
	key := fmt.Sprintf(`"%s/%d", dev = %q`, w.addr4(dev), one(w, 24, 24, 24, 32, 16), dev)
	rest := w.some(5, fmt.Sprintf(`label = "%s:%s"`, dev, one(w, "x", "y")), "noprefixroute = True", "metric = 77", `valid_lft = "3000s", preferred_lft = "2000s"`, `broadcast = "+"`) + w.some(20, "scope = \"link\"")
	if w.odds(8) {
		return fmt.Sprintf(`addr("%s", peer = "10.200.%d.%d/%d", dev = %q%s)`, w.addr4(dev), network(dev), 1+w.r.IntN(3), one(w, 32, 24), dev, rest)
	}
	return w.whole("addr", key, rest, "add", "replace", "change")
}

// dst is where a route may lead.
func (w *author) dst(six bool) string {
	switch {
	case six && w.odds(8):
		return "::/0"
	case six:
		return fmt.Sprintf("2001:db8:f%x::/%d", w.r.IntN(4), one(w, 48, 48, 64))
	case w.odds(8):
		return "0.0.0.0/0"
	}
	return fmt.Sprintf("10.1%02d.0.0/%d", w.r.IntN(4), one(w, 16, 16, 24))
}

// routeKey is what makes a route.
func (w *author) routeKey(six bool) string {
	s := fmt.Sprintf("%q", w.dst(six)) + w.some(4, fmt.Sprintf("metric = %d", one(w, 5, 50)), fmt.Sprintf("table = %d", one(w, 100, 101)))
	if !six {
		s += w.some(10, "tos = 8")
	}
	return s
}

func (w *author) route() string {
	six := w.odds(3)
	key, to := w.routeKey(six), ""
	switch w.r.IntN(10) {
	case 0:
		to = fmt.Sprintf(", dev = %q", w.dev())
	case 1:
		to = fmt.Sprintf(", type = %q", one(w, "blackhole", "unreachable", "prohibit", "throw"))
	case 2, 3:
		var l []string
		for range 2 + w.r.IntN(2) {
			l = append(l, fmt.Sprintf("hop(via = %q%s)", w.gate(six), w.some(3, fmt.Sprintf("weight = %d", 1+w.r.IntN(3)))))
		}
		to = fmt.Sprintf(", nexthops = [%s]", strings.Join(l, ", "))
	case 4:
		to = fmt.Sprintf(", nhid = %d", one(w, 1, 1, 2, 2, 3, 4, 5, 10, 10, 11))
	case 5:
		to = fmt.Sprintf(", via = %q, dev = %q, onlink = True", w.gate(six), w.dev())
	default:
		to = fmt.Sprintf(", via = %q", w.gate(six))
	}
	rest := to + w.some(8, "mtu = 1300", "proto = 99", "initcwnd = 9", "hoplimit = 9")
	if six {
		rest += w.some(8, `expires = "3000s"`)
	}
	if w.odds(8) {
		dev := w.dev()
		a := w.addr4(dev)
		if six {
			a = w.addr6(dev)
		}
		rest += fmt.Sprintf(", src = %q", a)
	}
	if w.odds(12) {
		return fmt.Sprintf("route(%s%s, append = True)", key, rest)
	}
	return w.whole("route", key, rest, "add", "append", "prepend", "replace", "change")
}

func (w *author) noRoute() string {
	six := w.odds(3)
	return fmt.Sprintf(one(w, "absent(route(%s%s))", "route.delete(%s%s)"), w.routeKey(six), w.some(4, fmt.Sprintf("via = %q", w.gate(six)), "proto = 99"))
}

func (w *author) rule() string {
	from := one(w, fmt.Sprintf(`from_ = "10.%d.0.0/16"`, w.r.IntN(4)), fmt.Sprintf(`from_ = "2001:db8:%x::/48"`, w.r.IntN(3)), fmt.Sprintf("fwmark = %d", 1+w.r.IntN(3)), fmt.Sprintf("iif = %q", w.dev()))
	return w.whole("rule", fmt.Sprintf("%s, priority = %d, %s", from, one(w, 5, 5, 6, 700), one(w, "table = 100", "table = 101", `type = "prohibit"`)),
		w.some(6, "suppress_prefixlength = 0", "proto = "+one(w, "99", `"kernel"`)), "add")
}

func (w *author) neigh() string {
	dev := w.dev()
	to := one(w, fmt.Sprintf("10.%d.0.%d", network(dev), 20+w.r.IntN(3)), fmt.Sprintf("2001:db8:%x::%d", network(dev), 20+w.r.IntN(3)))
	if w.odds(4) {
		return w.whole("neigh", fmt.Sprintf("%q, dev = %q, proxy = True", to, dev), "", "add")
	}
	return w.whole("neigh", fmt.Sprintf("%q, dev = %q", to, dev), fmt.Sprintf(", lladdr = %q, nud = %q", w.mac(), one(w, "permanent", "permanent", "noarp")), "add", "replace", "change")
}

func (w *author) fdb() string {
	switch l := w.made(slices.Clone(vxlans)...); {
	case len(l) > 0 && w.odds(4):
		return w.whole("bridge.fdb", fmt.Sprintf(`%q, dev = %q`, w.mac(), one(w, l...)), fmt.Sprintf(", nhid = %d", 20+w.r.IntN(2)), "add")
	case len(l) > 0 && w.odds(2):
		return w.whole("bridge.fdb", fmt.Sprintf(`%q, dev = %q, dst = "10.0.0.%d"`, w.mac(), one(w, l...), 5+w.r.IntN(2)), `, state = "permanent"`, "add", "replace", "append")
	}
	return w.whole("bridge.fdb", fmt.Sprintf(`%q, dev = %q, master = True`, w.mac(), one(w, "eth3", "eth3", w.dev())), fmt.Sprintf(", state = %q", one(w, "static", "permanent")), "add", "replace")
}

func (w *author) nexthop() string {
	if w.odds(3) {
		return w.whole("nexthop", fmt.Sprint(10+w.r.IntN(2)), fmt.Sprintf(", group = [%d, (%d, %d)]", 1+w.r.IntN(2), 3, 1+w.r.IntN(2)), "add", "replace")
	}
	if w.odds(8) {
		return one(w, w.whole("nexthop", "19", `, via = "10.0.0.5", fdb = True`, "add"), w.whole("nexthop", fmt.Sprint(20+w.r.IntN(2)), ", group = [19], fdb = True", "add"))
	}
	id := 1 + w.r.IntN(6)
	to := one(w, fmt.Sprintf(", dev = %q", w.dev()), ", blackhole = True", "", "")
	if to == "" {
		dev := w.dev()
		to = fmt.Sprintf(", via = %q, dev = %q", fmt.Sprintf("10.%d.0.9", network(dev)), dev)
		if id > 4 {
			to = fmt.Sprintf(", via = %q, dev = %q", fmt.Sprintf("2001:db8:%x::9", network(dev)), dev)
		}
	}
	return w.whole("nexthop", fmt.Sprint(id), to, "add", "replace")
}

func (w *author) qdisc() string {
	dev := one(w, "eth0", "eth1")
	switch w.r.IntN(4) {
	case 0:
		return w.whole("qdisc", fmt.Sprintf(`%q, parent = "root"`, dev), `, handle = "1:", kind = sch.htb(default = "1:20")`, "add", "replace")
	case 1:
		return w.whole("qdisc", fmt.Sprintf(`%q, parent = "root"`, dev), fmt.Sprintf(`, handle = "%d:", kind = sch.tbf(rate = "%dmbit", burst = "16kb", limit = "64kb")`, 1+w.r.IntN(2), 10+w.r.IntN(2)), "add", "replace")
	case 2:
		return w.whole("qdisc", fmt.Sprintf(`%q, parent = "clsact"`, dev), `, kind = sch.clsact()`, "add")
	}
	return w.whole("class_", fmt.Sprintf(`%q, classid = "1:%d", parent = "1:"`, dev, one(w, 10, 20)), fmt.Sprintf(`, kind = sch.htb_class(rate = "%dmbit")`, 10+w.r.IntN(3)), "add", "replace")
}

func (w *author) sysctl() string {
	dev := w.dev()
	return one(w,
		fmt.Sprintf(`sysctl("net.ipv4.conf.%s.rp_filter", %d)`, dev, w.r.IntN(3)),
		fmt.Sprintf(`sysctl("net.ipv4.conf.%s.forwarding", %d)`, dev, w.r.IntN(2)),
		fmt.Sprintf(`sysctl("net.ipv4.conf.%s.promote_secondaries", %d)`, dev, w.r.IntN(2)),
		fmt.Sprintf(`sysctl("net.ipv6.conf.%s.keep_addr_on_down", %d)`, one(w, dev, "all"), w.r.IntN(2)),
		fmt.Sprintf(`sysctl("net.ipv6.conf.%s.hop_limit", %d)`, dev, 50+w.r.IntN(3)),
		fmt.Sprintf(`sysctl("net.ipv6.conf.%s.forwarding", %d)`, dev, w.r.IntN(2)),
		fmt.Sprintf(`sysctl("net.ipv6.conf.%s.disable_ipv6", %d)`, dev, w.r.IntN(2)),
		fmt.Sprintf(`sysctl("net.ipv4.neigh.%s.gc_stale_time", %d)`, dev, 50+w.r.IntN(3)),
		fmt.Sprintf(`sysctl("net.ipv4.ip_forward", %d)`, w.r.IntN(2)),
		fmt.Sprintf(`sysctl("net.ipv6.conf.all.forwarding", %d)`, w.r.IntN(2)),
	)
}

func (w *author) exact() string {
	dev := w.dev()
	switch w.r.IntN(5) {
	case 0:
		return fmt.Sprintf(`exact(addr(["%s/24", "%s/24"], dev = %q), dev = %q, family = "inet")`, w.addr4(dev), "10.250.0.1", dev, dev)
	case 1:
		return fmt.Sprintf(`exact(rule(from_ = "10.77.0.0/16", table = 100, priority = %d), priority = (5, 6))`, 5+w.r.IntN(2))
	case 2:
		return fmt.Sprintf(`exact(route(%q, via = %q, table = 100), table = 100)`, "10.101.0.0/16", w.gate(false))
	case 3:
		return fmt.Sprintf(`exact(neigh("10.%d.0.20", lladdr = %q, dev = %q, nud = "permanent"), dev = %q)`, network(dev), w.mac(), dev, dev)
	}
	if w.odds(2) {
		return w.rule()
	}
	return fmt.Sprintf(`cutover([route(%q, via = %q), route("10.103.0.0/16", via = %q)])`, "10.101.0.0/16", w.gate(false), w.gate(false))
}
